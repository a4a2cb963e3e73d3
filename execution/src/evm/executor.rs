//! Executing the transactions of one block.

use alloy_consensus::Header;
use alloy_eips::{eip2935::HISTORY_STORAGE_ADDRESS, eip4788::BEACON_ROOTS_ADDRESS};
use alloy_primitives::{Address, B256, Bytes, U256};
use revm::{
    ExecuteEvm, SystemCallEvm,
    context::{ContextTr, JournalTr, result::EVMError},
};

use super::{BlockDatabase, Evm, block_env, changes::changes, evm, transaction_env};
use crate::{
    ChainSpec, Receipt, StateDiff, StateError, StateReader, Transaction, TransactionError, transactions::check_kind,
};

/// Why something could not be executed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The transaction is not valid here; nothing has changed.
    Transaction(TransactionError),
    /// The state could not be read.
    State(StateError),
    /// The EVM failed for reasons of its own, such as a precompile's set-up.
    Evm(String),
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

impl From<EVMError<StateError>> for Failure {
    fn from(error: EVMError<StateError>) -> Self {
        match error {
            EVMError::Transaction(error) => Self::Transaction(error.into()),
            EVMError::Database(error) => Self::State(error),
            EVMError::Header(error) => Self::Evm(error.to_string()),
            EVMError::Custom(error) => Self::Evm(error),
            EVMError::CustomAny(error) => Self::Evm(error.to_string()),
        }
    }
}

/// What executing a block's transactions gave.
#[derive(Debug)]
pub(crate) struct Executed {
    /// The receipts in order.
    pub(crate) receipts: Vec<Receipt>,
    /// The gas that all transactions used.
    pub(crate) gas_used: u64,
    /// The changes; trie nodes and storage roots are still to come.
    pub(crate) diff: StateDiff,
}

/// Executes the transactions of one block, in order.
pub(crate) struct Executor<'a> {
    evm: Evm<'a>,
    spec: ChainSpec,
    gas_limit: u64,
    gas_used: u64,
    base_fee: u64,
    receipts: Vec<Receipt>,
}

impl<'a> Executor<'a> {
    /// Starts the block that `header` describes (its roots, bloom and gas used are not looked at) on the state of its
    /// parent, and makes the system calls that open a block.
    pub(crate) fn new(spec: &ChainSpec, header: &Header, state: &'a dyn StateReader) -> Result<Self, Failure> {
        let database = BlockDatabase::new(state, (header.number.saturating_sub(1), header.parent_hash));
        let mut executor = Self {
            evm: evm(database, spec.cfg(), block_env(header)),
            spec: *spec,
            gas_limit: header.gas_limit,
            gas_used: 0,
            base_fee: header.base_fee_per_gas.unwrap_or_default(),
            receipts: Vec::new(),
        };
        let beacon_root = header.parent_beacon_block_root.unwrap_or_default();
        executor.system_call(BEACON_ROOTS_ADDRESS, beacon_root)?;
        executor.system_call(HISTORY_STORAGE_ADDRESS, header.parent_hash)?;
        Ok(executor)
    }

    /// Calls a system contract. That it is not deployed, or reverts, has no consequence (EIP-4788, EIP-2935).
    fn system_call(&mut self, contract: Address, word: B256) -> Result<(), Failure> {
        if self.evm.ctx.db_mut().account_before(contract)?.is_none() {
            return Ok(());
        }
        self.evm.system_call_one(contract, Bytes::copy_from_slice(word.as_slice()))?;
        Ok(())
    }

    /// The gas that is left for further transactions.
    pub(crate) const fn gas_left(&self) -> u64 {
        self.gas_limit - self.gas_used
    }

    /// Executes the next transaction, or leaves everything as it was.
    pub(crate) fn execute(&mut self, transaction: &Transaction, sender: Address) -> Result<(), Failure> {
        check_kind(&self.spec, transaction).map_err(Failure::Transaction)?;
        let env = transaction_env(transaction, sender);
        let (limit, left) = (env.gas_limit, self.gas_left());
        if limit > left {
            return Err(Failure::Transaction(TransactionError::DoesNotFit { limit, left }));
        }
        let result = self.evm.transact_one(env)?;
        // At most the gas limit that was just checked against what is left.
        self.gas_used += result.tx_gas_used();
        self.receipts.push(Receipt {
            tx_type: transaction.tx_type(),
            success: result.is_success(),
            cumulative_gas_used: self.gas_used,
            logs: if result.is_success() { result.into_logs() } else { Vec::new() },
        });
        Ok(())
    }

    /// Closes the block: credits the base fee where it has a recipient, and reads the changes off.
    pub(crate) fn finish(mut self) -> Result<Executed, Failure> {
        if let Some(recipient) = self.spec.base_fee_recipient() {
            let amount = U256::from(self.base_fee) * U256::from(self.gas_used);
            if !amount.is_zero() {
                self.evm.ctx.journal_mut().balance_incr(recipient, amount)?;
            }
        }
        let journal = self.evm.finalize();
        let diff = changes(self.evm.ctx.db_mut(), journal)?;
        Ok(Executed { receipts: self.receipts, gas_used: self.gas_used, diff })
    }
}
