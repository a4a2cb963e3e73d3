//! `baton testnet`: a whole network on one machine, under load and faults, and a verdict on it.
//!
//! Its nodes are real `baton node` processes, children of this one, on the loopback interface and on ports that the
//! operating system chooses. The course of a run:
//!
//! 1. [`setup`] writes keys, the genesis file and a directory for every node; [`fleet`] starts the processes.
//! 2. [`observe`] writes down in the [`chronicle`] which block arrived at which node, and when.
//! 3. [`load`] deploys a token and sends signed transactions through all nodes; [`faults`] kills and pauses nodes on time;
//!    [`table`] shows how it goes.
//! 4. When the time is up, or on Ctrl-C, [`verify`] lets everything arrive, and compares the nodes with each other and
//!    the chain with what they accepted; [`measure`] and [`report`] make the summary.
//!
//! The run fails if live nodes disagree about a block or a state root, if an accepted transaction is missing, or if a
//! node ends that nobody killed. *Accepted* is what a node said yes to. When everyone is killed at once, all pools die, and
//! what was in no block yet is void: the load sends it again, as a wallet would, and what a node then says yes to counts
//! again. What was in a block, if only in that of one node, must not be lost by that either.
//!
//! The children end with this process, however it ends: their standard input closes.

mod accounts;
mod chronicle;
mod client;
mod faults;
mod fleet;
mod l1;
mod load;
mod measure;
mod observe;
mod options;
mod process;
mod report;
mod setup;
mod table;
mod verify;

pub use options::Options;

use crate::cli::block_on;
use accounts::Accounts;
use alloy_primitives::Address;
use eyre::{WrapErr, bail, eyre};
use faults::{Absences, Breaker, FaultLog, Victim};
use fleet::Fleet;
use l1::{Courses, L1, L1Report, Memberships, Watch};
use load::{Ledger, Load, Plan};
use measure::Window;
use observe::Record;
use report::Report;
use setup::{CHAIN_ID, Ground, Setup};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use table::Table;
use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

/// How long a new network may take to its first block.
const FIRST_BLOCK_TIMEOUT: Duration = Duration::from_secs(90);

/// How often the view is renewed, and the children are looked after.
const FRAME: Duration = Duration::from_secs(1);

/// How long changes of the set that are under way at the end of the load may take.
const CHANGES_TIMEOUT: Duration = Duration::from_secs(60);

/// How much longer than the term timeout a pause lasts, where nothing else is said: enough that another scheduler is at
/// work when the paused one goes on.
const PAUSE_BEYOND_TERM: Duration = Duration::from_secs(5);

/// Runs a network until its time is up or Ctrl-C, and judges it.
///
/// # Errors
/// When the network does not start or is judged to have failed; the nodes' logs are kept then.
pub fn run(options: Options) -> eyre::Result<()> {
    options.check()?;
    block_on(run_in_directory(options))
}

async fn run_in_directory(options: Options) -> eyre::Result<()> {
    let directory = options.dir.clone().unwrap_or_else(temporary_directory);
    let result = run_network(&directory, &options).await;
    let temporary = options.dir.is_none() && !options.keep;
    if temporary && result.is_ok() {
        fs::remove_dir_all(&directory).wrap_err_with(|| format!("cannot remove {}", directory.display()))?;
    } else if directory.exists() {
        println!("the nodes' files and logs are in {}", directory.display());
    }
    result
}

fn temporary_directory() -> PathBuf {
    std::env::temp_dir().join(format!("baton-testnet-{}", std::process::id()))
}

async fn run_network(directory: &Path, options: &Options) -> eyre::Result<()> {
    let interrupt = interruption()?;
    let plan = Plan::new(options.nodes, options.load, options.duration);
    let accounts = Accounts::derive(plan.senders())?;
    let ground = Ground::prepare(directory, options)?;
    let (l1, origin) = match options.l1.wanted() {
        false => (None, None),
        true => {
            let founders = ground.founders();
            let begin = L1::begin(&ground.directory, &options.l1, unbonding(options)?, &founders);
            let begun = interrupt.run_until_cancelled(begin).await;
            let (l1, origin) = begun.ok_or_else(|| eyre!("interrupted before all members were registered"))??;
            (Some(Arc::new(l1)), Some(origin))
        }
    };
    let setup = Setup::write(ground, options, &accounts, origin)?;
    if let Some(l1) = &l1 {
        l1.activate(&setup.genesis).await?;
    }
    println!("chain {CHAIN_ID}, genesis {}, finality {}", setup.chain.hash, setup.chain.parameters.finality);
    let fleet = Arc::new(Fleet::new(&setup));
    let outcome = match interrupt.run_until_cancelled(fleet.start()).await {
        None => Err(eyre!("interrupted before all nodes were up")),
        Some(Err(error)) => Err(error),
        Some(Ok(())) => {
            Run { options, plan, accounts, setup, l1: l1.clone(), fleet: Arc::clone(&fleet), interrupt }.run().await
        }
    };
    let mut problems = fleet.stop().await;
    // Not before the nodes: they would say that it is gone.
    drop(l1);
    let (report, mut found) = outcome?;
    println!("{report}");
    if let Some(path) = &options.json {
        fs::write(path, serde_json::to_string_pretty(&report)? + "\n")
            .wrap_err_with(|| format!("cannot write {}", path.display()))?;
    }
    found.extend(problems.drain(..).map(|problem| format!("{problem:#}")));
    match found.is_empty() {
        true => Ok(()),
        false => bail!("the network failed: {}", found.join("; ")),
    }
}

