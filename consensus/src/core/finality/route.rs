#[cfg(feature = "simulation")]
use std::cell::Cell;

/// Sets with more members vote to the scheduler alone. Measured: ADR 7.
const MOST_MEMBERS_THAT_VOTE_TO_ALL: usize = 16;

/// Whom votes are sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoteRoute {
    /// A star: few messages, and a hop more.
    Scheduler,
    /// Everyone adds them up: as many messages as members squared, and a hop less.
    Everyone,
}

#[cfg(feature = "simulation")]
thread_local! {
    static FORCED: Cell<Option<VoteRoute>> = const { Cell::new(None) };
}

impl VoteRoute {
    /// How a set of this size votes.
    #[must_use]
    pub fn of(members: usize) -> Self {
        #[cfg(feature = "simulation")]
        if let Some(forced) = FORCED.get() {
            return forced;
        }
        if members <= MOST_MEMBERS_THAT_VOTE_TO_ALL { Self::Everyone } else { Self::Scheduler }
    }

    /// Lets every core that this thread runs vote this way, or by its set's size again.
    #[cfg(feature = "simulation")]
    pub fn force(route: Option<Self>) {
        FORCED.set(route);
    }
}
