//! The rules of headers: what a header must be given its parent, and what the next one is.

use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header, constants::EMPTY_WITHDRAWALS};
use alloy_eips::eip7685::EMPTY_REQUESTS_HASH;
use alloy_primitives::{B64, B256, U256};

use crate::{BlockAttributes, ChainSpec, InvalidBlock, MAX_EXTRA_DATA_SIZE, MIN_GAS_LIMIT, SealedHeader};

/// A gas limit changes by less than this part of its parent's.
const GAS_LIMIT_BOUND_DIVISOR: u64 = 1_024;

/// The largest gas limit of a block.
const MAX_GAS_LIMIT: u64 = i64::MAX as u64;

/// The base fee of the block after `parent`, in wei (EIP-1559).
#[must_use]
pub fn next_base_fee(spec: &ChainSpec, parent: &Header) -> u64 {
    // Every block of this chain has a base fee; for a header of elsewhere, the lowest stands in.
    parent.next_block_base_fee(spec.base_fee_params()).unwrap_or_default()
}

/// The gas limit of the block after `parent`: as near to `target` as the rules allow.
#[must_use]
pub fn next_gas_limit(parent: &Header, target: u64) -> u64 {
    let step = max_gas_limit_step(parent.gas_limit);
    target
        .clamp(parent.gas_limit.saturating_sub(step), parent.gas_limit.saturating_add(step))
        .clamp(MIN_GAS_LIMIT, MAX_GAS_LIMIT)
}

const fn max_gas_limit_step(parent: u64) -> u64 {
    (parent / GAS_LIMIT_BOUND_DIVISOR).saturating_sub(1)
}

/// The header of the block after `parent`, but for what execution finds out: roots, bloom and gas used.
pub(crate) fn next_header(spec: &ChainSpec, parent: &SealedHeader, attributes: &BlockAttributes) -> Header {
    Header {
        parent_hash: parent.hash(),
        beneficiary: attributes.beneficiary,
        number: parent.number.saturating_add(1),
        gas_limit: next_gas_limit(parent, attributes.gas_limit),
        timestamp: attributes.timestamp,
        extra_data: attributes.extra_data.clone(),
        base_fee_per_gas: Some(next_base_fee(spec, parent)),
        parent_beacon_block_root: Some(attributes.parent_beacon_block_root),
        ..constant_fields()
    }
}

/// The fields that are the same in every block.
pub(crate) fn constant_fields() -> Header {
    Header {
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        difficulty: U256::ZERO,
        mix_hash: B256::ZERO,
        nonce: B64::ZERO,
        withdrawals_root: Some(EMPTY_WITHDRAWALS),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        requests_hash: Some(EMPTY_REQUESTS_HASH),
        ..Header::default()
    }
}

/// Checks a header against its parent: everything that needs neither the body nor the state.
///
/// # Errors
/// The first rule that the header breaks.
pub fn verify_header(spec: &ChainSpec, parent: &SealedHeader, header: &Header) -> Result<(), InvalidBlock> {
    verify_place(parent, header)?;
    verify_gas(spec, parent, header)?;
    verify_constants(header)
}

fn verify_place(parent: &SealedHeader, header: &Header) -> Result<(), InvalidBlock> {
    let expected = parent.number.checked_add(1);
    if expected != Some(header.number) {
        return Err(InvalidBlock::Number { expected: expected.unwrap_or(u64::MAX), found: header.number });
    }
    if header.parent_hash != parent.hash() {
        return Err(InvalidBlock::ParentHash { expected: parent.hash(), found: header.parent_hash });
    }
    if header.timestamp < parent.timestamp {
        return Err(InvalidBlock::Timestamp { parent: parent.timestamp, found: header.timestamp });
    }
    if header.extra_data.len() > MAX_EXTRA_DATA_SIZE {
        return Err(InvalidBlock::ExtraData { size: header.extra_data.len() });
    }
    if header.parent_beacon_block_root.is_none() {
        return Err(InvalidBlock::NoParentBeaconBlockRoot);
    }
    Ok(())
}

fn verify_gas(spec: &ChainSpec, parent: &Header, header: &Header) -> Result<(), InvalidBlock> {
    let bounds = MIN_GAS_LIMIT..=MAX_GAS_LIMIT;
    if !bounds.contains(&header.gas_limit)
        || header.gas_limit.abs_diff(parent.gas_limit) > max_gas_limit_step(parent.gas_limit)
    {
        return Err(InvalidBlock::GasLimit { parent: parent.gas_limit, found: header.gas_limit });
    }
    if header.gas_used > header.gas_limit {
        return Err(InvalidBlock::GasUsedAboveLimit { limit: header.gas_limit, found: header.gas_used });
    }
    let expected = next_base_fee(spec, parent);
    if header.base_fee_per_gas != Some(expected) {
        return Err(InvalidBlock::BaseFee { expected, found: header.base_fee_per_gas });
    }
    Ok(())
}

fn verify_constants(header: &Header) -> Result<(), InvalidBlock> {
    let expected = constant_fields();
    if header.ommers_hash != expected.ommers_hash {
        return Err(InvalidBlock::OmmersHash { found: header.ommers_hash });
    }
    if header.difficulty != expected.difficulty {
        return Err(InvalidBlock::Difficulty { found: header.difficulty });
    }
    if header.mix_hash != expected.mix_hash {
        return Err(InvalidBlock::MixHash { found: header.mix_hash });
    }
    if header.nonce != expected.nonce {
        return Err(InvalidBlock::Nonce { found: header.nonce });
    }
    if header.withdrawals_root != expected.withdrawals_root {
        return Err(InvalidBlock::WithdrawalsRoot { found: header.withdrawals_root });
    }
    if header.blob_gas_used != expected.blob_gas_used {
        return Err(InvalidBlock::BlobGasUsed { found: header.blob_gas_used });
    }
    if header.excess_blob_gas != expected.excess_blob_gas {
        return Err(InvalidBlock::ExcessBlobGas { found: header.excess_blob_gas });
    }
    if header.requests_hash != expected.requests_hash {
        return Err(InvalidBlock::RequestsHash { found: header.requests_hash });
    }
    if header.block_access_list_hash.is_some() {
        return Err(InvalidBlock::UnknownField("block_access_list_hash"));
    }
    if header.slot_number.is_some() {
        return Err(InvalidBlock::UnknownField("slot_number"));
    }
    Ok(())
}
