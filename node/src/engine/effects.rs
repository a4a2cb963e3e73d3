//! How each effect is carried out.

use super::{CatchUp, Engine, Origin, actor::report_evidence, course, executor::Job, reports};
use crate::{
    chain::{block_commit, committed_block},
    halt::{HaltError, Halted},
};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::Bytes;
use baton_consensus::{
    certificate::Appointment,
    core::{Conflict, Effect, Outgoing, Verdict},
    finality::SetChange,
    journal::{JournalEntry, SafetyState},
    signing::Signed,
    types::{BlockRef, Height, SealedBlock, SignedBlock, VerifiedBlock},
};
use baton_network::{Protocol, Response, Submission, Text};
use baton_storage::{JournalBatch, JournalWrite, ScheduleWrite};
use eyre::{OptionExt, WrapErr, bail};
use std::{collections::HashMap, sync::Arc, time::Instant};
use tracing::{debug, error, info, warn};

/// Entries of each kind that the journal keeps; the highest one is what safety needs, the rest is for people.
const JOURNAL_ENTRIES_KEPT: usize = 1024;

/// The journal is pruned once in this many commits.
const COMMITS_BETWEEN_PRUNES: u64 = 1024;

impl Engine {
    pub(super) async fn carry_out(&mut self, effect: Effect, origin: &mut Option<Origin>) -> eyre::Result<()> {
        match effect {
            Effect::Judge(verdict) => self.answer(verdict, origin.take()),
            Effect::PersistSafety { state, journal } => self.persist_safety(&state, &journal)?,
            Effect::PersistEvidence { fault, evidence } => {
                self.chain.store().put_evidence(fault.id(), &evidence)?;
                if let Some(reporter) = &self.evidence {
                    report_evidence(reporter, &evidence, self.core.reign(), &self.genesis.signing_context());
                }
                self.metrics.finality.evidence_held.get(fault.kind).inc();
            }
            Effect::Finalize { block, proof, finalized } => {
                let stored = self.chain.store().put_finality(block, &proof, finalized);
                stored.wrap_err("cannot keep a finality proof")?;
                course::finalized(block);
                self.recent.finalized(block.height);
                self.note_finalized();
                self.refresh_view();
            }
            Effect::OpenEra { change, state } => self.open_era(&change, &state).await?,
            Effect::Safe(block) => {
                self.chain.set_safe(block);
                // Every new certificate tells.
                self.metrics.finality.quorum_certificates.inc();
                course::safe(block);
            }
            Effect::Halt(conflict) => return Err(self.halt(*conflict).into()),
            Effect::CastVote { to, vote } => {
                course::voted(&vote.message);
                if let Some(peer) = self.members.peer(&to) {
                    self.outbox.cast_vote(peer, vote);
                }
            }
            Effect::PersistAnnouncement { appointment, journal } => {
                self.persist_announcement(&appointment, journal.as_ref())?;
            }
            Effect::Revert { to } => self.revert(to).await?,
            Effect::PersistProposal { block, journal } => self.persist_proposal(&block, &journal)?,
            Effect::Commit { block, seal, journal, finalized } => {
                self.commit(&block, seal, journal.as_ref(), finalized).await?;
            }
            Effect::Gossip(message) => {
                if matches!(message, Outgoing::Checkpoint(_)) {
                    self.metrics.finality.finality_rounds_opened.inc();
                }
                course::sent(&message);
                self.outbox.gossip(message);
            }
            Effect::Submit { to, block } => {
                if let Some(peer) = self.members.peer(&to) {
                    self.outbox.submit(peer, block);
                }
            }
            Effect::Execute(block) => self.order(Job::Execute(block))?,
            Effect::Build(request) => self.order(Job::Build(request))?,
            Effect::Discard(hashes) => hashes.iter().for_each(|hash| self.executed.remove(hash)),
            Effect::StartTimer { timer, at } => self.timers.start(timer, at),
            Effect::CatchUp { target, block, holders } => {
                let holders = holders.iter().filter_map(|holder| self.members.peer(holder)).collect();
                // If one is waiting already, it will see how far to go.
                let _ = self.catch_up.try_send(CatchUp { target, block, holders });
            }
            Effect::Resigned(answer) => {
                if let Err(reason) = &answer {
                    warn!(%reason, "not resigning");
                }
                if let Some(Origin::Operator(asker)) = origin.take() {
                    // The operator may have gone.
                    let _ = asker.send(answer);
                }
            }
            Effect::Report(report) => {
                reports::tell(&report);
                reports::count(&report, &self.metrics);
            }
        }
        Ok(())
    }

