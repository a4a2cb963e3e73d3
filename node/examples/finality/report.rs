//! The figures as a table and as JSON.

use crate::{
    ceilings::Ceilings,
    latency::{self, Latency},
    legs,
    options::Options,
    rate::{LOADS, NODES, Rate},
    statistics::quantile,
};
use serde_json::{Value, json};

/// What four nodes without slow links should stay below: the median at the last follower, in ms.
const BAR: f64 = 100.0;

/// All figures.
pub(crate) struct Report<'a> {
    pub(crate) options: &'a Options,
    pub(crate) latencies: Vec<Latency>,
    pub(crate) rates: Vec<Rate>,
    pub(crate) ceilings: Ceilings,
}

impl Report<'_> {
    /// The median of the mesh that the bar is for, if it was measured.
    fn barred(&self) -> Option<f64> {
        let mesh = self.latencies.iter().find(|latency| latency.nodes == 4 && latency.delay.is_zero())?;
        quantile(&mesh.last, 0.5)
    }

    pub(crate) fn table(&self) -> String {
        let mut lines = Vec::new();
        if !self.latencies.is_empty() {
            lines.push(format!("from published to final, in ms; {:?} each, no load", self.options.span));
            lines.push(format!(
                "{:34}{:>7}{:>16}{:>16}{:>7}{:>7}{:>8}",
                "", "blocks", "last follower", "median node", "never", "nodes", "others"
            ));
            lines.push(format!("{:41}{:>8}{:>8}{:>8}{:>8}{:>22}", "", "p50", "p99", "p50", "p99", "processors"));
            lines.extend(self.latencies.iter().map(latency_row));
            lines.push(String::new());
            lines.push("medians of the legs, in ms".to_owned());
            lines.extend(self.legs());
        }
        if let Some(p50) = self.barred() {
            let verdict = if p50 < BAR { "PASS" } else { "FAIL" };
            lines.push(format!("\n{verdict}  four nodes, last follower: p50 {p50:.1} ms (bar: below {BAR:.0} ms)"));
        }
        for load in LOADS.into_iter().filter(|_| !self.rates.is_empty()) {
            lines.push(format!("\n{load} transfers, {NODES} nodes, {} pairs of runs in turn", self.options.pairs));
            lines.extend(self.comparison(load));
        }
        if !self.ceilings.is_empty() {
            lines.push("\nvotes and certificates on one core of this machine".to_owned());
            lines.extend(self.ceilings.iter().map(|(name, (value, unit))| format!("  {name:42}{value:12.2} {unit}")));
        }
        lines.join("\n")
    }

    fn legs(&self) -> impl Iterator<Item = String> {
        let heads =
            self.latencies.iter().map(|it| format!("{:>10}", format!("{}+{}ms", it.nodes, it.delay.as_millis())));
        let head = format!("{:44}{}", "nodes + delay of a link", heads.collect::<String>());
        let rows = legs::NAMES.iter().enumerate().map(|(leg, name)| {
            let medians = self.latencies.iter().map(|latency| quantile(&latency.legs.0[leg], 0.5));
            let medians =
                medians.map(|median| median.map_or_else(|| format!("{:>10}", "-"), |it| format!("{it:>10.1}")));
            format!("{name:44}{}", medians.collect::<String>())
        });
        std::iter::once(head).chain(rows.collect::<Vec<_>>())
    }

    fn of(&self, load: &str, voting: bool) -> impl Iterator<Item = &Rate> {
        self.rates.iter().filter(move |rate| rate.load == load && rate.voting == voting)
    }

    fn comparison(&self, load: &str) -> Vec<String> {
        let head = format!("  {:24}{:>28}{:>28}{:>26}", "", "voting", "not voting", "ratio, pair by pair");
        let rows = FIGURES.map(|(name, figure)| {
            let side = |voting| spread(&self.of(load, voting).map(figure).collect::<Vec<_>>());
            let ratios: Vec<_> = self.ratios(load, figure).iter().map(|ratio| format!("{ratio:.2}")).collect();
            format!("  {name:24}{:>28}{:>28}{:>26}", side(true), side(false), ratios.join(" "))
        });
        std::iter::once(head).chain(rows).collect()
    }

    /// With voting, as a multiple of without.
    fn ratios(&self, load: &str, figure: fn(&Rate) -> f64) -> Vec<f64> {
        self.of(load, true).zip(self.of(load, false)).map(|(with, without)| figure(with) / figure(without)).collect()
    }

    pub(crate) fn to_json(&self) -> Value {
        let Options { nodes, span, delay, pairs, pace, transfers, .. } = self.options;
        let ceilings =
            self.ceilings.iter().map(|(name, (value, unit))| (name.clone(), json!({ "value": value, "unit": unit })));
        json!({
            "cores": std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
            "options": {
                "nodes": nodes, "span_s": span.as_secs_f64(), "delay_ms": delay.as_millis() as u64, "pairs": pairs,
                "pace": pace, "transfers": transfers,
            },
            "bar": self.barred().map(|p50| json!({ "bar_ms": BAR, "p50_ms": p50, "pass": p50 < BAR })),
            "latencies": self.latencies.iter().map(latency_json).collect::<Vec<_>>(),
            "rates": self.rates.iter().map(rate_json).collect::<Vec<_>>(),
            "ceilings": serde_json::Map::from_iter(ceilings),
        })
    }
}

