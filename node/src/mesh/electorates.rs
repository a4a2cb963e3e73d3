//! Against which set a message is checked: that of its era.

use crate::eras::Eras;
use baton_consensus::{endorsement::Endorsable, reign::Reign, signing::SigningContext, types::Electorate, types::Era};
use baton_network::GossipMessage;
use baton_storage::Store;
use std::{collections::VecDeque, sync::Arc};

/// Sets of earlier eras that are remembered: evidence of what was signed then still counts.
const MAX_PAST: usize = 16;

/// The sets of this era and of some earlier ones.
#[derive(Debug)]
pub struct Electorates {
    eras: Eras,
    now: Electorate,
    past: VecDeque<Electorate>,
}

/// What is to become of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It can be checked.
    Now,
    /// It can be checked once the next era is opened.
    Next,
    /// It is too early or too late.
    Never,
}

impl Electorates {
    /// Starts with the era as it is now, and what the database tells of those before.
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn restore(eras: Eras, store: &Store, genesis: &Reign) -> eyre::Result<Self> {
        let now = eras.get().electorate.clone();
        let first = now.era.0.saturating_sub(MAX_PAST as u64);
        let mut past = VecDeque::new();
        if first == 0 && now.era > Era(0) {
            past.push_front(genesis.electorate.clone());
        }
        // What ended an era has the set of the next one.
        for change in store.set_changes(Era(first.saturating_sub(1)), MAX_PAST + 1)? {
            let electorate = change.reign(now.context)?.electorate;
            if electorate.era < now.era {
                past.push_front(electorate);
            }
        }
        past.truncate(MAX_PAST);
        Ok(Self { eras, now, past })
    }

    /// The set of this era.
    pub(super) const fn now(&self) -> &Electorate {
        &self.now
    }

    /// The chain.
    pub(super) const fn context(&self) -> SigningContext {
        self.now.context
    }

    /// The set of this era or of an earlier one, if it is remembered.
    pub(super) fn of(&self, era: Era) -> Option<&Electorate> {
        std::iter::once(&self.now).chain(&self.past).find(|known| known.era == era)
    }

    /// Waits for the next era, and checks against its set from then on.
    pub(super) async fn next(&mut self) -> Arc<Reign> {
        let reign = self.eras.next().await;
        self.past.push_front(std::mem::replace(&mut self.now, reign.electorate.clone()));
        self.past.truncate(MAX_PAST);
        reign
    }

    /// Whether a message can be checked. Heartbeats always can: who signed them shows who is ahead.
    pub(super) fn place(&self, message: &GossipMessage) -> Place {
        let era = match message {
            GossipMessage::Heartbeat(_) | GossipMessage::Transactions(_) | GossipMessage::SequencerRecord(_) => {
                return Place::Now;
            }
            GossipMessage::Evidence(endorsed) if self.of(endorsed.content.era()).is_some() => return Place::Now,
            GossipMessage::Evidence(endorsed) => endorsed.content.era(),
            GossipMessage::Schedule(appointment) => appointment.announcement.message.era,
            GossipMessage::TermChange(endorsed) => endorsed.content.era(),
            GossipMessage::Certificate(endorsed) => endorsed.content.era(),
            GossipMessage::Checkpoint(endorsed) => endorsed.content.era(),
            GossipMessage::Vote(signed) => signed.message.vote.era,
            GossipMessage::Quorum(endorsed) => endorsed.content.era(),
            GossipMessage::SetChange(endorsed) => endorsed.content.era(),
            GossipMessage::Seal(signed) => signed.message.era,
            GossipMessage::Block(block) => block.position().map_or(self.now.era, |position| position.era),
        };
        if era == self.now.era {
            Place::Now
        } else if era == self.now.era.next() {
            Place::Next
        } else {
            Place::Never
        }
    }
}