    /// From here on messages are checked against the next set, and its members are peers to be kept.
    async fn open_era(&mut self, change: &SetChange, state: &SafetyState) -> eyre::Result<()> {
        let stored = self.chain.store().put_set_change(change, &state.to_bytes());
        stored.wrap_err("cannot keep the end of an era")?;
        let reign = change.reign(self.genesis.signing_context())?;
        self.members.set(&reign.electorate.set);
        self.outbox.open_era(reign.electorate.clone());
        self.era.open(reign);
        self.note_finalized();
        Ok(())
    }

    fn order(&self, job: Job) -> eyre::Result<()> {
        self.jobs.try_send(job).wrap_err("the executor does not take jobs")
    }

    fn answer(&self, verdict: Verdict, origin: Option<Origin>) {
        if let Some(Origin::Gossip(_) | Origin::Direct(_)) = origin {
            self.metrics.mesh.messages_judged.get(verdict.into()).inc();
        }
        match origin {
            // No verdict is given on an operator's wish.
            None | Some(Origin::Operator(_)) => {}
            Some(Origin::Gossip(ticket)) => {
                let verdict = match verdict {
                    Verdict::Accept => baton_network::Verdict::Accept,
                    Verdict::Ignore(reason) => {
                        debug!(%reason, "ignored a message");
                        baton_network::Verdict::Ignore
                    }
                    Verdict::Reject(reason) => {
                        warn!(%reason, "rejected a message");
                        baton_network::Verdict::Reject
                    }
                };
                self.network.report(ticket, verdict);
            }
            Some(Origin::Direct(responder)) => {
                let answer = match verdict {
                    Verdict::Accept => Submission::Accepted,
                    Verdict::Ignore(reason) => Submission::Refused(Text::fit(&reason.to_string())),
                    Verdict::Reject(reason) => Submission::Refused(Text::fit(&reason.to_string())),
                };
                let response = match responder.protocol() {
                    Protocol::SubmitVote => Response::SubmitVote(answer),
                    _ => Response::SubmitBlock(answer),
                };
                if let Err(error) = responder.respond(&response) {
                    debug!(%error, "could not answer a submission");
                }
            }
        }
    }

    fn persist_safety(&self, state: &SafetyState, journal: &[JournalEntry]) -> eyre::Result<()> {
        let (bytes, entries) = (state.to_bytes(), journal.iter().map(journal_write).collect::<Vec<_>>());
        let batch = JournalBatch { entries: &entries, safety_state: Some(&bytes), ..JournalBatch::default() };
        Ok(self.chain.store().journal_write(&batch)?)
    }

    /// Keeps both sides of a conflict; what to end with.
    fn halt(&self, conflict: Conflict) -> HaltError {
        self.metrics.finality.halted.set(1);
        let chain = (self.genesis.chain_id(), self.genesis.hash);
        let halted = Halted::new(conflict, chain, self.chain.head(), self.chain.finalized());
        error!(explanation = halted.explanation, conflict = ?halted.conflict, "this node stops for good");
        match halted.write(&self.data_dir) {
            Ok(()) => HaltError::Now { explanation: halted.explanation, path: Halted::path(&self.data_dir) },
            Err(error) => error,
        }
    }

    fn persist_announcement(&self, appointment: &Appointment, journal: Option<&JournalEntry>) -> eyre::Result<()> {
        let Appointment { announcement, certificate } = appointment;
        let schedule = ScheduleWrite { announcement, certificate: certificate.as_deref() };
        let store = self.chain.store();
        match journal {
            None => store.put_announcement(schedule, false)?,
            Some(entry) => store.journal_write(&JournalBatch {
                entries: &[journal_write(entry)],
                schedule: Some(schedule),
                ..JournalBatch::default()
            })?,
        }
        Ok(())
    }

