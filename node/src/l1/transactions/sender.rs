//! Sends one transaction and sees it through.

use super::{FeePolicy, SendError, fees::Fees};
use crate::l1::{L1Client, L1Error, rpc::contains};
use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_network::TxSignerSync;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_rpc_types_eth::{TransactionInput, TransactionReceipt, TransactionRequest};
use alloy_signer_local::PrivateKeySigner;
use std::time::Instant;
use tracing::debug;

/// How often somebody else may use the nonce before it is given up.
const ATTEMPTS: usize = 5;

/// How often an endpoint must say that the nonce is used by none of ours.
const LOOKS: u32 = 3;

/// What a transaction does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The contract; or a new one.
    pub to: TxKind,
    /// What it is told.
    pub data: Bytes,
    /// What is sent along, in wei.
    pub value: U256,
}

/// What a transaction would take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// The gas that it would use today.
    pub gas: u64,
    /// The gas that it gets: a quarter more, as the state may change.
    pub gas_limit: u64,
    /// The highest fee offered at first, in wei per gas.
    pub max_fee_per_gas: u128,
    /// The part of it for whoever includes it, in wei per gas.
    pub max_priority_fee_per_gas: u128,
    /// All gas at the highest fee, in wei, without what is sent along.
    pub max_cost: U256,
}

/// How far a transaction is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It was handed in.
    Sent {
        /// Its hash.
        hash: B256,
        /// Its nonce.
        nonce: u64,
        /// Whether it replaces an earlier version that paid less.
        replaces: bool,
    },
    /// It is in a block.
    Included {
        /// Its hash.
        hash: B256,
        /// The block's number.
        block: u64,
        /// How many blocks confirm it, that one included.
        confirmations: u64,
    },
}

/// An account that sends transactions to L1. Cheap to clone; keys never leave it.
#[derive(Clone, Debug)]
pub struct Sender {
    client: L1Client,
    key: PrivateKeySigner,
    policy: FeePolicy,
}

/// How it ended with one nonce.
enum Ended {
    Confirmed(Box<TransactionReceipt>),
    NonceTaken,
}

/// The versions of a transaction with one nonce.
struct Versions<'a> {
    call: &'a Call,
    nonce: u64,
    gas_limit: u64,
    fees: Fees,
    /// The newest last.
    sent: Vec<(B256, Vec<u8>)>,
    /// L1's head when the newest was sent.
    sent_at: u64,
}

impl Sender {
    /// An account by its key.
    #[must_use]
    pub const fn new(client: L1Client, key: PrivateKeySigner, policy: FeePolicy) -> Self {
        Self { client, key, policy }
    }

    /// The account.
    #[must_use]
    pub const fn address(&self) -> Address {
        self.key.address()
    }

    /// What a call would take; nothing is sent.
    ///
    /// # Errors
    /// [`SendError`], [`SendError::WouldRevert`] among them.
    pub async fn estimate(&self, call: &Call) -> Result<Estimate, SendError> {
        let request = TransactionRequest {
            from: Some(self.address()),
            to: Some(call.to),
            value: Some(call.value),
            input: TransactionInput::new(call.data.clone()),
            ..TransactionRequest::default()
        };
        let gas = match self.client.estimate_gas(&request).await {
            Ok(gas) => gas,
            Err(error) => return Err(self.explain(error, call).await),
        };
        let fees = Fees::suggest(&self.client, &self.policy).await?;
        let gas_limit = gas.saturating_add(gas / 4);
        let estimate = Estimate {
            gas,
            gas_limit,
            max_fee_per_gas: fees.max,
            max_priority_fee_per_gas: fees.priority,
            max_cost: U256::from(gas_limit) * U256::from(fees.max),
        };
        let (balance, needed) =
            (self.client.balance(self.address()).await?, estimate.max_cost.saturating_add(call.value));
        if balance < needed {
            return Err(SendError::InsufficientFunds { address: self.address(), balance, needed });
        }
        Ok(estimate)
    }

    /// Sends a call and waits until it is confirmed; tells how far it is.
    ///
    /// # Errors
    /// [`SendError`]. After [`SendError::TimedOut`] it may still be included; after all others it is not.
    pub async fn send(&self, call: &Call, mut progress: impl FnMut(Progress)) -> Result<TransactionReceipt, SendError> {
        for _ in 0..ATTEMPTS {
            let estimate = self.estimate(call).await?;
            let mut versions = Versions {
                call,
                nonce: self.client.pending_nonce(self.address()).await?,
                gas_limit: estimate.gas_limit,
                fees: Fees { max: estimate.max_fee_per_gas, priority: estimate.max_priority_fee_per_gas },
                sent: Vec::new(),
                sent_at: 0,
            };
            match self.see_through(&mut versions, &mut progress).await? {
                Ended::Confirmed(receipt) if receipt.status() => return Ok(*receipt),
                Ended::Confirmed(receipt) => return Err(SendError::Reverted(receipt.transaction_hash)),
                Ended::NonceTaken => {
                    debug!(nonce = versions.nonce, "another process used the nonce on L1; trying the next");
                }
            }
        }
        Err(SendError::NoncesTaken(self.address()))
    }

