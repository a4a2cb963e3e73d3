//! How far the sync has come, for the log, JSON-RPC and the metrics.

use crate::{
    metrics::{self, Metrics},
    rpc::ports::{SyncPhase, SyncReport},
};
use baton_consensus::types::{BlockRef, Height};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::watch;
use tracing::info;

/// How often progress is told in the log.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// The stretch of time that rates are taken over.
const WINDOW: Duration = Duration::from_secs(15);

/// Where progress is noted. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Progress {
    report: watch::Sender<SyncReport>,
    meter: Arc<Mutex<Meter>>,
    metrics: Arc<Metrics>,
}

#[derive(Debug)]
struct Meter {
    /// When, blocks done, share of the state done.
    samples: VecDeque<(Instant, u64, f64)>,
    told: Instant,
}

/// What a chunk added.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fetched {
    pub(super) chunks: u64,
    pub(super) accounts: u64,
    pub(super) slots: u64,
    pub(super) codes: u64,
    pub(super) bytes: u64,
}

impl Progress {
    /// Nothing is under way.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        let meter = Meter { samples: VecDeque::new(), told: Instant::now() };
        Self { report: watch::Sender::new(SyncReport::default()), meter: Arc::new(Mutex::new(meter)), metrics }
    }

    /// Follows it.
    #[must_use]
    pub fn follow(&self) -> watch::Receiver<SyncReport> {
        self.report.subscribe()
    }

    /// Something else is done from now on.
    pub(super) fn enter(&self, phase: SyncPhase, starting: Height, target: Option<BlockRef>) {
        let highest = target.map_or(starting, |target| target.height);
        self.report.send_modify(|report| {
            *report = SyncReport { phase, starting, current: starting, highest, target, ..SyncReport::default() };
        });
        self.meter().samples.clear();
        self.count();
    }

    /// Blocks were executed, or more of them became known.
    pub(super) fn blocks(&self, current: Height, highest: Height, peers: usize) {
        let (rate, left) = self.meter().blocks(current, highest);
        self.report.send_modify(|report| {
            report.current = current;
            report.highest = highest.max(current);
            report.peers = peers;
            report.blocks_per_second = rate;
            report.seconds_left = left;
        });
        self.count();
        if self.meter().is_time_to_tell() {
            let seconds_left = left.map_or_else(|| "unknown".to_owned(), |left| format!("{left:.0}"));
            info!(%current, %highest, blocks_per_second = format!("{rate:.1}"), seconds_left, peers, "catching up");
        }
    }

    /// A chunk of the state is stored; `share` of it is there, from 0 to 1.
    pub(super) fn chunk(&self, fetched: Fetched, share: f64, peers: usize) {
        let Fetched { chunks, accounts, slots, codes, bytes } = fetched;
        let left = self.meter().state(share);
        self.report.send_modify(|report| {
            report.chunks += chunks;
            report.accounts += accounts;
            report.slots += slots;
            report.codes += codes;
            report.bytes += bytes;
            report.state_share = share;
            report.seconds_left = left;
            report.peers = peers;
        });
        self.metrics.sync.sync_chunks.inc_by(chunks);
        self.metrics.sync.sync_bytes.inc_by(bytes);
        self.count();
        if self.meter().is_time_to_tell() {
            let report = self.report.borrow().clone();
            let seconds_left = left.map_or_else(|| "unknown".to_owned(), |left| format!("{left:.0}"));
            info!(
                target = %report.highest,
                percent = format!("{:.1}", share * 100.0),
                accounts = report.accounts,
                slots = report.slots,
                mebibytes = report.bytes >> 20,
                seconds_left,
                peers,
                "taking over the state"
            );
        }
    }

    /// A peer was found guilty of serving something false.
    pub(super) fn lied(&self) {
        self.metrics.sync.sync_lies.inc();
    }

    fn count(&self) {
        let report = self.report.borrow();
        let metrics::Sync { sync_phase, sync_target_height, sync_state_permille, .. } = &self.metrics.sync;
        for phase in SyncPhase::ALL {
            sync_phase.get(*phase).set(u64::from(*phase == report.phase));
        }
        sync_target_height.set(report.highest.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 1000")]
        sync_state_permille.set((report.state_share.clamp(0.0, 1.0) * 1000.0) as u64);
    }

    fn meter(&self) -> MutexGuard<'_, Meter> {
        self.meter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Meter {
    fn sample(&mut self, blocks: u64, share: f64) -> Option<(f64, u64, f64)> {
        let now = Instant::now();
        self.samples.push_back((now, blocks, share));
        while self.samples.len() > 2 && self.samples.front().is_some_and(|(at, ..)| now - *at > WINDOW) {
            self.samples.pop_front();
        }
        let (since, blocks_then, share_then) = *self.samples.front()?;
        let span = (now - since).as_secs_f64();
        (span > 0.2).then(|| (span, blocks.saturating_sub(blocks_then), share - share_then))
    }

    /// Blocks a second, and the seconds that are left at that rate.
    fn blocks(&mut self, current: Height, highest: Height) -> (f64, Option<f64>) {
        let Some((span, done, _)) = self.sample(current.0, 0.0) else { return (0.0, None) };
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let (rate, rest) = (done as f64 / span, highest.0.saturating_sub(current.0) as f64);
        (rate, (rate > 0.0).then(|| (rest / rate).ceil()))
    }

    /// The seconds that are left at the rate of late.
    fn state(&mut self, share: f64) -> Option<f64> {
        let (span, _, done) = self.sample(0, share)?;
        (done > 0.0).then(|| ((1.0 - share) * span / done).ceil())
    }

    fn is_time_to_tell(&mut self) -> bool {
        let is_due = self.told.elapsed() >= TELL_EVERY;
        if is_due {
            self.told = Instant::now();
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_time_left_follows_from_the_rate() {
        let (metrics, _registry) = Metrics::new();
        let progress = Progress::new(metrics);
        progress.enter(SyncPhase::Blocks, Height(0), None);
        progress.blocks(Height(0), Height(1000), 2);
        assert_eq!(progress.follow().borrow().seconds_left, None);
        tokio::time::sleep(Duration::from_millis(300)).await;
        progress.blocks(Height(100), Height(1000), 2);
        let report = progress.follow().borrow().clone();
        // A loaded machine sleeps longer, never less.
        assert!(report.blocks_per_second > 0.0 && report.blocks_per_second <= 334.0, "{report:?}");
        let expected = (900.0 / report.blocks_per_second).ceil();
        assert_eq!((report.current, report.seconds_left), (Height(100), Some(expected)));
    }
}
