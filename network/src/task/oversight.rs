//! Peers that are blamed, banned, trusted and added.

use super::NetworkTask;
use crate::{
    counters::Counters,
    gate::AddressRange,
    gossip::reserved_score,
    lists::{LISTS_FILE, ListError},
    oversight::{BannedRange, Oversight, PeerAccount, PeerOverview},
    penalties::{BANS_FILE, BanCause, Class, Offence, Sentence},
    reconnect::named_peer,
    state_file,
};
use libp2p::{Multiaddr, PeerId};
use std::{
    collections::HashSet,
    io,
    path::PathBuf,
    time::{Duration, Instant, SystemTime},
};
use tokio::task::JoinHandle;
use tracing::{debug, info, warn};

/// How often scores are brought up to date, and what changed is written.
const INTERVAL: Duration = Duration::from_secs(1);

/// What was written of bans and lists, and what is being written.
#[derive(Debug)]
pub(super) struct Keeper {
    directory: Option<PathBuf>,
    bans: u64,
    lists: bool,
    writing: Option<JoinHandle<io::Result<()>>>,
    looked: Instant,
}

impl Keeper {
    pub(super) fn new(directory: Option<PathBuf>) -> Self {
        Self { directory, bans: 0, lists: false, writing: None, looked: Instant::now() }
    }
}

impl NetworkTask {
    /// Charges a peer with something; it is sent away when it is too much.
    pub(super) fn charge(&mut self, peer: PeerId, offence: Offence, about: &'static str) {
        if offence.class() != Class::Slow {
            Counters::add(&self.counters.rejected);
        }
        let sentence = self.swarm.behaviour_mut().gate.charge(peer, (offence, about), SystemTime::now());
        match sentence {
            Sentence::Noted => debug!(%peer, about, class = %offence.class(), "the peer {offence}"),
            Sentence::Disconnect => {
                warn!(%peer, about, "sent away: the peer {offence}");
            }
            Sentence::Ban(ban) => {
                let length = ban.until.duration_since(ban.since).unwrap_or_default();
                warn!(
                    %peer, about, banned_for = ?length,
                    "banned: the peer {offence}; `baton peers why {peer}` tells all that it did"
                );
            }
        }
        self.rescore(peer);
    }

    /// Tells gossipsub what is held against a peer.
    pub(super) fn rescore(&mut self, peer: PeerId) {
        let behaviour = self.swarm.behaviour_mut();
        let faults = behaviour.gate.ledger.faults(&peer, SystemTime::now());
        let head_start = reserved_score(behaviour.gate.reserved.contains(&peer));
        behaviour.gossipsub.set_application_score(&peer, head_start - faults);
    }

    pub(super) fn on_oversight(&mut self, command: Oversight) {
        let now = SystemTime::now();
        // A reply that finds nobody belongs to a caller that has given up.
        match command {
            Oversight::Report { peer, offence, about } => self.charge(peer, offence, about),
            Oversight::Ban { peer, length, reply } => {
                let _ = reply.send(self.ban(peer, length, now));
            }
            Oversight::Unban { peer, reply } => {
                let _ = reply.send(self.swarm.behaviour_mut().gate.ledger.pardon(&peer, now));
                self.rescore(peer);
            }
            Oversight::UnbanRange { range, reply } => {
                let _ = reply.send(self.swarm.behaviour_mut().gate.ledger.pardon_range(range, now));
            }
            Oversight::Trust { peer, reply } => {
                let result = if self.is_local(&peer) { Err(ListError::Ourselves) } else { self.lists.trust(peer) };
                self.list_changed();
                let _ = reply.send(result);
            }
            Oversight::Add { address, reply } => {
                let _ = reply.send(self.add(address));
            }
            Oversight::Remove { peer, reply } => {
                let was_added = self.lists.added.remove(&peer).is_some();
                let was = self.lists.trusted.remove(&peer) || was_added;
                self.list_changed();
                if was_added && !self.swarm.behaviour().gate.reserved.contains(&peer) {
                    self.part_from(peer);
                }
                let _ = reply.send(was);
            }
            Oversight::Account { peer, reply } => {
                let _ = reply.send(self.account(peer, now));
            }
            Oversight::Overview { reply } => {
                let _ = reply.send(self.overview(now));
            }
        }
    }

    fn is_local(&self, peer: &PeerId) -> bool {
        peer == self.swarm.local_peer_id()
    }

    fn ban(&mut self, peer: PeerId, length: Duration, now: SystemTime) -> Result<crate::penalties::Ban, ListError> {
        if self.is_local(&peer) {
            return Err(ListError::Ourselves);
        }
        info!(%peer, banned_for = ?length, "banned by the operator");
        Ok(self.swarm.behaviour_mut().gate.ban(peer, length, now))
    }

