//! Transactions for a chain that belongs to a measurement.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::Bytes;
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use eyre::WrapErr;

/// The chain id of everything that is measured; it belongs to no public chain.
pub(crate) const CHAIN_ID: u64 = 2_280_766;

/// Fees far above what any of the chains asks.
pub(crate) fn template() -> TxEip1559 {
    TxEip1559 {
        chain_id: CHAIN_ID,
        max_fee_per_gas: 100_000_000_000,
        max_priority_fee_per_gas: 1_000_000_000,
        ..TxEip1559::default()
    }
}

/// Signs a transaction and encodes it for the wire (EIP-2718).
pub(crate) fn sign(signer: &PrivateKeySigner, transaction: TxEip1559) -> eyre::Result<Bytes> {
    let signature = signer.sign_hash_sync(&transaction.signature_hash()).wrap_err("cannot sign")?;
    Ok(TxEnvelope::from(transaction.into_signed(signature)).encoded_2718().into())
}
