//! How each effect is carried out.

use super::{CatchUp, Engine, Origin, executor::Job};
use crate::chain::{block_commit, committed_block};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::Bytes;
use baton_consensus::{
    certificate::Appointment,
    core::{Effect, Report, Verdict},
    journal::JournalEntry,
    signing::Signed,
    types::{BlockRef, Height, SealedBlock, SignedBlock, VerifiedBlock},
};
use baton_network::{Response, Submission, Text};
use baton_storage::{JournalBatch, JournalWrite, ScheduleWrite};
use eyre::{OptionExt, WrapErr, bail};
use std::{collections::HashMap, sync::Arc};
use tracing::{debug, error, info, warn};

/// Entries of each kind that the journal keeps; the highest one is what safety needs, the rest is for people.
const JOURNAL_ENTRIES_KEPT: usize = 1024;

/// The journal is pruned once in this many commits.
const COMMITS_BETWEEN_PRUNES: u64 = 1024;

impl Engine {
    pub(super) async fn carry_out(&mut self, effect: Effect, origin: &mut Option<Origin>) -> eyre::Result<()> {
        match effect {
            Effect::Judge(verdict) => self.answer(verdict, origin.take()),
            Effect::PersistSafety(safety) => {
                let bytes = safety.to_bytes();
                let batch = JournalBatch { safety_state: Some(&bytes), ..JournalBatch::default() };
                self.chain.store().journal_write(&batch)?;
            }
            Effect::PersistAnnouncement { appointment, journal } => {
                self.persist_announcement(&appointment, journal.as_ref())?;
            }
            Effect::Revert { to } => self.revert(to).await?,
            Effect::PersistProposal { block, journal } => self.persist_proposal(&block, &journal)?,
            Effect::Commit { block, seal, journal, finalized } => {
                self.commit(&block, seal, journal.as_ref(), finalized).await?;
            }
            Effect::Gossip(message) => self.outbox.gossip(message),
            Effect::Submit { to, block } => {
                if let Some(peer) = self.sequencer_peers.get(&to) {
                    self.outbox.submit(*peer, block);
                }
            }
            Effect::Execute(block) => self.order(Job::Execute(block))?,
            Effect::Build(request) => self.order(Job::Build(request))?,
            Effect::Discard(hashes) => hashes.iter().for_each(|hash| self.executed.remove(hash)),
            Effect::StartTimer { timer, at } => self.timers.start(timer, at),
            Effect::CatchUp { target, holders } => {
                let holders = holders.iter().filter_map(|holder| self.sequencer_peers.get(holder).copied()).collect();
                // If one is waiting already, it will see how far to go.
                let _ = self.catch_up.try_send(CatchUp { target, holders });
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
            Effect::Report(report) => tell(&report),
        }
        Ok(())
    }

    fn order(&self, job: Job) -> eyre::Result<()> {
        self.jobs.try_send(job).wrap_err("the executor does not take jobs")
    }

    fn answer(&self, verdict: Verdict, origin: Option<Origin>) {
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
                if let Err(error) = responder.respond(&Response::SubmitBlock(answer)) {
                    debug!(%error, "could not answer a submission");
                }
            }
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
            self.chain.store().revert_head().wrap_err("cannot revert the head")?;
            self.heads.reverted(&head);
            let transactions = head.block.block.body.transactions.iter();
            abandoned.push(transactions.map(|transaction| transaction.encoded_2718().into()).collect::<Vec<Bytes>>());
        }
        let head = self.chain.store().head();
        if head != to {
            bail!("reverting led to block {head}, not to {to}: the database is damaged");
        }
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
        self.refresh_view();
        self.commits_since_prune += 1;
        if self.commits_since_prune >= COMMITS_BETWEEN_PRUNES {
            self.prune_journal()?;
        }
        Ok(())
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

fn tell(report: &Report) {
    match report {
        Report::Started { scheduler } => info!(%scheduler, "the term's scheduler"),
        Report::Appointed { epoch, leader, first, skipped } => {
            let skipped: Vec<_> = skipped.iter().map(|skip| format!("{} ({})", skip.sequencer, skip.reason)).collect();
            info!(%epoch, %leader, %first, skipped = skipped.join(", "), "epoch");
        }
        Report::LeaderReplaced { epoch, leader, height, reason, record } => {
            warn!(%epoch, %leader, %height, %reason, strikes = record.strikes, "leader replaced");
        }
        Report::TermChangeSigned { term, cause } => warn!(%term, %cause, "asking for another term"),
        Report::TermOpened { term, scheduler, cause } => {
            let cause = cause.map(|cause| cause.to_string()).unwrap_or_default();
            info!(%term, %scheduler, cause, "term");
        }
        Report::Adopted { term, base } => info!(%term, %base, "scheduling: the branch is taken over"),
        Report::Reverted { from, to } => {
            warn!(%from, %to, "sealed blocks left the chain; their transactions are pending");
        }
        Report::ContradictsFinal { base, finalized } => {
            error!(%base, %finalized, "the scheduler builds on a branch that contradicts what is final here; not following");
        }
        Report::BadBase { base, obliged } => {
            error!(%base, %obliged, "the scheduler builds on a branch that loses what it must keep");
        }
        Report::BadAnnouncement { epoch, error } => warn!(%epoch, %error, "the scheduler announced against the rules"),
        Report::Equivocation { signer, kind, position } => {
            error!(%signer, kind, position, "a key signed two messages for one position");
        }
        Report::InvalidSealedBlock(block) => {
            error!(%block, "the scheduler sealed a block that does not execute here; this node cannot follow it");
        }
        Report::InvalidBlock { block, leader } => warn!(%block, %leader, "the leader's block is invalid"),
        Report::RefusedToSign { key } => {
            error!(position = %alloy_primitives::hex::encode(key), "refused to sign: the safety journal holds a signature at or above this position");
        }
    }
}