/// What a run of the load gives, by name.
type Figure = (&'static str, fn(&Rate) -> f64);

/// What is compared with and without voting.
const FIGURES: [Figure; 3] = [
    ("blocks/s", Rate::blocks_per_second),
    ("transactions/s", |rate| rate.measured.steady_per_second()),
    ("processors, all nodes", Rate::processors),
];

/// The median, the least and the most.
fn spread(values: &[f64]) -> String {
    let [low, median, high] = [0.0, 0.5, 1.0].map(|part| quantile(values, part).unwrap_or_default());
    let digits = if median < 100.0 { 2 } else { 0 };
    format!("{median:.digits$} ({low:.digits$} to {high:.digits$})")
}

/// One mesh as a line.
pub(crate) fn latency_row(latency: &Latency) -> String {
    let Latency { nodes, delay, last, median, unfinished, processors: (own, others), .. } = latency;
    let columns = |values: &[f64]| {
        let part = |part| quantile(values, part).unwrap_or_default();
        format!("{:>8.1}{:>8.1}", part(0.5), part(0.99))
    };
    format!(
        "{:34}{:>7}{}{}{unfinished:>7}{own:>7.2}{others:>8.2}",
        latency::name(*nodes, *delay),
        last.len(),
        columns(last),
        columns(median)
    )
}

fn latency_json(latency: &Latency) -> Value {
    let Latency { nodes, delay, last, median, unfinished, legs, warnings, processors: (own, others) } = latency;
    let parts = |values: &[f64]| json!({ "p50": quantile(values, 0.5), "p99": quantile(values, 0.99), "max": quantile(values, 1.0) });
    let leg = |(name, values): (&&str, &Vec<f64>)| json!({ "leg": name, "ms": parts(values) });
    json!({
        "nodes": nodes, "delay_ms": delay.as_millis() as u64, "blocks": last.len(), "never_final": unfinished,
        "last_follower_ms": parts(last), "median_node_ms": parts(median),
        "legs": legs::NAMES.iter().zip(&legs.0).map(leg).collect::<Vec<_>>(),
        "warnings": warnings, "processors": own, "others_busy_processors": others,
    })
}

fn rate_json(rate: &Rate) -> Value {
    let Rate { pair, voting, load, measured } = rate;
    json!({
        "pair": pair + 1, "voting": voting, "load": load, "transactions": measured.transactions, "blocks": measured.blocks,
        "blocks_per_second": rate.blocks_per_second(), "transactions_per_second": measured.steady_per_second(),
        "processors": rate.processors(), "others_busy_processors": measured.others, "repeated_batches": measured.repeated,
    })
}