/// The unbonding delay on L1: two planned terms, in which a leaver is out of the set.
fn unbonding(options: &Options) -> eyre::Result<Duration> {
    let parameters = options.parameters()?;
    let term = parameters.block_time.saturating_mul(u32::try_from(parameters.term_blocks).unwrap_or(u32::MAX));
    Ok(Duration::from_secs(term.saturating_mul(2).as_secs().max(1)))
}

/// Cancelled by the first Ctrl-C or SIGTERM. The second one ends this process, and with it its children.
fn interruption() -> eyre::Result<CancellationToken> {
    let mut interrupts = signal(SignalKind::interrupt()).wrap_err("cannot listen for Ctrl-C")?;
    let mut terminations = signal(SignalKind::terminate()).wrap_err("cannot listen for SIGTERM")?;
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupts.recv() => {}
                _ = terminations.recv() => {}
            }
            if cancelled.is_cancelled() {
                std::process::exit(130);
            }
            cancelled.cancel();
        }
    });
    Ok(token)
}

/// A network whose nodes are up.
struct Run<'a> {
    options: &'a Options,
    plan: Plan,
    accounts: Accounts,
    setup: Setup,
    /// None if the set does not come from L1.
    l1: Option<Arc<L1>>,
    fleet: Arc<Fleet>,
    interrupt: CancellationToken,
}

