//! The engine's state as JSON-RPC shows it: a snapshot that the engine replaces, so that no request waits for it.

use crate::rpc::ports::{
    ConsensusStatus, ConsensusView, EpochInfo, Role, SequencerInfo, SkippedInfo, StrikeInfo, SyncProgress,
};
use baton_consensus::{
    FinalityRule,
    core::{Core, MemberStatus, Role as CoreRole},
    jail::Strike,
    types::{Epoch, Time},
};
use std::sync::{Arc, PoisonError, RwLock};

#[derive(Debug)]
struct Snapshot {
    status: ConsensusStatus,
    epoch: Option<EpochInfo>,
    sequencers: Vec<SequencerInfo>,
}

/// What JSON-RPC asks. Cheap to clone.
#[derive(Clone, Debug)]
pub struct EngineView {
    snapshot: Arc<RwLock<Arc<Snapshot>>>,
    syncing: Arc<RwLock<Option<SyncProgress>>>,
}

impl EngineView {
    pub(super) fn new(core: &Core, finality_rule: FinalityRule, now: Time) -> Self {
        let snapshot = Arc::new(RwLock::new(Arc::new(describe(core, finality_rule, now))));
        Self { snapshot, syncing: Arc::default() }
    }

    pub(super) fn update(&self, core: &Core, finality_rule: FinalityRule, now: Time) {
        let next = Arc::new(describe(core, finality_rule, now));
        *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) = next;
    }

    /// Says how far catching up has come; none when the node follows the head.
    pub fn set_syncing(&self, progress: Option<SyncProgress>) {
        *self.syncing.write().unwrap_or_else(PoisonError::into_inner) = progress;
    }

    fn read(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ConsensusView for EngineView {
    fn status(&self) -> ConsensusStatus {
        let syncing = *self.syncing.read().unwrap_or_else(PoisonError::into_inner);
        ConsensusStatus { syncing, ..self.read().status.clone() }
    }

    fn epoch(&self) -> Option<EpochInfo> {
        self.read().epoch.clone()
    }

    fn sequencers(&self) -> Vec<SequencerInfo> {
        self.read().sequencers.clone()
    }
}

fn describe(core: &Core, finality_rule: FinalityRule, now: Time) -> Snapshot {
    let status = core.status();
    let latest = core.schedule().latest();
    let member = |member: MemberStatus| {
        let role = if member.address == status.scheduler {
            Role::Scheduler
        } else if Some(member.address) == status.leader {
            Role::Leader
        } else {
            Role::Follower
        };
        let jailed = member.record.jailed_until > status.epoch;
        SequencerInfo {
            address: member.address,
            weight: member.weight,
            peer_id: member.peer_id,
            live: member.live,
            role,
            head: member.head,
            last_heartbeat_ms: member.last_heartbeat.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
            version: member.version,
            strikes: member.record.strikes,
            last_strike: (member.record.last_strike).map(|Strike { epoch, reason }| StrikeInfo { epoch, reason }),
            redemptions: member.record.redemptions,
            jailed_until_epoch: jailed.then_some(member.record.jailed_until),
            jail_reason: member.record.last_strike.filter(|_| jailed).map(|strike| {
                let Strike { epoch, reason } = strike;
                format!("{reason} in epoch {epoch}, failure {} in a row as leader", member.record.strikes)
            }),
            convicted: member.convicted,
            blocks_led: member.blocks_led,
        }
    };
    Snapshot {
        epoch: latest.map(|latest| EpochInfo {
            era: status.era,
            term: status.term,
            epoch: latest.announcement.epoch,
            leader: latest.announcement.leader,
            scheduler: status.scheduler,
            first: latest.announcement.first,
            last: latest.announcement.last,
            parent: latest.announcement.parent,
            hash: latest.hash,
            skipped: (latest.announcement.skipped.iter())
                .map(|skip| SkippedInfo { sequencer: skip.sequencer, reason: skip.reason.to_string() })
                .collect(),
        }),
        sequencers: core.members(now).into_iter().map(member).collect(),
        status: ConsensusStatus {
            address: status.address,
            role: match status.role {
                CoreRole::Scheduler => Role::Scheduler,
                CoreRole::Leader => Role::Leader,
                CoreRole::Follower => Role::Follower,
                CoreRole::Observer => Role::Observer,
            },
            era: status.era,
            term: status.term,
            term_cause: status.term_cause,
            fence: status.fence,
            epoch: latest.map_or(Epoch(0), |latest| latest.announcement.epoch),
            scheduler: Some(status.scheduler),
            leader: status.leader,
            certified: status.certified,
            finality_rule,
            syncing: None,
        },
    }
}
