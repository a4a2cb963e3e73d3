//! A node that has nothing but the genesis file.

use crate::{
    baton::{ANY_PORTS, Launch},
    fleet::Node,
    history::History,
};
use eyre::{WrapErr, ensure};
use serde_json::{Value, json};
use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

/// How long it may take until it is in sync.
const PATIENCE: Duration = Duration::from_secs(600);

/// How often it is asked how far it has come.
const POLL: Duration = Duration::from_millis(20);

/// How a newcomer came into sync.
#[derive(Default)]
pub(crate) struct Arrived {
    /// From the start of the process until it had the head that a member had at that moment.
    pub(crate) elapsed: Duration,
    /// What it took over, if it did.
    pub(crate) state: Option<State>,
    /// Blocks of the history that it executed, from where it was when it was looked at first to the last, and how long that
    /// took.
    pub(crate) blocks: (u64, Duration),
}

/// A state that was taken over.
#[derive(Clone, Copy, Default)]
pub(crate) struct State {
    pub(crate) height: u64,
    pub(crate) accounts: u64,
    pub(crate) slots: u64,
    /// Bytes of keys and values.
    pub(crate) bytes: u64,
    pub(crate) elapsed: Duration,
}

impl Arrived {
    pub(crate) fn blocks_per_second(&self) -> f64 {
        self.blocks.0 as f64 / self.blocks.1.as_secs_f64()
    }
}

/// Starts a newcomer and watches it until it is in sync.
pub(crate) async fn watch(
    program: &Path,
    history: &History,
    directory: &Path,
    arguments: &[&str],
) -> eyre::Result<Arrived> {
    fs::create_dir_all(directory).wrap_err_with(|| format!("cannot create {}", directory.display()))?;
    let began = Instant::now();
    let genesis = &history.genesis;
    let launch = Launch { program, genesis, directory, bootnodes: &[], listen: ANY_PORTS, arguments };
    let (process, ready) = launch.start().await.wrap_err("the newcomer does not run")?;
    let mut node = Node::new(process, ready.rpc)?;
    let mut arrived = Arrived::default();
    let (mut snapshot, mut first_block, mut is_through) = (None, None, false);
    let last = history.produced.last;
    loop {
        node.process.check()?;
        let now = Instant::now();
        // While it changes from waiting to working nobody answers.
        let report = node.client.ask("baton_sync", json!([])).await.unwrap_or_default();
        if report["phase"] == "snapshot" {
            let since = *snapshot.get_or_insert(now);
            arrived.state = Some(state(&report, now - since));
        }
        let height = node.client.number("eth_blockNumber", json!([])).await.unwrap_or_default();
        if height > 0 && report["phase"] != "snapshot" && report["phase"] != "proofs" {
            let (first, since) = *first_block.get_or_insert((height, now));
            if !is_through {
                // It may have gone on to the empty blocks that came after the history.
                arrived.blocks = (height.min(last).saturating_sub(first), now - since);
                is_through = height >= last;
            }
            if height >= history.members[0].client.number("eth_blockNumber", json!([])).await? {
                arrived.elapsed = began.elapsed();
                node.process.stop();
                return Ok(arrived);
            }
        }
        ensure!(began.elapsed() < PATIENCE, "the newcomer is not in sync after {PATIENCE:?}: {report}");
        tokio::time::sleep(POLL).await;
    }
}

fn state(report: &Value, elapsed: Duration) -> State {
    let count = |name: &str| report[name].as_u64().unwrap_or_default();
    State {
        height: report["target"]["number"].as_u64().unwrap_or_default(),
        accounts: count("accounts"),
        slots: count("slots"),
        bytes: count("bytes"),
        elapsed,
    }
}
