//! Transactions that keep coming.

use super::{Net, Rpc, Signed, Wallet, contract, deploy};
use alloy_primitives::{Address, B256, TxKind, U256};
use alloy_sol_types::SolCall;
use eyre::{OptionExt, WrapErr, ensure};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Between two transactions of a lane.
const PACE: Duration = Duration::from_millis(40);

/// Enough for every call that a lane makes.
const CALL_GAS: u64 = 300_000;

/// One sender at one node.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) wallet: Wallet,
    pub(crate) rpc: Rpc,
    /// The contract that every other transaction calls.
    pub(crate) probe: Address,
    /// How many to send at most.
    pub(crate) limit: u64,
}

/// Lanes under way.
#[derive(Debug)]
pub(crate) struct Load {
    stop: CancellationToken,
    lanes: Vec<JoinHandle<eyre::Result<Vec<B256>>>>,
}

impl Load {
    /// Deploys the contract, and sends through all nodes that are up, with all wallets of the network, until stopped.
    /// Returns where the contract is, as well.
    pub(crate) async fn through_all(net: &mut Net) -> eyre::Result<(Self, Address)> {
        let mut wallets = net.wallets.split_off(0);
        let probe = deploy(net, &mut wallets.pop().ok_or_eyre("no wallet")?).await?;
        let rpcs = net.rpcs()?;
        let lanes = wallets.into_iter().zip(rpcs.iter().cycle());
        let lanes = lanes.map(|(wallet, rpc)| Lane { wallet, rpc: rpc.clone(), probe, limit: u64::MAX });
        Ok((Self::start(lanes), probe))
    }

    pub(crate) fn start(lanes: impl IntoIterator<Item = Lane>) -> Self {
        let stop = CancellationToken::new();
        let lanes = lanes.into_iter().map(|lane| tokio::spawn(lane.run(stop.clone()))).collect();
        Self { stop, lanes }
    }

    /// Waits until every lane is at its limit; the transactions that were accepted.
    pub(crate) async fn complete(self) -> eyre::Result<Vec<B256>> {
        let mut accepted = Vec::new();
        for lane in self.lanes {
            accepted.extend(lane.await.wrap_err("a lane panicked")??);
        }
        Ok(accepted)
    }

    /// Ends the lanes; the transactions that were accepted.
    pub(crate) async fn stop(self) -> eyre::Result<Vec<B256>> {
        self.stop.cancel();
        self.complete().await
    }
}

impl Lane {
    /// Sends one after the other. A node that does not answer any more ends the lane: what it did not answer is not
    /// accepted, and what comes after it has no place.
    async fn run(mut self, stop: CancellationToken) -> eyre::Result<Vec<B256>> {
        let mut accepted = Vec::new();
        for number in 0..self.limit {
            let transaction = self.make(number)?;
            while !stop.is_cancelled() {
                match self.rpc.send(&transaction.raw).await {
                    Ok(hash) => {
                        ensure!(hash == transaction.hash, "answered with hash {hash}");
                        accepted.push(hash);
                        break;
                    }
                    Err(error) => match error.downcast_ref::<super::Refusal>() {
                        // It was accepted before, and the answer got lost, or it came back over the mesh.
                        Some(refusal) if refusal.message.contains("already known") => {
                            accepted.push(transaction.hash);
                            break;
                        }
                        Some(refusal) if refusal.message.contains("no peer acknowledged") => {}
                        Some(refusal) if refusal.message.contains("the node is shutting down") => return Ok(accepted),
                        Some(refusal) => return Err(refusal.clone().into()),
                        None => return Ok(accepted),
                    },
                }
                tokio::time::sleep(PACE).await;
            }
            if stop.is_cancelled() {
                break;
            }
            tokio::time::sleep(PACE).await;
        }
        Ok(accepted)
    }

    /// Transfers and three kinds of calls, in turn.
    fn make(&mut self, number: u64) -> eyre::Result<Signed> {
        let recipient = Address::left_padding_from(&(number + 0x10_000).to_be_bytes());
        let call = match number % 6 {
            1 => contract::incrementCall {}.abi_encode(),
            3 => contract::transferCall { to: recipient, amount: U256::ZERO }.abi_encode(),
            5 => contract::fillCall { from: U256::from(number), count: U256::from(3), value: U256::from(number) }
                .abi_encode(),
            _ => return self.wallet.transfer(recipient, 1),
        };
        self.wallet.call(TxKind::Call(self.probe), 0, call, CALL_GAS)
    }
}
