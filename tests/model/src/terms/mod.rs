//! How schedulers are replaced: R1 to R7, as an abstract model.
//!
//! # The model
//!
//! Four members of equal weight, one of them byzantine. A block is sealed at once by its scheduler: leaders and announcements
//! of epochs beyond a term's first say nothing about schedulers and are left out.
//!
//! - **Asking** (R5, R6): an honest member may ask for the term after its own at any moment, since no rule of safety depends
//!   on why, and joins a later one that more than a third of the weight asks for. It reports its head, and is fenced. Its
//!   report may grow.
//! - **Certificates** (R6): any reports of a quorum for one term that were ever sent make one, and any member may enter by it
//!   at any later moment, also over terms that it never was in. Whom it follows is its own count of the election (R4).
//! - **Taking over** (R7): an honest scheduler builds on the best branch, by (term of the tip's seal, height), that its
//!   certificate's reports tell of, or its own; on the next best where one cannot be fetched; and never without the best
//!   block that reports of more than a third of the weight descend from.
//! - **Sealing** (R2, R3): on its head, in the term that it is in, above every position that it signed, unless it is fenced.
//! - **Following**: a member goes to the base that the scheduler of its term announces if that contains what the certificate
//!   linked to obliges it to; commits what is sealed on it; and before it knows the base, what is sealed in older terms, where
//!   a branch sealed in a later term replaces its own.
//! - **Restarting**: a member forgets what is in memory and reads its journal (R3).
//! - **The byzantine member** reports anything for any term (also blocks that nobody has), and as a scheduler links to any
//!   certificate, announces several bases, and seals any number of branches on any of them, at any moment, to anyone. It
//!   cannot sign for others.
//!
//! The network is the set of all messages ever sent: whoever acts picks those that reached it. So every order, loss,
//! duplication and delay is covered, and so is a partition.
//!
//! # What is checked
//!
//! See [`properties`]. Of R7 it is this claim: **what is sealed in a term, and held by all honest members before any of them
//! asked for a later term, is never left again**, by any honest member or honest scheduler, whoever schedules the terms
//! after. Every certificate has reports of two honest members, more than a third of the weight, and every follower checks a
//! base against the certificate that it links to, in past terms as in its own.
//!
//! What R7 does not promise, and why finality needs votes:
//!
//! - A block that two honest members held, so that with the byzantine one a quorum did, may be lost, even where all schedulers
//!   are honest and fetch whatever they want: `tests/terms_limits.rs` plays it. A certificate may show the block in one report
//!   alone, and one more honest member with a stale branch, supported by the byzantine one, outweighs it.
//! - A block of an older term that a base carries over is not kept for that alone. A byzantine scheduler can announce two
//!   bases, and members that wait for the next term's may go over to what it sealed on the other one.
//!
//! # Bounds
//!
//! Three terms; the fourth member schedules none of them. Blocks of the last term are left out, since no later one could lose
//! them. An equivocator has two blocks for each parent and term. The other bounds, and how many states there are within:
//!
//! | byzantine | terms | height | reports | states | |
//! |---|---|---|---|---|---|
//! | scheduler of term 1 | 3 | 1 | 2 | 418,878 | |
//! | scheduler of term 1 | 2 | 2 | 2 | 160,112 | |
//! | scheduler of term 1 | 3 | 2 | 1 | 3,483,165 | on demand |
//! | scheduler of term 2 | 3 | 1 | 2 | 1,595,972 | |
//! | scheduler of term 2 | 3 | 2 | 1 | 7,274,341 | on demand |
//! | scheduler of term 3 | 3 | 2 | 2 | 1,521,794 | |
//! | a follower | 3 | 2 | 2 | 451,486 | |
//! | a follower | 3 | 3 | 2 | 3,176,750 | on demand |
//!
//! *Reports* are those with different heads that a member sends for one term. The tests hold these numbers to what they find;
//! those on demand run with `cargo nextest run -p baton-model --run-ignored all`. States that differ in nothing that anybody
//! can read any more, or only in the names of an equivocator's blocks, count as one.

mod action;
mod canonical;
mod certificate;
pub mod properties;
mod rules;
mod state;
mod step;

pub use action::Action;
pub use rules::{Bounds, Broken, Terms};
pub use state::State;

use stateright::{Model, Property};

impl Model for Terms {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let mut genesis = State::genesis();
        self.canonical(&mut genesis);
        vec![genesis]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.possible(state, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = *state;
        self.apply(&mut next, action);
        self.canonical(&mut next);
        (next != *state).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all(self)
    }
}
