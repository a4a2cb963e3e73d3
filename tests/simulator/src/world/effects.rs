//! Feeding a node's core, and carrying out what it wants.

use super::{Event, World, naming::name_of};
use crate::disk::Sealed;
use alloy_consensus::{BlockBody, Header};
use alloy_primitives::B256;
use baton_consensus::{
    certificate::Appointment,
    core::{BuildRequest, Effect, Input, MAX_PENDING_HEIGHTS, Outgoing, Timer, Verdict},
    messages::Announcement,
    types::{Block, BlockRef, Height},
};
use rand::Rng;
use std::sync::Arc;

impl World {
    pub(super) fn feed(&mut self, index: usize, input: Input) {
        if matches!(input, Input::Timer(Timer::Heartbeat)) {
            self.compare_eras(index);
        }
        self.trace.line(|| format!("{} {index} < {}", self.now.0, name_of(&input)));
        let node = &mut self.nodes[index];
        if node.vice.as_ref().is_some_and(|vice| !vice.hears(&input)) {
            return;
        }
        let now = node.clock.at(self.now);
        let Some(core) = &mut node.core else { return };
        let effects = core.handle(input, now);
        let last = node.doomed.filter(|_| effects.iter().any(is_durable)).map(|place| place % (effects.len() + 1));
        for (place, effect) in effects.into_iter().enumerate() {
            if last == Some(place) {
                break;
            }
            self.carry_out(index, effect);
        }
        if last.is_some() {
            self.kill(index);
        }
    }

    pub(super) fn carry_out(&mut self, index: usize, effect: Effect) {
        let honest = self.is_honest(index);
        let node = &mut self.nodes[index];
        if honest {
            let era = node.disk.era();
            self.watch.effect(node.key.address(), &node.disk, &self.eras[&era].electorate, &effect);
        }
        let disk = &mut node.disk;
        match effect {
            Effect::Judge(Verdict::Accept) | Effect::Discard(_) | Effect::Resigned(_) => {}
            Effect::Judge(verdict) => self.trace.line(|| format!("{} {index}   {}", self.now.0, verdict.label())),
            Effect::PersistSafety { state, journal } => {
                disk.safety = state;
                disk.unsynced.clear();
                disk.journal.extend(journal.into_iter().map(|entry| (entry.key(), entry)));
            }
            Effect::PersistEvidence { fault, evidence } => {
                disk.evidence.insert(fault, evidence);
            }
            Effect::Finalize { block, proof, finalized } => {
                self.trace.line(|| format!("{} {index} finalizes {block}", self.now.0));
                disk.finality = Some(proof);
                disk.finalized = disk.finalized.max(finalized);
                disk.unsynced.clear();
                self.finalizations.push((self.now, index, block.height));
                if honest {
                    self.watch.finalized(node.key.address(), &node.disk);
                }
            }
            Effect::OpenEra { change, state } => {
                disk.safety = state;
                disk.unsynced.clear();
                disk.changes.push(Arc::clone(&change));
                self.opened(index, &change);
            }
            Effect::Safe(block) => self.certified.push((self.now, index, block.height)),
            Effect::Halt(conflict) => {
                self.trace.line(|| format!("{} {index} halts: {conflict:?}", self.now.0));
                self.halted.push(index);
                node.core = None;
            }
            Effect::CastVote { to, vote } => {
                self.send_to_address(index, to, &Outgoing::Vote(vote));
            }
            Effect::Revert { to } => {
                let reverted = disk.chain.split_off(usize::try_from(to.height.0).unwrap());
                assert_eq!(disk.head(), to, "a revert ends on the chain");
                for Sealed { block, seal } in reverted.into_iter().take(usize::try_from(MAX_PENDING_HEIGHTS).unwrap()) {
                    let seal = seal.verify(&self.context).unwrap();
                    self.schedule(index, 0, Event::Input(Input::Seal(seal)));
                    self.schedule(index, 0, Event::Input(Input::Block(block)));
                }
            }
            Effect::PersistAnnouncement { appointment, journal } => {
                let Appointment { announcement, certificate } = appointment;
                let Announcement { era, term, epoch, .. } = announcement.message;
                if let Some(certificate) = certificate {
                    disk.certificates.insert((era, term, certificate.hash()), certificate);
                }
                let key = (era, term, epoch, announcement.message.hash());
                // What is written again as it was cannot be lost any more.
                if disk.announcements.insert(key, announcement).is_none() {
                    disk.unsynced.push(key);
                }
                if let Some(entry) = journal {
                    disk.unsynced.clear();
                    disk.journal.insert(entry.key(), entry);
                }
            }
            Effect::PersistProposal { block, journal } => {
                let header = &block.block.header;
                let reference = BlockRef { height: Height(header.number), hash: header.hash_slow() };
                self.published.entry(reference).or_insert(self.now);
                disk.journal.insert(journal.key(), journal);
                disk.proposals.push(block);
                disk.unsynced.clear();
            }
            Effect::Commit { block, seal, journal, finalized } => {
                assert_eq!(block.parent(), disk.head().hash, "a commit extends the head");
                disk.finalized = disk.finalized.max(finalized);
                disk.unsynced.clear();
                if let Some(entry) = journal {
                    disk.journal.insert(entry.key(), entry);
                }
                self.trace.line(|| format!("{} {index} commits {}", self.now.0, block.reference()));
                self.commits.push((self.now, index, block.height()));
                disk.chain.push(Sealed { block, seal });
                if honest {
                    self.watch.finalized(node.key.address(), &node.disk);
                }
            }
            Effect::Gossip(message) => self.gossip(index, &message),
            Effect::Submit { to, block } => {
                self.send_to_address(index, to, &Outgoing::Block(block));
            }
            Effect::Execute(block) => {
                let (low, high) = node.execution;
                let delay = self.random.random_range(low..=high);
                self.schedule(index, delay, Event::Input(Input::Executed { hash: block.hash(), result: Ok(()) }));
            }
            Effect::Build(request) => {
                let (low, high) = node.execution;
                let delay = self.random.random_range(low..=high);
                let result = Some(Box::new(build(&request, self.random.random())));
                self.schedule(index, delay, Event::Input(Input::Built { request, result }));
            }
            Effect::StartTimer { timer, at } => {
                let at = node.clock.when(at);
                self.schedule_at(index, at, Event::Input(Input::Timer(timer)));
            }
            Effect::CatchUp { holders, .. } => {
                let holder = holders.first().map(|holder| self.index_of(*holder));
                self.start_fetch(index, holder);
            }
            Effect::Report(report) => {
                self.trace.line(|| format!("{} {index} {report:?}", self.now.0));
                self.reports.push((self.now, index, report));
            }
        }
    }
}

const fn is_durable(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::PersistSafety { .. }
            | Effect::PersistAnnouncement { .. }
            | Effect::PersistProposal { .. }
            | Effect::PersistEvidence { .. }
            | Effect::Finalize { .. }
            | Effect::Commit { .. }
            | Effect::OpenEra { .. }
    )
}

fn build(request: &BuildRequest, salt: u64) -> Block {
    let header = Header {
        number: request.parent.height.0 + 1,
        parent_hash: request.parent.hash,
        timestamp: request.timestamp,
        beneficiary: request.beneficiary,
        extra_data: request.position.to_bytes(),
        parent_beacon_block_root: Some(request.announcement),
        // Two builds of one height differ, as they would with other transactions.
        mix_hash: B256::left_padding_from(&salt.to_be_bytes()),
        ..Header::default()
    };
    Block { header, body: BlockBody::default() }
}