    /// Takes blocks back, newest first; their transactions return to the pool.
    async fn revert(&mut self, to: BlockRef) -> eyre::Result<()> {
        let mut abandoned = Vec::new();
        while self.chain.store().head().height > to.height {
            let head = self.chain.head_block().wrap_err("cannot read the head that is to be reverted")?;
            let reverted = self.chain.store().sealed_block(self.chain.head().height)?;
            reverted.iter().for_each(|sealed| self.recent.keep_beside(sealed));
            self.reverted.extend(reverted);
            self.chain.store().revert_head().wrap_err("cannot revert the head")?;
            self.metrics.blocks.blocks_reverted.inc();
            self.heads.reverted(&head);
            let transactions = head.block.block.body.transactions.iter();
            abandoned.push(transactions.map(|transaction| transaction.encoded_2718().into()).collect::<Vec<Bytes>>());
        }
        let head = self.chain.store().head();
        if head != to {
            bail!("reverting led to block {head}, not to {to}: the database is damaged");
        }
        self.awaiting.reverted(head.height);
        // Lowest block first, so that nonces come in order; in the background, as the pool checks every signature again.
        let pool = self.pool.clone();
        tokio::spawn(async move {
            for batch in abandoned.into_iter().rev().filter(|batch| !batch.is_empty()) {
                pool.pushed(batch).await;
            }
        });
        self.refresh_view();
        Ok(())
    }

    fn persist_proposal(&self, block: &SignedBlock, journal: &JournalEntry) -> eyre::Result<()> {
        let entries = [journal_write(journal)];
        let batch = JournalBatch { entries: &entries, proposal: Some(block), ..JournalBatch::default() };
        Ok(self.chain.store().journal_write(&batch)?)
    }

    async fn commit(
        &mut self,
        block: &VerifiedBlock,
        seal: Signed<baton_consensus::messages::Seal>,
        journal: Option<&JournalEntry>,
        finalized: Height,
    ) -> eyre::Result<()> {
        let executed = self.executed.get(&block.hash()).ok_or_eyre("a block is sealed that was never executed")?;
        let sealed = Arc::new(SealedBlock { block: SignedBlock::clone(block.signed()), seal });
        let journal = journal.map(journal_write).into_iter().collect();
        let finalized = (finalized > self.chain.finalized().height).then_some(finalized);
        let commit = block_commit(&executed, sealed, journal, finalized);
        let stats = self.chain.store().commit_block(&commit).wrap_err("cannot commit a block")?;
        self.executed.remove(&block.hash());
        self.heads.committed(&commit);
        self.pool.on_committed(committed_block(&self.genesis.chain, &executed)).await;
        let header = &executed.block.header;
        info!(
            height = header.number,
            hash = %block.hash(),
            leader = %header.beneficiary,
            transactions = executed.block.body.transactions.len(),
            gas = header.gas_used,
            write = ?(stats.prepare + stats.write),
            "block"
        );
        let blocks = &self.metrics.blocks;
        blocks.blocks_committed.inc();
        blocks.transactions_committed.inc_by(executed.block.body.transactions.len() as u64);
        blocks.gas_committed.inc_by(header.gas_used);
        blocks.block_commit_seconds.observe(stats.prepare + stats.write);
        self.awaiting.committed(block.height(), Instant::now());
        self.note_finalized();
        self.refresh_view();
        self.commits_since_prune += 1;
        if self.commits_since_prune >= COMMITS_BETWEEN_PRUNES {
            self.prune_journal()?;
        }
        Ok(())
    }

    /// Measures how long the blocks waited that are final now.
    fn note_finalized(&mut self) {
        let finalized = self.chain.finalized().height;
        self.awaiting.finalized(finalized, Instant::now(), &self.metrics.finality.finality_seconds);
    }

    /// Lets old entries of the safety journal go.
    pub(super) fn prune_journal(&mut self) -> eyre::Result<()> {
        self.commits_since_prune = 0;
        let store = self.chain.store();
        let mut kinds: HashMap<u8, Vec<Vec<u8>>> = HashMap::new();
        for entry in store.journal_entries()? {
            kinds.entry(entry.key.first().copied().unwrap_or_default()).or_default().push(entry.key);
        }
        for keys in kinds.values_mut() {
            keys.sort_unstable();
            keys.truncate(keys.len().saturating_sub(JOURNAL_ENTRIES_KEPT));
            store.journal_prune(keys)?;
        }
        Ok(())
    }
}

fn journal_write(entry: &JournalEntry) -> JournalWrite {
    JournalWrite { key: entry.key(), value: entry.to_bytes().into() }
}
