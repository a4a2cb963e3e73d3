//! Deliberately broken rules, so that tests can show that they would see them.
//!
//! Without the feature `simulation` every rule is whole.

/// A rule, broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// A member that asked for a term goes on signing for lower ones (R6).
    NoFence,
    /// More than half of the weight counts as a quorum.
    QuorumOfHalf,
    /// Branches are compared by height, whatever term their tips were sealed in (R7).
    HeightAlone,
    /// Followers go along with whatever base a scheduler announces (R7).
    BaseUnchecked,
    /// Members vote whatever their floor is (R11).
    NoFloor,
    /// The floor never falls, not even to the highest certificate of the one that opens a term (R11).
    FloorKept,
    /// Members vote for several checkpoints of one position (R11).
    VoteTwice,
    /// Any certified child makes its parent's head final, whatever rounds lie between (R12).
    FinalWithoutParent,
    /// A certified child of a later term makes its parent's head final (R12).
    FinalAcrossTerms,
    /// Members vote for whatever set a closing checkpoint names (R13).
    SetUnchecked,
    /// What builds on a certified closing checkpoint need not repeat it (R13).
    ClosingNotRepeated,
    /// An era may end as soon as another set is registered (R13).
    EraCutShort,
    /// A newcomer's priority is the average of those that stay (R4).
    NewcomerUnpunished,
}

#[cfg(feature = "simulation")]
thread_local! {
    static BROKEN: std::cell::Cell<Option<Mutation>> = const { std::cell::Cell::new(None) };
}

/// Breaks one rule, or none, for every core that this thread runs.
#[cfg(feature = "simulation")]
pub fn set(broken: Option<Mutation>) {
    BROKEN.set(broken);
}

/// Whether this rule is broken.
#[cfg(feature = "simulation")]
pub(crate) fn breaks(rule: Mutation) -> bool {
    BROKEN.get() == Some(rule)
}

/// Whether this rule is broken: it is not.
#[cfg(not(feature = "simulation"))]
pub(crate) const fn breaks(_: Mutation) -> bool {
    false
}
