//! The classes of offences.

use std::fmt;

/// How bad an offence is. The module above tells what follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A lie that a proof contradicts.
    Fatal,
    /// What an honest node would have checked first.
    Severe,
    /// Too much, or a matter of versions.
    Mild,
    /// Not in time, which may be the fault of a link.
    Slow,
}

impl Class {
    /// What one such offence adds to a peer's account.
    #[must_use]
    pub const fn points(self) -> f64 {
        match self {
            Self::Fatal => 100.0,
            Self::Severe => 20.0,
            Self::Mild | Self::Slow => 5.0,
        }
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fatal => "fatal",
            Self::Severe => "severe",
            Self::Mild => "mild",
            Self::Slow => "slow",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
