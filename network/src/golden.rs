//! The wire, byte by byte: frames and gossip payloads compared with files in `tests/golden`. A change there is a change of the
//! protocol and needs a new version in the topic or protocol id. `BATON_BLESS=1` writes the files.

use crate::{
    gossip::{self, GossipMessage},
    rpc::{
        self, BlocksByHash, BlocksByRange, Branch, BranchBlock, Chunk, ChunkPart, ChunkRequest, FoundTransactions,
        HeaderProof, HeadersRequest, Received, RecordsRequest, Request, Response, SetChanges, SetChangesRequest,
        SnapshotOffers, SnapshotOffersRequest, Submission, TransactionsByHash, TrieLeaf, TrieRange,
    },
    status::{Agent, PROTOCOL_VERSION, Status},
    text::Text,
    wire::WireError,
};
use alloy_primitives::{Address, B256, Bytes, FixedBytes, U256, hex};
use baton_consensus::{
    certificate::{Appointment, SignedReport, TermCertificate},
    codec,
    election::Priorities,
    endorsement::Endorsed,
    evidence::{BallotPaper, Evidence, VoteEvidence},
    finality::{CertifiedCheckpoint, FinalityProof, ProposedCheckpoint, QuorumCertificate, SetChange},
    keys::{BlsPublicKey, BlsSignature},
    messages::{
        Announcement, CastVote, Cause, Checkpoint, CheckpointRef, Heartbeat, L1Anchor, MAX_RECORD_ADDRESS_BYTES,
        MAX_RECORD_ADDRESSES, Seal, SequencerRecord, Skip, SkipReason, TermChange, TermReport, TermRequest, Vote,
    },
    signing::Signed,
    types::{
        Block, BlockRef, ChainSegment, CompactBlock, CompactTransaction, Epoch, Era, ExtraData, Height, MAX_MEMBERS,
        MAX_PEER_ID_BYTES, Round, SealedBlock, Sequencer, SignedBlock, Stake, Term, Tip,
    },
};
use std::{fs, path::Path, sync::Arc};

