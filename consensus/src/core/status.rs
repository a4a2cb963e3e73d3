use super::Core;
use crate::finality::VerifiedQuorum;
use crate::jail::Record;
use crate::messages::{Cause, CheckpointPosition};
use crate::types::{BlockRef, Epoch, Era, Height, Stake, Term, Time};
use alloy_primitives::Address;
use std::{fmt, time::Duration};

/// What a node is doing in the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Appoints, checks and seals.
    Scheduler,
    /// Orders and builds.
    Leader,
    /// Executes and watches.
    Follower,
    /// Outside the set: executes and serves.
    Observer,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheduler => "scheduler",
            Self::Leader => "leader",
            Self::Follower => "follower",
            Self::Observer => "observer",
        })
    }
}

/// Where a node stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// This node's address, if it is a member.
    pub address: Option<Address>,
    /// What it is doing.
    pub role: Role,
    /// The era.
    pub era: Era,
    /// The term.
    pub term: Term,
    /// Why members wanted this term; none in the first, or if nobody told this node.
    pub term_cause: Option<Cause>,
    /// The term below which this node signs nothing; later than the term if it asks for another one.
    pub fence: Term,
    /// The newest epoch; 0 before the first.
    pub epoch: Epoch,
    /// Who schedules.
    pub scheduler: Address,
    /// Who leads.
    pub leader: Option<Address>,
    /// The sealed tip.
    pub head: BlockRef,
    /// The newest block under a quorum certificate.
    pub safe: BlockRef,
    /// The newest final height.
    pub finalized: Height,
    /// The newest certified checkpoint; none before the first.
    pub certified: Option<CheckpointPosition>,
}

/// What a node knows of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberStatus {
    /// The member.
    pub address: Address,
    /// Its weight.
    pub weight: Stake,
    /// The peer id hint; may be empty.
    pub peer_id: String,
    /// Whether it counts as live. A member is live to itself.
    pub live: bool,
    /// The head that its newest heartbeat named.
    pub head: Option<BlockRef>,
    /// How long ago its newest heartbeat came.
    pub last_heartbeat: Option<Duration>,
    /// Its software version.
    pub version: Option<String>,
    /// How it did as a leader in this term, as the announcements tell.
    pub record: Record,
    /// Whether there is evidence that it signed twice for one position.
    pub convicted: bool,
    /// The blocks that it led and this node committed since it started.
    pub blocks_led: u64,
}

impl Core {
    /// Where this node stands.
    #[must_use]
    pub fn status(&self) -> Status {
        let leader = self.schedule.latest().map(|latest| latest.announcement.leader);
        let role = match self.address() {
            None => Role::Observer,
            Some(address) if address == self.schedule.scheduler() => Role::Scheduler,
            Some(address) if Some(address) == leader => Role::Leader,
            Some(_) => Role::Follower,
        };
        Status {
            address: self.address(),
            role,
            era: self.schedule.era(),
            term: self.schedule.term(),
            term_cause: self.term_cause,
            fence: self.fence(),
            epoch: self.schedule.epoch(),
            scheduler: self.schedule.scheduler(),
            leader,
            head: self.head(),
            safe: self.safe(),
            finalized: self.finalized(),
            certified: self.highest_quorum().map(VerifiedQuorum::position),
        }
    }

    /// What this node knows of every member, in order of their addresses.
    #[must_use]
    pub fn members(&self, now: Time) -> Vec<MemberStatus> {
        let describe = |member: &crate::types::Sequencer| {
            let known = self.liveness.get(member.address);
            let own = self.address() == Some(member.address);
            MemberStatus {
                address: member.address,
                weight: member.weight,
                peer_id: member.peer_id.clone(),
                live: own || self.liveness.is_live(member.address),
                head: if own { Some(self.head()) } else { known.map(|known| known.heartbeat.head()) },
                last_heartbeat: known.map(|known| now.since(known.last_seen)),
                version: if own {
                    Some(self.identity.version.clone())
                } else {
                    known.map(|known| known.heartbeat.version.clone())
                },
                record: self.jail.record(member.address),
                convicted: self.is_convicted(member.address),
                blocks_led: self.blocks_led.get(&member.address).copied().unwrap_or_default(),
            }
        };
        self.set.members().iter().map(describe).collect()
    }
}
