//! The finality rule as a flag.

use baton_consensus::FinalityRule;
use clap::ValueEnum;

/// [`FinalityRule`] as the command line spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Finality {
    /// Blocks of more than half of the sequencers stand on it.
    DepthCount,
    /// Blocks of sequencers with more than half of the stake stand on it.
    DepthStake,
    /// Two chained quorum certificates.
    Quorum,
}

impl From<Finality> for FinalityRule {
    fn from(finality: Finality) -> Self {
        match finality {
            Finality::DepthCount => Self::DepthCount,
            Finality::DepthStake => Self::DepthStake,
            Finality::Quorum => Self::Quorum,
        }
    }
}
