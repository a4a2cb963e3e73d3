//! What is paid for gas (EIP-1559).

use super::SendError;
use crate::l1::L1Client;
use alloy_rpc_types_eth::FeeHistory;
use std::time::Duration;

/// Blocks that the usual priority fee is read from.
const BLOCKS: u64 = 10;

/// What may be paid, and how long is waited. Fees are in wei per gas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeePolicy {
    /// The most, base fee and priority fee together.
    pub max_fee_per_gas: u128,
    /// The least priority fee: below it, nobody includes.
    pub min_priority_fee_per_gas: u128,
    /// After how many blocks without it a transaction is replaced by one that pays an eighth more.
    pub replace_after: u64,
    /// How many blocks, its own included, make a transaction certain.
    pub confirmations: u64,
    /// The pause between two looks.
    pub poll_interval: Duration,
    /// How long is waited for a block that includes it.
    pub patience: Duration,
}

impl Default for FeePolicy {
    fn default() -> Self {
        Self {
            max_fee_per_gas: 500_000_000_000,
            min_priority_fee_per_gas: 10_000_000,
            replace_after: 3,
            confirmations: 1,
            poll_interval: Duration::from_secs(2),
            patience: Duration::from_secs(600),
        }
    }
}

/// What a transaction offers, in wei per gas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fees {
    pub(super) max: u128,
    pub(super) priority: u128,
}

impl Fees {
    /// What gets a transaction into one of the next blocks: room for the base fee to double, and what others pay on top.
    pub(super) async fn suggest(client: &L1Client, policy: &FeePolicy) -> Result<Self, SendError> {
        Self::from_history(&client.fee_history(BLOCKS, &[50.0]).await?, policy)
    }

    fn from_history(history: &FeeHistory, policy: &FeePolicy) -> Result<Self, SendError> {
        let base = history.base_fee_per_gas.last().copied().unwrap_or_default();
        let mut paid: Vec<_> =
            history.reward.iter().flatten().filter_map(|block| block.first()).copied().filter(|fee| *fee > 0).collect();
        paid.sort_unstable();
        let usual = paid.get(paid.len() / 2).copied().unwrap_or_default();
        let (cap, priority) = (policy.max_fee_per_gas, usual.max(policy.min_priority_fee_per_gas));
        // An eighth is what the base fee may rise by in one block.
        let least = base.saturating_add(base / 8).saturating_add(priority);
        if least > cap {
            return Err(SendError::FeesAboveCap { wanted: least, cap });
        }
        let max = base.saturating_mul(2).saturating_add(priority).min(cap);
        Ok(Self { max, priority: priority.min(max) })
    }

    /// What replaces this in every mempool: an eighth more of both, and not less than what is suggested now. None above
    /// the cap.
    pub(super) fn raised(self, suggested: Option<Self>, policy: &FeePolicy) -> Option<Self> {
        let more = |fee: u128| fee.saturating_add(fee / 8).saturating_add(1);
        let suggested = suggested.unwrap_or(self);
        let raised =
            Self { max: more(self.max).max(suggested.max), priority: more(self.priority).max(suggested.priority) };
        (raised.max <= policy.max_fee_per_gas).then_some(raised)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: FeePolicy = FeePolicy {
        max_fee_per_gas: 1_000,
        min_priority_fee_per_gas: 2,
        replace_after: 3,
        confirmations: 1,
        poll_interval: Duration::from_secs(1),
        patience: Duration::from_secs(1),
    };

    fn history(base: u128, paid: &[u128]) -> FeeHistory {
        let reward = Some(paid.iter().map(|fee| vec![*fee]).collect());
        FeeHistory { base_fee_per_gas: vec![1, base], reward, ..FeeHistory::default() }
    }

    #[test]
    fn what_is_offered_follows_what_others_pay_up_to_the_cap() {
        let suggest = |base, paid: &[u128]| Fees::from_history(&history(base, paid), &POLICY);
        assert_eq!(suggest(100, &[0, 7, 9, 0, 5]).unwrap(), Fees { max: 207, priority: 7 });
        assert_eq!(suggest(100, &[]).unwrap(), Fees { max: 202, priority: 2 });
        assert_eq!(suggest(800, &[1]).unwrap(), Fees { max: 1_000, priority: 2 });
        assert!(matches!(suggest(900, &[]), Err(SendError::FeesAboveCap { wanted: 1_014, cap: 1_000 })));
        assert!(suggest(u128::MAX, &[u128::MAX]).is_err());
    }

    #[test]
    fn a_replacement_pays_an_eighth_more_and_never_above_the_cap() {
        let fees = Fees { max: 207, priority: 7 };
        assert_eq!(fees.raised(None, &POLICY), Some(Fees { max: 233, priority: 8 }));
        assert_eq!(fees.raised(Some(Fees { max: 400, priority: 1 }), &POLICY), Some(Fees { max: 400, priority: 8 }));
        assert_eq!(Fees { max: 900, priority: 7 }.raised(None, &POLICY), None);
    }
}
