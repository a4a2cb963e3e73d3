//! Keys and genesis, made as an operator makes them: with the program's own commands.

use crate::{baton::command, transactions::CHAIN_ID};
use alloy_primitives::Address;
use baton_consensus::Parameters;
use eyre::{OptionExt, WrapErr, ensure};
use serde_json::Value;
use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

/// What every account of the load holds at first, in ether.
const FORTUNE: u64 = 1_000_000;

/// The files of a mesh.
pub(crate) struct Ground {
    pub(crate) genesis: PathBuf,
    /// Where each node has its files.
    pub(crate) directories: Vec<PathBuf>,
    /// Whose node it is, by its address.
    pub(crate) operators: Vec<Address>,
}

/// Makes the keys of `nodes` sequencers of equal weight and a genesis file for them, in which `funded` hold something;
/// `further` are more arguments of `baton genesis new`.
pub(crate) fn write(
    program: &Path,
    parameters: &Parameters,
    further: &[&str],
    place: &Path,
    nodes: usize,
    funded: impl Iterator<Item = Address>,
) -> eyre::Result<Ground> {
    std::fs::create_dir_all(place).wrap_err_with(|| format!("cannot create {}", place.display()))?;
    let genesis = place.join("genesis.json");
    let directories: Vec<_> = (0..nodes).map(|index| place.join(format!("node{index}"))).collect();
    let mut operators = Vec::with_capacity(nodes);
    let Parameters {
        block_time, leader_timeout, heartbeat_interval, heartbeat_timeout, term_timeout, finality, ..
    } = parameters;
    let mut arguments: Vec<String> = ["genesis", "new", "--chain-id"].map(str::to_owned).into();
    arguments.extend([CHAIN_ID.to_string(), "--finality".to_owned(), finality.to_string()]);
    arguments.extend(further.iter().map(|&argument| argument.to_owned()));
    for (name, span) in [
        ("--block-time", block_time),
        ("--leader-timeout", leader_timeout),
        ("--heartbeat-interval", heartbeat_interval),
        ("--heartbeat-timeout", heartbeat_timeout),
        ("--term-timeout", term_timeout),
    ] {
        arguments.extend([name.to_owned(), format!("{}ms", span.as_millis())]);
    }
    for directory in &directories {
        let keys = directory.join("keys").display().to_string();
        let printed = run(program, ["key", "new", "--json", "--dir", &keys])?;
        let printed: Value = serde_json::from_str(&printed).wrap_err("`baton key new --json` prints no JSON")?;
        let address = printed["address"].as_str().ok_or_eyre("`baton key new --json` prints no address")?;
        operators.push(address.parse().wrap_err("`baton key new --json` prints a malformed address")?);
        arguments.extend(["--sequencer".to_owned(), keys]);
    }
    for account in funded {
        arguments.extend(["--fund".to_owned(), format!("{account}={FORTUNE}")]);
    }
    arguments.extend(["--out".to_owned(), genesis.display().to_string()]);
    run(program, &arguments)?;
    Ok(Ground { genesis, directories, operators })
}

/// Runs the program and returns what it printed.
fn run(program: &Path, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> eyre::Result<String> {
    let mut command = command(program);
    command.args(arguments);
    let output = command.output().wrap_err_with(|| format!("cannot start {}", program.display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} ended with {}: {}", output.status, said.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
