use crate::core::{Core, Timer};
use crate::types::Time;

impl Core {
    pub(in crate::core) fn on_timer(&mut self, timer: Timer, now: Time) {
        match timer {
            Timer::Heartbeat => self.on_heartbeat_timer(now),
            Timer::Opening => self.on_opening_timer(now),
            Timer::Build { epoch, height } => self.on_build_timer(epoch, height, now),
            Timer::Missing { block } => self.on_missing_timer(block),
            Timer::Term { era, term } => self.on_term_timer((era, term), now),
            Timer::Adopt { era, term } => self.on_adopt_timer((era, term), now),
            Timer::Votes { position } => self.on_vote_timer(position, now),
            Timer::Deadline { epoch, height } => self.on_deadline_timer(epoch, height, now),
        }
    }
}
