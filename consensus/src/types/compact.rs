//! A block as gossip carries it: the header, the leader's signature, and the transactions by hash, which most pools have.
//! [ADR 14](../../../../docs/adr/0014-compact-blocks.md) says why.

use super::block::{BlockRef, CheckedHeader, ExtraData, MalformedBlock, SignedBlock, Transaction, VerifiedBlock};
use super::{Height, rlp_bytes};
use crate::codec;
use crate::messages::Proposal;
use crate::signing::{Signature, Signed, SigningContext, Verified};
use alloy_consensus::{BlockBody, Header};
use alloy_eips::{
    eip2718::{Decodable2718, Encodable2718},
    eip4895::Withdrawals,
};
use alloy_primitives::{Address, B256, Bytes, keccak256};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The most transactions of a block that travels compact: more than fit into the largest block.
pub const MAX_COMPACT_TRANSACTIONS: usize = 65_536;

/// A transaction's place in a compact block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CompactTransaction {
    /// The hash: who receives the block has the transaction, or asks for it.
    Hash(B256),
    /// The transaction in its EIP-2718 envelope, since it is so new that others may not have it.
    Whole(Bytes),
}

impl CompactTransaction {
    /// The hash of the transaction. Hashes a whole one.
    #[must_use]
    pub fn hash(&self) -> B256 {
        match self {
            Self::Hash(hash) => *hash,
            Self::Whole(raw) => keccak256(raw),
        }
    }
}

/// A block with its leader's signature, most transactions by hash: nothing is verified yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompactBlock {
    /// The header; as RLP on the wire.
    #[serde(with = "rlp_bytes")]
    pub header: Header,
    /// The leader's signature on the block's proposal.
    pub signature: Signature,
    /// The transactions in their order, at most [`MAX_COMPACT_TRANSACTIONS`].
    #[serde(deserialize_with = "codec::at_most::<_, _, MAX_COMPACT_TRANSACTIONS>")]
    pub transactions: Vec<CompactTransaction>,
}

impl CompactBlock {
    /// The compact form of a block. `travels_whole` says which transactions come along in full.
    #[must_use]
    pub fn of(block: &SignedBlock, mut travels_whole: impl FnMut(&Transaction) -> bool) -> Self {
        let place = |transaction: &Transaction| {
            if travels_whole(transaction) {
                CompactTransaction::Whole(transaction.encoded_2718().into())
            } else {
                CompactTransaction::Hash(*transaction.tx_hash())
            }
        };
        Self {
            header: block.block.header.clone(),
            signature: block.signature,
            transactions: block.block.body.transactions.iter().map(place).collect(),
        }
    }

    /// Era, term and epoch; none if the header does not say.
    #[must_use]
    pub fn position(&self) -> Option<ExtraData> {
        ExtraData::from_bytes(&self.header.extra_data)
    }

    /// Hashes the header, recovers the leader, and checks that the header names it as beneficiary and that it may lead.
    ///
    /// # Errors
    /// [`MalformedBlock`] if the header lacks what the protocol puts there, or the signature is not the beneficiary's or that
    /// of somebody who may not lead.
    pub fn verify_by(
        self: Arc<Self>,
        context: &SigningContext,
        may_lead: impl FnOnce(Address) -> bool,
    ) -> Result<VerifiedCompactBlock, MalformedBlock> {
        let checked = CheckedHeader::of(&self.header, self.signature, context, may_lead)?;
        Ok(VerifiedCompactBlock { compact: self, checked })
    }
}

/// A compact block whose leader's signature is checked. That its transactions are those of the header is not: the
/// signature covers the header alone, so whoever passed the block on may have changed them.
///
/// Cheap to clone. Made only by [`CompactBlock::verify_by`].
#[derive(Clone, Debug)]
pub struct VerifiedCompactBlock {
    compact: Arc<CompactBlock>,
    checked: CheckedHeader,
}

impl VerifiedCompactBlock {
    /// The hash of the header.
    #[must_use]
    pub const fn hash(&self) -> B256 {
        self.checked.hash
    }

    /// Height and hash.
    #[must_use]
    pub fn reference(&self) -> BlockRef {
        BlockRef { height: Height(self.compact.header.number), hash: self.checked.hash }
    }

    /// Who signed the block, which is its beneficiary.
    #[must_use]
    pub fn leader(&self) -> Address {
        self.compact.header.beneficiary
    }

    /// What the leader signed, with its signature, which was checked.
    #[must_use]
    pub fn verified_proposal(&self) -> Verified<Proposal> {
        let BlockRef { height, hash } = self.reference();
        let message = Proposal::new(self.checked.position, height, hash);
        Verified::of_checked(Signed { message, signature: self.compact.signature }, self.leader())
    }

    /// The transactions in their order.
    #[must_use]
    pub fn transactions(&self) -> &[CompactTransaction] {
        &self.compact.transactions
    }

    /// The whole block, of the transactions of these hashes in this order.
    ///
    /// # Errors
    /// [`MalformedBlock`] if they are not what the header says.
    pub fn complete(&self, transactions: Vec<Transaction>) -> Result<VerifiedBlock, MalformedBlock> {
        let header = self.compact.header.clone();
        let withdrawals = header.withdrawals_root.map(|_| Withdrawals::default());
        let body = BlockBody { transactions, ommers: Vec::new(), withdrawals };
        let block = super::Block { header, body };
        self.checked.with_body(Arc::new(SignedBlock { block, signature: self.compact.signature }))
    }
}

