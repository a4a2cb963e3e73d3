//! What the test network asks its nodes, over HTTP.

use alloy_primitives::{Address, B256, Bytes, U64};
use jsonrpsee::{
    core::{
        ClientError,
        client::{ClientT, Error as RpcError},
        params::BatchRequestBuilder,
    },
    http_client::{HttpClient, HttpClientBuilder},
    rpc_params,
};
use serde::Deserialize;
use serde_json::Value;
use std::{net::SocketAddr, time::Duration};

/// How long a node may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The largest question and answer, in bytes.
const MAX_SIZE: u32 = 256 << 20;

/// A block, as far as the test network looks at it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BlockView {
    pub(super) number: U64,
    pub(super) hash: B256,
    pub(super) parent_hash: B256,
    pub(super) state_root: B256,
    /// The leader.
    pub(super) miner: Address,
    /// Era, term and epoch.
    pub(super) extra_data: Bytes,
    /// Absent from the headers of a subscription.
    #[serde(default)]
    pub(super) transactions: Option<Vec<B256>>,
}

/// A receipt, as far as the test network looks at it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReceiptView {
    pub(super) transaction_hash: B256,
    pub(super) status: U64,
    #[serde(default)]
    pub(super) contract_address: Option<Address>,
}

/// The answer of `baton_status`, as far as the test network looks at it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Status {
    pub(super) role: String,
    pub(super) era: u64,
    pub(super) term: u64,
    pub(super) epoch: u64,
    pub(super) scheduler: Option<Address>,
    pub(super) leader: Option<Address>,
    pub(super) head: Head,
    pub(super) safe: Head,
    pub(super) finalized: Head,
    pub(super) peers: u64,
    pub(super) pool: Pool,
}

/// A member of the set, as far as the test network looks at it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Member {
    pub(super) address: Address,
}

/// A block by number, as `baton_status` tells it.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Head {
    pub(super) number: u64,
}

/// How full the mempool is.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Pool {
    pub(super) pending: u64,
    pub(super) queued: u64,
}

/// What became of a transaction that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// In the pool, now or before.
    Accepted,
    /// Its nonce is used up: it, or another one, is in the chain.
    NonceUsed,
    /// Not now, for this reason.
    Refused(String),
}

/// One node's RPC.
#[derive(Clone, Debug)]
pub(super) struct Client {
    http: HttpClient,
    address: SocketAddr,
}

impl Client {
    pub(super) fn new(address: SocketAddr) -> Result<Self, ClientError> {
        let http = HttpClientBuilder::default()
            .request_timeout(TIMEOUT)
            .max_request_size(MAX_SIZE)
            .max_response_size(MAX_SIZE)
            .max_concurrent_requests(1024)
            .build(format!("http://{address}"))?;
        Ok(Self { http, address })
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) async fn status(&self) -> Result<Status, ClientError> {
        self.http.request("baton_status", rpc_params![]).await
    }

    /// The set of the running era, in order of addresses.
    pub(super) async fn sequencers(&self) -> Result<Vec<Member>, ClientError> {
        self.http.request("baton_sequencers", rpc_params![]).await
    }

    /// The era in which a final block was put to the vote, and the L1 block that its set is of; none while that era ends.
    pub(super) async fn anchor(&self, height: u64) -> Result<Option<(u64, u64)>, ClientError> {
        let proof: Value = self.http.request("baton_finality", rpc_params![U64::from(height)]).await?;
        let checkpoint = &proof["finality"]["checkpoint"];
        let closing = !checkpoint["nextSetRoot"].is_null();
        Ok(checkpoint["era"].as_u64().zip(checkpoint["anchor"]["number"].as_u64()).filter(|_| !closing))
    }

    /// Who signed twice, by the evidence that the node holds.
    pub(super) async fn accused(&self) -> Result<Vec<Address>, ClientError> {
        let evidence: Vec<Value> = self.http.request("baton_evidence", rpc_params![]).await?;
        let signer = |evidence: &Value| evidence["fault"]["signer"].as_str()?.parse().ok();
        Ok(evidence.iter().filter_map(signer).collect())
    }

    /// The header of a block.
    pub(super) async fn header(&self, hash: B256) -> Result<Option<alloy_consensus::Header>, ClientError> {
        let header: Option<alloy_rpc_types_eth::Header> =
            self.http.request("eth_getBlockByHash", rpc_params![hash, false]).await?;
        Ok(header.map(|header| header.inner))
    }

    pub(super) async fn block_number(&self) -> Result<u64, ClientError> {
        let number: U64 = self.http.request("eth_blockNumber", rpc_params![]).await?;
        Ok(number.to())
    }

    pub(super) async fn block_by_number(&self, number: u64) -> Result<Option<BlockView>, ClientError> {
        self.http.request("eth_getBlockByNumber", rpc_params![U64::from(number), false]).await
    }

    pub(super) async fn block_by_hash(&self, hash: B256) -> Result<Option<BlockView>, ClientError> {
        self.http.request("eth_getBlockByHash", rpc_params![hash, false]).await
    }

    pub(super) async fn receipt(&self, transaction: B256) -> Result<Option<ReceiptView>, ClientError> {
        self.http.request("eth_getTransactionReceipt", rpc_params![transaction]).await
    }

    pub(super) async fn block_receipts(&self, block: B256) -> Result<Option<Vec<ReceiptView>>, ClientError> {
        self.http.request("eth_getBlockReceipts", rpc_params![block]).await
    }

    /// Sends transactions in one batch; the answers are in the same order.
    pub(super) async fn send(&self, transactions: impl Iterator<Item = &Bytes>) -> Result<Vec<Answer>, ClientError> {
        let mut batch = BatchRequestBuilder::new();
        for transaction in transactions {
            batch.insert("eth_sendRawTransaction", rpc_params![transaction]).map_err(RpcError::ParseError)?;
        }
        let answers = self.http.batch_request::<B256>(batch).await?;
        Ok(answers
            .into_iter()
            .map(|answer| match answer {
                Ok(_) => Answer::Accepted,
                Err(error) => judge(error.message()),
            })
            .collect())
    }
}

/// Reads an error message, whose words are geth's.
fn judge(message: &str) -> Answer {
    let lower = message.to_lowercase();
    if lower.contains("already known") {
        Answer::Accepted
    } else if lower.contains("nonce too low") {
        Answer::NonceUsed
    } else {
        Answer::Refused(message.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_refusal_are_understood() {
        assert_eq!(judge("already known"), Answer::Accepted);
        assert_eq!(judge("nonce too low: next nonce 3, tx nonce 2"), Answer::NonceUsed);
        assert_eq!(judge("txpool is full"), Answer::Refused("txpool is full".to_owned()));
    }
}
