//! The table of request/response: one row a protocol. Everything else follows from it.

use super::{
    BlocksByHash, BlocksByRange, Branch, Chunk, ChunkRequest, FoundTransactions, FrameCodec, HeaderProof,
    HeadersRequest, Received, RecordsRequest, SetChanges, SetChangesRequest, SnapshotOffers, SnapshotOffersRequest,
    Submission, TransactionsByHash,
};
use crate::{
    gossip::chain_prefix,
    status::Status,
    wire::{self, WireError},
};
use alloy_primitives::Bytes;
use baton_consensus::{
    messages::{CastVote, SequencerRecord},
    signing::{Signed, SigningContext},
    types::{ChainSegment, SignedBlock},
};
use libp2p::{StreamProtocol, request_response as rr, swarm::NetworkBehaviour};
use std::{fmt, sync::Arc, time::Duration};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// The most bytes of an encoded [`ChainSegment`] that an answer to blocks-by-range may have: 16 MiB.
pub const MAX_SEGMENT_BYTES: usize = 16 * MIB;

/// The most bytes of encoded [`FoundTransactions`]: 8 MiB.
pub const MAX_FOUND_BYTES: usize = 8 * MIB;

/// The most bytes of an encoded [`Chunk`]: 2 MiB.
pub const MAX_CHUNK_BYTES: usize = 2 * MIB;

/// The least bytes of keys and values, or of code, in an answer that leaves out a part of what was asked for, so that nobody
/// keeps a newcomer busy with crumbs.
pub const MIN_CHUNK_BYTES: usize = 64 * KIB;

/// The most bytes of encoded [`SetChanges`]: 2 MiB.
pub const MAX_SET_CHANGES_BYTES: usize = 2 * MIB;

/// What the table says of a protocol.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProtocolSpec {
    /// Its name in the protocol id.
    pub(crate) name: &'static str,
    /// Whether the protocol id names the chain.
    pub(crate) bound_to_chain: bool,
    /// The most bytes of a request.
    pub(crate) request_cap: usize,
    /// The most bytes of a response.
    pub(crate) response_cap: usize,
    /// From the start of a request to the end of its response, on either side.
    pub(crate) deadline: Duration,
    /// Requests of one peer that may wait for this node at a time; each connection may carry twice as many streams,
    /// for both directions.
    pub(crate) concurrent: usize,
    /// Requests of one peer that are served in a second; see [`crate::quotas`].
    pub(crate) quota: u32,
}

