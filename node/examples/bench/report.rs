//! The figures as a table and as JSON.

use crate::{
    Kind, Options,
    bare::bare_cost,
    ceilings::Ceilings,
    drive::Measured,
    median::median,
    stages::{Stages, p50_p99},
    statistics::quantile,
    workloads::{PACED, PACED_BATCH},
};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// What one node should reach, as a multiple of anvil's transfers a second.
const ONE_NODE_BAR: f64 = 1.5;

/// What four nodes on one machine should reach.
const MESH_BAR: f64 = 0.4;

/// One load on one of what is measured.
pub(crate) struct Run {
    pub(crate) kind: Kind,
    pub(crate) round: usize,
    pub(crate) load: &'static str,
    pub(crate) measured: Measured,
    /// Only Baton's nodes tell.
    pub(crate) stages: Option<Stages>,
}

impl Run {
    /// Microseconds of processor time a transaction: of the follower in a mesh, of the node otherwise.
    fn cpu(&self) -> f64 {
        let Measured { cpu, follower, transactions, .. } = &self.measured;
        cpu[follower.unwrap_or_default()] * 1e6 / *transactions as f64
    }

    /// The same of all nodes together.
    fn cpu_of_all(&self) -> f64 {
        self.measured.cpu.iter().sum::<f64>() * 1e6 / self.measured.transactions as f64
    }
}

/// All figures.
pub(crate) struct Report<'a> {
    options: &'a Options,
    runs: Vec<Run>,
    ceilings: Ceilings,
}

impl<'a> Report<'a> {
    pub(crate) const fn new(options: &'a Options, runs: Vec<Run>, ceilings: Ceilings) -> Self {
        Self { options, runs, ceilings }
    }

