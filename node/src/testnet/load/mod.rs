//! The load: real transactions, signed ahead, sent through the RPC of all nodes.
//!
//! Every sending account belongs to one lane, and every lane to one node, so that an account's nonces arrive in order.
//! A lane whose node dies does what a wallet does: it turns to another node and sends again what is not in a block yet.

mod lane;
mod ledger;
mod signing;
mod token;

pub(super) use ledger::{Counts, Entry, Ledger};
pub(super) use token::deploy;

use super::{accounts::Accounts, fleet::Fleet, observe::Record, setup::CHAIN_ID};
use alloy_primitives::Address;
use lane::Lane;
use signing::Source;
use std::{sync::Arc, time::Duration};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The most senders; their number bounds what deploying the token costs.
const MAX_SENDERS: usize = 400;

/// Transactions a second that one lane carries before another one is opened to the same node.
const LANE_RATE: u32 = 1000;

/// For how long transactions are signed ahead where the run has no end.
const SIGN_AHEAD: Duration = Duration::from_secs(20);

/// The most transactions that are signed ahead.
const MAX_SIGNED_AHEAD: u64 = 400_000;

/// The load as it is planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    nodes: usize,
    /// Transactions a second.
    rate: u32,
    duration: Option<Duration>,
}

impl Plan {
    /// So many transactions a second through so many nodes.
    pub(super) const fn new(nodes: usize, rate: u32, duration: Option<Duration>) -> Self {
        Self { nodes, rate, duration }
    }

    fn lanes(&self) -> usize {
        let per_node = self.rate.div_ceil(LANE_RATE * u32::try_from(self.nodes).unwrap_or(u32::MAX).max(1)).max(1);
        self.nodes * per_node as usize
    }

    /// How many accounts send: enough that none waits for itself.
    pub(super) fn senders(&self) -> usize {
        (self.rate as usize).clamp(self.lanes(), MAX_SENDERS.max(self.lanes()))
    }

    /// How many transactions every lane signs ahead.
    fn ahead(&self) -> u64 {
        let span = self.duration.map_or(SIGN_AHEAD, |duration| duration.saturating_add(Duration::from_secs(1)));
        let wanted = u64::from(self.rate).saturating_mul(span.as_secs().max(1));
        wanted.min(MAX_SIGNED_AHEAD).div_ceil(self.lanes() as u64)
    }
}

/// Lanes that are ready to send.
#[derive(Debug)]
pub(super) struct Load {
    lanes: Vec<Lane>,
}

impl Load {
    /// Opens the lanes and waits until enough is signed ahead. `token` is what half of the transactions call.
    pub(super) async fn prepare(
        plan: &Plan,
        accounts: &Accounts,
        token: Address,
        fleet: &Arc<Fleet>,
        record: &Record,
        ledger: &Ledger,
    ) -> eyre::Result<Self> {
        let lanes = plan.lanes();
        let recipients: Arc<[Address]> =
            accounts.senders.iter().map(alloy_signer_local::PrivateKeySigner::address).collect();
        let mut opened = Vec::with_capacity(lanes);
        let mut signed = Vec::with_capacity(lanes);
        for index in 0..lanes {
            let senders = accounts.senders.iter().skip(index).step_by(lanes).cloned().collect();
            let source = Source { chain_id: CHAIN_ID, token, senders, recipients: Arc::clone(&recipients) };
            let (queue, ready) = source.start(plan.ahead())?;
            signed.push(ready);
            let rate = f64::from(plan.rate) / lanes as f64;
            opened.push(Lane::new(index % plan.nodes, rate, queue, Arc::clone(fleet), record.clone(), ledger.clone()));
        }
        for ready in signed {
            // A source that is gone shows when its lane runs dry.
            let _ = ready.await;
        }
        Ok(Self { lanes: opened })
    }

    /// Sends until `stop`, and what was refused a little longer.
    pub(super) fn start(self, tasks: &mut JoinSet<()>, stop: &CancellationToken) {
        for lane in self.lanes {
            tasks.spawn(lane.run(stop.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_grows_with_the_rate() {
        let plan = Plan::new(4, 50, Some(Duration::from_secs(30)));
        assert_eq!((plan.lanes(), plan.senders(), plan.ahead()), (4, 50, 388));
        let plan = Plan::new(4, 5000, None);
        assert_eq!((plan.lanes(), plan.senders(), plan.ahead()), (8, 400, 12_500));
        let plan = Plan::new(7, 1, None);
        assert_eq!((plan.lanes(), plan.senders()), (7, 7));
    }
}
