//! What the engine needs around a state that was taken over: the block, its ancestors' headers, and the schedule of its term.
//!
//! All of it hangs on the block's hash, which is proven final: the ancestors by their hashes; the announcements too, since the
//! block names its own, each names the one before it, and the first names what opened the term.

use super::{fetch::Interrupted, target::Target};
use crate::{
    chain::execution_block,
    engine::Segment,
    genesis::Genesis,
    sync::{
        download::download,
        provenance::{Provenance, are_ancestors, decode_headers},
        servers::{Fault, Servers},
    },
};
use alloy_consensus::Header;
use baton_consensus::{
    certificate::{TermCertificate, VerifiedCertificate},
    finality::{QuorumCertificate, VerifiedQuorum},
    journal::SafetyState,
    messages::Announcement,
    reign::Reign,
    schedule::Schedule,
    signing::Verified,
    types::{Epoch, Era, ExtraData, SealedBlock, SequencerSet, SignedBlock, Term, VerifiedSealedBlock},
};
use baton_execution::recover_signers;
use baton_network::{HeadersRequest, PeerId, Protocol, Request, Response};
use baton_storage::{ImportedChain, MAX_ANCESTORS, Store};
use eyre::{WrapErr, ensure};
use std::{sync::Arc, time::Duration};
use tracing::{info, warn};

/// How often all peers are asked before it is given up.
const ATTEMPTS: usize = 20;

/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(500);

/// How many times the schedule of one term is asked on for: thousands of announcements each time.
const MOST_PAGES: usize = 256;

/// The block of a target with the schedule of its term.
struct Scheduled {
    block: VerifiedSealedBlock,
    announcements: Vec<Verified<Announcement>>,
    /// What opened its term: more than one if its scheduler is faulty.
    openings: Vec<VerifiedCertificate>,
}

/// The schedule of a block's term as far as it was served and checked.
struct Path<'a> {
    set: &'a SequencerSet,
    term: Term,
    schedule: Schedule,
    announcements: Vec<Verified<Announcement>>,
    openings: Vec<VerifiedCertificate>,
}

