//! How the tests use a model.

use stateright::{Checker, HasDiscoveries, Model};
use std::collections::{BTreeSet, HashSet};
use std::fmt::Debug;
use std::hash::Hash;
use std::time::Instant;

/// Explores everything within the model's bounds.
///
/// # Panics
///
/// If a property does not hold, or if the model does not have exactly so many states.
pub fn holds<M>(model: M, states: usize)
where
    M: Model + Debug + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync,
    M::Action: Clone + Debug + PartialEq,
{
    let started = Instant::now();
    let what = format!("{model:?}");
    let checker = model.checker().threads(2).spawn_dfs().join();
    println!(
        "{what}: {} states, {} transitions, depth {}, {:.1?}",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth(),
        started.elapsed()
    );
    checker.assert_properties();
    assert!(checker.is_done());
    assert_eq!(checker.unique_state_count(), states, "the model changed: change the numbers in its documentation");
}

/// Looks for a short way in which the model violates `property`.
///
/// # Panics
///
/// If there is none.
pub fn violates<M>(model: M, property: &'static str)
where
    M: Model + Debug + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync,
    M::Action: Clone + Debug + PartialEq,
{
    let what = format!("{model:?}");
    let wanted = HasDiscoveries::AllOf([property].into());
    let checker = model.checker().finish_when(wanted).spawn_bfs().join();
    let states = checker.unique_state_count();
    let Some(path) = checker.discovery(property) else { panic!("{what}: {property:?} holds in {states} states") };
    let steps = path.into_actions();
    println!("{what}: not {property:?} after {} steps, {states} states", steps.len());
    steps.iter().for_each(|step| println!("  {step:?}"));
}

/// Plays steps from the beginning, and returns the state after them. `next` is what a step leads to.
///
/// # Panics
///
/// If one is not possible, or changes nothing.
pub fn play<M>(model: &M, steps: &[M::Action], next: impl Fn(&M::State, M::Action) -> Option<M::State>) -> M::State
where
    M: Model,
    M::Action: Clone + Debug + PartialEq,
{
    let mut state = model.init_states().remove(0);
    for step in steps {
        let mut possible = Vec::new();
        model.actions(&state, &mut possible);
        assert!(possible.contains(step), "{step:?} is not possible; these are: {possible:#?}");
        let Some(next) = next(&state, step.clone()) else { panic!("{step:?} changes nothing") };
        state = next;
    }
    state
}

/// What of all states that are reached can be told apart by `aspect`.
pub fn reached<M, T>(model: &M, aspect: impl Fn(&M::State) -> T) -> BTreeSet<T>
where
    M: Model,
    M::State: Clone + Eq + Hash,
    T: Ord,
{
    let mut open = model.init_states();
    let mut known: HashSet<M::State> = open.iter().cloned().collect();
    let mut actions = Vec::new();
    while let Some(state) = open.pop() {
        model.actions(&state, &mut actions);
        let next = actions.drain(..).filter_map(|action| model.next_state(&state, action));
        open.extend(next.filter(|next| known.insert(next.clone())));
    }
    known.iter().map(aspect).collect()
}
