//! Everyone's half: checking a block by executing it.

use alloy_primitives::{Address, B64, B256, Bloom, U256};
use alloy_rlp::Encodable;
use rayon::prelude::*;

use crate::{
    Block, ChainSpec, ExecutedBlock, MAX_BLOCK_SIZE, MAX_EXTRA_DATA_SIZE, SealedHeader, StateError, StateReader,
    TransactionError,
    assemble::{roots, transactions_root},
    evm::{Executed, Executor, Failure},
    header::verify_header,
    recover_signer, trie,
};

/// Why a block was not accepted.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BlockError {
    /// The block breaks a rule: every node finds the same.
    #[error("invalid block: {0}")]
    Invalid(#[from] Box<InvalidBlock>),
    /// The state could not be read: nothing is known about the block.
    #[error(transparent)]
    State(#[from] StateError),
    /// The EVM failed for reasons of its own: nothing is known about the block.
    #[error("the EVM failed: {0}")]
    Evm(String),
}

impl From<InvalidBlock> for BlockError {
    fn from(reason: InvalidBlock) -> Self {
        Self::Invalid(Box::new(reason))
    }
}

/// The rule that an invalid block breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the fields say what the rule demands and what was found")]
pub enum InvalidBlock {
    /// The height is not the parent's plus one.
    #[error("number {found}, expected {expected}")]
    Number { expected: u64, found: u64 },
    /// The block has another parent.
    #[error("parent hash {found}, expected {expected}")]
    ParentHash { expected: B256, found: B256 },
    /// The timestamp precedes the parent's.
    #[error("timestamp {found} is before the parent's, {parent}")]
    Timestamp { parent: u64, found: u64 },
    /// The extra data is too long.
    #[error("extra data of {size} bytes, {MAX_EXTRA_DATA_SIZE} are allowed")]
    ExtraData { size: usize },
    /// The header has no parent beacon block root.
    #[error("no parent beacon block root")]
    NoParentBeaconBlockRoot,
    /// The gas limit is out of bounds or too far from the parent's.
    #[error("gas limit {found} is out of bounds; the parent's is {parent}")]
    GasLimit { parent: u64, found: u64 },
    /// The gas used is above the gas limit.
    #[error("gas used {found} is above the gas limit {limit}")]
    GasUsedAboveLimit { limit: u64, found: u64 },
    /// The base fee is not what the formula gives.
    #[error("base fee {found:?}, expected {expected}")]
    BaseFee { expected: u64, found: Option<u64> },
    /// The ommers hash is not that of the empty list.
    #[error("ommers hash {found} is not that of no ommers")]
    OmmersHash { found: B256 },
    /// The difficulty is not zero.
    #[error("difficulty {found}, expected 0")]
    Difficulty { found: U256 },
    /// The mix hash is not zero.
    #[error("mix hash {found}, expected zero")]
    MixHash { found: B256 },
    /// The nonce is not zero.
    #[error("nonce {found}, expected zero")]
    Nonce { found: B64 },
    /// The withdrawals root is not that of the empty list.
    #[error("withdrawals root {found:?} is not that of no withdrawals")]
    WithdrawalsRoot { found: Option<B256> },
    /// The blob gas used is not zero.
    #[error("blob gas used {found:?}, expected 0")]
    BlobGasUsed { found: Option<u64> },
    /// The excess blob gas is not zero.
    #[error("excess blob gas {found:?}, expected 0")]
    ExcessBlobGas { found: Option<u64> },
    /// The requests hash is not that of the empty list.
    #[error("requests hash {found:?} is not that of no requests")]
    RequestsHash { found: Option<B256> },
    /// The header has a field of a later fork.
    #[error("the header has the field {0}, which this fork does not know")]
    UnknownField(&'static str),
    /// The body has ommers.
    #[error("the body has {found} ommers")]
    Ommers { found: usize },
    /// The body's list of withdrawals is missing or not empty.
    #[error("the body must have an empty list of withdrawals")]
    Withdrawals,
    /// The encoded block is too large (EIP-7934).
    #[error("the block has {size} bytes, {MAX_BLOCK_SIZE} are allowed")]
    Size { size: usize },
    /// The body's transactions are not those of the header.
    #[error("transactions root {found}, expected {expected}")]
    TransactionsRoot { expected: B256, found: B256 },
    /// A transaction cannot be executed.
    #[error("transaction {index} ({hash}): {reason}")]
    Transaction { index: usize, hash: B256, reason: TransactionError },
    /// The transactions use other gas than the header says.
    #[error("gas used {found}, execution used {expected}")]
    GasUsed { expected: u64, found: u64 },
    /// Execution gives other receipts.
    #[error("receipts root {found}, execution gave {expected}")]
    ReceiptsRoot { expected: B256, found: B256 },
    /// Execution gives another bloom.
    #[error("the logs bloom is not that of the receipts")]
    LogsBloom { expected: Box<Bloom>, found: Box<Bloom> },
    /// Execution gives another state.
    #[error("state root {found}, execution gave {expected}")]
    StateRoot { expected: B256, found: B256 },
}

/// Checks `block` against its parent and executes it on `state`, the state after `parent`. A sender that `known_sender` does
/// not have (by transaction hash) is recovered; one that it has must be right, as it is not checked again.
///
/// # Errors
/// [`BlockError::Invalid`] with the first rule that the block breaks; anything else leaves open whether it is valid.
pub fn execute_block(
    spec: &ChainSpec,
    parent: &SealedHeader,
    block: Block,
    known_sender: &(dyn Fn(&B256) -> Option<Address> + Sync),
    state: &dyn StateReader,
) -> Result<ExecutedBlock, BlockError> {
    verify_header(spec, parent, &block.header)?;
    verify_body(&block)?;
    let (senders, found) =
        rayon::join(|| senders(&block, known_sender), || transactions_root(&block.body.transactions));
    let (found, header) = (found?, &block.header);
    if found != header.transactions_root {
        return Err(InvalidBlock::TransactionsRoot { expected: header.transactions_root, found }.into());
    }
    let senders = senders?;

    let mut executed = execute(spec, &block, &senders, state)?;
    let (expected, found) = (executed.gas_used, header.gas_used);
    if expected != found {
        return Err(InvalidBlock::GasUsed { expected, found }.into());
    }
    let roots = roots(state, parent.state_root, &mut executed)?;
    if roots.receipts != header.receipts_root {
        let (expected, found) = (roots.receipts, header.receipts_root);
        return Err(InvalidBlock::ReceiptsRoot { expected, found }.into());
    }
    if roots.bloom != header.logs_bloom {
        let (expected, found) = (Box::new(roots.bloom), Box::new(header.logs_bloom));
        return Err(InvalidBlock::LogsBloom { expected, found }.into());
    }
    if roots.state != header.state_root {
        // Make sure that it is the block and not a damaged trie: the check fails as a read failure in that case.
        let mut diff = executed.diff;
        let expected = trie::recheck(state, parent.state_root, &mut diff)?;
        return Err(InvalidBlock::StateRoot { expected, found: header.state_root }.into());
    }
    let hash = header.hash_slow();
    Ok(ExecutedBlock { block, hash, senders, receipts: executed.receipts, diff: executed.diff })
}

fn verify_body(block: &Block) -> Result<(), InvalidBlock> {
    if !block.body.ommers.is_empty() {
        return Err(InvalidBlock::Ommers { found: block.body.ommers.len() });
    }
    if block.body.withdrawals.as_ref().is_none_or(|withdrawals| !withdrawals.is_empty()) {
        return Err(InvalidBlock::Withdrawals);
    }
    let size = block.length();
    if size > MAX_BLOCK_SIZE {
        return Err(InvalidBlock::Size { size });
    }
    Ok(())
}

fn senders(
    block: &Block,
    known_sender: &(dyn Fn(&B256) -> Option<Address> + Sync),
) -> Result<Vec<Address>, InvalidBlock> {
    block
        .body
        .transactions
        .par_iter()
        .enumerate()
        .with_min_len(8)
        .map(|(index, transaction)| {
            let hash = transaction.tx_hash();
            known_sender(hash)
                .map_or_else(|| recover_signer(transaction), Ok)
                .map_err(|reason| InvalidBlock::Transaction { index, hash: *hash, reason })
        })
        .collect()
}

fn execute(
    spec: &ChainSpec,
    block: &Block,
    senders: &[Address],
    state: &dyn StateReader,
) -> Result<Executed, BlockError> {
    let mut executor = Executor::new(spec, &block.header, state).map_err(undecided)?;
    for (index, (transaction, sender)) in block.body.transactions.iter().zip(senders).enumerate() {
        executor.execute(transaction, *sender).map_err(|failure| match failure {
            Failure::Transaction(reason) => {
                InvalidBlock::Transaction { index, hash: *transaction.tx_hash(), reason }.into()
            }
            other => undecided(other),
        })?;
    }
    executor.finish().map_err(undecided)
}

fn undecided(failure: Failure) -> BlockError {
    match failure {
        Failure::State(error) => BlockError::State(error),
        Failure::Evm(error) => BlockError::Evm(error),
        // Only a transaction fails as such, and it is named where it is executed.
        Failure::Transaction(error) => BlockError::Evm(error.to_string()),
    }
}