macro_rules! protocols {
    (
        network { $($(#[$own_doc:meta])* $own:ident $own_field:ident { $($own_spec:tt)* })+ }
        node { $($(#[$doc:meta])* $name:ident $field:ident ($request:ty => $response:ty) {
            name: $text:literal, request: $request_cap:expr, response: $response_cap:expr,
            deadline: $deadline:expr, concurrent: $concurrent:expr, quota: $quota:expr $(,)?
        })+ }
    ) => {
        /// A request/response protocol.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Protocol {
            $($(#[$own_doc])* $own,)+
            $($(#[$doc])* $name,)+
        }

        impl Protocol {
            /// All protocols.
            pub const ALL: &'static [Self] = &[$(Self::$own,)+ $(Self::$name),+];

            pub(crate) const fn spec(self) -> ProtocolSpec {
                match self {
                    $(Self::$own => ProtocolSpec { $($own_spec)* },)+
                    $(Self::$name => ProtocolSpec {
                        name: $text,
                        bound_to_chain: true,
                        request_cap: $request_cap,
                        response_cap: $response_cap,
                        deadline: Duration::from_secs($deadline),
                        concurrent: $concurrent,
                        quota: $quota,
                    },)+
                }
            }
        }

        /// A request that a node answers. Nothing in it is verified.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Request {
            $($(#[$doc])* $name($request),)+
        }

        /// The response to a [`Request`] of the same name. Nothing in it is verified.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Response {
            $($(#[$doc])* $name($response),)+
        }

        impl Request {
            /// The protocol that carries it.
            #[must_use]
            pub const fn protocol(&self) -> Protocol {
                match self {
                    $(Self::$name(_) => Protocol::$name,)+
                }
            }

            pub(crate) fn encode(&self) -> Result<Vec<u8>, WireError> {
                match self {
                    $(Self::$name(request) => wire::encode(request, $request_cap),)+
                }
            }

            /// Decodes a frame; nothing for the protocols that the network answers itself.
            pub(crate) fn decode(protocol: Protocol, frame: &[u8]) -> Option<Result<Self, WireError>> {
                match protocol {
                    $(Protocol::$own => None,)+
                    $(Protocol::$name => {
                        Some(wire::decode::<$request, { 2 * $request_cap }>(frame).map(Self::$name))
                    })+
                }
            }
        }

        impl Response {
            /// The protocol that carries it.
            #[must_use]
            pub const fn protocol(&self) -> Protocol {
                match self {
                    $(Self::$name(_) => Protocol::$name,)+
                }
            }

            pub(crate) fn encode(&self) -> Result<Vec<u8>, WireError> {
                match self {
                    $(Self::$name(response) => wire::encode(response, $response_cap),)+
                }
            }

            /// Decodes a frame; nothing for the protocols that the network asks itself.
            pub(crate) fn decode(protocol: Protocol, frame: &[u8]) -> Option<Result<Self, WireError>> {
                match protocol {
                    $(Protocol::$own => None,)+
                    $(Protocol::$name => {
                        Some(wire::decode::<$response, { 2 * $response_cap }>(frame).map(Self::$name))
                    })+
                }
            }
        }

        /// One request/response behaviour a protocol, because each negotiates, times out and counts on its own.
        #[derive(NetworkBehaviour)]
        pub(crate) struct RpcBehaviour {
            $($own_field: rr::Behaviour<FrameCodec>,)+
            $($field: rr::Behaviour<FrameCodec>,)+
        }

        impl RpcBehaviour {
            pub(crate) fn new(chain: &SigningContext, deadline_max: Duration) -> Self {
                Self {
                    $($own_field: behaviour(Protocol::$own, chain, deadline_max),)+
                    $($field: behaviour(Protocol::$name, chain, deadline_max),)+
                }
            }

            pub(crate) const fn of(&mut self, protocol: Protocol) -> &mut rr::Behaviour<FrameCodec> {
                match protocol {
                    $(Protocol::$own => &mut self.$own_field,)+
                    $(Protocol::$name => &mut self.$field,)+
                }
            }
        }

        impl RpcBehaviourEvent {
            pub(crate) fn split(self) -> (Protocol, rr::Event<Vec<u8>, Vec<u8>>) {
                match self {
                    $(Self::$own(event) => (Protocol::$own, event),)+
                    $(Self::$name(event) => (Protocol::$name, event),)+
                }
            }
        }
    };
}

protocols! {
    network {
        /// Chain and progress, exchanged by the network itself. Not bound to a chain, so that a peer of another one is
        /// told so.
        Status status {
            name: "status",
            bound_to_chain: false,
            request_cap: KIB,
            response_cap: KIB,
            deadline: Duration::from_secs(5),
            concurrent: 2,
            quota: 16,
        }
    }
    node {
        /// A stretch of the sealed chain.
        BlocksByRange blocks_by_range (BlocksByRange => ChainSegment) {
            name: "blocks-by-range", request: 128, response: MAX_SEGMENT_BYTES, deadline: 20, concurrent: 4, quota: 64,
        }
        /// A leader's block, straight to the scheduler.
        SubmitBlock submit_block (Arc<SignedBlock> => Submission) {
            name: "submit-block", request: 8 * MIB, response: KIB, deadline: 10, concurrent: 4, quota: 128,
        }
        /// A member's vote, straight to the scheduler.
        SubmitVote submit_vote (Box<Signed<CastVote>> => Submission) {
            name: "submit-vote", request: 512, response: KIB, deadline: 5, concurrent: 8, quota: 256,
        }
        /// Where the members of the set are, as far as the peer knows.
        SequencerRecords sequencer_records (RecordsRequest => Vec<Signed<SequencerRecord>>) {
            name: "sequencer-records", request: 16, response: 3 * MIB, deadline: 10, concurrent: 1, quota: 2,
        }
        /// Transactions, handed over with an acknowledgement.
        PushTransactions push_transactions (Vec<Bytes> => Received) {
            name: "push-transactions", request: MIB, response: 64 * KIB, deadline: 10, concurrent: 8, quota: 256,
        }
        /// Transactions of a block that came by their hashes.
        TransactionsByHash transactions_by_hash (TransactionsByHash => FoundTransactions) {
            name: "transactions-by-hash", request: MIB, response: MAX_FOUND_BYTES, deadline: 5, concurrent: 8, quota: 256,
        }
        /// A block on whatever branch, with its ancestors.
        BlocksByHash blocks_by_hash (BlocksByHash => Branch) {
            name: "blocks-by-hash", request: 64, response: MAX_SEGMENT_BYTES, deadline: 10, concurrent: 2, quota: 32,
        }
        /// The ends of eras, for who is behind or new.
        SetChanges set_changes (SetChangesRequest => SetChanges) {
            name: "set-changes", request: 64, response: MAX_SET_CHANGES_BYTES, deadline: 10, concurrent: 2, quota: 16,
        }
        /// Headers, and what makes them final.
        Headers headers (HeadersRequest => HeaderProof) {
            name: "headers", request: 128, response: 2 * MIB, deadline: 10, concurrent: 2, quota: 32,
        }
        /// Which states a node serves.
        SnapshotOffers snapshot_offers (SnapshotOffersRequest => SnapshotOffers) {
            name: "snapshot-offers", request: 16, response: MIB, deadline: 10, concurrent: 1, quota: 4,
        }
        /// A piece of a state.
        SnapshotChunk snapshot_chunk (ChunkRequest => Chunk) {
            name: "snapshot-chunk", request: 32 * KIB, response: MAX_CHUNK_BYTES, deadline: 15, concurrent: 4, quota: 128,
        }
    }
}

fn behaviour(protocol: Protocol, chain: &SigningContext, deadline_max: Duration) -> rr::Behaviour<FrameCodec> {
    let spec = protocol.spec();
    let config = rr::Config::default()
        .with_request_timeout(protocol.deadline(deadline_max))
        .with_max_concurrent_streams(2 * spec.concurrent);
    rr::Behaviour::with_codec(FrameCodec::new(&spec), [(protocol.id(chain), rr::ProtocolSupport::Full)], config)
}

impl Protocol {
    /// The name in the protocol id.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.spec().name
    }

    /// The libp2p protocol id.
    pub(crate) fn id(self, chain: &SigningContext) -> StreamProtocol {
        let spec = self.spec();
        let prefix = if spec.bound_to_chain { chain_prefix(chain) } else { "/baton".to_owned() };
        // The prefix starts with a slash, which is all that a protocol id must do.
        StreamProtocol::try_from_owned(format!("{prefix}/{}/1", spec.name))
            .unwrap_or_else(|_| StreamProtocol::new("/baton/unreachable/1"))
    }

    /// The deadline of a request, bounded by the configuration.
    pub(crate) fn deadline(self, max: Duration) -> Duration {
        self.spec().deadline.min(max)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Encodes a status for its protocol.
pub(crate) fn encode_status(status: &Status) -> Result<Vec<u8>, WireError> {
    wire::encode(status, Protocol::Status.spec().request_cap)
}

/// Decodes a status from its protocol.
pub(crate) fn decode_status(frame: &[u8]) -> Result<Status, WireError> {
    wire::decode::<Status, { 2 * KIB }>(frame)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::B256;

    #[test]
    fn ids() {
        let chain = SigningContext { chain_id: 7, genesis_hash: B256::repeat_byte(0xab) };
        let ids: Vec<_> = Protocol::ALL.iter().map(|protocol| protocol.id(&chain).to_string()).collect();
        assert_eq!(
            ids,
            [
                "/baton/status/1",
                "/baton/7/abababab/blocks-by-range/1",
                "/baton/7/abababab/submit-block/1",
                "/baton/7/abababab/submit-vote/1",
                "/baton/7/abababab/sequencer-records/1",
                "/baton/7/abababab/push-transactions/1",
                "/baton/7/abababab/transactions-by-hash/1",
                "/baton/7/abababab/blocks-by-hash/1",
                "/baton/7/abababab/set-changes/1",
                "/baton/7/abababab/headers/1",
                "/baton/7/abababab/snapshot-offers/1",
                "/baton/7/abababab/snapshot-chunk/1"
            ]
        );
    }
}
