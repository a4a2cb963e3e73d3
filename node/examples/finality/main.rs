//! How soon a block is final on every node, and what voting costs: real processes on one machine.
//!
//! `scripts/bench.sh finality` builds what this needs and starts it; `docs/benchmarks.md` tells what the figures mean.

#[path = "../common/batch.rs"]
mod batch;
#[path = "../common/baton.rs"]
mod baton;
#[path = "../common/ceilings.rs"]
mod ceilings;
#[path = "../common/client.rs"]
mod client;
mod course;
#[path = "../common/cpu.rs"]
mod cpu;
#[path = "../common/drive.rs"]
#[expect(dead_code, reason = "the throughput bench reads the rest of what is measured")]
mod drive;
#[path = "../common/figures.rs"]
mod figures;
#[path = "../common/fleet.rs"]
mod fleet;
#[path = "../common/ground.rs"]
#[expect(dead_code, reason = "the failover bench asks whose node it is")]
mod ground;
mod latency;
mod legs;
mod links;
#[path = "../common/log.rs"]
mod log;
mod mesh;
mod options;
#[path = "../common/process.rs"]
mod process;
mod rate;
mod report;
#[path = "../common/session.rs"]
mod session;
#[path = "../common/statistics.rs"]
mod statistics;
#[path = "../common/transactions.rs"]
mod transactions;
#[path = "../common/workload.rs"]
#[expect(dead_code, reason = "the throughput bench deploys a token as well")]
mod workload;

use clap::Parser;
use eyre::WrapErr;
use options::{Options, Subject};
use report::Report;
use std::{path::Path, process::ExitCode, time::Duration};

fn main() -> ExitCode {
    match Options::parse().checked().and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("finality: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> eyre::Result<()> {
    let ceilings = options.ceilings.as_deref().map(ceilings::read).transpose()?.unwrap_or_default();
    let measured = session::run("finality", options.dir.as_deref(), async |place| measure(options, place).await);
    let (latencies, rates) = measured?;
    let report = Report { options, latencies, rates, ceilings };
    println!("{}", report.table());
    figures::write(options.json.as_deref(), &report.to_json())
}

async fn measure(options: &Options, place: &Path) -> eyre::Result<(Vec<latency::Latency>, Vec<rate::Rate>)> {
    let mut latencies = Vec::new();
    if options.measures(Subject::Latency) {
        for delay in [Duration::ZERO, options.delay] {
            for nodes in &options.nodes {
                let name = latency::name(*nodes, delay);
                let place = place.join(format!("{nodes}-nodes-{}ms", delay.as_millis()));
                let measured = latency::measure(options, *nodes, delay, &place).await.wrap_err(name)?;
                eprintln!("{}", report::latency_row(&measured));
                latencies.push(measured);
            }
        }
    }
    let rates = match options.measures(Subject::Rate) {
        true => rate::measure(options, &place.join("rate")).await.wrap_err("with and without voting")?,
        false => Vec::new(),
    };
    Ok((latencies, rates))
}
