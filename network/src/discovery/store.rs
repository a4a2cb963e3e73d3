//! The peer store: who was a good peer, and where, so that a mesh finds itself again without any bootnode.
//!
//! One file in the data directory: `{"version": 1, "peers": [{"peer": …, "addresses": […], "reached": …, "seen": …}]}`, times in
//! seconds since the Unix epoch. It holds hints only, which can be found again; what is held against peers and what the operator
//! said of them are files of their own (`penalties`, `lists`). What this node reached itself comes first; what peers merely told of themselves fills a small
//! part, so that strangers cannot push the proven addresses out.

use super::policy::{AddressPolicy, MAX_PEER_ADDRESSES};
use crate::{
    discovery::scope,
    state_file::{self, Bounded},
};
use libp2p::{Multiaddr, PeerId};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    path::PathBuf,
    time::{Duration, Instant, SystemTime},
};
use tokio::task::JoinHandle;
use tracing::warn;

/// The file's name in the data directory.
pub const PEERS_FILE: &str = "peers.json";

/// The most peers that are remembered.
pub(crate) const MAX_STORED: usize = 512;

/// How many of them may be such that this node never reached itself.
const MAX_UNPROVEN: usize = 128;

/// The most addresses of a peer.
const MAX_STORED_ADDRESSES: usize = 4;

/// Peers that nobody has seen for so long are forgotten.
const MAX_AGE: Duration = Duration::from_secs(30 * 24 * 3600);

/// The pause between two writes of the file.
const SAVE_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug, Serialize, Deserialize)]
struct Document {
    peers: Vec<Entry>,
}

impl Bounded for Document {
    const VERSION: u32 = 1;
    const MAX_BYTES: u64 = 1 << 20;
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    peer: String,
    addresses: Vec<Multiaddr>,
    /// When this node reached it last; 0 if never.
    #[serde(default)]
    reached: u64,
    /// When it was last known to live.
    seen: u64,
}

#[derive(Debug)]
struct Known {
    addresses: Vec<Multiaddr>,
    reached: u64,
    seen: u64,
}

/// The peers, and the file that holds them.
#[derive(Debug)]
pub(crate) struct PeerStore {
    path: Option<PathBuf>,
    peers: HashMap<PeerId, Known>,
    is_dirty: bool,
    saving: Option<JoinHandle<()>>,
    saved_at: Instant,
}

impl PeerStore {
    /// Reads the file; without a path nothing is kept. A file that is missing is an empty store, and one that is damaged as well:
    /// it says who can be dialed, nothing that cannot be found again.
    pub(crate) fn open(path: Option<PathBuf>) -> Self {
        let mut store = Self { path, peers: HashMap::new(), is_dirty: false, saving: None, saved_at: Instant::now() };
        let Some(path) = &store.path else { return store };
        if let Some(Document { peers }) = state_file::read(path) {
            peers.into_iter().for_each(|entry| store.take(entry));
        }
        store.forget_old(seconds());
        store.is_dirty = false;
        store
    }

    fn take(&mut self, entry: Entry) {
        let Entry { peer, addresses, reached, seen } = entry;
        let Ok(peer) = peer.parse() else { return };
        let addresses: Vec<_> = (addresses.iter())
            .filter_map(|address| scope::of_peer(&peer, address))
            .take(MAX_STORED_ADDRESSES)
            .collect();
        if !addresses.is_empty() && self.peers.len() < MAX_STORED {
            self.peers.insert(peer, Known { addresses, reached, seen });
        }
    }

    /// This node reached the peer at the address, and it is of our chain.
    pub(crate) fn reached(&mut self, peer: PeerId, address: &Multiaddr) {
        let now = seconds();
        if let Some(address) = scope::of_peer(&peer, address) {
            self.note(peer, vec![address], now, now);
        }
    }

    /// A peer of our chain told where it listens.
    pub(crate) fn told(&mut self, peer: PeerId, addresses: Vec<Multiaddr>) {
        self.note(peer, addresses, 0, seconds());
    }

    /// The peer is still there.
    pub(crate) fn seen(&mut self, peer: &PeerId) {
        if let Some(known) = self.peers.get_mut(peer) {
            known.seen = seconds();
            self.is_dirty = true;
        }
    }

