//! How many transactions a second anvil, one Baton node and a mesh of four include on this machine, in one run.
//!
//! `scripts/bench.sh` builds what this needs and starts it; `docs/benchmarks.md` tells what the figures mean.

mod bare;
#[path = "../common/batch.rs"]
mod batch;
#[path = "../common/baton.rs"]
mod baton;
#[path = "../common/ceilings.rs"]
mod ceilings;
#[path = "../common/client.rs"]
mod client;
#[path = "../common/cpu.rs"]
mod cpu;
#[path = "../common/drive.rs"]
mod drive;
#[path = "../common/figures.rs"]
mod figures;
#[path = "../common/fleet.rs"]
mod fleet;
mod ground;
#[path = "../common/log.rs"]
mod log;
mod median;
#[path = "../common/process.rs"]
mod process;
mod report;
mod stages;
#[path = "../common/statistics.rs"]
mod statistics;
mod subject;
#[path = "../common/transactions.rs"]
mod transactions;
#[path = "../common/workload.rs"]
mod workload;
mod workloads;

use clap::{Parser, ValueEnum};
use eyre::{WrapErr, ensure};
use report::{Report, Run};
use std::{path::PathBuf, process::ExitCode, time::Duration};
use subject::Subject;
use workloads::Workloads;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// anvil, the yardstick.
    Anvil,
    /// One Baton node, the only sequencer.
    One,
    /// Four Baton nodes that take turns.
    Four,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Anvil, Self::One, Self::Four];

    const fn name(self) -> &'static str {
        match self {
            Self::Anvil => "anvil",
            Self::One => "one node",
            Self::Four => "four nodes",
        }
    }

    const fn key(self) -> &'static str {
        match self {
            Self::Anvil => "anvil",
            Self::One => "one",
            Self::Four => "four",
        }
    }
}

/// Measures anvil, one Baton node and a mesh of four, one after the other, with the same transactions.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Options {
    /// The anvil program.
    #[arg(long)]
    anvil: PathBuf,
    /// The baton program.
    #[arg(long)]
    baton: PathBuf,
    /// What the examples `execution_ceilings` and `storage_ceilings` printed, to put beside the figures.
    #[arg(long)]
    ceilings: Option<PathBuf>,
    /// Where to write the figures as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// A short run: 5,000 transactions of each kind, one round.
    #[arg(long)]
    quick: bool,
    /// How many transfers.
    #[arg(long, default_value_t = 30_000)]
    transfers: usize,
    /// How many ERC-20 transfers.
    #[arg(long, default_value_t = 15_000)]
    token_transfers: usize,
    /// How many accounts send.
    #[arg(long, default_value_t = 200)]
    senders: usize,
    /// How many accounts receive; they do not exist at first.
    #[arg(long, default_value_t = 10_000)]
    recipients: usize,
    /// How often everything is measured.
    #[arg(long, default_value_t = 2)]
    rounds: usize,
    /// Transactions in one JSON-RPC batch.
    #[arg(long, default_value_t = 250)]
    batch: usize,
    /// Connections; each sends its next batch when the last one is answered.
    #[arg(long, default_value_t = 8)]
    connections: usize,
    /// Sending pauses while so many transactions are sent and in no block.
    #[arg(long, default_value_t = 20_000)]
    backlog: usize,
    /// Transfers a second of a third load, which does not saturate the machine; 0 for none.
    #[arg(long, default_value_t = 200.0)]
    pace: f64,
    /// The gas limit of a block; it must not bind.
    #[arg(long, default_value_t = 600_000_000)]
    gas_limit: u64,
    /// The block time of the Baton nodes. anvil has one second, the least that it knows.
    #[arg(long, default_value = "250ms", value_parser = humantime::parse_duration)]
    block_time: Duration,
    /// What to measure; everything if absent.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Kind>,
    /// Where chains and logs go; a temporary directory, which is removed again, if absent.
    #[arg(long)]
    dir: Option<PathBuf>,
}

fn main() -> ExitCode {
    let mut options = Options::parse();
    if options.quick {
        (options.transfers, options.token_transfers, options.rounds) = (5_000, 5_000, 1);
    }
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> eyre::Result<()> {
    ensure!(options.senders > 0 && options.recipients > 0, "there must be senders and recipients");
    ensure!(options.batch > 0 && options.connections > 0 && options.rounds > 0, "nothing would be sent");
    let ceilings = options.ceilings.as_deref().map(ceilings::read).transpose()?.unwrap_or_default();
    let temporary = tempfile::tempdir().wrap_err("cannot make a temporary directory")?;
    let directory = options.dir.clone().unwrap_or_else(|| temporary.path().to_owned());
    eprintln!("signing {} transactions", options.transfers + options.token_transfers);
    let work = Workloads::sign(options)?;
    let kinds = Kind::ALL.into_iter().filter(|kind| options.only.is_empty() || options.only.contains(kind));
    let kinds: Vec<_> = kinds.collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut runs = Vec::new();
    for round in 0..options.rounds {
        for kind in &kinds {
            let place = directory.join(format!("{}-{round}", kind.key()));
            let of_kind = runtime
                .block_on(measure(options, &work, *kind, round, &place))
                .wrap_err_with(|| format!("{} in round {}", kind.name(), round + 1))?;
            runs.extend(of_kind);
        }
    }
    let report = Report::new(options, runs, ceilings);
    println!("{}", report.table());
    figures::write(options.json.as_deref(), &report.to_json())
}

/// Starts one of them from nothing, sends it both workloads, and ends it.
async fn measure(
    options: &Options,
    work: &Workloads,
    kind: Kind,
    round: usize,
    place: &std::path::Path,
) -> eyre::Result<Vec<Run>> {
    let subject = Subject::start(options, work, kind, place).await?;
    let mut runs = Vec::new();
    for load in &work.loads {
        // How fast anvil is with a load that does not fill it, nobody asks.
        if kind == Kind::Anvil && load.pace.is_some() {
            continue;
        }
        let measured = drive::drive(&subject.nodes, options.backlog, load).await.wrap_err(load.name)?;
        eprintln!(
            "round {}: {:10} {:16} {:6.0} included/s, {:5.1} s, {} blocks",
            round + 1,
            kind.name(),
            load.name,
            measured.per_second(),
            measured.elapsed.as_secs_f64(),
            measured.blocks,
        );
        runs.push(Run { kind, round, load: load.name, measured, stages: None });
    }
    let logs = subject.logs();
    subject.stop();
    if kind != Kind::Anvil {
        let logs = stages::read(&logs)?;
        for run in &mut runs {
            run.stages = Some(logs.stages(run.measured.heights.clone()));
        }
    }
    Ok(runs)
}
