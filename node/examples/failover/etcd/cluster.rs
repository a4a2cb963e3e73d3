//! Three members on loopback.

use super::{
    Pace,
    endpoint::{Endpoint, Status},
};
use crate::process::Process;
use eyre::{OptionExt, WrapErr, bail};
use futures::future::{join_all, try_join_all};
use std::{
    collections::HashSet,
    fs,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

const MEMBERS: usize = 3;

/// How long the members may take to be healthy.
const PATIENCE: Duration = Duration::from_secs(120);

const POLL: Duration = Duration::from_millis(50);

/// By how many log entries a healthy member may be behind while keys are put.
const SLACK: u64 = 100;

/// How many keys are asked for at once.
const PAGE: u64 = 10_000;

struct Member {
    name: String,
    directory: PathBuf,
    peer_port: u16,
    client_port: u16,
    /// None while it is down.
    process: Option<Process>,
}

/// Who leads.
pub(crate) struct Leader {
    pub(crate) member: usize,
    pub(crate) term: u64,
}

/// The members. Dropping it kills them.
pub(crate) struct Cluster {
    program: PathBuf,
    pace: Pace,
    members: Vec<Member>,
    pub(crate) endpoints: Vec<Endpoint>,
}

impl Cluster {
    /// Starts all members from nothing.
    pub(crate) fn start(program: &Path, pace: &Pace, place: &Path) -> eyre::Result<Self> {
        fs::create_dir_all(place).wrap_err_with(|| format!("cannot create {}", place.display()))?;
        let ports = free_ports(MEMBERS * 2)?;
        let member = |(index, ports): (usize, &[u16])| {
            let name = format!("etcd{index}");
            Member { directory: place.join(&name), name, peer_port: ports[0], client_port: ports[1], process: None }
        };
        let members: Vec<_> = ports.chunks(2).enumerate().map(member).collect();
        let endpoints = members.iter().map(|member| Endpoint::new(member.client_port)).collect::<eyre::Result<_>>()?;
        let mut cluster = Self { program: program.to_owned(), pace: *pace, members, endpoints };
        for member in 0..MEMBERS {
            cluster.start_member(member)?;
        }
        Ok(cluster)
    }

    /// Starts a member, for the first time or again.
    pub(crate) fn start_member(&mut self, member: usize) -> eyre::Result<()> {
        let everyone =
            self.members.iter().map(|member| format!("{}=http://127.0.0.1:{}", member.name, member.peer_port));
        let everyone = everyone.collect::<Vec<_>>().join(",");
        let member = self.members.get_mut(member).ok_or_eyre("there is no such member")?;
        let (peers, clients) =
            (format!("http://127.0.0.1:{}", member.peer_port), format!("http://127.0.0.1:{}", member.client_port));
        let mut command = Command::new(&self.program);
        command
            .args(["--name", &member.name])
            .arg("--data-dir")
            .arg(&member.directory)
            .args(["--listen-peer-urls", &peers, "--initial-advertise-peer-urls", &peers])
            .args(["--listen-client-urls", &clients, "--advertise-client-urls", &clients])
            .args(["--initial-cluster", &everyone, "--initial-cluster-state", "new"])
            .args(["--heartbeat-interval", &self.pace.heartbeat_interval.as_millis().to_string()])
            .args(["--election-timeout", &self.pace.election_timeout.as_millis().to_string()]);
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"ETCD_") {
                command.env_remove(name);
            }
        }
        member.process = Some(Process::start(&mut command, &member.directory.with_extension("log"))?);
        Ok(())
    }

    /// Kills a member without warning (SIGKILL); when, and the id of its process.
    pub(crate) async fn kill(&mut self, member: usize) -> eyre::Result<(Instant, u32)> {
        let process = self.members.get_mut(member).and_then(|member| member.process.take());
        let process = process.ok_or_eyre("the member is down already")?;
        let id = process.id();
        let killed = Instant::now();
        let gone = tokio::task::spawn_blocking(move || drop(process));
        gone.await.wrap_err("cannot kill a member")?;
        Ok((killed, id))
    }

    /// Waits until all members run, can commit, name one leader and have applied the same log, nearly.
    pub(crate) async fn healthy(&mut self) -> eyre::Result<Leader> {
        let started = Instant::now();
        loop {
            for member in &mut self.members {
                if let Some(process) = &mut member.process {
                    let log = process.log().to_owned();
                    process.check().wrap_err_with(|| format!("{} ended, see {}", member.name, log.display()))?;
                }
            }
            let lacking = match self.look().await {
                Ok(leader) => return Ok(leader),
                Err(lacking) => lacking,
            };
            if started.elapsed() > PATIENCE {
                bail!("the members are not healthy after {PATIENCE:?}: {lacking:#}");
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn look(&self) -> eyre::Result<Leader> {
        let statuses = try_join_all(self.endpoints.iter().map(Endpoint::status)).await?;
        let first = statuses.first().ok_or_eyre("there are no members")?;
        if statuses.iter().any(|status| (status.leader, status.term) != (first.leader, first.term)) {
            bail!("the members disagree: {statuses:?}");
        }
        let newest = statuses.iter().map(|status| status.applied).max().unwrap_or(0);
        if statuses.iter().any(|status| status.applied + SLACK < newest) {
            bail!("a member is behind: {statuses:?}");
        }
        let leads = |status: &Status| status.leader != 0 && status.leader == status.member;
        let member = statuses.iter().position(leads).ok_or_eyre("nobody leads")?;
        match join_all(self.endpoints.iter().map(Endpoint::is_healthy)).await.into_iter().all(|healthy| healthy) {
            true => Ok(Leader { member, term: first.term }),
            false => bail!("a member says that it is not healthy"),
        }
    }

    /// How many of these keys are not there.
    pub(crate) async fn missing(&self, keys: &[u64]) -> eyre::Result<usize> {
        let mut missing: HashSet<_> = keys.iter().copied().collect();
        let end = keys.iter().max().map_or(0, |last| last + 1);
        let endpoint = self.endpoints.first().ok_or_eyre("there are no members")?;
        for from in (0..end).step_by(PAGE as usize) {
            for key in endpoint.keys(from, from + PAGE).await? {
                missing.remove(&key);
            }
        }
        Ok(missing.len())
    }
}

/// Ports that are free now; nobody else on this machine asks for just these.
fn free_ports(count: usize) -> eyre::Result<Vec<u16>> {
    let bind = |_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).wrap_err("cannot find a free port");
    let listeners = (0..count).map(bind).collect::<eyre::Result<Vec<_>>>()?;
    listeners.iter().map(|listener| Ok(listener.local_addr()?.port())).collect()
}