    async fn see_through(
        &self,
        versions: &mut Versions<'_>,
        progress: &mut impl FnMut(Progress),
    ) -> Result<Ended, SendError> {
        let (began, mut taken) = (Instant::now(), 0);
        self.submit(versions, progress).await?;
        loop {
            // Whatever fails in here has another try, until the patience ends.
            match self.included(versions).await {
                Ok(Some((receipt, confirmations))) => {
                    let (hash, block) = (receipt.transaction_hash, receipt.block_number.unwrap_or_default());
                    progress(Progress::Included { hash, block, confirmations });
                    if confirmations >= self.policy.confirmations {
                        return Ok(Ended::Confirmed(Box::new(receipt)));
                    }
                }
                Ok(None) => {
                    taken = if self.is_nonce_taken(versions).await { taken + 1 } else { 0 };
                    if taken >= LOOKS {
                        return Ok(Ended::NonceTaken);
                    }
                    if taken == 0 {
                        self.push_on(versions, progress).await?;
                    }
                }
                Err(error) => debug!(%error, "cannot see whether a transaction was included"),
            }
            if began.elapsed() > self.policy.patience {
                let hashes = versions.sent.iter().map(|(hash, _)| *hash).collect();
                return Err(SendError::TimedOut { patience: self.policy.patience, hashes });
            }
            tokio::time::sleep(self.policy.poll_interval).await;
        }
    }

    /// Signs the current version and hands it in.
    async fn submit(&self, versions: &mut Versions<'_>, progress: &mut impl FnMut(Progress)) -> Result<(), SendError> {
        let Versions { call, nonce, gas_limit, fees, .. } = *versions;
        let mut transaction = TxEip1559 {
            chain_id: self.client.chain_id(),
            nonce,
            gas_limit,
            max_fee_per_gas: fees.max,
            max_priority_fee_per_gas: fees.priority,
            to: call.to,
            value: call.value,
            access_list: Default::default(),
            input: call.data.clone(),
        };
        #[expect(clippy::expect_used, reason = "a local key signs every transaction")]
        let signature = self.key.sign_transaction_sync(&mut transaction).expect("a local key signs");
        let transaction = TxEnvelope::from(transaction.into_signed(signature));
        let (hash, raw) = (*transaction.hash(), transaction.encoded_2718());
        let replaces = !versions.sent.is_empty();
        let handed_in = self.client.send_raw_transaction(&raw).await;
        // Even if that failed, somebody may have it.
        versions.sent.push((hash, raw));
        versions.sent_at = self.client.head().await.map_or(versions.sent_at, |head| head.number);
        match handed_in {
            Ok(_) => progress(Progress::Sent { hash, nonce, replaces }),
            Err(L1Error::Refused(refused)) => {
                let error = L1Error::Refused(refused);
                let message = error.refusal().unwrap_or_default();
                // One of ours, or of somebody else's; or of this one. It shows.
                let harmless =
                    ["nonce too low", "nonce is too low", "already known", "already imported", "known transaction"];
                if contains(message, &harmless) || contains(message, &["underpriced", "too low to replace"]) {
                    debug!(%hash, nonce, message, "a transaction was not taken in as a new one");
                } else if !replaces {
                    return Err(self.explain(error, call).await);
                }
            }
            Err(error) => debug!(%hash, %error, "a transaction could not be handed in; it is sent again"),
        }
        Ok(())
    }

    /// The receipt of whichever version is in a block, and how many blocks confirm it.
    async fn included(&self, versions: &Versions<'_>) -> Result<Option<(TransactionReceipt, u64)>, L1Error> {
        for (hash, _) in versions.sent.iter().rev() {
            if let Some(receipt) = self.client.receipt(*hash).await? {
                let head = self.client.head().await?.number;
                let depth = receipt.block_number.map_or(0, |block| (head + 1).saturating_sub(block));
                return Ok(Some((receipt, depth)));
            }
        }
        Ok(None)
    }

    /// Whether an endpoint knows the nonce to be used below its newest block, and by none of ours. The newest one does not
    /// count: a server may know an account's new nonce a moment before it knows the receipts.
    async fn is_nonce_taken(&self, versions: &Versions<'_>) -> bool {
        for endpoint in (0..self.client.endpoint_count()).filter(|endpoint| self.client.is_usable(*endpoint)) {
            let client = self.client.on(endpoint);
            let Ok(head) = client.head().await else { continue };
            let nonce = client.nonce_at(self.address(), head.number.saturating_sub(1)).await;
            if !nonce.is_ok_and(|nonce| nonce > versions.nonce) {
                continue;
            }
            let mut ours = false;
            for (hash, _) in &versions.sent {
                ours |= !matches!(client.receipt(*hash).await, Ok(None));
            }
            return !ours;
        }
        false
    }

    /// Raises the fees of a transaction that waits for too long; where they cannot be raised it is handed in again, in case
    /// everybody forgot it.
    async fn push_on(&self, versions: &mut Versions<'_>, progress: &mut impl FnMut(Progress)) -> Result<(), SendError> {
        let Ok(head) = self.client.head().await else { return Ok(()) };
        if head.number < versions.sent_at.saturating_add(self.policy.replace_after) {
            return Ok(());
        }
        let suggested = Fees::suggest(&self.client, &self.policy).await.ok();
        match (versions.fees.raised(suggested, &self.policy), versions.sent.last()) {
            (Some(fees), _) => {
                versions.fees = fees;
                self.submit(versions, progress).await
            }
            (None, Some((_, raw))) => {
                let _ = self.client.send_raw_transaction(raw).await;
                versions.sent_at = head.number;
                Ok(())
            }
            (None, None) => Ok(()),
        }
    }

    /// Makes of a refusal what it is about.
    async fn explain(&self, error: L1Error, call: &Call) -> SendError {
        if let Some(data) = error.revert() {
            let (message, data) = (error.refusal().unwrap_or_default().to_owned(), data.clone());
            return SendError::WouldRevert { message, data };
        }
        let poor =
            error.refusal().is_some_and(|message| contains(message, &["insufficient funds", "insufficient balance"]));
        if poor && let Ok(balance) = self.client.balance(self.address()).await {
            return SendError::InsufficientFunds { address: self.address(), balance, needed: call.value };
        }
        error.into()
    }
}
