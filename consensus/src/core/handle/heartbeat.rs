use crate::core::{Core, Effect, Ignored, Outgoing, Rejected, Timer, Verdict};
use crate::messages::{Heartbeat, MAX_VERSION_BYTES};
use crate::signing::{Signed, Verified};
use crate::types::Time;

/// A member this many blocks ahead is believed at once; a smaller lead only if it lasts until the next look.
const LEAD_BELIEVED_AT_ONCE: u64 = 8;

impl Core {
    pub(in crate::core) fn on_heartbeat(&mut self, heartbeat: &Verified<Heartbeat>, now: Time) {
        let sender = heartbeat.signer();
        let era = heartbeat.message().era;
        if era > self.schedule.era() {
            // Its set may be another one: only what proves that era tells.
            self.judge(Verdict::Ignore(Ignored::Early));
            return self.emit(Effect::CatchUp {
                target: heartbeat.message().height,
                block: None,
                holders: vec![sender],
            });
        }
        if !self.set.contains(sender) {
            let left = era < self.schedule.era();
            let verdict = if left { Verdict::Ignore(Ignored::Stale) } else { Verdict::Reject(Rejected::NotEntitled) };
            return self.judge(verdict);
        }
        if heartbeat.message().version.len() > MAX_VERSION_BYTES {
            return self.judge(Verdict::Reject(Rejected::Inconsistent));
        }
        if self.address() == Some(sender) {
            return self.judge(Verdict::Ignore(Ignored::Duplicate));
        }
        if !self.liveness.observe(sender, heartbeat.message().clone(), now) {
            return self.judge(Verdict::Ignore(Ignored::Stale));
        }
        self.judge(Verdict::Accept);
        let theirs = heartbeat.message().height;
        if theirs.0 > self.head().height.0.saturating_add(LEAD_BELIEVED_AT_ONCE) {
            self.emit(Effect::CatchUp { target: theirs, block: None, holders: vec![sender] });
        }
        self.note_quorum(now);
        if era == self.schedule.era() {
            self.replace_a_leader_that_left(sender, heartbeat.message().term, now);
        }
        self.open_if_everyone_is_live(now);
    }

    pub(in crate::core) fn on_heartbeat_timer(&mut self, now: Time) {
        self.liveness.sweep(now);
        self.note_quorum(now);
        self.look_who_is_ahead();
        self.resubmit_stalled();
        self.fetch_what_a_vote_waits_for(now);
        self.fetch_the_next_set();
        self.drive_rounds(now);
        self.resend_term_change(now);
        self.consider_leaving(now);
        self.hand_over_if_leaving(now);
        self.send_heartbeat(now);
        let at = now.after(self.parameters.heartbeat_interval);
        self.emit(Effect::StartTimer { timer: Timer::Heartbeat, at });
    }

    /// Signs a sign of life and sends it.
    pub(in crate::core) fn send_heartbeat(&mut self, now: Time) {
        let Some(key) = &self.key else { return };
        // Newer than the last one even if the clock stood still.
        self.last_heartbeat = now.0.max(self.last_heartbeat + 1);
        let mut version = self.identity.version.clone();
        version.truncate(version.floor_char_boundary(MAX_VERSION_BYTES));
        let heartbeat = Heartbeat {
            era: self.schedule.era(),
            term: self.pledge(),
            height: self.tree.head().height,
            head: self.tree.head().hash,
            sent_at: self.last_heartbeat,
            version,
        };
        let signed = Signed::new(heartbeat, &self.context, key);
        self.emit(Effect::Gossip(Outgoing::Heartbeat(signed)));
    }

    /// Asks to catch up if live members are ahead, in height or in term, and the head has not moved since the last look.
    fn look_who_is_ahead(&mut self) {
        let head = self.head();
        let position = (self.schedule.era(), self.fence());
        let ahead =
            |heartbeat: &Heartbeat| heartbeat.height > head.height || (heartbeat.era, heartbeat.term) > position;
        let best = (self.liveness.live())
            .filter(|(_, heartbeat)| ahead(heartbeat))
            .max_by_key(|(_, heartbeat)| (heartbeat.era, heartbeat.term, heartbeat.height));
        match best {
            Some((member, heartbeat)) if self.seen_behind_at == Some(head) => {
                let (target, holders) = (heartbeat.height, vec![member]);
                self.emit(Effect::CatchUp { target, block: None, holders });
            }
            Some(_) => self.seen_behind_at = Some(head),
            None => self.seen_behind_at = None,
        }
    }
}
