//! The leader's half: building a block.

use std::{borrow::Borrow, fmt};

use alloy_consensus::BlockBody;
use alloy_eips::eip4895::Withdrawals;
use alloy_primitives::{Address, B256};
use alloy_rlp::Encodable;

use crate::{
    Block, BlockAttributes, ChainSpec, ExecutedBlock, MAX_BLOCK_SIZE, MAX_EXTRA_DATA_SIZE, RecoveredTransaction,
    SealedHeader, StateError, StateReader, Transaction, TransactionError,
    assemble::{roots, transactions_root},
    evm::{Executor, Failure},
    header::next_header,
};

/// Room for the header and the lists' prefixes, in bytes: more than the largest header takes.
const HEADER_ROOM: usize = 1_024;

/// The gas of the cheapest transaction: with less left, a block is full.
const CHEAPEST_TRANSACTION: u64 = 21_000;

/// After so many transactions that do not fit, a block is full.
const MAX_MISFITS: usize = 64;

/// When to stop adding transactions, beside the gas limit.
pub struct BuildLimits<'a> {
    /// The largest encoded block, in bytes; at most [`MAX_BLOCK_SIZE`] counts.
    pub max_bytes: usize,
    /// Asked before every transaction; `false` closes the block. It must be cheap.
    pub keep_going: &'a mut dyn FnMut() -> bool,
}

impl fmt::Debug for BuildLimits<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BuildLimits").field("max_bytes", &self.max_bytes).finish_non_exhaustive()
    }
}

/// A block that was built.
#[derive(Clone, Debug)]
pub struct BuiltBlock {
    /// The block, executed.
    pub executed: ExecutedBlock,
    /// The transactions that were tried and left out, by hash, in order.
    pub skipped: Vec<(B256, TransactionError)>,
}

/// Why no block could be built.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ExecutionError {
    /// The state could not be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The attributes would make an invalid block.
    #[error("the block's attributes are not valid: {0}")]
    Attributes(String),
    /// The EVM failed for reasons of its own.
    #[error("the EVM failed: {0}")]
    Evm(String),
}

impl From<Failure> for ExecutionError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::State(error) => Self::State(error),
            Failure::Evm(error) => Self::Evm(error),
            // Only transactions fail as such, and the builder skips those.
            Failure::Transaction(error) => Self::Evm(error.to_string()),
        }
    }
}

/// Builds the block after `parent` from `transactions` in the given order, until gas, size or time is out. What cannot be
/// executed is skipped and reported. `state` is the state after `parent`.
///
/// # Errors
/// When the state cannot be read or the attributes are not valid; a transaction never makes building fail.
pub fn build_block<T: Borrow<RecoveredTransaction>>(
    spec: &ChainSpec,
    parent: &SealedHeader,
    attributes: &BlockAttributes,
    transactions: impl IntoIterator<Item = T>,
    mut limits: BuildLimits<'_>,
    state: &dyn StateReader,
) -> Result<BuiltBlock, ExecutionError> {
    check_attributes(parent, attributes)?;
    let mut header = next_header(spec, parent, attributes);
    let mut executor = Executor::new(spec, &header, state)?;
    let filled = fill(&mut executor, transactions, &mut limits)?;
    let mut executed = executor.finish()?;

    let (roots, transactions_root) =
        rayon::join(|| roots(state, parent.state_root, &mut executed), || transactions_root(&filled.transactions));
    let roots = roots?;
    header.transactions_root = transactions_root?;
    header.state_root = roots.state;
    header.receipts_root = roots.receipts;
    header.logs_bloom = roots.bloom;
    header.gas_used = executed.gas_used;
    let hash = header.hash_slow();
    let body =
        BlockBody { transactions: filled.transactions, ommers: Vec::new(), withdrawals: Some(Withdrawals::default()) };
    let executed = ExecutedBlock {
        block: Block { header, body },
        hash,
        senders: filled.senders,
        receipts: executed.receipts,
        diff: executed.diff,
    };
    Ok(BuiltBlock { executed, skipped: filled.skipped })
}

fn check_attributes(parent: &SealedHeader, attributes: &BlockAttributes) -> Result<(), ExecutionError> {
    if attributes.timestamp < parent.timestamp {
        return Err(ExecutionError::Attributes(format!(
            "timestamp {} is before the parent's, {}",
            attributes.timestamp, parent.timestamp
        )));
    }
    if attributes.extra_data.len() > MAX_EXTRA_DATA_SIZE {
        return Err(ExecutionError::Attributes(format!(
            "extra data of {} bytes, {MAX_EXTRA_DATA_SIZE} are allowed",
            attributes.extra_data.len()
        )));
    }
    Ok(())
}

#[derive(Default)]
struct Filled {
    transactions: Vec<Transaction>,
    senders: Vec<Address>,
    skipped: Vec<(B256, TransactionError)>,
}

fn fill<T: Borrow<RecoveredTransaction>>(
    executor: &mut Executor<'_>,
    transactions: impl IntoIterator<Item = T>,
    limits: &mut BuildLimits<'_>,
) -> Result<Filled, Failure> {
    let mut filled = Filled::default();
    let mut bytes_left = limits.max_bytes.min(MAX_BLOCK_SIZE).saturating_sub(HEADER_ROOM);
    let mut misfits = 0;
    for transaction in transactions {
        if misfits >= MAX_MISFITS || executor.gas_left() < CHEAPEST_TRANSACTION || !(limits.keep_going)() {
            break;
        }
        let recovered: &RecoveredTransaction = transaction.borrow();
        let (transaction, sender) = (recovered.inner(), recovered.signer());
        let size = transaction.length();
        let outcome = if size > bytes_left {
            Err(Failure::Transaction(TransactionError::DoesNotFitSize { size, left: bytes_left }))
        } else {
            executor.execute(transaction, sender)
        };
        match outcome {
            Ok(()) => {
                bytes_left -= size;
                filled.transactions.push(transaction.clone());
                filled.senders.push(sender);
            }
            Err(Failure::Transaction(reason)) => {
                let misfit =
                    matches!(reason, TransactionError::DoesNotFit { .. } | TransactionError::DoesNotFitSize { .. });
                misfits += usize::from(misfit);
                filled.skipped.push((*transaction.tx_hash(), reason));
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(filled)
}
