//! The stored forms of the chain and the state. Golden files pin their bytes.

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, U256};
use baton_consensus::{
    messages::Seal,
    signing::{Signature, Signed, SigningContext},
    types::{Block, Height, SealedBlock, SignedBlock},
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Which chain a data directory belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenesisId {
    /// The EIP-155 chain id.
    pub chain_id: u64,
    /// The hash of block 0.
    pub genesis_hash: B256,
}

impl fmt::Display for GenesisId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "chain {} with genesis {}", self.chain_id, self.genesis_hash)
    }
}

impl From<GenesisId> for SigningContext {
    fn from(id: GenesisId) -> Self {
        Self { chain_id: id.chain_id, genesis_hash: id.genesis_hash }
    }
}

impl From<SigningContext> for GenesisId {
    fn from(context: SigningContext) -> Self {
        Self { chain_id: context.chain_id, genesis_hash: context.genesis_hash }
    }
}

/// A header with its hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredHeader {
    /// The keccak of the header's RLP.
    pub hash: B256,
    /// The header, as RLP on disk.
    #[serde(with = "rlp_bytes")]
    pub header: Header,
}

/// The two signatures that every block but genesis has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockSeal {
    /// The leader's signature on the block's proposal.
    pub signature: Signature,
    /// The scheduler's seal.
    pub seal: Signed<Seal>,
}

/// A block of the chain with what the node learnt when it executed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredBlock {
    /// The block, as RLP on disk.
    #[serde(with = "rlp_bytes")]
    pub block: Block,
    /// The sender of each transaction, in order.
    pub senders: Vec<Address>,
    /// Signature and seal; none for genesis.
    pub seal: Option<BlockSeal>,
}

impl StoredBlock {
    /// The block as peers serve it; none for genesis, which nobody signed.
    #[must_use]
    pub fn into_sealed(self) -> Option<SealedBlock> {
        let BlockSeal { signature, seal } = self.seal?;
        Some(SealedBlock { block: SignedBlock { block: self.block, signature }, seal })
    }
}

/// [`StoredBlock`] by reference, so that writing clones no block. Same fields, same bytes.
#[derive(Serialize)]
pub(crate) struct StoredBlockRef<'a> {
    #[serde(serialize_with = "rlp_bytes::serialize")]
    pub(crate) block: &'a Block,
    pub(crate) senders: &'a [Address],
    pub(crate) seal: Option<BlockSeal>,
}

/// What a transaction did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredReceipt {
    /// The EIP-2718 transaction type; 0 for legacy ones.
    pub tx_type: u8,
    /// Whether it succeeded (EIP-658).
    pub success: bool,
    /// Gas used by the block up to and with this transaction.
    pub cumulative_gas_used: u64,
    /// Gas used by this transaction.
    pub gas_used: u64,
    /// The contract that it created.
    pub contract_address: Option<Address>,
    /// What it logged, in order.
    pub logs: Vec<StoredLog>,
}

/// One log entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredLog {
    /// Who logged.
    pub address: Address,
    /// The topics, at most 4.
    pub topics: Vec<B256>,
    /// The data.
    pub data: Bytes,
}

/// Where a transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionLocation {
    /// The height of its block.
    pub height: Height,
    /// Its index in the block.
    pub index: u32,
}

/// An account of the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredAccount {
    /// Transactions sent, or contracts created.
    pub nonce: u64,
    /// In wei.
    pub balance: U256,
    /// The keccak of the code; that of the empty string without code.
    pub code_hash: B256,
    /// The root of the storage trie.
    pub storage_root: B256,
}

/// Serde for a value that rests as its standard RLP bytes.
mod rlp_bytes {
    use alloy_primitives::Bytes;
    use alloy_rlp::{Decodable, Encodable};
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    /// Writes the RLP of `value` as one byte string.
    pub(super) fn serialize<T: Encodable, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&alloy_rlp::encode(value))
    }

    /// Reads one byte string and decodes it whole.
    pub(super) fn deserialize<'de, T: Decodable, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        let bytes = Bytes::deserialize(deserializer)?;
        alloy_rlp::decode_exact(&bytes).map_err(D::Error::custom)
    }
}