/// Reads a transaction from its EIP-2718 envelope; none if it is not exactly one in the canonical encoding.
#[must_use]
pub fn read_transaction(raw: &Bytes) -> Option<Transaction> {
    Transaction::decode_2718_exact(raw).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::OperatorKey;
    use crate::types::{Epoch, Era, Term};
    use alloy_consensus::{SignableTransaction, TxEip1559, proofs};
    use alloy_primitives::{Signature as TransactionSignature, U256};

    const CONTEXT: SigningContext = SigningContext { chain_id: 7, genesis_hash: B256::repeat_byte(1) };

    fn transaction(nonce: u64) -> Transaction {
        let signature = TransactionSignature::new(U256::from(nonce + 1), U256::from(2), false);
        TxEip1559 { chain_id: 7, nonce, ..TxEip1559::default() }.into_signed(signature).into()
    }

    fn block(key: &OperatorKey, transactions: Vec<Transaction>) -> SignedBlock {
        let header = Header {
            number: 9,
            beneficiary: key.address(),
            extra_data: ExtraData { era: Era(0), term: Term(1), epoch: Epoch(2) }.to_bytes(),
            parent_beacon_block_root: Some(B256::repeat_byte(3)),
            transactions_root: proofs::calculate_transaction_root(&transactions),
            base_fee_per_gas: Some(1),
            withdrawals_root: Some(alloy_consensus::constants::EMPTY_WITHDRAWALS),
            blob_gas_used: Some(0),
            excess_blob_gas: Some(0),
            ..Header::default()
        };
        let body = BlockBody { transactions, ommers: Vec::new(), withdrawals: Some(Withdrawals::default()) };
        let position = ExtraData::from_bytes(&header.extra_data).unwrap();
        let proposal = Proposal::new(position, Height(header.number), header.hash_slow());
        let signature = Signed::new(proposal, &CONTEXT, key).signature;
        SignedBlock { block: super::super::Block { header, body }, signature }
    }

    fn key(number: u64) -> OperatorKey {
        OperatorKey::from_bytes(&B256::from(U256::from(number))).unwrap()
    }

    #[test]
    fn a_block_comes_out_as_it_went_in() {
        let key = key(1);
        let block = block(&key, (0..5).map(transaction).collect());
        let compact = CompactBlock::of(&block, |transaction| transaction.tx_hash()[31].is_multiple_of(2));
        let bytes = codec::encode(&compact);
        let decoded: CompactBlock = codec::decode::<_, { 1 << 20 }>(&bytes).unwrap();
        assert_eq!(decoded, compact);
        let verified = Arc::new(decoded).verify_by(&CONTEXT, |_| true).unwrap();
        let hashes: Vec<_> = verified.transactions().iter().map(CompactTransaction::hash).collect();
        assert_eq!(hashes, (0..5).map(|nonce| *transaction(nonce).tx_hash()).collect::<Vec<_>>());
        let whole = verified.complete((0..5).map(transaction).collect()).unwrap();
        assert_eq!(**whole.signed(), block);
        assert_eq!(whole.hash(), Arc::new(block).verify(&CONTEXT).unwrap().hash());
    }

    #[test]
    fn other_transactions_are_refused() {
        let key = key(1);
        let honest = block(&key, (0..3).map(transaction).collect());
        let verified = Arc::new(CompactBlock::of(&honest, |_| false)).verify_by(&CONTEXT, |_| true).unwrap();
        for body in [vec![0, 1], vec![1, 0, 2], vec![0, 1, 2, 2]] {
            let refused = verified.complete(body.into_iter().map(transaction).collect());
            assert!(matches!(refused, Err(MalformedBlock::Body("transactions"))), "{refused:?}");
        }
    }

    #[test]
    fn another_leader_is_refused() {
        let (key, other) = (key(1), key(2));
        let honest = block(&key, Vec::new());
        let mut stolen = CompactBlock::of(&honest, |_| false);
        stolen.header.beneficiary = other.address();
        let refused = Arc::new(stolen).verify_by(&CONTEXT, |_| true);
        assert!(matches!(refused, Err(MalformedBlock::Beneficiary { .. })), "{refused:?}");
        let refused =
            Arc::new(CompactBlock::of(&honest, |_| false)).verify_by(&CONTEXT, |leader| leader != key.address());
        assert!(matches!(refused, Err(MalformedBlock::Stranger(_))), "{refused:?}");
    }

    #[test]
    fn too_many_places_are_refused_before_they_are_read() {
        let many = CompactBlock {
            header: Header::default(),
            signature: Signature::default(),
            transactions: vec![CompactTransaction::Whole(Bytes::new()); MAX_COMPACT_TRANSACTIONS + 1],
        };
        let bytes = codec::encode(&many);
        let refused = codec::decode::<CompactBlock, { 16 << 20 }>(&bytes);
        assert!(refused.is_err_and(|error| error.to_string().contains("more than 65536")));
    }
}
