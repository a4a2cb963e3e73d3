//! How members find each other: every sequencer signs where its node is, and everybody keeps and passes on the newest of each.
//!
//! - **Publish**: a sequencer gossips its record at the start, when its addresses change, when it enters the set, and every
//!   [`REPEAT`]. The sequence number grows by the clock, and past what the mesh has seen of this key.
//! - **Learn**: from gossip, and from the first peers that become ready, which are asked for all that they have.
//! - **Keep**: bounded by the set, on disk as well ([`RECORDS_FILE`]); what is read there is checked like anything else.
//! - **Use**: the members' peers are the explicit peers of the network, at the addresses that the records name.

use super::{MemberPeers, Taken};
use baton_consensus::{
    keys::OperatorKey,
    messages::{MAX_RECORD_ADDRESSES, SequencerRecord},
    signing::{InvalidSignature, Signed, SigningContext},
    types::MAX_MEMBERS,
};
use baton_network::{
    GossipMessage, NetworkHandle, PeerId, Reachability, RecordsRequest, Request, Responder, Response, Verdict,
    state_file::{self, Bounded},
};
use serde::{Deserialize, Serialize};
use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

/// The file in the data directory that keeps the records.
const RECORDS_FILE: &str = "sequencer-records.json";

/// How often a record is signed anew although nothing changed, for those who missed it.
const REPEAT: Duration = Duration::from_secs(30 * 60);

/// The same once a member's node is connected again: while it was not, one of the two may have come to another address, and what
/// was told then got lost.
const REPEAT_FOR_RETURNED: Duration = Duration::from_secs(30);

/// The shortest pause between two of our own records: two nodes with one key must not flood the mesh with their quarrel.
const OWN_PAUSE: Duration = Duration::from_secs(5);

/// How long a node that has just started looks for its own addresses before it says that it knows none.
const FIND_ADDRESSES: Duration = Duration::from_secs(15);

/// The pause between two writes to disk.
const SAVE_PAUSE: Duration = Duration::from_secs(1);

/// Peers that are asked within [`ASK_SPAN`].
const ASKED: usize = 4;

/// See [`ASKED`].
const ASK_SPAN: Duration = Duration::from_secs(60);

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    records: Vec<Signed<SequencerRecord>>,
}

impl Bounded for Kept {
    const VERSION: u32 = 1;
    // The longest records of the largest set fit.
    const MAX_BYTES: u64 = 4 << 20;
}

/// The router's end: takes records in, and serves them.
#[derive(Clone, Debug)]
pub struct Recorder {
    members: MemberPeers,
    ready: mpsc::Sender<PeerId>,
}

impl Recorder {
    /// Takes a record in, and tells whether to pass it on. Who is not in the set is ignored and blames nobody: this node may not
    /// have heard of the set in which it is. An older record that comes again is no fault either.
    ///
    /// # Errors
    /// If nobody signed it.
    pub(super) fn take(
        &self,
        signed: Signed<SequencerRecord>,
        context: &SigningContext,
    ) -> Result<Verdict, InvalidSignature> {
        let is_news = self.members.take(signed.verify(context)?) == Taken::New;
        Ok(if is_news { Verdict::Accept } else { Verdict::Ignore })
    }

    /// A peer is ready: it may be asked.
    pub(super) fn ask(&self, peer: PeerId) {
        // There are others.
        let _ = self.ready.try_send(peer);
    }

    /// Answers with all that is known. Off the router's loop, since many records take a while to encode.
    pub(super) fn serve(&self, responder: Responder) {
        let members = self.members.clone();
        tokio::task::spawn_blocking(move || {
            if let Err(error) = responder.respond(&Response::SequencerRecords(members.records())) {
                debug!(%error, "could not serve sequencer records");
            }
        });
    }
}

