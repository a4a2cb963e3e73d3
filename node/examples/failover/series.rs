//! What was measured of one subject.

use crate::{options::Subject, statistics::quantile, timeline::Gap};
use serde_json::Value;
use std::time::Duration;

/// One kill and what it cost.
#[derive(Clone, Debug)]
pub(crate) struct Kill {
    /// Which node.
    pub(crate) victim: usize,
    /// In sealed blocks at the follower that was hit worst, or in committed writes.
    pub(crate) sealed: Gap,
    /// In finalized blocks, likewise; none of etcd, whose writes are final when they are committed.
    pub(crate) finalized: Option<Gap>,
    /// From the kill until everyone was back in step.
    pub(crate) back_in_step: Duration,
    /// What else is to be known, as JSON.
    pub(crate) detail: Value,
}

/// All kills of one subject.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) subject: Subject,
    pub(crate) name: String,
    /// How long a victim stayed down.
    pub(crate) downtime: Duration,
    /// What 99 of 100 gaps should be below.
    pub(crate) bound: Option<Duration>,
    pub(crate) kills: Vec<Kill>,
    /// What clients were told is taken meanwhile, and how much of it was missing at the end.
    pub(crate) accepted: usize,
    pub(crate) lost: usize,
    /// What speaks against the mesh at the end, each in a sentence; the same for all series on one mesh.
    pub(crate) problems: Vec<String>,
}

/// Median, 99th percentile and maximum, in seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Percentiles {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

impl Percentiles {
    fn of(values: impl Iterator<Item = Duration>) -> Option<Self> {
        let values: Vec<_> = values.map(|value| value.as_secs_f64()).collect();
        Some(Self { p50: quantile(&values, 0.5)?, p99: quantile(&values, 0.99)?, max: quantile(&values, 1.0)? })
    }
}

impl Series {
    /// The longest gap of each round, in sealed blocks or committed writes.
    pub(crate) fn sealed(&self) -> Option<Percentiles> {
        Percentiles::of(self.kills.iter().map(|kill| kill.sealed.longest))
    }

    /// The longest gap of each round, in finalized blocks.
    pub(crate) fn finalized(&self) -> Option<Percentiles> {
        Percentiles::of(self.kills.iter().filter_map(|kill| kill.finalized).map(|gap| gap.longest))
    }
}
