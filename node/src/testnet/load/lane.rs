//! One stream of transactions to one node.

use super::{
    ledger::{Ledger, Life},
    signing::Prepared,
};
use crate::testnet::{client::Answer, fleet::Fleet, observe::Record};
use alloy_primitives::Bytes;
use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

/// How often a lane sends.
const TICK: Duration = Duration::from_millis(50);

/// The most transactions of one batch.
const BATCH: usize = 500;

/// How long a lane still offers what was refused, once it is told to stop.
const LAST_OFFERS: Duration = Duration::from_secs(15);

/// How many requests in a row may fail before the lane turns to another node.
const PATIENCE: u32 = 3;

/// A lane; see the module above.
#[derive(Debug)]
pub(super) struct Lane {
    node: usize,
    /// Transactions a second.
    rate: f64,
    queue: mpsc::Receiver<Vec<Prepared>>,
    fleet: Arc<Fleet>,
    record: Record,
    ledger: Ledger,
    life: Life,
    /// Signed, not sent.
    fresh: VecDeque<Prepared>,
    /// Sent and refused, or perhaps lost with a node; they go first.
    again: VecDeque<Prepared>,
    /// Accepted, and in no block that was seen.
    pending: VecDeque<Prepared>,
    failures: u32,
}

impl Lane {
    pub(super) fn new(
        node: usize,
        rate: f64,
        queue: mpsc::Receiver<Vec<Prepared>>,
        fleet: Arc<Fleet>,
        record: Record,
        ledger: Ledger,
    ) -> Self {
        Self {
            node,
            rate,
            queue,
            fleet,
            record,
            life: ledger.life(),
            ledger,
            fresh: VecDeque::new(),
            again: VecDeque::new(),
            pending: VecDeque::new(),
            failures: 0,
        }
    }

    /// Sends at its rate until `stop`, and then until nothing refused is left or the patience ends.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let started = Instant::now();
        let mut issued = 0u64;
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !stop.is_cancelled() {
            ticks.tick().await;
            let due = (started.elapsed().as_secs_f64() * self.rate) as u64;
            let wanted = usize::try_from(due.saturating_sub(issued)).unwrap_or(usize::MAX);
            issued += self.send(wanted).await as u64;
        }
        let stopped = Instant::now();
        while !self.again.is_empty() && stopped.elapsed() < LAST_OFFERS {
            ticks.tick().await;
            self.send(0).await;
        }
    }

    /// Sends one batch: what has to be sent again, or else up to `wanted` new ones. Returns how many were new.
    async fn send(&mut self, wanted: usize) -> usize {
        self.forget_included();
        self.notice_that_everyone_died();
        let mut batch: Vec<_> = self.again.drain(..self.again.len().min(BATCH)).collect();
        let mut new = 0;
        if batch.is_empty() {
            batch = self.take_fresh(wanted.min(BATCH));
            new = batch.len();
        }
        if batch.is_empty() {
            return 0;
        }
        let Some(client) = self.fleet.client(self.node) else {
            self.put_back(batch);
            self.turn_to_another_node();
            return new;
        };
        let life = self.ledger.submit(batch.iter().map(|prepared| prepared.hash), self.node, self.record.now());
        match client.send(batch.iter().map(|prepared| -> &Bytes { &prepared.raw })).await {
            Ok(answers) => {
                self.failures = 0;
                self.judge(batch, answers, life);
            }
            Err(error) => {
                self.ledger.refuse(error.to_string());
                self.put_back(batch);
                self.failures += 1;
                if self.failures >= PATIENCE || self.fleet.client(self.node).is_none() {
                    self.turn_to_another_node();
                }
            }
        }
        new
    }

    fn judge(&mut self, batch: Vec<Prepared>, answers: Vec<Answer>, life: Life) {
        // An answer that is missing is as good as a refusal.
        let answers = answers.into_iter().chain(std::iter::repeat(Answer::Refused("no answer".to_owned())));
        let answered: Vec<_> = batch.into_iter().zip(answers).collect();
        let good = answered.iter().filter(|(_, answer)| !matches!(answer, Answer::Refused(_)));
        if !self.ledger.accept(good.map(|(prepared, _)| prepared.hash), life) {
            return self.put_back(answered.into_iter().map(|(prepared, _)| prepared).collect());
        }
        let mut refused = Vec::new();
        for (prepared, answer) in answered {
            match answer {
                Answer::Accepted => self.pending.push_back(prepared),
                // Nobody else uses these accounts: the nonce was used by this very transaction.
                Answer::NonceUsed => {}
                Answer::Refused(reason) => {
                    self.ledger.refuse(reason);
                    refused.push(prepared);
                }
            }
        }
        self.put_back(refused);
    }

    fn take_fresh(&mut self, wanted: usize) -> Vec<Prepared> {
        while self.fresh.len() < wanted {
            let Ok(chunk) = self.queue.try_recv() else { break };
            self.fresh.extend(chunk);
        }
        self.fresh.drain(..self.fresh.len().min(wanted)).collect()
    }

    /// To be sent again, before everything else and in the same order.
    fn put_back(&mut self, batch: Vec<Prepared>) {
        for prepared in batch.into_iter().rev() {
            self.again.push_front(prepared);
        }
    }

    /// Goes to the next live node, and sends again what may have died with the old one.
    fn turn_to_another_node(&mut self) {
        let live = self.fleet.live();
        let next = live.iter().find(|(index, _)| *index > self.node).or_else(|| live.first());
        if let Some((index, _)) = next {
            self.node = *index;
            self.failures = 0;
            self.send_pending_again();
        }
    }

    /// The pools that held what is pending are gone.
    fn notice_that_everyone_died(&mut self) {
        let life = self.ledger.life();
        if life != self.life {
            self.life = life;
            self.send_pending_again();
        }
    }

    fn send_pending_again(&mut self) {
        let pending: Vec<_> = self.pending.drain(..).collect();
        self.put_back(pending);
    }

    fn forget_included(&mut self) {
        let chronicle = self.record.chronicle();
        while self.pending.front().is_some_and(|prepared| chronicle.is_included(&prepared.hash)) {
            self.pending.pop_front();
        }
    }
}
