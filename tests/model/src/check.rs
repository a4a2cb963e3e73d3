//! How the tests use a model.

use stateright::{Checker, HasDiscoveries, Model};
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

/// Plays steps from the beginning, and returns the state after them.
///
/// # Panics
///
/// If one is not possible, or changes nothing.
pub fn play<M>(model: &M, steps: &[M::Action]) -> M::State
where
    M: Model,
    M::Action: Clone + Debug + PartialEq,
{
    let mut state = model.init_states().remove(0);
    for step in steps {
        let mut possible = Vec::new();
        model.actions(&state, &mut possible);
        assert!(possible.contains(step), "{step:?} is not possible; these are: {possible:#?}");
        let Some(next) = model.next_state(&state, step.clone()) else { panic!("{step:?} changes nothing") };
        state = next;
    }
    state
}
