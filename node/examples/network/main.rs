//! How soon a block is on all nodes of a mesh, and what nodes send for that: real processes on one machine.
//!
//! `scripts/bench.sh network` builds what this needs and starts it; `docs/benchmarks.md` tells what the figures mean.

#[path = "../common/baton.rs"]
mod baton;
#[path = "../common/client.rs"]
mod client;
#[path = "../common/cpu.rs"]
mod cpu;
#[path = "../common/figures.rs"]
mod figures;
#[path = "../common/fleet.rs"]
#[expect(dead_code, reason = "the throughput bench asks who follows")]
mod fleet;
#[path = "../common/ground.rs"]
#[expect(dead_code, reason = "the failover bench asks whose node it is")]
mod ground;
mod load;
#[path = "../common/log.rs"]
mod log;
mod measure;
mod options;
#[path = "../common/process.rs"]
mod process;
mod report;
#[path = "../common/session.rs"]
mod session;
mod sockets;
#[path = "../common/statistics.rs"]
mod statistics;
#[path = "../common/transactions.rs"]
mod transactions;
#[path = "../common/workload.rs"]
#[expect(dead_code, reason = "the throughput bench sends paced transfers as well")]
mod workload;

use clap::Parser;
use eyre::WrapErr;
use options::Options;
use report::Report;
use std::{path::Path, process::ExitCode};

fn main() -> ExitCode {
    match Options::parse().checked().and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("network: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> eyre::Result<()> {
    let measured = session::run("network", options.dir.as_deref(), async |place| measure(options, place).await)?;
    let report = Report { options, measured };
    println!("{}", report.table());
    figures::write(options.json.as_deref(), &report.to_json())
}

async fn measure(options: &Options, place: &Path) -> eyre::Result<Vec<measure::Measured>> {
    let accounts = load::accounts()?;
    let bodies = load::bodies(options, &accounts)?;
    let mut measured = Vec::new();
    for nodes in &options.nodes {
        for form in &options.forms {
            let place = place.join(format!("{nodes}-{form:?}"));
            let mesh = measure::measure(options, (*nodes, *form), &place, &accounts, &bodies).await;
            for figures in mesh.wrap_err_with(|| format!("{nodes} nodes, {form:?}"))? {
                eprintln!("{}", report::row(&figures));
                measured.push(figures);
            }
        }
    }
    Ok(measured)
}
