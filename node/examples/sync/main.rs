//! How soon a node that has nothing but the genesis file is in sync: by a state that it takes over, and by executing
//! everything. Real processes on one machine.
//!
//! `scripts/bench.sh sync` builds what this needs and starts it; `docs/benchmarks.md` tells what the figures mean.

#[path = "../common/batch.rs"]
mod batch;
#[path = "../common/baton.rs"]
mod baton;
#[path = "../common/client.rs"]
mod client;
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
mod history;
mod newcomer;
mod options;
#[path = "../common/process.rs"]
#[expect(dead_code, reason = "the finality bench reads the log")]
mod process;
mod report;
#[path = "../common/session.rs"]
mod session;
#[path = "../common/transactions.rs"]
mod transactions;
#[path = "../common/workload.rs"]
#[expect(dead_code, reason = "the throughput bench deploys a token as well")]
mod workload;

use clap::Parser;
use eyre::{WrapErr, ensure};
use options::Options;
use report::Report;
use std::{path::Path, process::ExitCode};

fn main() -> ExitCode {
    match Options::parse().checked().and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sync: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> eyre::Result<()> {
    let report = session::run("sync", options.dir.as_deref(), async |place| measure(options, place).await)?;
    println!("{}", report.table());
    figures::write(options.json.as_deref(), &report.to_json())
}

async fn measure<'o>(options: &'o Options, place: &Path) -> eyre::Result<Report<'o>> {
    eprintln!("making {} blocks, {:?} each", options.blocks, options.block_time);
    let history = history::make(options, place).await.wrap_err("the chain")?;
    eprintln!("a newcomer takes a state over");
    let snapshot =
        newcomer::watch(&options.baton, &history, &place.join("snapshot"), &[]).await.wrap_err("by snapshot")?;
    ensure!(snapshot.state.is_some(), "the newcomer took over no state");
    eprintln!("a newcomer executes everything");
    let full = ["--sync", "full"];
    let full = newcomer::watch(&options.baton, &history, &place.join("full"), &full).await.wrap_err("in full")?;
    ensure!(full.state.is_none(), "the newcomer that should execute everything took over a state");
    Ok(Report { options, produced: history.produced, snapshot, full })
}
