//! What the server asks of the rest of the node, beside the chain and the pool.
//!
//! Both views answer at once, from a snapshot that their owner keeps up to date: a request never waits for consensus.

use alloy_primitives::{Address, B256};
use baton_consensus::{
    FinalityRule,
    messages::{Cause, CheckpointPosition, SkipReason},
    types::{BlockRef, Epoch, Era, Height, Stake, Term},
};
use serde::Serialize;

/// How consensus stands.
pub trait ConsensusView: Send + Sync + 'static {
    /// The node's own place and that of the chain.
    fn status(&self) -> ConsensusStatus;

    /// The running epoch; none before the first announcement.
    fn epoch(&self) -> Option<EpochInfo>;

    /// The members of the running era, in order of their addresses.
    fn sequencers(&self) -> Vec<SequencerInfo>;
}

/// How the mesh stands.
pub trait PeersView: Send + Sync + 'static {
    /// The node's own peer id, in its base58 form.
    fn local_peer_id(&self) -> String;

    /// How many peers are connected.
    fn count(&self) -> usize;

    /// The connected peers.
    fn peers(&self) -> Vec<PeerInfo>;
}

/// What a node is to the protocol right now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Appoints leaders, seals blocks and collects votes.
    Scheduler,
    /// Builds the blocks of the running epoch.
    Leader,
    /// A member of the set that does neither.
    Follower,
    /// Not in the set.
    Observer,
}

/// The node's view of consensus.
#[derive(Clone, Debug)]
pub struct ConsensusStatus {
    /// The operator's address; none for an observer without keys.
    pub address: Option<Address>,
    /// The node's own role.
    pub role: Role,
    /// The running era.
    pub era: Era,
    /// The running term.
    pub term: Term,
    /// Why members wanted this term; none in the first, or if nobody told this node.
    pub term_cause: Option<Cause>,
    /// The term below which this node signs nothing; later than the term if it asks for another one.
    pub fence: Term,
    /// The running epoch.
    pub epoch: Epoch,
    /// The scheduler of the term, if known.
    pub scheduler: Option<Address>,
    /// The leader of the epoch, if known.
    pub leader: Option<Address>,
    /// The newest checkpoint that a quorum voted for; none before the first.
    pub certified: Option<CheckpointPosition>,
    /// What the `finalized` tag means.
    pub finality_rule: FinalityRule,
    /// How far catching up has come; none when the node follows the head.
    pub syncing: Option<SyncProgress>,
}

/// How far catching up has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncProgress {
    /// The height at which it began.
    pub starting: Height,
    /// The height that the node has.
    pub current: Height,
    /// The best height that peers report.
    pub highest: Height,
}

/// What a node does to come to the head of the chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SyncPhase {
    /// Nothing more: it follows the head.
    #[default]
    Following,
    /// It verifies the ends of all eras, and looks for a final block that stake vouches for.
    Proofs,
    /// It takes over the state of a final block.
    Snapshot,
    /// It executes blocks.
    Blocks,
}

impl SyncPhase {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Following, Self::Proofs, Self::Snapshot, Self::Blocks];
}

/// The sync in figures, as `baton_sync` shows it. Counts are those since the phase began, in this run of the node.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncReport {
    /// What is done.
    pub phase: SyncPhase,
    /// The height at which it began.
    pub starting: Height,
    /// The height that the node has.
    pub current: Height,
    /// The height that it makes for.
    pub highest: Height,
    /// The final block whose state is taken over.
    #[serde(serialize_with = "head")]
    pub target: Option<BlockRef>,
    /// How much of the state is here, from 0 to 1: by the part of the hashed addresses that is done.
    pub state_share: f64,
    /// Chunks of the state.
    pub chunks: u64,
    /// Accounts in them.
    pub accounts: u64,
    /// Storage slots in them.
    pub slots: u64,
    /// Pieces of code in them.
    pub codes: u64,
    /// Bytes of keys and values in them.
    pub bytes: u64,
    /// Blocks executed a second, over the last seconds.
    pub blocks_per_second: f64,
    /// The seconds that are left at the rate of the last seconds; none if that is not known.
    pub seconds_left: Option<f64>,
    /// How many peers are asked at the moment.
    pub peers: usize,
}