/// Publishes our own record, and has the network know those of others.
#[derive(Debug)]
pub struct RecordKeeper {
    network: NetworkHandle,
    members: MemberPeers,
    context: SigningContext,
    operator: Option<OperatorKey>,
    file: PathBuf,
    ready: mpsc::Receiver<PeerId>,
    asked: Vec<Instant>,
    started: Instant,
    published: Option<Instant>,
    /// A member's node was connected since then.
    has_returned: bool,
    is_dirty: bool,
}

impl RecordKeeper {
    /// Reads what was kept. `operator` is the key of a sequencer, or of one that may become one.
    #[must_use]
    pub fn new(
        network: NetworkHandle,
        members: MemberPeers,
        context: SigningContext,
        operator: Option<OperatorKey>,
        data_dir: &Path,
    ) -> (Self, Recorder) {
        let file = data_dir.join(RECORDS_FILE);
        for verified in read(&file).into_iter().filter_map(|signed| signed.verify(&context).ok()) {
            members.take(verified);
        }
        let (sender, ready) = mpsc::channel(ASKED);
        let recorder = Recorder { members: members.clone(), ready: sender };
        let keeper = Self {
            network,
            members,
            context,
            operator,
            file,
            ready,
            asked: Vec::new(),
            started: Instant::now(),
            published: None,
            has_returned: false,
            is_dirty: false,
        };
        (keeper, recorder)
    }

    /// Runs until `shutdown`.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut told = self.network.told_addresses();
        let mut reachability = self.network.reachability();
        let mut tick = tokio::time::interval(SAVE_PAUSE);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        self.update_explicit().await;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = self.members.changed() => {
                    self.is_dirty = true;
                    self.update_explicit().await;
                }
                Some(peer) = self.ready.recv() => {
                    self.has_returned |= self.members.peers().iter().any(|(member, _)| *member == peer);
                    self.ask(peer);
                }
                Ok(()) = reachability.changed() => {
                    let now = *reachability.borrow_and_update();
                    self.judge_reachability(now);
                }
                _ = tick.tick() => {
                    let addresses = told.borrow_and_update().iter().map(ToString::to_string).collect();
                    self.publish_if_due(addresses).await;
                    self.save().await;
                }
            }
        }
        self.save().await;
    }

    /// The members' peers are to be kept, wherever their records say that they are.
    async fn update_explicit(&self) {
        let peers = self.members.peers();
        self.network.set_explicit_peers(peers.iter().map(|(peer, _)| *peer).collect()).await;
        for (peer, addresses) in peers.into_iter().filter(|(_, addresses)| !addresses.is_empty()) {
            self.network.know(peer, addresses).await;
        }
    }

    async fn publish_if_due(&mut self, mut addresses: Vec<String>) {
        let Some(key) = &self.operator else { return };
        let operator = key.address();
        if !self.members.contains(&operator) || self.published.is_some_and(|last| last.elapsed() < OWN_PAUSE) {
            return;
        }
        if addresses.is_empty() && self.started.elapsed() < FIND_ADDRESSES {
            return;
        }
        addresses.truncate(MAX_RECORD_ADDRESSES);
        let known = self.members.record(&operator);
        let record = SequencerRecord {
            peer_id: self.network.local_peer_id().to_base58(),
            addresses,
            sequence: sequence(known.as_ref()),
        };
        let says_the_same =
            known.is_some_and(|known| (&known.peer_id, &known.addresses) == (&record.peer_id, &record.addresses));
        let pause = if self.has_returned { REPEAT_FOR_RETURNED } else { REPEAT };
        if says_the_same && self.published.is_some_and(|last| last.elapsed() < pause) {
            return;
        }
        if let Err(error) = record.check() {
            return warn!(error, "this node's addresses cannot be told to the other members");
        }
        self.published = Some(Instant::now());
        self.has_returned = false;
        info!(addresses = ?record.addresses, "telling the other members where this node is");
        let signed = Signed::new(record, &self.context, key);
        match signed.clone().verify(&self.context) {
            Ok(verified) => drop(self.members.take(verified)),
            Err(error) => return warn!(%error, "our own record is not what we signed"),
        }
        if let Err(error) = self.network.publish(GossipMessage::SequencerRecord(Box::new(signed))).await {
            debug!(%error, "could not publish our record");
        }
    }

    /// The first peers after a while without any are asked for all that they have.
    fn ask(&mut self, peer: PeerId) {
        self.asked.retain(|asked| asked.elapsed() < ASK_SPAN);
        if self.asked.len() >= ASKED {
            return;
        }
        self.asked.push(Instant::now());
        let (network, members, context) = (self.network.clone(), self.members.clone(), self.context);
        tokio::spawn(async move {
            let records = match network.request(peer, Request::SequencerRecords(RecordsRequest)).await {
                Ok(Response::SequencerRecords(records)) => records,
                Ok(_) => return,
                Err(error) => return debug!(%error, "no sequencer records from the peer"),
            };
            // A recovery each.
            let checked = tokio::task::spawn_blocking(move || {
                let verified = records.into_iter().take(MAX_MEMBERS).filter_map(|signed| signed.verify(&context).ok());
                verified.filter(|record| members.take(record.clone()) == Taken::New).count()
            });
            match checked.await {
                Ok(new) => debug!(%peer, new, "sequencer records from a peer"),
                Err(error) => warn!(%error, "sequencer records could not be checked"),
            }
        });
    }

    fn judge_reachability(&self, reachability: Reachability) {
        let is_member = self.operator.as_ref().is_some_and(|key| self.members.contains(&key.address()));
        if reachability == Reachability::Unreachable && is_member {
            warn!(
                "other nodes cannot open connections to this sequencer: none of its addresses was reachable. Open the peer-to-peer port in \
                 the firewall, forward it on the router, and name the address outside by --external-address; see docs/bootnode.md"
            );
        }
    }

    async fn save(&mut self) {
        if !std::mem::take(&mut self.is_dirty) {
            return;
        }
        let (file, records) = (self.file.clone(), self.members.records());
        let name = file.display().to_string();
        let written = tokio::task::spawn_blocking(move || state_file::write(&file, &Kept { records }));
        if let Ok(Err(error)) = written.await {
            warn!(file = name, %error, "the sequencer records cannot be written; after a restart, peers are asked for them");
        }
    }
}