    fn note(&mut self, peer: PeerId, addresses: Vec<Multiaddr>, reached: u64, seen: u64) {
        if addresses.is_empty() {
            return;
        }
        if !self.peers.contains_key(&peer) && !self.make_room(reached > 0) {
            return;
        }
        let known = self.peers.entry(peer).or_insert_with(|| Known { addresses: Vec::new(), reached: 0, seen });
        known.seen = known.seen.max(seen);
        for address in addresses.into_iter().take(MAX_PEER_ADDRESSES) {
            let place = known.addresses.iter().position(|old| *old == address);
            match (reached > 0, place) {
                // What was proven last comes first.
                (true, Some(0)) => {}
                (true, Some(place)) => {
                    known.addresses.remove(place);
                    known.addresses.insert(0, address);
                    self.is_dirty = true;
                }
                (true, None) => {
                    known.addresses.insert(0, address);
                    known.addresses.truncate(MAX_STORED_ADDRESSES);
                    self.is_dirty = true;
                }
                (false, Some(_)) => {}
                (false, None) if known.addresses.len() < MAX_STORED_ADDRESSES => {
                    known.addresses.push(address);
                    self.is_dirty = true;
                }
                (false, None) => {}
            }
        }
        // Seconds alone are not worth a write each.
        self.is_dirty |= reached > 0 && known.reached == 0;
        known.reached = known.reached.max(reached);
    }

    /// Room for one more; tells whether there is any. The unproven that were seen least lately go first.
    fn make_room(&mut self, proven: bool) -> bool {
        let unproven = self.peers.values().filter(|known| known.reached == 0).count();
        if self.peers.len() < MAX_STORED && (proven || unproven < MAX_UNPROVEN) {
            return true;
        }
        let candidates = self.peers.iter().filter(|(_, known)| proven || known.reached == 0);
        let victim = candidates.min_by_key(|(_, known)| (known.reached > 0, known.seen)).map(|(peer, _)| *peer);
        victim.is_some_and(|peer| self.peers.remove(&peer).is_some())
    }

    fn forget_old(&mut self, now: u64) {
        self.peers.retain(|_, known| now.saturating_sub(known.seen) <= MAX_AGE.as_secs());
    }

    /// Everyone with their addresses that the policy lets us dial, the proven first, then the latest.
    pub(crate) fn peers(&self, policy: &AddressPolicy) -> Vec<(PeerId, Vec<Multiaddr>)> {
        let mut peers: Vec<_> = self.peers.iter().collect();
        peers.sort_by_key(|(_, known)| std::cmp::Reverse((known.reached > 0, known.seen)));
        let allowed =
            |known: &Known| known.addresses.iter().filter(|address| policy.hearsay(address)).cloned().collect();
        peers.into_iter().map(|(peer, known)| (*peer, allowed(known))).collect()
    }

    /// Writes what changed, in the background: one write at a time, and a pause between two.
    pub(crate) fn save_if_due(&mut self, now: Instant) {
        let is_idle = self.saving.as_ref().is_none_or(JoinHandle::is_finished);
        if is_idle && now.saturating_duration_since(self.saved_at) >= SAVE_INTERVAL {
            self.saved_at = now;
            self.saving = self.changes().map(|snapshot| tokio::task::spawn_blocking(move || snapshot.write()));
        }
    }

    /// Writes what is not written yet, at the end.
    pub(crate) async fn save_all(&mut self) {
        if let Some(saving) = self.saving.take() {
            // It has logged what went wrong.
            let _ = saving.await;
        }
        if let Some(snapshot) = self.changes() {
            snapshot.write();
        }
    }

    /// What to write and where, if anything changed since the last time.
    fn changes(&mut self) -> Option<Snapshot> {
        if !std::mem::take(&mut self.is_dirty) {
            return None;
        }
        self.forget_old(seconds());
        let path = self.path.clone()?;
        let mut peers: Vec<_> = self.peers.iter().map(|(peer, known)| entry(peer, known)).collect();
        peers.sort_by_key(|entry| std::cmp::Reverse((entry.reached > 0, entry.seen)));
        Some(Snapshot { path, document: Document { peers } })
    }
}

