//! How long a chain stands still when its leader or its scheduler is killed, beside an etcd cluster whose leader is.
//!
//! Real processes, killed with SIGKILL under load, started again, and awaited until everyone is back in step; thirty times
//! each. `scripts/bench.sh failover` builds what this needs and starts it; `docs/benchmarks.md` tells what the figures mean.

#[path = "../common/baton.rs"]
mod baton;
#[path = "../common/client.rs"]
mod client;
mod etcd;
#[path = "../common/figures.rs"]
mod figures;
#[path = "../common/ground.rs"]
mod ground;
mod load;
mod mesh;
mod options;
#[path = "../common/process.rs"]
mod process;
mod report;
mod rounds;
mod series;
#[path = "../common/session.rs"]
mod session;
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
use eyre::WrapErr;
use options::{Options, Settings, Subject};
use report::Report;
use series::Series;
use std::{path::Path, process::ExitCode};

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
    let all = session::run("failover", settings.dir.as_deref(), async |place| measure(settings, place).await)?;
    let report = Report::new(settings, all);
    println!("{}", report.table());
    figures::write(settings.json.as_deref(), &report.to_json())?;
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
