//! Accounts that sign.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::{
    eip2718::Encodable2718,
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, keccak256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use eyre::WrapErr;

/// What transactions pay: far above any base fee here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fees;

impl Fees {
    pub(crate) const MAX: u128 = 100_000_000_000;
    pub(crate) const PRIORITY: u128 = 1_000_000_000;
}

/// A transaction, ready to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Signed {
    pub(crate) hash: B256,
    pub(crate) raw: Bytes,
}

/// An account with a key, which counts its nonces.
#[derive(Clone, Debug)]
pub(crate) struct Wallet {
    signer: PrivateKeySigner,
    chain_id: u64,
    pub(crate) nonce: u64,
}

/// As many wallets as asked for. Their keys are public knowledge.
pub(crate) fn wallets(chain_id: u64, count: usize) -> eyre::Result<Vec<Wallet>> {
    (0..count)
        .map(|index| {
            let key = keccak256(format!("baton end-to-end account {index}"));
            let signer = PrivateKeySigner::from_bytes(&key).wrap_err("cannot derive a test account")?;
            Ok(Wallet { signer, chain_id, nonce: 0 })
        })
        .collect()
}

impl Wallet {
    pub(crate) const fn address(&self) -> Address {
        self.signer.address()
    }

    /// The private key, for other programs.
    pub(crate) fn key(&self) -> B256 {
        self.signer.to_bytes()
    }

    /// The next nonce, which counts as used.
    pub(crate) const fn take_nonce(&mut self) -> u64 {
        let nonce = self.nonce;
        self.nonce += 1;
        nonce
    }

    /// Signs any transaction.
    pub(crate) fn sign<T>(&self, transaction: T) -> eyre::Result<Signed>
    where
        T: SignableTransaction<Signature>,
        TxEnvelope: From<alloy_consensus::Signed<T>>,
    {
        let signature = self.signer.sign_hash_sync(&transaction.signature_hash()).wrap_err("cannot sign")?;
        let envelope = TxEnvelope::from(transaction.into_signed(signature));
        Ok(Signed { hash: *envelope.tx_hash(), raw: envelope.encoded_2718().into() })
    }

    /// A transaction of type 2 with the next nonce.
    pub(crate) fn call(&mut self, to: TxKind, value: u64, input: impl Into<Bytes>, gas: u64) -> eyre::Result<Signed> {
        let transaction = TxEip1559 {
            chain_id: self.chain_id,
            nonce: self.take_nonce(),
            gas_limit: gas,
            max_fee_per_gas: Fees::MAX,
            max_priority_fee_per_gas: Fees::PRIORITY,
            to,
            value: U256::from(value),
            access_list: Default::default(),
            input: input.into(),
        };
        self.sign(transaction)
    }

    /// A transfer of wei.
    pub(crate) fn transfer(&mut self, to: Address, value: u64) -> eyre::Result<Signed> {
        self.call(TxKind::Call(to), value, Bytes::new(), 21_000)
    }

    /// Lets this account run the code of `address` (EIP-7702).
    pub(crate) fn authorize(&self, chain_id: u64, address: Address, nonce: u64) -> eyre::Result<SignedAuthorization> {
        let authorization = Authorization { chain_id: U256::from(chain_id), address, nonce };
        let signature = self.signer.sign_hash_sync(&authorization.signature_hash()).wrap_err("cannot sign")?;
        Ok(authorization.into_signed(signature))
    }
}