/// Fetches the chain around a state that is there, and makes its block the head.
///
/// # Errors
/// [`Interrupted`], also if no peer serves it for a while.
pub(in crate::sync) async fn finish(
    servers: &Servers,
    known: &Arc<Provenance>,
    (store, genesis): (&Store, &Arc<Genesis>),
    target: &Arc<Target>,
) -> Result<(), Interrupted> {
    for _ in 0..ATTEMPTS {
        for peer in servers.ready() {
            if let Some((scheduled, ancestors)) = from_peer(servers, known, genesis, target, peer.id).await {
                let (store, genesis) = (store.clone(), Arc::clone(genesis));
                let (known, target) = (Arc::clone(known), Arc::clone(target));
                let write = move || write(&store, &genesis, (&known, &target), scheduled, ancestors);
                let written =
                    tokio::task::spawn_blocking(write).await.wrap_err("writing the chain around a state failed")?;
                return Ok(written?);
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    warn!(block = %target.block, "no peer serves the block, and the schedule of its term, whose state is here");
    Err(Interrupted::TargetGone(target.block))
}

async fn from_peer(
    servers: &Servers,
    known: &Arc<Provenance>,
    genesis: &Arc<Genesis>,
    target: &Arc<Target>,
    peer: PeerId,
) -> Option<(Scheduled, Vec<Header>)> {
    let child = decode_headers(target.proof.headers.get(..1)?).ok()?.pop()?;
    let scheduled = scheduled(servers, known, genesis, target, peer).await;
    let scheduled = note(servers, peer, Protocol::BlocksByRange, scheduled)?;
    let ancestors = note(servers, peer, Protocol::Headers, ancestors(servers, target, &child, peer).await)?;
    Some((scheduled, ancestors))
}

/// What is right, or nothing, and the peer blamed for what is wrong.
fn note<T>(servers: &Servers, peer: PeerId, protocol: Protocol, result: Result<T, Option<String>>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(lie) => {
            lie.into_iter().for_each(|what| servers.blame(peer, &Fault::Invalid(protocol, what)));
            None
        }
    }
}

/// The headers below, highest first. An error with words is a lie.
async fn ancestors(
    servers: &Servers,
    target: &Target,
    child: &Header,
    peer: PeerId,
) -> Result<Vec<Header>, Option<String>> {
    let wanted = usize::try_from(target.block.height.previous().0).unwrap_or(usize::MAX).min(MAX_ANCESTORS);
    if wanted == 0 {
        return Ok(Vec::new());
    }
    let request = Request::Headers(HeadersRequest::Below(target.block, u32::try_from(wanted).unwrap_or(u32::MAX)));
    let Ok(Response::Headers(answer)) = servers.ask(peer, request).await else { return Err(None) };
    let mut headers = decode_headers(&answer.headers).map_err(|error| Some(error.to_string()))?;
    if headers.len() < wanted {
        // It may not have them.
        return Err(None);
    }
    if headers.len() > wanted || !are_ancestors(&headers, child) {
        return Err(Some("headers that are not the ancestors that were asked for".to_owned()));
    }
    headers.reverse();
    Ok(headers)
}

/// The block and all announcements of its term up to its own. An error with words is a lie.
async fn scheduled(
    servers: &Servers,
    known: &Provenance,
    genesis: &Genesis,
    target: &Target,
    peer: PeerId,
) -> Result<Scheduled, Option<String>> {
    let header = target.proof.headers.first().and_then(|header| alloy_rlp::decode_exact::<Header>(header).ok());
    let position = header.as_ref().and_then(|header| ExtraData::from_bytes(&header.extra_data)).ok_or(None)?;
    let reign = Arc::new(known.reign(position.era).map_err(|_| None)?);
    let mut known_up_to = ExtraData { term: position.term.previous(), epoch: Epoch(u64::MAX), ..position };
    let mut path = Path::new(genesis, &reign, position.term);
    for _ in 0..MOST_PAGES {
        let range = (target.block.height, 1);
        let segment = match download(servers, peer, Arc::clone(&reign), range, known_up_to, Arc::from([])).await {
            Ok(segment) => segment,
            Err(error) => return Err(error.is_lie().then(|| error.to_string())),
        };
        let Segment { certificates, announcements, mut blocks, .. } = segment;
        let last = announcements.last().map(Verified::message);
        let last = last.map(|last| ExtraData { era: last.era, term: last.term, epoch: last.epoch });
        path.extend(certificates, announcements).map_err(|lie| Some(lie.to_owned()))?;
        match last.filter(|_| blocks.is_empty()) {
            // There are more of them before the block.
            Some(last) => known_up_to = last,
            None => {
                let block = blocks.pop().filter(|block| block.block.reference() == target.block).ok_or(None)?;
                return path.end(block).map_err(|lie| Some(lie.to_owned()));
            }
        }
    }
    Err(None)
}

impl<'a> Path<'a> {
    fn new(genesis: &Genesis, reign: &'a Reign, term: Term) -> Self {
        let schedule = Schedule::new(reign, genesis.parameters.epoch_blocks, genesis.parameters.term_blocks);
        Self { set: &reign.electorate.set, term, schedule, announcements: Vec::new(), openings: Vec::new() }
    }

    /// Goes on by a page of announcements, the first of which comes with what opened the term.
    fn extend(
        &mut self,
        certificates: Vec<VerifiedCertificate>,
        page: Vec<Verified<Announcement>>,
    ) -> Result<(), &'static str> {
        if self.announcements.is_empty() {
            self.openings = certificates.into_iter().filter(|certificate| certificate.term() == self.term).collect();
            for opening in &self.openings {
                self.schedule.enter(self.set, opening);
            }
        }
        if self.openings.is_empty() && self.term > Term(1) {
            return Err("the schedule of a term without what opened it");
        }
        for announcement in &page {
            if announcement.message().term != self.term {
                return Err("an announcement of another term than was asked for");
            }
            if announcement.signer() != self.schedule.scheduler() {
                return Err("an announcement that the scheduler of its term did not sign");
            }
            if self.schedule.extend(self.set, announcement.message().clone()).is_err() {
                return Err("an announcement that does not continue the schedule");
            }
        }
        self.announcements.extend(page);
        Ok(())
    }

    /// Checks that it leads to the block, and that the block's seal is its scheduler's.
    fn end(self, block: VerifiedSealedBlock) -> Result<Scheduled, &'static str> {
        let Self { schedule, announcements, openings, term, .. } = self;
        let own = block.block.announcement();
        if !announcements.iter().any(|announcement| announcement.message().hash() == own) {
            return Err("the schedule of a term without the announcement that its block names");
        }
        if block.seal.message().term == term && block.seal.signer() != schedule.scheduler() {
            return Err("a block whose seal is not the scheduler's");
        }
        Ok(Scheduled { block, announcements, openings })
    }
}

