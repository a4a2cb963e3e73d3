//! The wire, byte by byte: frames and gossip payloads compared with files in `tests/golden`. A change there is a change of the
//! protocol and needs a new version in the topic or protocol id. `BATON_BLESS=1` writes the files.

use crate::{
    gossip::{self, GossipMessage},
    rpc::{self, BlocksByRange, Received, Request, Response, Submission},
    status::{Agent, PROTOCOL_VERSION, Status},
    text::Text,
};
use alloy_primitives::{Address, B256, Bytes, FixedBytes, hex};
use baton_consensus::{
    certificate::{Appointment, SignedReport, TermCertificate},
    keys::BlsSignature,
    messages::{Announcement, Cause, Heartbeat, Seal, Skip, SkipReason, TermChange, TermReport},
    signing::Signed,
    types::{Block, BlockRef, ChainSegment, Epoch, Era, ExtraData, Height, SealedBlock, SignedBlock, Term, Tip},
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

fn block() -> SignedBlock {
    let mut block = Block::default();
    block.header.number = 6;
    block.header.extra_data = position().to_bytes();
    SignedBlock { block, signature: FixedBytes([9; 65]) }
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
    TermReport { era: Era(1), term: Term(2), head, signed: head.block }
}

fn term_change() -> TermChange {
    let vote = BlsSignature(FixedBytes::repeat_byte(8));
    TermChange { report: report(), vote, cause: Cause::NoSeal, sent_at: 1_700_000_000_000 }
}

fn certificate() -> TermCertificate {
    let reports = vec![SignedReport { report: report(), signers: Bytes::from_static(&[7]) }];
    TermCertificate { era: Era(1), term: Term(2), reports, signature: BlsSignature(FixedBytes::repeat_byte(9)) }
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
        Request::PushTransactions(transactions()),
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
    };
    let responses = [
        Response::BlocksByRange(segment),
        Response::SubmitBlock(Submission::Refused(Text::fit("not the leader"))),
        Response::PushTransactions(Received { count: 1, refused: vec![1] }),
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
        GossipMessage::TermChange(Box::new(signed(term_change()))),
        GossipMessage::Certificate(Arc::new(certificate())),
        GossipMessage::Block(Arc::new(block())),
        GossipMessage::Seal(signed(seal())),
        GossipMessage::Transactions(transactions()),
    ];
    for message in messages {
        let data = gossip::seal(&message).unwrap();
        // The payload: another release of the compressor may write other bytes that mean the same.
        let payload = snap::raw::Decoder::new().decompress_vec(&data).unwrap();
        compare(&format!("gossip-{}", message.kind()), &payload);
        assert_eq!(gossip::open(message.kind(), &data).unwrap(), message);
    }
}