    fn loads(&self) -> Vec<&'static str> {
        let mut loads = Vec::new();
        for run in &self.runs {
            if !loads.contains(&run.load) {
                loads.push(run.load);
            }
        }
        loads
    }

    fn of(&self, kind: Kind, load: &str) -> Vec<&Run> {
        self.runs.iter().filter(|run| run.kind == kind && run.load == load).collect()
    }

    fn median_of(&self, kind: Kind, load: &str, figure: impl Fn(&Run) -> f64) -> Option<f64> {
        median(&self.of(kind, load).into_iter().map(figure).collect::<Vec<_>>())
    }

    /// The rate as a multiple of anvil's in the same round, for every round.
    fn ratios(&self, kind: Kind, load: &str, rate: impl Fn(&Measured) -> f64) -> Vec<f64> {
        let anvil = self.of(Kind::Anvil, load);
        let pairs = self.of(kind, load).into_iter().filter_map(|run| {
            let anvil = anvil.iter().find(|anvil| anvil.round == run.round)?;
            Some(rate(&run.measured) / rate(&anvil.measured))
        });
        pairs.collect()
    }

    /// The samples of all rounds together.
    fn propagation(&self, load: &str, samples: impl Fn(&Stages) -> &Vec<f64>) -> Option<(f64, f64)> {
        let stages = self.of(Kind::Four, load).into_iter().filter_map(|run| run.stages.as_ref());
        p50_p99(&stages.flat_map(|stages| samples(stages).iter().copied()).collect::<Vec<_>>())
    }

    pub(crate) fn table(&self) -> String {
        let mut text = String::new();
        for load in self.loads() {
            self.write_load(load, &mut text);
        }
        for (what, kind, bar) in [("one node", Kind::One, ONE_NODE_BAR), ("four nodes", Kind::Four, MESH_BAR)] {
            let ratios = self.ratios(kind, "transfers", Measured::per_second);
            if let Some(ratio) = median(&ratios) {
                let verdict = if ratio >= bar { "PASS" } else { "MISS" };
                line(&mut text, format_args!("{verdict}  {what}: {ratio:.2} x anvil's transfers/s (bar: {bar} x)"));
            }
        }
        if !self.ceilings.is_empty() {
            line(&mut text, format_args!("\nceilings of this machine"));
            for (name, (value, unit)) in &self.ceilings {
                line(&mut text, format_args!("  {name:34} {value:12.1} {unit}"));
            }
        }
        text
    }

    fn write_load(&self, load: &str, text: &mut String) {
        let Options { senders, batch, connections, rounds, .. } = self.options;
        let count = self.runs.iter().find(|run| run.load == load).map_or(0, |run| run.measured.transactions);
        let batch = if load == PACED { &PACED_BATCH } else { batch };
        line(
            text,
            format_args!(
                "{count} {load} from {senders} senders, batches of {batch}, {connections} connections; medians of {rounds} rounds"
            ),
        );
        line(
            text,
            format_args!(
                "  {:11}{:>11}{:>11}{:>9}{:>11}{:>11}{:>8}{:>8}  x anvil, by round",
                "", "included/s", "steady/s", "Mgas/s", "us CPU/tx", "all nodes", "client", "others"
            ),
        );
        for kind in Kind::ALL {
            let figure = |figure: &dyn Fn(&Run) -> f64| self.median_of(kind, load, figure).unwrap_or_default();
            if self.of(kind, load).is_empty() {
                continue;
            }
            let ratios = self.ratios(kind, load, Measured::per_second);
            let ratios: Vec<_> = ratios.iter().map(|ratio| format!("{ratio:.2}")).collect();
            line(
                text,
                format_args!(
                    "  {:11}{:>11.0}{:>11.0}{:>9.1}{:>11.0}{:>11.0}{:>8.0}{:>8.1}  {}",
                    kind.name(),
                    figure(&|run| run.measured.per_second()),
                    figure(&|run| run.measured.steady_per_second()),
                    figure(&|run| run.measured.gas_per_second() / 1e6),
                    figure(&Run::cpu),
                    figure(&Run::cpu_of_all),
                    figure(&|run| run.measured.own_cpu * 1e6 / run.measured.transactions as f64),
                    figure(&|run| run.measured.others),
                    ratios.join(" ")
                ),
            );
        }
        if let Some(bare) = bare_cost(&self.ceilings, load) {
            line(text, format_args!("  bare cost: {bare:.0} us a transaction (one recovery, one execution, no roots)"));
        }
        for kind in [Kind::One, Kind::Four] {
            let stage = |pick: &dyn Fn(&Stages) -> f64| {
                self.median_of(kind, load, |run| run.stages.as_ref().map_or(0.0, pick)).unwrap_or_default()
            };
            if !self.of(kind, load).is_empty() {
                line(
                    text,
                    format_args!(
                        "  {}: us/tx of the block's own path: build {:.0}, execute {:.0}, write {:.0}",
                        kind.name(),
                        stage(&|stages| stages.build),
                        stage(&|stages| stages.execute),
                        stage(&|stages| stages.write)
                    ),
                );
            }
        }
        let executed = self.propagation(load, |stages| &stages.to_executed);
        let committed = self.propagation(load, |stages| &stages.to_committed);
        if let (Some((p50, p99)), Some((c50, c99))) = (executed, committed) {
            line(
                text,
                format_args!(
                    "  a block in the mesh: published to executed on the last follower {p50:.0} ms (p99 {p99:.0}), \
                     to committed on the last node {c50:.0} ms (p99 {c99:.0})"
                ),
            );
        }
        text.push('\n');
    }

    pub(crate) fn to_json(&self) -> Value {
        let Options { transfers, token_transfers, senders, recipients, rounds, batch, connections, pace, .. } =
            self.options;
        let ceilings: serde_json::Map<_, _> = (self.ceilings.iter())
            .map(|(name, (value, unit))| (name.clone(), json!({ "value": value, "unit": unit })))
            .collect();
        let summary: Vec<_> = self.loads().into_iter().map(|load| self.load_json(load)).collect();
        json!({
            "cores": std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
            "options": {
                "transfers": transfers, "token_transfers": token_transfers, "senders": senders,
                "recipients": recipients, "rounds": rounds, "batch": batch, "connections": connections,
                "pace": pace, "backlog": self.options.backlog, "gas_limit": self.options.gas_limit,
                "block_time_ms": self.options.block_time.as_millis() as u64,
            },
            "bars": {
                "one_node": self.bar(Kind::One, ONE_NODE_BAR),
                "four_nodes": self.bar(Kind::Four, MESH_BAR),
            },
            "summary": summary,
            "runs": self.runs.iter().map(run_json).collect::<Vec<_>>(),
            "ceilings": ceilings,
        })
    }

    fn bar(&self, kind: Kind, bar: f64) -> Value {
        let ratio = median(&self.ratios(kind, "transfers", Measured::per_second));
        json!({ "bar": bar, "ratio": ratio, "pass": ratio.map(|ratio| ratio >= bar) })
    }

    fn load_json(&self, load: &str) -> Value {
        let kinds = Kind::ALL.map(|kind| {
            let figure = |figure: &dyn Fn(&Run) -> f64| self.median_of(kind, load, figure);
            let value = json!({
                "included_per_second": figure(&|run| run.measured.per_second()),
                "steady_per_second": figure(&|run| run.measured.steady_per_second()),
                "gas_per_second": figure(&|run| run.measured.gas_per_second()),
                "cpu_us_per_transaction": figure(&Run::cpu),
                "cpu_us_per_transaction_all_nodes": figure(&Run::cpu_of_all),
                "ratios": self.ratios(kind, load, Measured::per_second),
                "steady_ratios": self.ratios(kind, load, Measured::steady_per_second),
            });
            (kind.key().to_owned(), value)
        });
        let percentiles = |samples: Option<(f64, f64)>| samples.map(|(p50, p99)| json!({ "p50": p50, "p99": p99 }));
        json!({
            "load": load,
            "measured": serde_json::Map::from_iter(kinds),
            "bare_cost_us": bare_cost(&self.ceilings, load),
            "published_to_executed_ms": percentiles(self.propagation(load, |stages| &stages.to_executed)),
            "published_to_committed_ms": percentiles(self.propagation(load, |stages| &stages.to_committed)),
        })
    }
}

fn run_json(run: &Run) -> Value {
    let Run { kind, round, load, measured, stages } = run;
    let Measured {
        transactions, elapsed, heights, blocks, gas, repeated, cpu, own_cpu, others, follower, answers, ..
    } = measured;
    let answers: Vec<_> = answers.iter().map(|answer| answer.as_secs_f64() * 1e3).collect();
    json!({
        "kind": kind.key(), "round": round + 1, "load": load,
        "transactions": transactions, "seconds": elapsed.as_secs_f64(),
        "included_per_second": measured.per_second(), "steady_per_second": measured.steady_per_second(),
        "heights": [heights.start(), heights.end()], "blocks": blocks, "gas": gas,
        "repeated_batches": repeated,
        "cpu_seconds": cpu, "client_cpu_seconds": own_cpu, "others_busy_processors": others, "follower": follower,
        "answer_ms": { "p50": quantile(&answers, 0.5), "p99": quantile(&answers, 0.99) },
        "stages_us_per_transaction": stages.as_ref().map(|stages| json!({
            "blocks": stages.blocks, "build": stages.build, "execute": stages.execute, "write": stages.write,
        })),
    })
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{line}");
}