fn compare(name: &str, bytes: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.hex"));
    let lines: Vec<_> = bytes.chunks(40).map(|chunk| hex::encode(chunk) + "\n").collect();
    if std::env::var_os("BATON_BLESS").is_some() {
        fs::write(&path, lines.concat()).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(golden, lines.concat(), "{name} is not what the protocol says");
}

fn compare_frame(name: &str, body: &[u8]) {
    let mut frame = futures::io::Cursor::new(Vec::new());
    futures::executor::block_on(rpc::write_frame(&mut frame, body, usize::MAX)).unwrap();
    compare(name, frame.get_ref());
}

fn signed<M>(message: M) -> Signed<M> {
    Signed { message, signature: FixedBytes([7; 65]) }
}

fn endorsed<T>(content: T) -> Endorsed<T> {
    Endorsed { content, signature: FixedBytes([6; 65]) }
}

fn block() -> SignedBlock {
    let mut block = Block::default();
    block.header.number = 6;
    block.header.extra_data = position().to_bytes();
    SignedBlock { block, signature: FixedBytes([9; 65]) }
}

fn compact() -> CompactBlock {
    let SignedBlock { block, signature } = block();
    let transactions =
        vec![CompactTransaction::Hash(B256::repeat_byte(3)), CompactTransaction::Whole(Bytes::from_static(&[2; 110]))];
    CompactBlock { header: block.header, signature, transactions }
}

const fn position() -> ExtraData {
    ExtraData { era: Era(1), term: Term(2), epoch: Epoch(3) }
}

const fn seal() -> Seal {
    Seal { era: Era(1), term: Term(2), height: Height(6), hash: B256::repeat_byte(3) }
}

fn announcement() -> Announcement {
    Announcement {
        era: Era(1),
        term: Term(2),
        epoch: Epoch(3),
        leader: Address::repeat_byte(2),
        first: Height(6),
        last: Height(300),
        parent: B256::repeat_byte(4),
        previous: B256::repeat_byte(5),
        skipped: vec![Skip { sequencer: Address::repeat_byte(6), reason: SkipReason::Jailed }],
    }
}

fn report() -> TermReport {
    let head = Tip { term: Term(1), block: BlockRef { height: Height(9), hash: B256::repeat_byte(7) } };
    TermReport { era: Era(1), term: Term(2), certified: checkpoint(1).reference(), head, signed: head.block }
}

fn term_change() -> TermChange {
    let vote = BlsSignature(FixedBytes::repeat_byte(8));
    TermChange { report: report(), vote, cause: Cause::NoSeal, sent_at: 1_700_000_000_000 }
}

fn certificate() -> TermCertificate {
    let reports = vec![SignedReport { report: report(), signers: Bytes::from_static(&[7]) }];
    let signature = BlsSignature(FixedBytes::repeat_byte(9));
    let highest = Some(Arc::new(quorum(1)));
    TermCertificate { era: Era(1), term: Term(2), reports, signature, highest }
}

fn checkpoint(round: u64) -> Checkpoint {
    Checkpoint {
        era: Era(1),
        term: Term(1),
        round: Round(round),
        head: BlockRef { height: Height(9), hash: B256::repeat_byte(7) },
        state_root: B256::repeat_byte(10),
        parent: CheckpointRef { position: Default::default(), hash: B256::repeat_byte(11) },
        set_root: B256::repeat_byte(12),
        anchor: L1Anchor { number: 13, hash: B256::repeat_byte(14) },
        next_set_root: Some(B256::repeat_byte(15)),
    }
}

fn quorum(round: u64) -> QuorumCertificate {
    let signature = BlsSignature(FixedBytes::repeat_byte(16));
    QuorumCertificate { checkpoint: checkpoint(round), signers: Bytes::from_static(&[7]), signature }
}

fn proof() -> Arc<FinalityProof> {
    Arc::new(FinalityProof { checkpoint: checkpoint(1), child: quorum(2) })
}

fn headers() -> HeaderProof {
    HeaderProof { headers: vec![Bytes::from_static(&[5; 60])], finality: Some(proof()) }
}

fn cast_vote() -> CastVote {
    let signature = BlsSignature(FixedBytes::repeat_byte(17));
    CastVote { vote: Vote::new(checkpoint(2).reference()), signature }
}

fn term_request() -> TermRequest {
    TermRequest { change: signed(term_change()), certificate: Some(Arc::new(quorum(1))) }
}

fn proposed() -> ProposedCheckpoint {
    ProposedCheckpoint { checkpoint: signed(checkpoint(2)), parent: Some(Arc::new(quorum(1))) }
}

fn certified() -> CertifiedCheckpoint {
    CertifiedCheckpoint { certificate: Arc::new(quorum(2)), parent: Some(checkpoint(1)) }
}

fn evidence() -> Vec<(&'static str, Evidence)> {
    let paper = BallotPaper { vote: cast_vote().vote, signature: cast_vote().signature };
    let votes = VoteEvidence { signer: Address::repeat_byte(18), votes: [paper, paper] };
    let twice = |announcement: Announcement| Box::new([signed(announcement.clone()), signed(announcement)]);
    vec![
        ("announcement", Evidence::Announcement(twice(announcement()))),
        ("seal", Evidence::Seal(Box::new([signed(seal()), signed(seal())]))),
        ("checkpoint", Evidence::Checkpoint(Box::new([signed(checkpoint(1)), signed(checkpoint(1))]))),
        ("vote", Evidence::Vote(Box::new(votes))),
    ]
}

fn record() -> SequencerRecord {
    SequencerRecord {
        peer_id: "12D3KooWAHoEkEqnKzM5PXFygh2movVBCSX3k8tDsT2cneU68Gyt".to_owned(),
        addresses: vec!["/ip4/192.0.2.7/tcp/30400".to_owned(), "/dns4/node.example.org/udp/30400/quic-v1".to_owned()],
        sequence: 1_700_000_000_000,
    }
}

fn transactions() -> Vec<Bytes> {
    vec![Bytes::from_static(&[1, 2, 3]), Bytes::from_static(&[4; 300])]
}

#[test]
fn status_frame() {
    let status = Status {
        version: PROTOCOL_VERSION,
        chain_id: 42_069,
        genesis_hash: B256::repeat_byte(0xab),
        head: BlockRef { height: Height(1000), hash: B256::repeat_byte(1) },
        finalized: Height(990),
        earliest: Height(512),
        era: Era(1),
        term: Term(2),
        epoch: Epoch(3),
        agent: Agent::fit("baton/0.1.0"),
    };
    let frame = rpc::encode_status(&status).unwrap();
    compare_frame("status", &frame);
    assert_eq!(rpc::decode_status(&frame).unwrap(), status);
}

#[test]
fn request_frames() {
    let requests = [
        Request::BlocksByRange(BlocksByRange { from: Height(6), count: 128, known: position() }),
        Request::SubmitBlock(Arc::new(block())),
        Request::SubmitVote(Box::new(signed(cast_vote()))),
        Request::SequencerRecords(RecordsRequest),
        Request::PushTransactions(transactions()),
        Request::TransactionsByHash(TransactionsByHash { hashes: vec![B256::repeat_byte(3), B256::repeat_byte(4)] }),
        Request::BlocksByHash(BlocksByHash { hash: B256::repeat_byte(3), count: 64 }),
        Request::SetChanges(SetChangesRequest { from: Era(1), count: 64 }),
        Request::Headers(HeadersRequest::Below(BlockRef { height: Height(6), hash: B256::repeat_byte(3) }, 256)),
        Request::SnapshotOffers(SnapshotOffersRequest {}),
        Request::SnapshotChunk(ChunkRequest {
            block: BlockRef { height: Height(6), hash: B256::repeat_byte(3) },
            part: ChunkPart::Storage(vec![(B256::repeat_byte(1), B256::repeat_byte(2))], B256::repeat_byte(5)),
        }),
    ];
    for request in requests {
        let frame = request.encode().unwrap();
        compare_frame(&format!("{}-request", request.protocol()), &frame);
        assert_eq!(Request::decode(request.protocol(), &frame).unwrap().unwrap(), request);
    }
}

#[test]
fn response_frames() {
    let segment = ChainSegment {
        certificates: vec![Arc::new(certificate())],
        announcements: vec![signed(announcement())],
        blocks: vec![SealedBlock { block: block(), seal: signed(seal()) }],
        finality: Some(proof()),
        change: Some(Arc::new(set_change(1))),
    };
    let responses = [
        Response::BlocksByRange(segment),
        Response::SubmitBlock(Submission::Refused(Text::fit("not the leader"))),
        Response::SubmitVote(Submission::Accepted),
        Response::SequencerRecords(vec![signed(record()), signed(record())]),
        Response::PushTransactions(Received { count: 1, refused: vec![1] }),
        Response::TransactionsByHash(FoundTransactions { transactions: transactions() }),
        Response::BlocksByHash(Branch {
            certificates: vec![Arc::new(certificate())],
            announcements: vec![signed(announcement())],
            blocks: vec![
                BranchBlock { block: block(), seal: None },
                BranchBlock { block: block(), seal: Some(signed(seal())) },
            ],
        }),
        Response::SetChanges(SetChanges { changes: vec![Arc::new(set_change(1))], finality: Some(proof()) }),
        Response::Headers(headers()),
        Response::SnapshotOffers(SnapshotOffers { offers: vec![headers()] }),
        Response::SnapshotChunk(Chunk::Storage(vec![TrieRange {
            leaves: vec![TrieLeaf { key: vec![1; 32].into(), value: Bytes::from_static(&[2]) }],
            proof: vec![Bytes::from_static(&[3; 40])],
            more: true,
        }])),
    ];
    for response in responses {
        let frame = response.encode().unwrap();
        compare_frame(&format!("{}-response", response.protocol()), &frame);
        assert_eq!(Response::decode(response.protocol(), &frame).unwrap().unwrap(), response);
    }
}

#[test]
fn gossip_payloads() {
    let heartbeat = Heartbeat {
        era: Era(1),
        term: Term(2),
        height: Height(6),
        head: B256::repeat_byte(1),
        sent_at: 1_700_000_000_000,
        version: "0.1.0".to_owned(),
    };
    let messages = [
        GossipMessage::Heartbeat(signed(heartbeat)),
        GossipMessage::Schedule(Appointment {
            announcement: signed(announcement()),
            certificate: Some(Arc::new(certificate())),
        }),
        GossipMessage::TermChange(Box::new(endorsed(term_request()))),
        GossipMessage::Certificate(endorsed(Arc::new(certificate()))),
        GossipMessage::Block(Arc::new(compact())),
        GossipMessage::Seal(signed(seal())),
        GossipMessage::Checkpoint(Box::new(endorsed(proposed()))),
        GossipMessage::Vote(Box::new(signed(cast_vote()))),
        GossipMessage::Quorum(Box::new(endorsed(certified()))),
        GossipMessage::SetChange(endorsed(Arc::new(set_change(2)))),
        GossipMessage::SequencerRecord(Box::new(signed(record()))),
        GossipMessage::Transactions(transactions()),
    ];
    for message in messages {
        compare_gossip(&format!("gossip-{}", message.kind()), &message);
    }
    for (kind, evidence) in evidence() {
        compare_gossip(&format!("gossip-evidence-{kind}"), &GossipMessage::Evidence(endorsed(Arc::new(evidence))));
    }
}

/// The end of an era with so many members in the next one.
fn set_change(members: u16) -> SetChange {
    let member = |number: u16| Sequencer {
        address: Address::left_padding_from(&number.to_be_bytes()),
        bls_public_key: BlsPublicKey(FixedBytes::repeat_byte(number.to_be_bytes()[1])),
        weight: Stake(U256::MAX / U256::from(1024)),
        peer_id: "x".repeat(MAX_PEER_ID_BYTES),
    };
    let members: Vec<_> = (1..=members).map(member).collect();
    let of = |member: &Sequencer| (member.address, FixedBytes::<64>::repeat_byte(0xff));
    let priorities = members.iter().map(of).collect::<Vec<_>>();
    let priorities = codec::decode::<Priorities, { 1 << 20 }>(&codec::encode(&priorities)).unwrap();
    SetChange { proof: FinalityProof { checkpoint: checkpoint(1), child: quorum(2) }, members, priorities }
}

fn compare_gossip(name: &str, message: &GossipMessage) {
    let data = gossip::seal(message).unwrap();
    // The payload: another release of the compressor may write other bytes that mean the same.
    let payload = snap::raw::Decoder::new().decompress_vec(&data).unwrap();
    compare(name, &payload);
    assert_eq!(&gossip::open(message.kind(), &data).unwrap(), message);
}

/// The records of the largest set, each as long as it may be, fit into one answer; what is beyond is refused.
#[test]
fn the_longest_records_are_within_the_caps() {
    let longest = |addresses: usize| {
        signed(SequencerRecord {
            peer_id: "x".repeat(MAX_PEER_ID_BYTES),
            addresses: vec!["x".repeat(MAX_RECORD_ADDRESS_BYTES); addresses],
            sequence: u64::MAX,
        })
    };
    let message = GossipMessage::SequencerRecord(Box::new(longest(MAX_RECORD_ADDRESSES)));
    assert_eq!(gossip::open(message.kind(), &gossip::seal(&message).unwrap()).unwrap(), message);
    let long = GossipMessage::SequencerRecord(Box::new(longest(MAX_RECORD_ADDRESSES + 1)));
    assert!(matches!(gossip::seal(&long), Err(WireError::Bounds(_))));
    let records = |members: usize| Response::SequencerRecords(vec![longest(MAX_RECORD_ADDRESSES); members]);
    let frame = records(MAX_MEMBERS).encode().unwrap();
    assert_eq!(Response::decode(records(1).protocol(), &frame).unwrap().unwrap(), records(MAX_MEMBERS));
    assert!(matches!(records(MAX_MEMBERS + 1).encode(), Err(WireError::Bounds(_))));
}

/// What the largest set sends, every number at its widest, is within the caps; one member more is refused.
#[test]
fn the_largest_set_is_within_the_caps() {
    let widest = |round| Checkpoint {
        era: Era(u64::MAX),
        term: Term(u64::MAX),
        round: Round(round),
        head: BlockRef { height: Height(u64::MAX), hash: B256::repeat_byte(7) },
        parent: CheckpointRef { position: checkpoint(u64::MAX).position(), hash: B256::repeat_byte(11) },
        anchor: L1Anchor { number: u64::MAX, hash: B256::repeat_byte(14) },
        ..checkpoint(1)
    };
    let quorum = |bytes: usize| {
        let certificate =
            QuorumCertificate { checkpoint: widest(u64::MAX), signers: vec![0xff; bytes].into(), ..quorum(1) };
        Some(Arc::new(certificate))
    };
    let announcement = |skipped: usize| Announcement {
        era: Era(u64::MAX),
        term: Term(u64::MAX),
        epoch: Epoch(u64::MAX),
        first: Height(u64::MAX),
        last: Height(u64::MAX),
        skipped: vec![Skip { sequencer: Address::repeat_byte(6), reason: SkipReason::Equivocated }; skipped],
        ..announcement()
    };
    let change = || {
        let head = Tip { term: Term(u64::MAX), block: widest(1).head };
        let certified = widest(u64::MAX).reference();
        let report = TermReport { era: Era(u64::MAX), term: Term(u64::MAX), certified, head, signed: head.block };
        signed(TermChange { report, sent_at: u64::MAX, ..term_change() })
    };
    let vote = CastVote { vote: Vote::new(widest(u64::MAX).reference()), ..cast_vote() };
    let messages = |members: usize| {
        let bytes = members.div_ceil(8);
        let (one, other) = (signed(announcement(members)), signed(announcement(members)));
        [
            GossipMessage::TermChange(Box::new(endorsed(TermRequest { change: change(), certificate: quorum(bytes) }))),
            GossipMessage::Checkpoint(Box::new(endorsed(ProposedCheckpoint {
                checkpoint: signed(widest(u64::MAX)),
                parent: quorum(bytes),
            }))),
            GossipMessage::Quorum(Box::new(endorsed(CertifiedCheckpoint {
                certificate: quorum(bytes).unwrap(),
                parent: Some(widest(u64::MAX)),
            }))),
            GossipMessage::Evidence(endorsed(Arc::new(Evidence::Announcement(Box::new([one, other]))))),
            GossipMessage::SetChange(endorsed(Arc::new(set_change(u16::try_from(members).unwrap())))),
        ]
    };
    for message in messages(MAX_MEMBERS).into_iter().chain([GossipMessage::Vote(Box::new(signed(vote)))]) {
        let data = gossip::seal(&message).unwrap();
        assert_eq!(gossip::open(message.kind(), &data).unwrap(), message);
    }
    for message in messages(MAX_MEMBERS + 1) {
        let refused = gossip::seal(&message);
        assert!(matches!(refused, Err(WireError::Bounds(_))), "{}: {refused:?}", message.kind());
    }
}
