//! Finding the gas limit that a call needs.

use alloy_consensus::Header;
use alloy_primitives::{Bytes, U256};
use revm::context::result::HaltReason;

use crate::{
    CallError, CallRequest, CallStatus, ChainSpec, MAX_TRANSACTION_GAS, StateReader, TransactionError, call::Simulation,
};

/// The search ends when the bounds are within this part of each other: an estimate is at most 1/64 too high.
const TOLERANCE: u64 = 64;

/// What a call inside a call may be given for nothing, so that a limit needs room for it.
const CALL_STIPEND: u64 = 2_300;

/// Why no gas limit was found.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EstimateError {
    /// The call reverts however much gas it has.
    #[error("execution reverted")]
    Reverted(Bytes),
    /// The call fails however much gas it has.
    #[error("execution failed: {0:?}")]
    Halted(HaltReason),
    /// The call needs more gas than it may have or the sender can pay for.
    #[error("gas required exceeds the allowance of {0}")]
    AboveAllowance(u64),
    /// The call could not be executed at all.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// The least gas limit, but for 1/64, with which a call inside the block of `header` succeeds on `state`, which is the state
/// after that block. The request's gas, the cap of one transaction, the block's gas limit and what the sender can pay at the
/// given gas price bound it.
///
/// # Errors
/// When the call fails with as much gas as it may have.
pub fn estimate_gas(
    spec: &ChainSpec,
    header: &Header,
    request: &CallRequest,
    state: &dyn StateReader,
) -> Result<u64, EstimateError> {
    let cap = allowance(header, request, state)?;
    let mut simulation = Simulation::new(spec, header, request, state)?;
    let at_cap = match simulation.run(cap) {
        Err(CallError::Invalid(TransactionError::IntrinsicGas { .. })) => {
            return Err(EstimateError::AboveAllowance(cap));
        }
        other => other?,
    };
    match at_cap.status {
        CallStatus::Success => {}
        CallStatus::Revert => return Err(EstimateError::Reverted(at_cap.output)),
        CallStatus::Halt(HaltReason::OutOfGas(_)) => return Err(EstimateError::AboveAllowance(cap)),
        CallStatus::Halt(reason) => return Err(EstimateError::Halted(reason)),
    }
    let mut enough = cap;
    let mut too_little = at_cap.gas_used.saturating_sub(1);
    // Most calls need what they spent, and what a 64th part held back and the stipend add to it.
    let mut guess = (at_cap.gas_spent.saturating_add(CALL_STIPEND)).saturating_mul(64) / 63;
    if at_cap.gas_spent == at_cap.gas_used && succeeds(&mut simulation, at_cap.gas_spent)? {
        return Ok(at_cap.gas_spent);
    }
    while too_little + 1 < enough && enough - too_little > enough / TOLERANCE {
        if guess <= too_little || guess >= enough {
            guess = too_little + (enough - too_little) / 2;
        }
        if succeeds(&mut simulation, guess)? {
            enough = guess;
        } else {
            too_little = guess;
        }
        guess = 0;
    }
    Ok(enough)
}

fn succeeds(simulation: &mut Simulation<'_>, gas: u64) -> Result<bool, EstimateError> {
    match simulation.run(gas) {
        Ok(outcome) => Ok(outcome.status == CallStatus::Success),
        Err(CallError::Invalid(TransactionError::IntrinsicGas { .. })) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn allowance(header: &Header, request: &CallRequest, state: &dyn StateReader) -> Result<u64, EstimateError> {
    let cap = request.gas.unwrap_or(u64::MAX).min(header.gas_limit).min(MAX_TRANSACTION_GAS);
    if request.gas_price == 0 {
        return Ok(cap);
    }
    let balance = state.account(request.from).map_err(CallError::from)?.map_or(U256::ZERO, |account| account.balance);
    let Some(for_gas) = balance.checked_sub(request.value) else {
        let cost = request.value;
        return Err(CallError::Invalid(TransactionError::InsufficientFunds { cost, balance }).into());
    };
    let affordable = for_gas / U256::from(request.gas_price);
    Ok(cap.min(u64::try_from(affordable).unwrap_or(u64::MAX)))
}
