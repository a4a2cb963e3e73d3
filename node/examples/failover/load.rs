//! A steady load of signed transfers through all nodes that are up.
//!
//! Each lane is an account of its own and prefers one node. It sends its next transaction when the last one is accepted;
//! one that is refused, or whose node dies before it answers, goes to the next node. **What was accepted is never sent
//! again**: from then on it is the network's to keep.

use crate::{
    client::Client,
    mesh::{Contacts, NODES},
    transactions::{sign, template},
};
use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use alloy_signer_local::PrivateKeySigner;
use eyre::WrapErr;
use serde_json::json;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How many lanes there are: a few for every node, so that none has to hurry.
const LANES: usize = NODES * 4;

/// The pause when no node took a transaction.
const PAUSE: Duration = Duration::from_millis(50);

/// How long a lane goes on with its last transaction once it is told to stop.
const LAST_OFFERS: Duration = Duration::from_secs(15);

/// Lanes that are ready to send.
pub(crate) struct Load {
    signers: Vec<PrivateKeySigner>,
    /// The time between two transactions of a lane.
    pace: Duration,
}

/// The hashes of what a node said it has, in the order in which they said so.
#[derive(Clone, Debug, Default)]
struct Ledger(Arc<Mutex<Vec<B256>>>);

impl Ledger {
    fn accepted(&self) -> MutexGuard<'_, Vec<B256>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Load {
    /// So many transactions a second.
    pub(crate) fn new(per_second: f64) -> eyre::Result<Self> {
        let key = |lane| PrivateKeySigner::from_bytes(&keccak256(format!("baton failover lane {lane}")));
        let signers = (0..LANES).map(key).collect::<Result<_, _>>()?;
        Ok(Self { signers, pace: Duration::from_secs_f64(LANES as f64 / per_second) })
    }

    /// The accounts, which need funds.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = Address> {
        self.signers.iter().map(PrivateKeySigner::address)
    }

    /// Sends until it is told to stop.
    pub(crate) fn start(self, contacts: &Contacts) -> Running {
        let (stop, ledger) = (CancellationToken::new(), Ledger::default());
        let mut lanes = JoinSet::new();
        for (index, signer) in self.signers.into_iter().enumerate() {
            let (contacts, ledger, stop) = (contacts.clone(), ledger.clone(), stop.clone());
            let lane = Lane { signer, home: index % NODES, contacts, ledger, stop };
            // The lanes take turns.
            let first = Instant::now() + self.pace.mul_f64(index as f64 / LANES as f64);
            lanes.spawn(lane.run(first, self.pace));
        }
        Running { stop, ledger, lanes }
    }
}

/// Lanes that send.
pub(crate) struct Running {
    stop: CancellationToken,
    ledger: Ledger,
    lanes: JoinSet<eyre::Result<()>>,
}

impl Running {
    /// How many transactions were accepted until now.
    pub(crate) fn count(&self) -> usize {
        self.ledger.accepted().len()
    }

    /// Stops all lanes; each finishes its last transaction. Everything that was accepted, in order.
    pub(crate) async fn stop(mut self) -> eyre::Result<Vec<B256>> {
        self.stop.cancel();
        while let Some(ended) = self.lanes.join_next().await {
            ended.wrap_err("a lane of the load panicked")??;
        }
        let accepted = std::mem::take(&mut *self.ledger.accepted());
        Ok(accepted)
    }
}

struct Lane {
    signer: PrivateKeySigner,
    /// The node that it prefers.
    home: usize,
    contacts: Contacts,
    ledger: Ledger,
    stop: CancellationToken,
}

impl Lane {
    async fn run(self, first: Instant, pace: Duration) -> eyre::Result<()> {
        for nonce in 0u32.. {
            let due = tokio::time::sleep_until((first + pace * nonce).into());
            if self.stop.run_until_cancelled(due).await.is_none() {
                break;
            }
            let to = TxKind::Call(Address::from_word(keccak256(nonce.to_be_bytes())));
            let transaction =
                TxEip1559 { nonce: nonce.into(), to, value: U256::from(1), gas_limit: 21_000, ..template() };
            let raw = sign(&self.signer, transaction)?;
            if !self.deliver(&raw).await {
                break;
            }
            self.ledger.accepted().push(keccak256(&raw));
        }
        Ok(())
    }

    /// Offers a transaction to one node after the other until one accepts it; false if none does before the time is up.
    async fn deliver(&self, raw: &Bytes) -> bool {
        let mut stopped = None;
        loop {
            for node in (0..NODES).map(|step| (self.home + step) % NODES) {
                if let Some(contact) = self.contacts.get(node)
                    && is_accepted(&contact.client, raw).await
                {
                    return true;
                }
            }
            if self.stop.is_cancelled() && stopped.get_or_insert_with(Instant::now).elapsed() > LAST_OFFERS {
                return false;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Whether the node says that it has the transaction: now, from an attempt before, or in a block already.
async fn is_accepted(client: &Client, raw: &Bytes) -> bool {
    match client.ask("eth_sendRawTransaction", json!([raw])).await {
        Ok(_) => true,
        Err(error) => {
            let error = error.to_string();
            error.contains("already known") || error.contains("nonce too low")
        }
    }
}
