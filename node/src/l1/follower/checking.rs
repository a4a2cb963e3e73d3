//! Whether what one endpoint says is true: by the contract's own view, and by other endpoints.

use super::{
    handle::FollowerConfig,
    position::{Position, Track},
    reading::{StepError, has},
};
use crate::l1::{ISequencerRegistry, L1Client, L1Error, RegistryState};
use alloy_primitives::B256;
use std::time::{Duration, Instant};
use tracing::warn;

/// What an endpoint says of a position.
enum Word {
    Same,
    Other(String),
    /// It does not have the block, or its state.
    Unknown,
}

/// Checks what was read.
#[derive(Debug)]
pub(super) struct Checker {
    config: FollowerConfig,
    /// Since when a witness is waited for.
    waiting_since: Option<Instant>,
}

impl Checker {
    pub(super) const fn new(config: FollowerConfig) -> Self {
        Self { config, waiting_since: None }
    }

    /// Holds what was read against the source's view, and against other endpoints.
    pub(super) async fn check(&mut self, client: &L1Client, source: usize, track: &Track) -> Result<(), StepError> {
        self.agrees_with_itself(&client.on(source), track).await?;
        self.is_confirmed(client, source, track).await?;
        self.waiting_since = None;
        Ok(())
    }

    async fn agrees_with_itself(&self, source: &L1Client, track: &Track) -> Result<(), StepError> {
        // The oldest first: the first contradiction is where something is missing.
        for position in &track.changes {
            // That a log names a block does not make it one.
            if has(source, position.anchor).await? != Some(true) {
                return Err(StepError::Moved);
            }
            if let Word::Other(what) = self.view(source, position).await? {
                return Err(StepError::Inconsistent(what));
            }
        }
        match self.view(source, &track.read).await? {
            Word::Same => Ok(()),
            Word::Other(what) => Err(StepError::Inconsistent(what)),
            Word::Unknown if has(source, track.read.anchor).await? != Some(true) => Err(StepError::Moved),
            Word::Unknown => Err(StepError::Inconsistent(format!(
                "it serves logs of block {} and not its state: use an endpoint that keeps the state of the last {} blocks",
                track.read.anchor.number, self.config.confirmations
            ))),
        }
    }

    async fn is_confirmed(&mut self, client: &L1Client, source: usize, track: &Track) -> Result<(), StepError> {
        let (mut absent, mut contradiction) = (false, None);
        for other in (0..client.endpoint_count()).filter(|other| *other != source) {
            if !client.is_usable(other) {
                absent |= is_missed(client, other, self.config.witness_patience);
                continue;
            }
            match self.confirms(&client.on(other), track).await {
                Ok(Word::Same) => return Ok(()),
                Ok(Word::Other(what)) => {
                    let names = (client.name_of(source), client.name_of(other));
                    let contradiction_of =
                        format!("L1 endpoints {} and {} contradict each other: {what}", names.0, names.1);
                    contradiction = Some(StepError::Contradicted { by: other, contradiction: contradiction_of });
                }
                Ok(Word::Unknown) => absent = true,
                Err(_) => absent |= is_missed(client, other, self.config.witness_patience),
            }
        }
        if let Some(contradiction) = contradiction {
            self.waiting_since = None;
            return Err(contradiction);
        }
        // Without news there is nothing to wait for.
        if absent && !track.changes.is_empty() {
            if self.waiting_since.get_or_insert_with(Instant::now).elapsed() < self.config.witness_patience {
                return Err(StepError::Unwitnessed);
            }
            warn!("a change of the set is believed on the word of one L1 endpoint: the others do not answer");
        }
        Ok(())
    }

    /// What a witness says of all that was read.
    async fn confirms(&self, witness: &L1Client, track: &Track) -> Result<Word, L1Error> {
        for position in track.changes.iter().chain([&track.read]) {
            match has(witness, position.anchor).await? {
                None => return Ok(Word::Unknown),
                Some(false) => {
                    let (number, hash) = (position.anchor.number, position.anchor.hash);
                    return Ok(Word::Other(format!("one has block {hash} at height {number}, the other has not")));
                }
                Some(true) => {}
            }
            if let other @ Word::Other(_) = self.view(witness, position).await? {
                return Ok(other);
            }
        }
        // The state of old blocks may be pruned; that of the last one must be there.
        self.view(witness, &track.read).await
    }

    /// Compares the contract's view at a block with what the logs say.
    async fn view(&self, client: &L1Client, position: &Position) -> Result<Word, L1Error> {
        let at = position.anchor.hash.into();
        match client.read(self.config.registry, &ISequencerRegistry::currentSetCall, at).await {
            Ok(view) => Ok(compare(&position.state, &view, position.anchor.number, position.anchor.hash)),
            // Of every error that says that there is no such state, each client has its own.
            Err(error) if error.is_refusal() => Ok(Word::Unknown),
            Err(L1Error::Undecodable { problem, .. }) => Ok(Word::Other(problem)),
            Err(error) => Err(error),
        }
    }
}

/// Whether an endpoint that does not answer is waited for: one that was set aside, or has been down for long, is not.
pub(super) fn is_missed(client: &L1Client, endpoint: usize, patience: Duration) -> bool {
    !client.is_distrusted(endpoint) && client.down_for(endpoint).is_none_or(|down| down < patience)
}

fn compare(state: &RegistryState, view: &[ISequencerRegistry::Member], number: u64, hash: B256) -> Word {
    let seats = state.seats();
    if seats == view {
        return Word::Same;
    }
    let differs = |one: &&ISequencerRegistry::Member, others: &[ISequencerRegistry::Member]| !others.contains(one);
    let first =
        seats.iter().find(|seat| differs(seat, view)).or_else(|| view.iter().find(|seat| differs(seat, &seats)));
    let operator = first.map(|seat| seat.operator).unwrap_or_default();
    Word::Other(format!(
        "at L1 block {number} ({hash}) its logs make a set of {}, the registry's view has {}; they differ in {operator}",
        seats.len(),
        view.len()
    ))
}
