//! Messages of the right form that nobody should take: signed by strangers, certified by nobody, of the far future.

use super::Order;
use alloy_primitives::{Address, B256, Bytes, FixedBytes, U256};
use baton_consensus::{
    certificate::{SignedReport, TermCertificate},
    codec,
    endorsement::{Endorsable, Endorsed},
    evidence::{BallotPaper, Evidence, VoteEvidence},
    finality::{CertifiedCheckpoint, FinalityProof, ProposedCheckpoint, QuorumCertificate, SetChange},
    keys::{BlsKey, OperatorKey},
    messages::{
        CastVote, Cause, Checkpoint, CheckpointRef, Heartbeat, L1Anchor, Proposal, Seal, TermChange, TermReport,
        TermRequest, Vote,
    },
    signing::{Signed, SigningContext},
    types::{
        Block, BlockRef, CompactBlock, CompactTransaction, Epoch, Era, ExtraData, Height, Round, Sequencer,
        SignedBlock, Stake, Term, Tip,
    },
};
use serde::Serialize;
use std::sync::Arc;

/// Someone with keys that nobody knows.
pub(super) struct Stranger {
    context: SigningContext,
    set_root: B256,
    operator: OperatorKey,
    bls: BlsKey,
}

/// A kind of gossip and its payload, compressed.
pub(super) type Forgery = (&'static str, Vec<u8>);

impl Stranger {
    /// Somebody new.
    pub(super) fn new(order: &Order) -> Option<Self> {
        let context = order.chain();
        let operator = OperatorKey::from_bytes(&B256::random()).ok()?;
        let bls = BlsKey::generate(B256::random().as_slice()).ok()?;
        Some(Self { context, set_root: order.set_root, operator, bls })
    }

    fn sign<M: baton_consensus::signing::Message>(&self, message: M) -> Signed<M> {
        Signed::new(message, &self.context, &self.operator)
    }

    pub(super) fn heartbeat(&self, era: u64, number: u64) -> Forgery {
        let height = Height(u64::MAX / 2 + number);
        let (era, term) = (Era(era), Term(1 + number));
        let heartbeat =
            Heartbeat { era, term, height, head: B256::random(), sent_at: u64::MAX - number, version: "9".to_owned() };
        ("heartbeat", packed(&self.sign(heartbeat)))
    }

    /// Bytes of the right length in place of a signature: one recovers to somebody.
    pub(super) fn unsigned_heartbeat(number: u64) -> Forgery {
        let mut signature = FixedBytes::<65>::random();
        // Lower half, and a recovery byte that there is.
        signature[32] = 0x11;
        signature[64] = 27;
        let message = Heartbeat {
            era: Era(0),
            term: Term(1),
            height: Height(number),
            head: B256::random(),
            sent_at: number,
            version: String::new(),
        };
        ("heartbeat", packed(&Signed { message, signature }))
    }

    pub(super) fn seal(&self, number: u64) -> Forgery {
        let seal = Seal { era: Era(0), term: Term(1), height: Height(number), hash: B256::random() };
        ("seal", packed(&self.sign(seal)))
    }

    pub(super) fn vote(&self, number: u64) -> Forgery {
        ("vote", packed(&self.cast_vote(number)))
    }

    pub(super) fn cast_vote(&self, number: u64) -> Signed<CastVote> {
        let vote = Vote::new(self.checkpoint(number).reference());
        CastVote::sign(vote, &self.context, (&self.operator, &self.bls))
    }

    /// A block that this stranger leads, with so many bytes of nothing in place of a transaction.
    pub(super) fn block(&self, era: u64, number: u64, padding: usize) -> Forgery {
        let mut block = CompactBlock::of(&self.signed_block(era, number, 0), |_| true);
        if padding > 0 {
            block.transactions.push(CompactTransaction::Whole(vec![7; padding].into()));
        }
        ("block", packed(&block))
    }

    pub(super) fn signed_block(&self, era: u64, number: u64, padding: usize) -> SignedBlock {
        let position = ExtraData { era: Era(era), term: Term(1), epoch: Epoch(number) };
        let mut block = Block::default();
        block.header.number = number;
        block.header.beneficiary = self.operator.address();
        block.header.extra_data = position.to_bytes();
        block.header.parent_hash = B256::random();
        block.header.parent_beacon_block_root = Some(B256::random());
        let proposal = Proposal::new(position, Height(number), block.header.hash_slow());
        let signature = self.sign(proposal).signature;
        if padding > 0 {
            let ommer = alloy_consensus::Header { extra_data: Bytes::from(vec![7; padding]), ..Default::default() };
            block.body.ommers.push(ommer);
        }
        SignedBlock { block, signature }
    }

    /// Everything that only a pairing tells to be rubbish, with this stranger's word for it.
    pub(super) fn certificates(&self, number: u64) -> Vec<Forgery> {
        let quorum = || Arc::new(self.quorum(number));
        let child =
            Checkpoint { round: Round(number + 2), parent: quorum().checkpoint.reference(), ..self.checkpoint(0) };
        let report = self.report(number);
        let change = TermChange::sign(report, Cause::NoSeal, number, &self.context, (&self.operator, &self.bls));
        let reports = vec![SignedReport { report, signers: Bytes::from_static(&[0x0f]) }];
        let signature = self.bls.sign(self.context.digest(&report));
        let certificate =
            TermCertificate { era: Era(0), term: report.term, reports, signature, highest: Some(quorum()) };
        vec![
            self.endorsed(CertifiedCheckpoint { certificate: quorum(), parent: None }),
            self.endorsed(ProposedCheckpoint { checkpoint: self.sign(child), parent: Some(quorum()) }),
            self.endorsed(TermRequest { change, certificate: Some(quorum()) }),
            self.endorsed(certificate),
            self.endorsed(self.set_change(number)),
            self.endorsed(self.vote_evidence(number)),
        ]
    }

    /// The same as a copy of a member's message would be: the word is somebody else's.
    fn endorsed<T: Endorsable + Serialize>(&self, content: T) -> Forgery {
        (T::KIND, packed(&Endorsed::new(content, &self.context, &self.operator)))
    }

    fn checkpoint(&self, number: u64) -> Checkpoint {
        Checkpoint {
            era: Era(0),
            term: Term(1),
            round: Round(number + 1),
            head: BlockRef { height: Height(number), hash: B256::random() },
            state_root: B256::random(),
            parent: CheckpointRef::genesis(self.context.genesis_hash),
            set_root: self.set_root,
            anchor: L1Anchor::default(),
            next_set_root: None,
        }
    }

    fn quorum(&self, number: u64) -> QuorumCertificate {
        let checkpoint = self.checkpoint(number);
        let signature = self.bls.sign(self.context.digest(&Vote::new(checkpoint.reference())));
        QuorumCertificate { checkpoint, signers: Bytes::from_static(&[0x0f]), signature }
    }

    fn report(&self, number: u64) -> TermReport {
        let block = BlockRef { height: Height(number), hash: B256::random() };
        let certified = self.checkpoint(number).reference();
        TermReport { era: Era(0), term: Term(2 + number), certified, head: Tip { term: Term(1), block }, signed: block }
    }

    fn set_change(&self, number: u64) -> SetChange {
        let members = vec![Sequencer {
            address: Address::random(),
            bls_public_key: self.bls.public_key(),
            weight: Stake(U256::from(1)),
            peer_id: String::new(),
        }];
        let checkpoint = Checkpoint { next_set_root: Some(B256::random()), ..self.checkpoint(number) };
        let proof = FinalityProof { checkpoint, child: self.quorum(number) };
        SetChange { proof, members, priorities: Default::default() }
    }

    fn vote_evidence(&self, number: u64) -> Evidence {
        let paper = |vote: Vote| BallotPaper { vote, signature: self.bls.sign(self.context.digest(&vote)) };
        let vote = || Vote::new(self.checkpoint(number).reference());
        let votes = [paper(vote()), paper(vote())];
        Evidence::Vote(Box::new(VoteEvidence { signer: Address::random(), votes }))
    }
}

/// As it travels.
pub(super) fn packed(value: &impl Serialize) -> Vec<u8> {
    compressed(&codec::encode(value))
}

/// A block of snappy.
pub(super) fn compressed(bytes: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(bytes).unwrap_or_default()
}

/// The same bytes in another block of snappy, one of 961 by number: in literals of 30 to 60 bytes, which keeps it short enough.
pub(super) fn compressed_otherwise(bytes: &[u8], number: usize) -> Vec<u8> {
    let mut block = Vec::with_capacity(bytes.len() * 2);
    super::pubsub::put_varint(&mut block, bytes.len() as u64);
    let (first, rest) = bytes.split_at(bytes.len().min(30 + number % 31));
    for part in std::iter::once(first).chain(rest.chunks(30 + number / 31 % 31)).filter(|part| !part.is_empty()) {
        block.push(((part.len() - 1) << 2) as u8);
        block.extend_from_slice(part);
    }
    block
}
