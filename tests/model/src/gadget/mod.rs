//! The quorum gadget.

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
