//! What can be asked of L1.

use super::{ClientConfig, ClientError, EndpointStatus, L1Error, endpoint::Endpoint, failover::Failover};
use crate::metrics;
use alloy_eips::BlockId;
use alloy_primitives::{Address, B256, Bytes, U64, U256};
use alloy_rpc_types_eth::{FeeHistory, Filter, Log, TransactionReceipt, TransactionRequest};
use alloy_sol_types::SolCall;
use baton_consensus::messages::L1Anchor;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

/// A block of L1, as far as it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct L1Block {
    /// Its number.
    #[serde(deserialize_with = "number")]
    pub number: u64,
    /// Its hash.
    pub hash: B256,
    /// The hash of the block before.
    pub parent_hash: B256,
    /// Seconds since 1970.
    #[serde(deserialize_with = "number")]
    pub timestamp: u64,
}

fn number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    U64::deserialize(deserializer).map(|number| number.to())
}

impl L1Block {
    /// Number and hash.
    #[must_use]
    pub const fn anchor(&self) -> L1Anchor {
        L1Anchor { number: self.number, hash: self.hash }
    }
}

/// A handle on L1: cheap to clone. Every call has a deadline, and goes to another endpoint where one fails; a handle made by
/// [`Self::on`] asks one endpoint only.
///
/// The errors of all calls are [`L1Error`]s: which endpoint did what, and what the operator can do.
#[derive(Clone, Debug)]
pub struct L1Client {
    failover: Arc<Failover>,
    only: Option<usize>,
    chain_id: u64,
}

impl L1Client {
    /// A client; nothing is asked yet.
    ///
    /// # Errors
    /// [`ClientError`] if there is no endpoint, or HTTPS cannot be set up.
    pub fn new(config: ClientConfig, metrics: metrics::L1) -> Result<Self, ClientError> {
        let chain_id = config.chain_id;
        Ok(Self { failover: Arc::new(Failover::new(config, metrics)?), only: None, chain_id })
    }

    /// The chain that is followed.
    #[must_use]
    pub const fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// How the endpoints do.
    #[must_use]
    pub fn endpoints(&self) -> Vec<EndpointStatus> {
        self.failover.status()
    }

    /// How many endpoints there are.
    #[must_use]
    pub fn endpoint_count(&self) -> usize {
        self.failover.len()
    }

    /// A handle that asks one endpoint only; its place is below [`Self::endpoint_count`].
    #[must_use]
    pub fn on(&self, endpoint: usize) -> Self {
        Self { only: Some(endpoint), ..self.clone() }
    }

    /// The host of an endpoint.
    #[must_use]
    pub fn name_of(&self, endpoint: usize) -> &str {
        self.failover.get(endpoint).map_or("", Endpoint::name)
    }

    /// Whether an endpoint does not rest.
    #[must_use]
    pub fn is_usable(&self, endpoint: usize) -> bool {
        self.failover.get(endpoint).is_some_and(Endpoint::is_usable)
    }

    /// For how long an endpoint has been failing; none if it works.
    #[must_use]
    pub fn down_for(&self, endpoint: usize) -> Option<Duration> {
        self.failover.get(endpoint)?.down_for()
    }

    /// Whether an endpoint was set aside for what it says, and has not answered since.
    #[must_use]
    pub fn is_distrusted(&self, endpoint: usize) -> bool {
        self.failover.get(endpoint).is_some_and(Endpoint::is_distrusted)
    }

    /// Leaves an endpoint alone for a minute: its answers contradict each other, or those of others.
    pub fn set_aside(&self, endpoint: usize, reason: &str) {
        if let Some(endpoint) = self.failover.get(endpoint) {
            endpoint.set_aside(reason, self.failover.metrics());
        }
    }

    /// Any call.
    pub async fn request<T: DeserializeOwned>(&self, method: &'static str, params: Value) -> Result<T, L1Error> {
        match self.only {
            Some(endpoint) => self.failover.ask(endpoint, method, &params).await,
            None => self.failover.ask_any(method, &params).await,
        }
    }

