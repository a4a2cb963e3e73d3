//! Executing a call without a transaction, as `eth_call` does.

use alloy_consensus::Header;
use alloy_eips::{eip2930::AccessList, eip7702::SignedAuthorization};
use alloy_primitives::{Address, Bytes, Log, TxKind, U256};
use revm::{
    ExecuteEvm,
    context::{
        TxEnv,
        result::{ExecutionResult, HaltReason},
    },
    context_interface::either::Either,
};

use crate::{
    ChainSpec, StateError, StateReader, TransactionError,
    evm::{BlockDatabase, Evm, Failure, block_env, evm},
};

/// The gas of a call that names none, and the most that one may name.
pub const CALL_GAS_CAP: u64 = 50_000_000;

/// A call to simulate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallRequest {
    /// The sender. It may be anyone, contracts included.
    pub from: Address,
    /// The recipient; `None` creates a contract.
    pub to: Option<Address>,
    /// Value to send, in wei; the sender must have it.
    pub value: U256,
    /// Input or initcode.
    pub data: Bytes,
    /// Gas limit, capped at [`CALL_GAS_CAP`]; the cap when `None`.
    pub gas: Option<u64>,
    /// Price, or fee cap, per gas in wei. Zero leaves the base fee out of account; otherwise the sender must afford it.
    pub gas_price: u128,
    /// Priority fee per gas in wei, for a call in the manner of EIP-1559.
    pub priority_fee: Option<u128>,
    /// The sender's nonce, which matters to the address of a new contract; the account's when `None`.
    pub nonce: Option<u64>,
    /// Addresses and slots that start warm (EIP-2930).
    pub access_list: AccessList,
    /// Delegations to apply first (EIP-7702).
    pub authorization_list: Vec<SignedAuthorization>,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallStatus {
    /// It returned.
    Success,
    /// It reverted; the output says why.
    Revert,
    /// It failed and lost all its gas.
    Halt(HaltReason),
}

/// What a call gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallOutcome {
    /// How it ended.
    pub status: CallStatus,
    /// What it returned or reverted with.
    pub output: Bytes,
    /// The address of the contract that it created, if it did.
    pub created: Option<Address>,
    /// The gas it used, refunds deducted.
    pub gas_used: u64,
    /// The gas it spent before refunds, which a limit must leave room for.
    pub gas_spent: u64,
    /// The logs it emitted; none unless it succeeded.
    pub logs: Vec<Log>,
}

/// Why a call could not be executed at all.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CallError {
    /// The call is not valid as a transaction.
    #[error(transparent)]
    Invalid(#[from] TransactionError),
    /// The state could not be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The EVM failed for reasons of its own.
    #[error("the EVM failed: {0}")]
    Evm(String),
}

impl From<Failure> for CallError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Transaction(error) => Self::Invalid(error),
            Failure::State(error) => Self::State(error),
            Failure::Evm(error) => Self::Evm(error),
        }
    }
}

/// Executes a call inside the block of `header`, on `state`, which is the state after that block. Nothing is changed. Nonces
/// are not checked, a contract may be the sender, and with a gas price of zero the base fee does not matter.
///
/// # Errors
/// When the call could not be executed; one that reverts or halts is an outcome.
pub fn call(
    spec: &ChainSpec,
    header: &Header,
    request: &CallRequest,
    state: &dyn StateReader,
) -> Result<CallOutcome, CallError> {
    let gas = request.gas.unwrap_or(CALL_GAS_CAP).min(CALL_GAS_CAP);
    Simulation::new(spec, header, request, state)?.run(gas)
}

/// A call that can be executed several times with different gas.
pub(crate) struct Simulation<'a> {
    evm: Evm<'a>,
    transaction: TxEnv,
}

impl<'a> Simulation<'a> {
    pub(crate) fn new(
        spec: &ChainSpec,
        header: &Header,
        request: &CallRequest,
        state: &'a dyn StateReader,
    ) -> Result<Self, CallError> {
        let nonce = match request.nonce {
            Some(nonce) => nonce,
            None => state.account(request.from)?.map_or(0, |account| account.nonce),
        };
        let mut cfg = spec.cfg();
        cfg.disable_nonce_check = true;
        cfg.disable_eip3607 = true;
        cfg.disable_block_gas_limit = true;
        cfg.disable_base_fee = request.gas_price == 0;
        cfg.tx_gas_limit_cap = Some(u64::MAX);
        let database = BlockDatabase::new(state, (header.number.saturating_sub(1), header.parent_hash));
        let evm = evm(database, cfg, block_env(header));
        Ok(Self { evm, transaction: transaction(spec, request, nonce) })
    }

    /// Executes the call with the given gas limit, on the state as it was.
    pub(crate) fn run(&mut self, gas: u64) -> Result<CallOutcome, CallError> {
        let transaction = TxEnv { gas_limit: gas, ..self.transaction.clone() };
        let result = self.evm.transact(transaction).map_err(Failure::from)?.result;
        Ok(outcome(result))
    }
}

fn transaction(spec: &ChainSpec, request: &CallRequest, nonce: u64) -> TxEnv {
    let CallRequest {
        from,
        to,
        value,
        data,
        gas: _,
        gas_price,
        priority_fee,
        nonce: _,
        access_list,
        authorization_list,
    } = request;
    let tx_type = match (authorization_list.is_empty(), priority_fee, access_list.is_empty()) {
        (false, _, _) => 4,
        (true, Some(_), _) => 2,
        (true, None, false) => 1,
        (true, None, true) => 0,
    };
    TxEnv {
        tx_type,
        caller: *from,
        gas_limit: 0,
        gas_price: *gas_price,
        kind: to.map_or(TxKind::Create, TxKind::Call),
        value: *value,
        data: data.clone(),
        nonce,
        chain_id: Some(spec.chain_id()),
        access_list: access_list.clone(),
        gas_priority_fee: if tx_type >= 2 { Some(priority_fee.unwrap_or_default()) } else { None },
        blob_hashes: Vec::new(),
        max_fee_per_blob_gas: 0,
        authorization_list: authorization_list.iter().cloned().map(Either::Left).collect(),
    }
}

fn outcome(result: ExecutionResult) -> CallOutcome {
    let (gas_used, gas_spent) = (result.tx_gas_used(), result.gas().total_gas_spent());
    match result {
        ExecutionResult::Success { logs, output, .. } => CallOutcome {
            status: CallStatus::Success,
            created: output.address().copied(),
            output: output.into_data(),
            gas_used,
            gas_spent,
            logs,
        },
        ExecutionResult::Revert { output, .. } => {
            CallOutcome { status: CallStatus::Revert, output, created: None, gas_used, gas_spent, logs: Vec::new() }
        }
        ExecutionResult::Halt { reason, .. } => CallOutcome {
            status: CallStatus::Halt(reason),
            output: Bytes::new(),
            created: None,
            gas_used,
            gas_spent,
            logs: Vec::new(),
        },
    }
}
