//! The quorum gadget of finality: R10 to R12, with the quorum certificates of R6 and R7, as an abstract model.
//!
//! # The model
//!
//! Four members of equal weight, one of them byzantine. A checkpoint is its position, its head, and its parent. Blocks are
//! nothing but branches: whoever may vote for a head is taken to have executed it.
//!
//! - **Proposing** (R7, R10): an honest scheduler builds on the head of the highest QC of the certificate by which it entered.
//!   A round's parent is the highest QC on its chain, of the one that it entered by, its last parent, and the highest that it
//!   knows. Its next round may begin at any moment, so a round that wins no votes is retried. A byzantine scheduler proposes
//!   anything on any QC, as often as it likes.
//! - **Voting** (R11): for a checkpoint of the term that the member is in, unless it asked for a later one; above the position
//!   of its last vote; on a parent of a lower position whose QC is not below its floor, and whose head the checkpoint's head
//!   equals or extends. The floor rises to the parent.
//! - **Certificates**: a QC exists once two honest members voted, since the byzantine one votes for everything. It is shown to
//!   anybody, or to nobody: so votes that go to the scheduler alone are covered as well as votes that go to all, and QCs that
//!   a byzantine scheduler hides, or shows to one member.
//! - **Changing terms** (R6): an honest member asks for the next term at any moment, or joins a third. Its report names the
//!   highest QC that it holds. The byzantine member reports any QC that exists, so a term has certificates with different
//!   highest QCs, and every member enters by any of them. Its floor is then that QC's position, lower or higher than before.
//! - **Finality** (R12): a checkpoint is final once one of the next round, in the same term, whose direct parent it is, has a
//!   QC.
//! - **Restarting** (R3): everything is journaled, so a restart is nothing, unless rules are broken.
//!
//! # Commit votes
//!
//! An optional rule makes the newest checkpoint final without another round. A member signs a commit vote for a checkpoint
//! whose QC it is shown, if it is in that term, asked for no later one, voted for nothing above it, and signed no commit vote
//! at or above it. Its floor rises to that QC, which it then holds for its reports. The checkpoint is final once a quorum
//! signed commit votes for it. Within the bounds this is safe, and it is safe beside R12. It needs all of it: see
//! `tests/gadget_broken.rs`.
//!
//! # What is checked
//!
//! See [`properties`]. What the rules do not promise is played in `tests/gadget_limits.rs`.
//!
//! One thing is easy to get wrong, and is a rule to break ([`Broken::ParentFalls`]): a scheduler that keeps no QC but the
//! highest forgets what it built on when it learns of a higher one on another branch. Its parents would fall, and whoever
//! voted for the last one would refuse.
//!
//! # Bounds
//!
//! Three kinds of blocks are enough for what is safe: those on one branch, those on another, and those below both. Whatever
//! fork there was among more blocks, it would be there with all blocks replaced by their kind, since what extended each other
//! still does. [`Proposals::Any`] lets everyone propose everything in every term. That is more than any scheduler can do, so
//! for safety it is enough; elected schedulers are there for what honest ones must achieve.
//!
//! | proposals | commit votes | terms | rounds | height | orders | states | |
//! |---|---|---|---|---|---|---|---|
//! | any | no | 2 | 3 | 1 | distinct | 295,589 | |
//! | any | yes | 2 | 3 | 1 | distinct | 452,767 | |
//! | elected, the scheduler of term 1 byzantine | no | 2 | 3 | 1 | distinct | 1,531,234 | |
//! | elected, the scheduler of term 2 byzantine | no | 2 | 2 | 1 | distinct | 11,303 | |
//! | elected, the scheduler of term 2 byzantine | no | 2 | 3 | 1 | distinct | 453,386 | on demand |
//! | elected, a follower byzantine | no | 2 | 3 | 1 | distinct | 1,574,575 | |
//! | any | no | 2 | 2 | 2 | distinct | 36,362 | on demand |
//! | any | no | 3 | 2 | 1 | distinct | 322,760 | on demand |
//! | any | yes | 3 | 2 | 1 | distinct | 477,909 | on demand |
//! | elected, the scheduler of term 1 byzantine | no | 3 | 2 | 1 | distinct | 3,605,387 | on demand |
//! | any | no | 2 | 2 | 1 | all | 330,203 | on demand |
//!
//! *Distinct* orders are one of all those that come to the same: `order.rs` says which, and why. States that differ in nothing
//! that anybody can use any more, or only in the names of members and blocks, count as one.

mod action;
mod canonical;
mod checkpoint;
mod forget;
mod order;
pub mod properties;
mod rules;
mod state;
mod step;

pub use action::Action;
pub use checkpoint::{Certified, Checkpoint, Position};
pub use rules::{Bounds, Broken, Gadget, Orders, Proposals};
pub use state::State;

use stateright::{Model, Property};

impl Model for Gadget {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![self.canonical(State::genesis())]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.possible(state, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let next = self.after(state, action);
        if (&next.nodes, &next.tallies) == (&state.nodes, &state.tallies) {
            return None;
        }
        let next = self.canonical(next);
        (next != *state).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all(self)
    }
}
