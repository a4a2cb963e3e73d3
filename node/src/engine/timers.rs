use baton_consensus::{core::Timer, types::Time};
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
};

/// The running timers, earliest first. Starting one again moves it.
#[derive(Debug, Default)]
pub(super) struct Timers {
    queue: BinaryHeap<Reverse<(Time, u64)>>,
    timers: HashMap<u64, Timer>,
    running: HashMap<Timer, u64>,
    next: u64,
}

impl Timers {
    pub(super) fn start(&mut self, timer: Timer, at: Time) {
        if let Some(overtaken) = self.running.insert(timer, self.next) {
            self.timers.remove(&overtaken);
        }
        self.timers.insert(self.next, timer);
        self.queue.push(Reverse((at, self.next)));
        self.next += 1;
    }

    /// When the next one runs out.
    pub(super) fn next_at(&mut self) -> Option<Time> {
        while let Some(Reverse((at, id))) = self.queue.peek() {
            if self.timers.contains_key(id) {
                return Some(*at);
            }
            self.queue.pop();
        }
        None
    }

    /// The next one that has run out.
    pub(super) fn pop(&mut self, now: Time) -> Option<Timer> {
        if self.next_at()? > now {
            return None;
        }
        let Reverse((_, id)) = self.queue.pop()?;
        let timer = self.timers.remove(&id)?;
        self.running.remove(&timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_comes_first_and_a_restart_moves_it() {
        let mut timers = Timers::default();
        timers.start(Timer::Heartbeat, Time(10));
        timers.start(Timer::Opening, Time(20));
        timers.start(Timer::Heartbeat, Time(30));
        assert_eq!(timers.pop(Time(19)), None);
        assert_eq!(timers.pop(Time(25)), Some(Timer::Opening));
        assert_eq!(timers.next_at(), Some(Time(30)));
        assert_eq!(timers.pop(Time(30)), Some(Timer::Heartbeat));
        assert_eq!(timers.next_at(), None);
    }
}