/// The running epoch as its announcement tells it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EpochInfo {
    /// The era.
    pub era: Era,
    /// The term.
    pub term: Term,
    /// The epoch.
    pub epoch: Epoch,
    /// Who leads.
    pub leader: Address,
    /// Who announced it.
    pub scheduler: Address,
    /// The height of its first block.
    pub first: Height,
    /// The height of its last block.
    pub last: Height,
    /// The hash of the block that it builds on.
    pub parent: B256,
    /// The hash of the announcement.
    pub hash: B256,
    /// Who was passed over.
    pub skipped: Vec<SkippedInfo>,
}

/// A member that was passed over.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SkippedInfo {
    /// Who.
    pub sequencer: Address,
    /// Why, in the words of `SkipReason`.
    pub reason: String,
}

/// A member of the set as this node sees it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SequencerInfo {
    /// Its address.
    pub address: Address,
    /// Its weight, as a decimal string.
    #[serde(serialize_with = "decimal")]
    pub weight: Stake,
    /// Its libp2p peer id; empty if unknown.
    pub peer_id: String,
    /// Whether its heartbeats are fresh.
    pub live: bool,
    /// Its role.
    pub role: Role,
    /// Its sealed head by its last heartbeat.
    #[serde(serialize_with = "head")]
    pub head: Option<BlockRef>,
    /// The age of its last heartbeat in ms.
    pub last_heartbeat_ms: Option<u64>,
    /// Its software version by its last heartbeat.
    pub version: Option<String>,
    /// How often it failed as a leader in this term since it last led an epoch to the end.
    pub strikes: u32,
    /// Its newest failure as a leader in this term, redeemed or not.
    pub last_strike: Option<StrikeInfo>,
    /// How often it cleared its strikes in this term by leading an epoch to the end.
    pub redemptions: u32,
    /// The first epoch that it may lead again, if it is jailed.
    pub jailed_until_epoch: Option<Epoch>,
    /// Why it is jailed.
    pub jail_reason: Option<String>,
    /// Whether there is evidence that it signed two messages for one position.
    pub convicted: bool,
    /// How many blocks of the running era it led.
    pub blocks_led: u64,
}

/// A failure that cost a leader its epoch.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StrikeInfo {
    /// The epoch.
    pub epoch: Epoch,
    /// What the leader failed at: `late` or `invalid`, in the scheduler's judgement.
    pub reason: SkipReason,
}

/// A connected peer.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerInfo {
    /// Its peer id, in its base58 form.
    pub peer_id: String,
    /// The address of the connection, as a multiaddr.
    pub address: String,
    /// Who dialled.
    pub direction: Direction,
    /// What it says it runs; none before it identified itself.
    pub agent: Option<String>,
    /// The height that it last reported.
    pub height: Option<Height>,
    /// The operator behind it, where it is a known sequencer.
    pub sequencer: Option<Address>,
    /// How long it has been connected, in ms.
    pub connected_ms: Option<u64>,
}

/// Who dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The peer.
    Inbound,
    /// This node.
    Outbound,
}

/// A block as `baton_*` methods show it: the number is a plain JSON number.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct BlockInfo {
    number: u64,
    hash: B256,
}

impl From<BlockRef> for BlockInfo {
    fn from(BlockRef { height, hash }: BlockRef) -> Self {
        Self { number: height.0, hash }
    }
}

fn decimal<S: serde::Serializer>(weight: &Stake, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(weight)
}

#[expect(clippy::ref_option, reason = "serde passes the field by reference")]
fn head<S: serde::Serializer>(head: &Option<BlockRef>, serializer: S) -> Result<S::Ok, S::Error> {
    head.map(BlockInfo::from).serialize(serializer)
}
