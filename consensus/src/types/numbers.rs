//! Counters of the protocol, each a type of its own.

use alloy_rlp::{RlpDecodableWrapper, RlpEncodableWrapper};
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

macro_rules! counter {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash,
            Serialize, Deserialize, RlpEncodableWrapper, RlpDecodableWrapper,
        )]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl $name {
            /// The one after this; saturates at `u64::MAX`.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }

            /// The one before this; saturates at 0.
            #[must_use]
            pub const fn previous(self) -> Self {
                Self(self.0.saturating_sub(1))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

counter!(
    /// The reign of one sequencer set, numbered from 0.
    Era
);
counter!(
    /// A scheduler's reign inside an era, numbered from 1.
    Term
);
counter!(
    /// A leader's turn inside a term, numbered from 1.
    Epoch
);
counter!(
    /// The number of a checkpoint inside a term.
    Round
);
counter!(
    /// A block's number; genesis is 0.
    Height
);

/// An instant in milliseconds since the Unix epoch, as the node's own clock tells it.
///
/// The core never reads a clock: every input comes with its time. Clocks delay, they never decide validity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(pub u64);

impl Time {
    /// This instant moved later by `span`; saturates.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
    }

    /// How long ago `earlier` was; zero if it lies ahead.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// Whole seconds since the Unix epoch, as a block header counts them.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0 / 1000
    }
}