    fn add(&mut self, address: Multiaddr) -> Result<bool, ListError> {
        if named_peer(&address).is_some_and(|peer| self.is_local(&peer)) {
            return Err(ListError::Ourselves);
        }
        let new = self.lists.add(address)?;
        self.list_changed();
        Ok(new)
    }

    fn list_changed(&mut self) {
        self.keeper.lists = true;
        self.apply_lists();
    }

    /// Lets the gate and the dialer know whom the operator trusts and added.
    pub(super) fn apply_lists(&mut self) {
        let lists = &self.lists;
        let reserved = &mut self.swarm.behaviour_mut().gate.reserved;
        reserved.trusted = lists.trusted.iter().copied().collect();
        reserved.added = lists.added.keys().copied().collect();
        self.reconnect.set_added(lists.added.iter(), Instant::now());
        self.swarm.behaviour_mut().gate.reserved_changed();
    }

    fn account(&self, peer: PeerId, now: SystemTime) -> PeerAccount {
        let behaviour = self.swarm.behaviour();
        let gate = &behaviour.gate;
        let bans = |range: AddressRange| {
            let ban = gate.ledger.range_ban(range, now)?;
            Some(BannedRange { range, since: ban.since, until: ban.until })
        };
        let info = self.peers.info(&peer);
        PeerAccount {
            peer_id: peer,
            explicit: gate.reserved.explicit.contains(&peer),
            trusted: gate.reserved.trusted.contains(&peer),
            added: self.lists.added.get(&peer).cloned(),
            account: gate.ledger.account(&peer, now),
            gossip_score: info.is_some().then(|| behaviour.gossipsub.peer_score(&peer)).flatten(),
            banned_ranges: gate.ranges_of(&peer).into_iter().filter_map(bans).collect(),
            info,
        }
    }

    fn overview(&self, now: SystemTime) -> PeerOverview {
        let ledger = &self.swarm.behaviour().gate.ledger;
        let lists = &self.lists;
        let peers: HashSet<_> = (self.peers.ids())
            .chain(ledger.banned_peers(now).map(|(peer, _)| peer))
            .chain(lists.trusted.iter().copied())
            .chain(lists.added.keys().copied())
            .collect();
        let ranges = ledger.banned_ranges(now);
        PeerOverview {
            peers: peers.into_iter().map(|peer| self.account(peer, now)).collect(),
            banned_ranges: ranges
                .map(|(range, ban)| BannedRange { range, since: ban.since, until: ban.until })
                .collect(),
        }
    }

    pub(super) fn on_tick_oversight(&mut self, now: Instant) {
        if now.saturating_duration_since(self.keeper.looked) < INTERVAL {
            return;
        }
        self.keeper.looked = now;
        if self.swarm.behaviour_mut().gate.tidy(SystemTime::now()) {
            self.incoming.tidy();
            self.outgoing.tidy();
        }
        let peers: Vec<_> = self.peers.ids().collect();
        for peer in peers {
            self.rescore(peer);
        }
        if self.keeper.writing.as_ref().is_none_or(JoinHandle::is_finished) {
            self.keeper.writing = self.write_changes();
        }
    }

    /// Writes what changed, not in the swarm's own task.
    fn write_changes(&mut self) -> Option<JoinHandle<io::Result<()>>> {
        let directory = self.keeper.directory.clone()?;
        let ledger = &self.swarm.behaviour().gate.ledger;
        let bans = (self.keeper.bans != ledger.changes()).then(|| ledger.contents(SystemTime::now()));
        let lists = self.keeper.lists.then(|| self.lists.contents());
        if bans.is_none() && lists.is_none() {
            return None;
        }
        (self.keeper.bans, self.keeper.lists) = (ledger.changes(), false);
        let write = move || {
            let result = (|| {
                bans.map_or(Ok(()), |bans| state_file::write(&directory.join(BANS_FILE), &bans))?;
                lists.map_or(Ok(()), |lists| state_file::write(&directory.join(LISTS_FILE), &lists))
            })();
            if let Err(error) = &result {
                warn!(directory = %directory.display(), %error, "bans and lists of peers cannot be written");
            }
            result
        };
        Some(tokio::task::spawn_blocking(write))
    }

    /// Writes what is not written yet of these, at the end.
    pub(super) async fn keep_all(&mut self) {
        // What goes wrong is in the log.
        if let Some(writing) = self.keeper.writing.take() {
            let _ = writing.await;
        }
        if let Some(writing) = self.write_changes() {
            let _ = writing.await;
        }
    }
}

impl std::fmt::Display for BanCause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Operator => f.write_str("the operator said so"),
            Self::Offence(offence) => write!(f, "it {offence}"),
        }
    }
}
