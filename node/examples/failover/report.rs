//! The figures as a table and as JSON.

use crate::{
    options::{Settings, Subject},
    series::{Kill, Percentiles, Series},
    timeline::Gap,
};
use baton_consensus::FinalityRule;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Something that was asked for, and whether it came out so.
struct Bar {
    what: String,
    passed: bool,
}

/// All figures.
pub(crate) struct Report<'a> {
    settings: &'a Settings,
    all: Vec<Series>,
}

impl<'a> Report<'a> {
    pub(crate) const fn new(settings: &'a Settings, all: Vec<Series>) -> Self {
        Self { settings, all }
    }

    /// Whether nothing accepted was lost, and everyone agreed.
    pub(crate) fn is_sound(&self) -> bool {
        self.all.iter().all(|series| series.lost == 0 && series.problems.is_empty())
    }

    fn of(&self, subject: Subject) -> impl Iterator<Item = &Series> {
        self.all.iter().filter(move |series| series.subject == subject)
    }

    fn bars(&self) -> Vec<Bar> {
        let mut bars = Vec::new();
        for series in &self.all {
            if let Some((bound, sealed)) = series.bound.zip(series.sealed()) {
                let bound = bound.as_secs_f64();
                let what = format!("{}: p99 of the sealed gap {:.2} s, bar {bound:.2} s", series.name, sealed.p99);
                bars.push(Bar { what, passed: sealed.p99 < bound });
            }
        }
        // etcd is measured at the pace of the scheduler first, then at that of the leader.
        for (subject, yardstick) in [Subject::Scheduler, Subject::Leader].into_iter().zip(self.of(Subject::Etcd)) {
            bars.extend(self.of(subject).flat_map(|series| self.compare(series, yardstick)));
        }
        for series in &self.all {
            let what = format!("{}: {} of {} accepted lost", series.name, series.lost, series.accepted);
            bars.push(Bar { what, passed: series.lost == 0 });
        }
        if let Some(series) = self.all.iter().find(|series| series.subject != Subject::Etcd) {
            let problems = series.problems.join("; ");
            let what = if problems.is_empty() { "the same on all nodes at the end" } else { &problems };
            bars.push(Bar { what: format!("baton: blocks and state roots: {what}"), passed: problems.is_empty() });
        }
        bars
    }

    /// Under the depth rules what is final waits for the victim itself, which etcd's does not; then only what is sealed
    /// is compared.
    fn compare(&self, series: &Series, yardstick: &Series) -> Vec<Bar> {
        let quorum = self.settings.parameters.finality == FinalityRule::Quorum;
        let finalized = series.finalized().filter(|_| quorum);
        let figures = [("sealed", series.sealed()), ("finalized", finalized)];
        let compared = figures.into_iter().filter_map(|(name, figure)| Some((name, figure?, yardstick.sealed()?)));
        let bar = |(name, ours, theirs): (&str, Percentiles, Percentiles)| Bar {
            what: format!(
                "{} ({name}) not slower than {}: p50 {:.2} s to {:.2} s, p99 {:.2} s to {:.2} s",
                series.name, yardstick.name, ours.p50, theirs.p50, ours.p99, theirs.p99
            ),
            passed: ours.p50 <= theirs.p50 && ours.p99 <= theirs.p99,
        };
        compared.map(bar).collect()
    }

