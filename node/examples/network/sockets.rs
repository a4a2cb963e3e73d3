//! What processes sent over TCP, as the kernel counts it.

use eyre::{OptionExt, WrapErr, ensure};
use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    process::Command,
};

/// One end of a connection: whose, and between which addresses.
type End = (u32, String, String);

/// The bytes that left each end of all connections of some processes, what was sent again included; headers of TCP and IP not.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sent(HashMap<End, u64>);

impl Sent {
    /// Reads it, leaving out the connections of these listeners.
    pub(crate) fn read(processes: &HashSet<u32>, without: &HashSet<SocketAddr>) -> eyre::Result<Self> {
        let mut command = Command::new("ss");
        command.args([
            "--tcp",
            "--info",
            "--numeric",
            "--processes",
            "--no-header",
            "--oneline",
            "state",
            "established",
        ]);
        let output = output_of(&mut command)?;
        let without: HashSet<_> = without.iter().map(ToString::to_string).collect();
        let mut sent = HashMap::new();
        for line in output.lines() {
            let mut words = line.split_whitespace().skip(2);
            let (local, remote) = words.next().zip(words.next()).ok_or_eyre("`ss` prints something else")?;
            let process = line.split_once("pid=").and_then(|(_, rest)| rest.split(',').next()?.parse().ok());
            let Some(process) = process.filter(|process| processes.contains(process)) else { continue };
            if without.contains(local) {
                continue;
            }
            // Nothing was sent if it is not there.
            let bytes =
                line.split_once(" bytes_sent:").and_then(|(_, rest)| rest.split_whitespace().next()?.parse().ok());
            sent.insert((process, local.to_owned(), remote.to_owned()), bytes.unwrap_or(0));
        }
        Ok(Self(sent))
    }

    /// What was sent since, by process. What a connection sent last that has ended since is lost.
    pub(crate) fn since(&self, before: &Self) -> HashMap<u32, u64> {
        let mut sent = HashMap::new();
        for (end, bytes) in &self.0 {
            let more = bytes.saturating_sub(before.0.get(end).copied().unwrap_or(0));
            *sent.entry(end.0).or_default() += more;
        }
        sent
    }
}

fn output_of(command: &mut Command) -> eyre::Result<String> {
    let output = command.output().wrap_err("cannot run `ss`, of the Debian package iproute2")?;
    ensure!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(String::from_utf8(output.stdout)?)
}