/// What binds this node in the term of the block: as if it had just entered it, and no less than what bound it before.
fn safety(store: &Store, reign: &Reign, opening: Option<&VerifiedCertificate>) -> eyre::Result<SafetyState> {
    let before = store.safety_state()?.map(|bytes| SafetyState::from_bytes(&bytes)).transpose()?;
    let before = before.filter(|before| before.floor.era >= reign.era());
    let mut safety = before.unwrap_or_else(|| SafetyState::of_era(reign));
    let entered = safety.certificate.as_ref().map_or(Term(1), |certificate| certificate.term);
    if let Some(opening) = opening.filter(|opening| opening.term() > entered) {
        safety.certificate = Some(Arc::clone(opening.certificate()));
        safety.floor = opening.highest().map_or(reign.root.position, VerifiedQuorum::position);
        let place = |highest: &Arc<QuorumCertificate>| highest.checkpoint.position();
        let highest = opening.highest().map(|highest| Arc::clone(highest.certificate()));
        safety.highest = safety.highest.into_iter().chain(highest).max_by_key(place);
    }
    Ok(safety)
}

fn write(
    store: &Store,
    genesis: &Genesis,
    (known, target): (&Provenance, &Target),
    scheduled: Scheduled,
    ancestors: Vec<Header>,
) -> eyre::Result<()> {
    let Scheduled { block: VerifiedSealedBlock { block, seal }, announcements, openings } = scheduled;
    let position = block.position();
    let changes = known.changes_up_to(target.block.height);
    // The block may be the last of its era: then the next one is open.
    let open = known.reign(Era(changes.len() as u64))?;
    let first = announcements.first().map(|first| first.message().previous);
    let opening = openings.iter().find(|opening| Some(opening.hash()) == first);
    let safety = safety(store, &open, opening.filter(|_| open.era() == position.era))?;
    let signed = block.signed();
    let senders = recover_signers(execution_block(signed.block.clone()).body.transactions)
        .into_iter()
        .map(|recovered| Ok(recovered?.signer()))
        .collect::<Result<Vec<_>, baton_execution::TransactionError>>()?;
    // One of a block above is none of the chain yet; the next one comes with the next block.
    let finality = target.proof.finality.as_deref().filter(|proof| proof.checkpoint.head == target.block).cloned();
    let chain = ImportedChain {
        genesis: genesis.block(),
        block: SealedBlock { block: SignedBlock::clone(signed), seal: seal.signed().clone() },
        senders,
        ancestors,
        finality,
        changes,
        announcements: announcements.into_iter().map(|announcement| announcement.signed().clone()).collect(),
        certificates: openings.iter().map(|opening| TermCertificate::clone(opening.certificate())).collect(),
        safety_state: Some(safety.to_bytes().into()),
    };
    store.finish_import(&chain)?;
    ensure!(store.head() == target.block, "the database has another head than was imported");
    info!(head = %target.block, "the state of a final block is taken over");
    Ok(())
}