    /// The newest block.
    pub async fn head(&self) -> Result<L1Block, L1Error> {
        self.request("eth_getBlockByNumber", json!(["latest", false])).await
    }

    /// The block of the canonical chain at a height; none if the endpoint does not know it (yet).
    pub async fn block_at(&self, number: u64) -> Result<Option<L1Block>, L1Error> {
        self.request("eth_getBlockByNumber", json!([U64::from(number), false])).await
    }

    /// The block with a hash; none if the endpoint does not know it.
    pub async fn block(&self, hash: B256) -> Result<Option<L1Block>, L1Error> {
        self.request("eth_getBlockByHash", json!([hash, false])).await
    }

    /// The logs that fit a filter.
    pub async fn logs(&self, filter: &Filter) -> Result<Vec<Log>, L1Error> {
        self.request("eth_getLogs", json!([filter])).await
    }

    /// What a contract's function returns at a block; by hash it is that very block (EIP-1898).
    pub async fn read<C: SolCall>(&self, contract: Address, call: &C, at: BlockId) -> Result<C::Return, L1Error> {
        let request = json!({ "to": contract, "data": Bytes::from(call.abi_encode()) });
        let at = match at {
            BlockId::Hash(hash) => json!({ "blockHash": hash.block_hash, "requireCanonical": true }),
            BlockId::Number(number) => json!(number),
        };
        let returned: Bytes = self.request("eth_call", json!([request, at])).await?;
        C::abi_decode_returns_validate(&returned).map_err(|problem| L1Error::Undecodable {
            contract,
            call: C::SIGNATURE,
            problem: if returned.is_empty() { "it returns nothing".to_owned() } else { problem.to_string() },
        })
    }

    /// The code at an address, at the newest block.
    pub async fn code(&self, address: Address) -> Result<Bytes, L1Error> {
        self.request("eth_getCode", json!([address, "latest"])).await
    }

    /// An account's balance in wei, at the newest block.
    pub async fn balance(&self, address: Address) -> Result<U256, L1Error> {
        self.request("eth_getBalance", json!([address, "latest"])).await
    }

    /// How many transactions of an account are in blocks.
    pub async fn nonce(&self, address: Address) -> Result<u64, L1Error> {
        self.transaction_count(address, json!("latest")).await
    }

    /// How many transactions of an account are in blocks or wait for it.
    pub async fn pending_nonce(&self, address: Address) -> Result<u64, L1Error> {
        self.transaction_count(address, json!("pending")).await
    }

    /// How many transactions of an account are in blocks up to this height.
    pub async fn nonce_at(&self, address: Address, height: u64) -> Result<u64, L1Error> {
        self.transaction_count(address, json!(U64::from(height))).await
    }

    async fn transaction_count(&self, address: Address, block: Value) -> Result<u64, L1Error> {
        let nonce: U64 = self.request("eth_getTransactionCount", json!([address, block])).await?;
        Ok(nonce.to())
    }

    /// The gas that a transaction takes after the newest block, whatever else is pending. [`L1Error::revert`] tells whether it would be reverted.
    pub async fn estimate_gas(&self, transaction: &TransactionRequest) -> Result<u64, L1Error> {
        let gas: U64 = self.request("eth_estimateGas", json!([transaction, "latest"])).await?;
        Ok(gas.to())
    }

    /// Base fees of so many newest blocks and the next one, in wei per gas, with percentiles of the priority fees paid.
    pub async fn fee_history(&self, blocks: u64, percentiles: &[f64]) -> Result<FeeHistory, L1Error> {
        self.request("eth_feeHistory", json!([U64::from(blocks), "latest", percentiles])).await
    }

    /// Hands in a signed transaction; its hash.
    pub async fn send_raw_transaction(&self, transaction: &[u8]) -> Result<B256, L1Error> {
        self.request("eth_sendRawTransaction", json!([Bytes::copy_from_slice(transaction)])).await
    }

    /// The receipt of a transaction; none if it is in no block that the endpoint knows.
    pub async fn receipt(&self, transaction: B256) -> Result<Option<TransactionReceipt>, L1Error> {
        self.request("eth_getTransactionReceipt", json!([transaction])).await
    }
}
