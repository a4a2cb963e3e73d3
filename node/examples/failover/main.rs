//! How long a chain stands still when its leader or its scheduler is killed, beside an etcd cluster whose leader is.
//!
//! Real processes, killed with SIGKILL under load, started again, and awaited until everyone is back in step; thirty times
//! each. `scripts/bench.sh failover` builds what this needs and starts it; `docs/benchmarks.md` tells what the figures mean.

#[path = "../common/baton.rs"]
mod baton;
#[path = "../common/client.rs"]
mod client;
mod etcd;
mod ground;
mod load;
mod mesh;
mod options;
#[path = "../common/process.rs"]
mod process;
mod report;
mod rounds;
mod series;
#[path = "../common/statistics.rs"]
mod statistics;
mod step;
mod timeline;
#[path = "../common/transactions.rs"]
mod transactions;
mod verify;
mod watch;

use clap::Parser;
use etcd::Pace;
use eyre::{WrapErr, bail};
use options::{Options, Settings, Subject};
use report::Report;
use series::Series;
use std::{path::Path, process::ExitCode};
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    let result = Options::parse().settings().and_then(|settings| run(&settings));
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("failover: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Says whether nothing was lost and everyone agreed. A bar that is missed shows in the report alone.
fn run(settings: &Settings) -> eyre::Result<bool> {
    let temporary = tempfile::Builder::new().prefix("baton-failover-").tempdir();
    let temporary = temporary.wrap_err("cannot make a temporary directory")?;
    let place = settings.dir.clone().unwrap_or_else(|| temporary.path().to_owned());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        // The children end with this function, which a signal would not let return.
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        tokio::select! {
            all = Box::pin(measure(settings, &place)) => all,
            _ = interrupt.recv() => bail!("interrupted"),
            _ = terminate.recv() => bail!("asked to end"),
        }
    });
    let all = match outcome {
        Ok(all) => all,
        Err(error) => {
            if settings.dir.is_none() {
                eprintln!("failover: the logs are in {}", temporary.keep().display());
            }
            return Err(error);
        }
    };
    let report = Report::new(settings, all);
    println!("{}", report.table());
    if let Some(path) = &settings.json {
        let text = serde_json::to_string_pretty(&report.to_json())?;
        std::fs::write(path, text + "\n").wrap_err_with(|| format!("cannot write {}", path.display()))?;
    }
    Ok(report.is_sound())
}

async fn measure(settings: &Settings, place: &Path) -> eyre::Result<Vec<Series>> {
    let mut all = Vec::new();
    let subjects: Vec<_> =
        [Subject::Leader, Subject::Scheduler].into_iter().filter(|it| settings.measures(*it)).collect();
    if !subjects.is_empty() {
        all.extend(rounds::run(settings, &subjects, &place.join("baton")).await.wrap_err("baton")?);
    }
    if let Some(program) = &settings.etcd {
        for pace in Pace::both(&settings.parameters) {
            let name = format!("etcd with an election timeout of {:?}", pace.election_timeout);
            let place = place.join(format!("etcd-{}", pace.election_timeout.as_millis()));
            all.push(etcd::run(settings, program, &pace, &place).await.wrap_err(name)?);
        }
    }
    Ok(all)
}
