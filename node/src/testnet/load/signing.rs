//! Making transactions ahead of time, so that signing does not slow sending down.

use super::token;
use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use eyre::WrapErr;
use rayon::prelude::*;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// How many transactions are signed at once.
const CHUNK: u64 = 256;

/// Far above the base fee of a test network: 100 gwei.
const MAX_FEE: u128 = 100_000_000_000;

/// What the leader earns: 1 gwei.
const PRIORITY_FEE: u128 = 1_000_000_000;

/// The gas of a transfer.
const TRANSFER_GAS: u64 = 21_000;

/// Enough for a token transfer.
const TOKEN_GAS: u64 = 80_000;

/// A transaction, ready to be sent.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    pub(super) hash: B256,
    pub(super) raw: Bytes,
}

/// Where the transactions of a lane come from.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) chain_id: u64,
    /// The token that half of them call.
    pub(super) token: Address,
    /// Whose turn it is goes round.
    pub(super) senders: Vec<PrivateKeySigner>,
    /// Who receives goes round as well.
    pub(super) recipients: Arc<[Address]>,
}

impl Source {
    /// Starts signing on a thread of its own, and keeps `ahead` transactions in the queue; the second receiver resolves
    /// once they are. The thread ends with the queue's receiver.
    pub(super) fn start(self, ahead: u64) -> eyre::Result<(mpsc::Receiver<Vec<Prepared>>, oneshot::Receiver<()>)> {
        let chunks = ahead.div_ceil(CHUNK).max(1);
        let (queue, receiver) = mpsc::channel(usize::try_from(chunks).unwrap_or(usize::MAX).min(1 << 16));
        let (ready, filled) = oneshot::channel();
        let mut ready = Some(ready);
        let work = move || {
            for chunk in 0u64.. {
                let numbers = chunk * CHUNK..(chunk + 1) * CHUNK;
                let signed: Result<Vec<_>, _> = numbers.into_par_iter().map(|number| self.make(number)).collect();
                let Ok(signed) = signed else { return };
                if queue.blocking_send(signed).is_err() {
                    return;
                }
                if chunk + 1 >= chunks
                    && let Some(ready) = ready.take()
                {
                    // Nobody waits any more once the run was given up.
                    let _ = ready.send(());
                }
            }
        };
        std::thread::Builder::new().name("signer".to_owned()).spawn(work).wrap_err("cannot start a signing thread")?;
        Ok((receiver, filled))
    }

    /// The transaction of this number: senders take turns, and transfers and token calls do.
    fn make(&self, number: u64) -> eyre::Result<Prepared> {
        let count = self.senders.len() as u64;
        let (turn, nonce) = (number % count, number / count);
        let sender = &self.senders[turn as usize];
        let recipient = self.recipients[(number as usize).wrapping_add(1) % self.recipients.len()];
        let is_token = (turn + nonce) % 2 == 1;
        let (to, value, input, gas_limit) = match is_token {
            true => (self.token, U256::ZERO, token::transfer(recipient, U256::from(1)), TOKEN_GAS),
            false => (recipient, U256::from(1), Bytes::new(), TRANSFER_GAS),
        };
        let to = TxKind::Call(to);
        sign(sender, TxEip1559 { to, value, input, gas_limit, ..template(self.chain_id, nonce) })
    }
}

/// A transaction with its fees, for the caller to fill in.
pub(super) fn template(chain_id: u64, nonce: u64) -> TxEip1559 {
    TxEip1559 {
        chain_id,
        nonce,
        max_fee_per_gas: MAX_FEE,
        max_priority_fee_per_gas: PRIORITY_FEE,
        ..TxEip1559::default()
    }
}

/// Signs a transaction and encodes it for the wire.
pub(super) fn sign(signer: &PrivateKeySigner, transaction: TxEip1559) -> eyre::Result<Prepared> {
    let signature = signer.sign_hash_sync(&transaction.signature_hash()).wrap_err("cannot sign a transaction")?;
    let envelope = TxEnvelope::from(transaction.into_signed(signature));
    Ok(Prepared { hash: *envelope.tx_hash(), raw: envelope.encoded_2718().into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testnet::accounts::Accounts;
    use alloy_consensus::{Transaction, transaction::SignerRecoverable};
    use alloy_eips::eip2718::Decodable2718;

    #[test]
    fn senders_take_turns_with_rising_nonces() {
        let senders = Accounts::derive(3).unwrap().senders;
        let recipients = senders.iter().map(PrivateKeySigner::address).collect();
        let source = Source { chain_id: 7, token: Address::repeat_byte(9), senders, recipients };
        let mut tokens = 0;
        for number in 0..12 {
            let prepared = source.make(number).unwrap();
            let envelope = TxEnvelope::decode_2718_exact(&prepared.raw).unwrap();
            assert_eq!(*envelope.tx_hash(), prepared.hash);
            assert_eq!(envelope.recover_signer().unwrap(), source.senders[(number % 3) as usize].address());
            assert_eq!(envelope.nonce(), number / 3);
            tokens += usize::from(envelope.to() == Some(source.token));
        }
        assert_eq!(tokens, 6);
    }

    #[tokio::test]
    async fn a_source_signs_ahead() {
        let senders = Accounts::derive(2).unwrap().senders;
        let recipients = senders.iter().map(PrivateKeySigner::address).collect();
        let source = Source { chain_id: 7, token: Address::ZERO, senders, recipients };
        let (mut queue, ready) = source.start(300).unwrap();
        ready.await.unwrap();
        assert_eq!(queue.recv().await.unwrap().len() as u64, CHUNK);
    }
}