    pub(crate) fn table(&self) -> String {
        let parameters = &self.settings.parameters;
        let mut text = String::new();
        line(
            &mut text,
            format_args!(
                "longest gap after a kill, in seconds; block time {:?}, leader timeout {:?}, heartbeats every {:?}, \
                 term timeout {:?}, {:.0} transactions/s",
                parameters.block_time,
                parameters.leader_timeout,
                parameters.heartbeat_interval,
                parameters.term_timeout,
                self.settings.load
            ),
        );
        let finality = format!("finalized ({})", parameters.finality);
        line(&mut text, format_args!("{:43}{:>24}{finality:>24}", "", "sealed, or committed"));
        let columns = "     p50     p99     max";
        line(
            &mut text,
            format_args!(
                "{:24}{:>7}{:>12}{columns}{columns}{:>9}{:>6}{:>6}",
                "", "kills", "down for", "bound", "", "lost"
            ),
        );
        for series in &self.all {
            let verdict = series.bound.zip(series.sealed());
            let verdict = verdict.map_or("", |(bound, sealed)| verdict_on(sealed.p99 < bound.as_secs_f64()));
            line(
                &mut text,
                format_args!(
                    "{:24}{:>7}{:>12.2}{}{}{:>9}{verdict:>6}{:>6}",
                    series.name,
                    series.kills.len(),
                    series.downtime.as_secs_f64(),
                    columns_of(series.sealed()),
                    columns_of(series.finalized()),
                    series.bound.map_or_else(|| "-".to_owned(), |bound| format!("{:.2}", bound.as_secs_f64())),
                    series.lost
                ),
            );
        }
        if parameters.finality != FinalityRule::Quorum {
            line(
                &mut text,
                format_args!(
                    "Under {} three of four sequencers must have led above a block. The scheduler does not lead, so nothing\n\
                     becomes final until the victim is back and has had its turn: the finalized gaps hold its downtime.",
                    parameters.finality
                ),
            );
        }
        line(&mut text, format_args!("etcd's name tells its election timeout and its heartbeat interval.\n"));
        for bar in self.bars() {
            line(&mut text, format_args!("{}  {}", verdict_on(bar.passed), bar.what));
        }
        text
    }

    pub(crate) fn to_json(&self) -> Value {
        let Settings { kills, load, parameters, .. } = self.settings;
        let ms = |span: &std::time::Duration| span.as_millis() as u64;
        json!({
            "cores": std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
            "options": {
                "kills": kills, "load": load, "finality": parameters.finality.to_string(),
                "block_time_ms": ms(&parameters.block_time), "leader_timeout_ms": ms(&parameters.leader_timeout),
                "heartbeat_interval_ms": ms(&parameters.heartbeat_interval),
                "heartbeat_timeout_ms": ms(&parameters.heartbeat_timeout),
                "term_timeout_ms": ms(&parameters.term_timeout),
            },
            "bars": self.bars().into_iter().map(|bar| json!({ "what": bar.what, "pass": bar.passed })).collect::<Vec<_>>(),
            "series": self.all.iter().map(series_json).collect::<Vec<_>>(),
        })
    }
}

const fn verdict_on(passed: bool) -> &'static str {
    if passed { "PASS" } else { "FAIL" }
}

fn columns_of(percentiles: Option<Percentiles>) -> String {
    percentiles.map_or_else(
        || format!("{:>8}{:>8}{:>8}", "-", "-", "-"),
        |Percentiles { p50, p99, max }| format!("{p50:>8.2}{p99:>8.2}{max:>8.2}"),
    )
}

fn series_json(series: &Series) -> Value {
    let percentiles = |percentiles: Option<Percentiles>| {
        percentiles.map(|Percentiles { p50, p99, max }| json!({ "p50": p50, "p99": p99, "max": max }))
    };
    json!({
        "name": series.name,
        "down_for_s": series.downtime.as_secs_f64(),
        "bound_s": series.bound.map(|bound| bound.as_secs_f64()),
        "sealed_s": percentiles(series.sealed()),
        "finalized_s": percentiles(series.finalized()),
        "accepted": series.accepted, "lost": series.lost, "problems": series.problems,
        "kills": series.kills.iter().map(kill_json).collect::<Vec<_>>(),
    })
}

fn kill_json(kill: &Kill) -> Value {
    let gap = |gap: Gap| json!({ "across_s": gap.across.as_secs_f64(), "longest_s": gap.longest.as_secs_f64() });
    json!({
        "victim": kill.victim,
        "sealed": gap(kill.sealed),
        "finalized": kill.finalized.map(gap),
        "back_in_step_s": kill.back_in_step.as_secs_f64(),
        "detail": kill.detail,
    })
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{line}");
}