impl Run<'_> {
    async fn run(self) -> eyre::Result<(Report, Vec<String>)> {
        let record = Record::new(self.fleet.len());
        // Whoever joins is away until then.
        (self.fleet.founders()..self.fleet.len()).for_each(|node| record.chronicle().leave(node, record.now()));
        let watch = Watch::default();
        let ledger = Ledger::default();
        let stop_watching = CancellationToken::new();
        let _stopped_at_the_end = stop_watching.clone().drop_guard();
        let mut watchers = JoinSet::new();
        observe::start(&mut watchers, &self.fleet, &record, &stop_watching);
        if self.l1.is_some() {
            l1::start_watching(&mut watchers, &self.fleet, &record, &watch, &stop_watching);
        }

        let prepared = self.interrupt.run_until_cancelled(self.prepare(&record, &ledger)).await;
        let load = prepared.ok_or_else(|| eyre!("interrupted before the load began"))??;
        self.introduce().await;

        let stop_load = CancellationToken::new();
        let fault_log = FaultLog::default();
        let mut workers = JoinSet::new();
        let from = record.now();
        if let Some(load) = load {
            load.start(&mut workers, &stop_load);
        }
        faults::start(
            &mut workers,
            self.options.faults.planned(),
            self.breaker(&record, &ledger, &fault_log, &stop_load),
        );
        let courses = Courses::default();
        let changes = self.change_the_set(&record, &watch, &courses);
        let crash = self.watch(&record, &ledger, self.l1.is_some().then_some(&watch)).await;
        let window = Window { from, until: record.now() };
        stop_load.cancel();
        println!("stopping the load, and waiting for what was accepted …");
        while workers.join_next().await.is_some() {}
        if let Some(mut changes) = changes {
            // What is under way may come to its end, unless nobody waits for it.
            let all = async { while changes.join_next().await.is_some() {} };
            let _ = self.interrupt.run_until_cancelled(tokio::time::timeout(CHANGES_TIMEOUT, all)).await;
            changes.abort_all();
        }

        verify::settle(&record, &ledger).await;
        let verdict = verify::verify(&self.fleet, &record, &ledger).await?;
        let faults = fault_log.faults();
        let block_time = self.setup.chain.parameters.block_time;
        let mut report = measure::report(&self.fleet, &record, &ledger, &verdict, &faults, window, block_time);
        let set = self.report_the_set(&record, &watch, &courses, &verdict, window);
        let mut problems = verdict.problems;
        if let Some((set, found)) = set {
            report.l1 = Some(set);
            problems.extend(found);
        }
        problems.extend(fault_log.problems());
        problems.extend(crash.map(|crash| format!("{crash:#}")));
        if let Some(refusal) = ledger.last_refusal()
            && report.txs.accepted < report.txs.submitted
        {
            println!("the last refusal of a transaction: {refusal}");
        }
        Ok((report, problems))
    }

    /// Begins to have operators join, leave and cheat.
    fn change_the_set(&self, record: &Record, watch: &Watch, courses: &Courses) -> Option<JoinSet<()>> {
        let memberships = Memberships {
            l1: Arc::clone(self.l1.as_ref()?),
            genesis: Arc::clone(&self.setup.chain),
            directory: self.setup.directory.clone(),
            fleet: Arc::clone(&self.fleet),
            record: record.clone(),
            watch: watch.clone(),
            courses: courses.clone(),
        };
        let mut changes = JoinSet::new();
        memberships.start(&mut changes, self.options.l1.planned(self.fleet.founders()));
        Some(changes)
    }

    fn report_the_set(
        &self,
        record: &Record,
        watch: &Watch,
        courses: &Courses,
        verdict: &verify::Verdict,
        window: Window,
    ) -> Option<(L1Report, Vec<String>)> {
        let chronicle = record.chronicle();
        let arrival = |block: &verify::Canonical| chronicle.block(&block.hash)?.first_arrival();
        let undisturbed = self.options.faults.planned().iter().all(|fault| fault.victim == Victim::L1);
        let (l1, genesis, chain) = (self.l1.as_ref()?, &*self.setup.chain, &verdict.chain);
        let run = l1::ReportedRun { l1, genesis, courses, watch, chain, arrival: &arrival, window, undisturbed };
        Some(l1::report(&run))
    }

    /// What breaks things during the load.
    fn breaker(&self, record: &Record, ledger: &Ledger, log: &FaultLog, stop: &CancellationToken) -> Breaker {
        let faults = &self.options.faults;
        let beyond_the_term = self.setup.chain.parameters.term_timeout.saturating_add(PAUSE_BEYOND_TERM);
        let absences =
            Absences { killed: faults.restart_after(), paused: faults.resume_after().unwrap_or(beyond_the_term) };
        Breaker {
            absences,
            fleet: Arc::clone(&self.fleet),
            record: record.clone(),
            ledger: ledger.clone(),
            l1: self.l1.clone(),
            log: log.clone(),
            stop: stop.clone(),
        }
    }

    /// Waits for the first block, deploys the token and signs ahead.
    async fn prepare(&self, record: &Record, ledger: &Ledger) -> eyre::Result<Option<Load>> {
        let started = Instant::now();
        while record.chronicle().highest() == 0 {
            if let Some(crash) = self.fleet.crashed() {
                return Err(crash);
            }
            if started.elapsed() > FIRST_BLOCK_TIMEOUT {
                bail!("there is no block after {FIRST_BLOCK_TIMEOUT:?}; the logs of the nodes tell why");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        println!("first block after {:.1} s", started.elapsed().as_secs_f64());
        if self.options.load == 0 {
            return Ok(None);
        }
        let token: Address = load::deploy(&self.fleet, &self.accounts).await?;
        println!("deployed the token at {token}");
        Load::prepare(&self.plan, &self.accounts, token, &self.fleet, record, ledger).await.map(Some)
    }

    /// Tells how to talk to the network.
    async fn introduce(&self) {
        let places = self.fleet.places().await;
        for (index, (rpc, log)) in places.iter().enumerate() {
            println!("node {index}: http://{rpc} ws://{rpc} log {}", log.display());
        }
        if let Some((rpc, _)) = places.first() {
            println!("a funded key, for tests only: {}", accounts::PERSON);
            println!("try: cast block latest --rpc-url http://{rpc}");
            println!(
                "     cast send {} --value 1ether --private-key {} --rpc-url http://{rpc}",
                Address::repeat_byte(0x11),
                accounts::PERSON
            );
        }
    }

    /// Shows how it goes until the time is up, Ctrl-C, or a node ends by itself.
    async fn watch(&self, record: &Record, ledger: &Ledger, set: Option<&Watch>) -> Option<eyre::Report> {
        let started = Instant::now();
        let deadline = self.options.duration.map(|duration| tokio::time::Instant::now() + duration);
        let mut table = Table::new(record);
        let mut frames = tokio::time::interval(FRAME);
        loop {
            tokio::select! {
                () = self.interrupt.cancelled() => return None,
                () = at(deadline) => return None,
                _ = frames.tick() => {
                    if let Some(crash) = self.fleet.crashed() {
                        return Some(crash);
                    }
                    table.show(&self.fleet, record, ledger, set, started.elapsed()).await;
                }
            }
        }
    }
}

/// Resolves at the deadline; never without one.
async fn at(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
