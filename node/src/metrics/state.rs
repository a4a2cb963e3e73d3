//! How the node stands, read when Prometheus asks.

use super::{Level, PerLabel, Sources, define::metrics, label::label};
use crate::rpc::ports::{ConsensusStatus, Role};
use baton_storage::{Kept, StorageError};
use tracing::warn;

metrics! {
    /// How the node stands.
    pub struct State {
        /// The height of the newest block that is sealed, that is under a quorum certificate, and that is final.
        pub head_height: PerLabel<Tag, Level>,
        /// The lowest height whose receipts, whose state and whose state trie this node keeps.
        pub oldest_height: PerLabel<Past, Level>,
        /// Sealed blocks that are not final.
        pub unfinalized_blocks: Level,
        /// The running era.
        pub era: Level,
        /// The running term.
        pub term: Level,
        /// The running epoch.
        pub epoch: Level,
        /// The round of the newest checkpoint that a quorum voted for; rounds begin at 1 in every term.
        pub certified_round: Level,
        /// 1 for what this node is to the protocol, 0 for what it is not.
        pub role: PerLabel<Role, Level>,
        /// Members of the set that there is evidence against.
        pub convicted_members: Level,
        /// Peers that are connected and on this chain.
        pub peers_connected: Level,
    }
}

/// The heads of a chain, as JSON-RPC names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// The sealed tip.
    Latest,
    /// The newest block under a quorum certificate.
    Safe,
    /// The newest final block.
    Finalized,
}

/// What of the past a node may keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past {
    /// Receipts and logs.
    Receipts,
    /// Accounts and slots.
    State,
    /// What proves them.
    Trie,
}

label! {
    Past as "of" {
        Receipts = "receipts",
        State = "state",
        Trie = "trie",
    }
}

label! {
    Tag as "tag" {
        Latest = "latest",
        Safe = "safe",
        Finalized = "finalized",
    }
}

label! {
    Role as "role" {
        Scheduler = "scheduler",
        Leader = "leader",
        Follower = "follower",
        Observer = "observer",
    }
}

impl State {
    pub(super) fn read(&self, sources: &Sources) {
        let Sources { chain, consensus, peers, pool: _ } = sources;
        // In this order, so that a block that arrives in between cannot make `finalized` or `safe` higher than `latest`.
        let finalized = chain.finalized();
        match chain.safe() {
            Ok(safe) => _ = self.head_height.get(Tag::Safe).set(safe.height.0),
            Err(error) => warn!(%error, "cannot tell the metrics which block is safe"),
        }
        let latest = chain.head();
        self.head_height.get(Tag::Finalized).set(finalized.height.0);
        self.head_height.get(Tag::Latest).set(latest.height.0);
        self.unfinalized_blocks.set(latest.height.0.saturating_sub(finalized.height.0));

        match chain.store().kept() {
            Ok(Kept { receipts, state, indexed_state: _, trie }) => {
                for (past, height) in [(Past::Receipts, receipts), (Past::State, state), (Past::Trie, trie)] {
                    self.oldest_height.get(past).set(height.0);
                }
            }
            // A state is taken over: there is no past.
            Err(StorageError::NotInitialized) => {}
            Err(error) => warn!(%error, "cannot tell the metrics what of the past is kept"),
        }

        let ConsensusStatus { era, term, epoch, certified, role, .. } = consensus.status();
        self.era.set(era.0);
        self.term.set(term.0);
        self.epoch.set(epoch.0);
        self.certified_round.set(certified.map_or(0, |position| position.round.0));
        for known in [Role::Scheduler, Role::Leader, Role::Follower, Role::Observer] {
            self.role.get(known).set(u64::from(known == role));
        }
        let convicted = consensus.sequencers().iter().filter(|member| member.convicted).count();
        self.convicted_members.set(convicted as u64);
        self.peers_connected.set(peers.count() as u64);
    }
}
