//! Request/response: what one peer asks another.
//!
//! Every protocol is a row of one table (`protocol`), which makes the typed [`Request`] and [`Response`], the caps, the
//! deadlines and the libp2p behaviours. On the wire a request or response is a frame: 4 bytes of length, then the
//! codec's bytes (`codec`). A length beyond the cap is refused before anything is read, and memory grows only with what
//! really arrives.

mod by_hash;
mod codec;
mod messages;
mod protocol;
mod responder;
mod sync;

pub(crate) use codec::FrameCodec;
#[cfg(any(test, fuzzing))]
pub(crate) use codec::read_frame;
#[cfg(test)]
pub(crate) use codec::write_frame;
pub(crate) use protocol::{RpcBehaviour, decode_status, encode_status};

pub use by_hash::{
    BlocksByHash, Branch, BranchBlock, FoundTransactions, MAX_ASKED_TRANSACTIONS, MAX_BRANCH_BLOCKS, TransactionsByHash,
};
pub use messages::{BlocksByRange, MAX_REFUSAL_BYTES, Received, RecordsRequest, Submission};
pub use protocol::{
    MAX_CHUNK_BYTES, MAX_FOUND_BYTES, MAX_SEGMENT_BYTES, MAX_SET_CHANGES_BYTES, MIN_CHUNK_BYTES, Protocol, Request,
    Response,
};
pub use responder::Responder;
pub use sync::{
    Chunk, ChunkPart, ChunkRequest, HeaderProof, HeadersRequest, MAX_CHUNK_CODES, MAX_CHUNK_LEAVES, MAX_CHUNK_TRIES,
    MAX_HEADER_BYTES, MAX_OFFER_HEADERS, MAX_SET_CHANGES, MAX_SNAPSHOT_OFFERS, SetChanges, SetChangesRequest,
    SnapshotOffers, SnapshotOffersRequest, TrieLeaf, TrieRange,
};