/// Past the clock and past what is known.
fn sequence(known: Option<&SequencerRecord>) -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let clock = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    known.map_or(clock, |known| clock.max(known.sequence.saturating_add(1)))
}

/// What was kept, as far as it is sound; if it is not, peers are asked.
fn read(path: &Path) -> Vec<Signed<SequencerRecord>> {
    let kept = state_file::read::<Kept>(path).map(|kept| kept.records).unwrap_or_default();
    kept.into_iter().take(MAX_MEMBERS).filter(|signed| signed.message.check().is_ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Committee;

    #[test]
    fn records_are_kept_on_disk_and_what_is_beyond_bounds_is_not_read() {
        let committee = Committee::new(1);
        let context = committee.genesis.signing_context();
        let record = SequencerRecord { peer_id: PeerId::random().to_base58(), addresses: vec![], sequence: 7 };
        let signed = Signed::new(record, &context, &committee.keys[0].operator);
        let long = SequencerRecord { addresses: vec![String::new(); 99], ..signed.message.clone() };
        let long = Signed { message: long, signature: signed.signature };
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(RECORDS_FILE);
        assert_eq!(read(&path), []);
        state_file::write(&path, &Kept { records: vec![signed.clone(), long] }).unwrap();
        assert_eq!(read(&path), [signed]);
    }

    #[test]
    fn sequence_numbers_grow_whatever_the_clock_says() {
        let of = |sequence| SequencerRecord { peer_id: String::new(), addresses: vec![], sequence };
        let now = sequence(None);
        assert!(now > 1_700_000_000_000);
        assert_eq!(sequence(Some(&of(u64::MAX - 1))), u64::MAX);
        assert!(sequence(Some(&of(1))) >= now);
    }
}