fn entry(peer: &PeerId, known: &Known) -> Entry {
    let Known { addresses, reached, seen } = known;
    Entry { peer: peer.to_base58(), addresses: addresses.clone(), reached: *reached, seen: *seen }
}

/// The store as it is to be on disk.
#[derive(Debug)]
struct Snapshot {
    path: PathBuf,
    document: Document,
}

impl Snapshot {
    /// Writes the file whole: a reader, and the next start, sees the old one or the new one. Blocks.
    fn write(&self) {
        if let Err(error) = state_file::write(&self.path, &self.document) {
            warn!(file = %self.path.display(), %error, "the peer store cannot be written: after a restart, peers must be found anew");
        }
    }
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, path::Path};

    fn address(port: u16) -> Multiaddr {
        format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap()
    }

    fn stored(path: &Path) -> Vec<(PeerId, Vec<Multiaddr>)> {
        PeerStore::open(Some(path.to_owned())).peers(&AddressPolicy::new(false))
    }

    #[test]
    fn good_peers_outlive_a_restart_the_proven_first() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("peers.json");
        let mut store = PeerStore::open(Some(path.clone()));
        assert!(store.changes().is_none());
        let (told, reached) = (PeerId::random(), PeerId::random());
        store.told(told, vec![address(1)]);
        store.told(reached, vec![address(2)]);
        store.reached(reached, &address(3));
        store.changes().unwrap().write();
        assert!(store.changes().is_none(), "nothing is written twice");
        assert_eq!(stored(&path), [(reached, vec![address(3), address(2)]), (told, vec![address(1)])]);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_damaged_file_is_an_empty_store_that_is_written_anew() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("peers.json");
        let peer = PeerId::random();
        let huge = "x".repeat(2 << 20);
        for damage in ["", "{", r#"{"version": 9, "peers": []}"#, r#"{"version": 1, "peers": [3]}"#, &huge] {
            fs::write(&path, damage).unwrap();
            let mut store = PeerStore::open(Some(path.clone()));
            assert!(store.peers(&AddressPolicy::new(false)).is_empty());
            store.reached(peer, &address(1));
            store.changes().unwrap().write();
            assert_eq!(stored(&path).len(), 1);
        }
    }

    #[test]
    fn what_is_odd_in_a_file_is_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("peers.json");
        let (good, now) = (PeerId::random(), seconds());
        let text = format!(
            r#"{{"version": 1, "peers": [
                {{"peer": "nobody", "addresses": ["/ip4/127.0.0.1/tcp/1"], "seen": {now}}},
                {{"peer": "{}", "addresses": ["/ip4/127.0.0.1/tcp/0"], "seen": {now}}},
                {{"peer": "{}", "addresses": ["/ip4/127.0.0.1/tcp/1"], "seen": 1}},
                {{"peer": "{good}", "addresses": ["/ip4/0.0.0.0/tcp/1", "/ip4/127.0.0.1/tcp/2"], "seen": {now}}}]}}"#,
            PeerId::random(),
            PeerId::random(),
        );
        fs::write(&path, text).unwrap();
        assert_eq!(stored(&path), [(good, vec![address(2)])]);
    }

    #[test]
    fn strangers_do_not_push_the_proven_out() {
        let mut store = PeerStore::open(None);
        let proven: Vec<_> = (0..MAX_STORED - MAX_UNPROVEN).map(|_| PeerId::random()).collect();
        for peer in &proven {
            store.reached(*peer, &address(1));
        }
        for _ in 0..2 * MAX_STORED {
            store.told(PeerId::random(), vec![address(2)]);
        }
        assert_eq!(store.peers.len(), MAX_STORED);
        assert!(proven.iter().all(|peer| store.peers.contains_key(peer)));
        for _ in 0..2 * MAX_STORED {
            store.reached(PeerId::random(), &address(3));
        }
        assert_eq!(store.peers.len(), MAX_STORED);
        assert!(store.changes().is_none(), "without a file nothing is written");
    }
}
