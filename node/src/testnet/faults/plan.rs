//! Which faults a run is to have, as it is told on the command line.

use clap::Args;
use eyre::{bail, ensure};
use serde::Serialize;
use std::{fmt, str::FromStr, time::Duration};

/// The flags of `baton testnet` that break things.
#[derive(Clone, Debug, Default, Args)]
pub(in crate::testnet) struct FaultOptions {
    /// Kill a node without warning: leader@10s, scheduler@10s or follower@10s after the start. Repeatable.
    #[arg(long = "kill", value_name = "WHO@WHEN")]
    kills: Vec<Strike>,
    /// Start a killed node again after this time.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    restart_after: Option<Duration>,
    /// Pause a node (SIGSTOP), which then neither answers nor ends: leader@10s, scheduler@10s or follower@10s after the
    /// start; or L1, as l1@10s. Repeatable.
    #[arg(long = "pause", value_name = "WHO@WHEN")]
    pauses: Vec<Strike>,
    /// Let a paused node go on (SIGCONT) after this time, or when the load ends [default: 5s beyond the term timeout].
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    resume_after: Option<Duration>,
    /// Kill all nodes at one moment, so long after the start, and start them again. Repeatable.
    #[arg(long = "restart-all", value_name = "WHEN", value_parser = humantime::parse_duration)]
    restarts: Vec<Duration>,
}

/// Whom a fault hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::testnet) enum Victim {
    Leader,
    Scheduler,
    Follower,
    Everyone,
    /// The L1 of the network.
    L1,
}

impl fmt::Display for Victim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Leader => "leader",
            Self::Scheduler => "scheduler",
            Self::Follower => "follower",
            Self::Everyone => "everyone",
            Self::L1 => "l1",
        })
    }
}

/// What a fault does to its victim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::testnet) enum Action {
    /// SIGKILL.
    Kill,
    /// SIGSTOP, and SIGCONT later.
    Pause,
    /// SIGKILL to everyone at one moment, and a start.
    RestartAll,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kill => "killed",
            Self::Pause => "paused",
            Self::RestartAll => "restarted",
        })
    }
}

/// A fault to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::testnet) struct Planned {
    pub(in crate::testnet) action: Action,
    pub(in crate::testnet) victim: Victim,
    /// After the start of the load.
    pub(in crate::testnet) at: Duration,
}

/// One node, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Strike {
    victim: Victim,
    at: Duration,
}

impl FromStr for Strike {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (victim, at) = text.split_once('@').ok_or("write WHO@WHEN, such as leader@10s")?;
        let victim = match victim {
            "leader" => Victim::Leader,
            "scheduler" => Victim::Scheduler,
            "follower" => Victim::Follower,
            "l1" => Victim::L1,
            other => return Err(format!("`{other}` is not one of leader, scheduler, follower and l1")),
        };
        let at = humantime::parse_duration(at).map_err(|error| format!("`{at}` is not a duration: {error}"))?;
        Ok(Self { victim, at })
    }
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { action, victim, at } = self;
        let at = humantime::format_duration(*at);
        match action {
            Action::Kill => write!(f, "--kill {victim}@{at}"),
            Action::Pause => write!(f, "--pause {victim}@{at}"),
            Action::RestartAll => write!(f, "--restart-all {at}"),
        }
    }
}

impl FaultOptions {
    /// All faults, the first one first.
    pub(in crate::testnet) fn planned(&self) -> Vec<Planned> {
        let Self { kills, restart_after: _, pauses, resume_after: _, restarts } = self;
        let strikes = |action| move |Strike { victim, at }: &Strike| Planned { action, victim: *victim, at: *at };
        let all = restarts.iter().map(|at| Planned { action: Action::RestartAll, victim: Victim::Everyone, at: *at });
        let kills = kills.iter().map(strikes(Action::Kill));
        let mut planned: Vec<_> = kills.chain(pauses.iter().map(strikes(Action::Pause))).chain(all).collect();
        planned.sort_by_key(|planned| planned.at);
        planned
    }

    /// When a killed node is started again; never, without it.
    pub(in crate::testnet) const fn restart_after(&self) -> Option<Duration> {
        self.restart_after
    }

    /// When a paused node goes on, if that was said.
    pub(in crate::testnet) const fn resume_after(&self) -> Option<Duration> {
        self.resume_after
    }

    /// Checks what the flags say together, for so many nodes and that long.
    pub(in crate::testnet) fn check(&self, nodes: usize, duration: Option<Duration>, l1: bool) -> eyre::Result<()> {
        let Self { kills, restart_after, pauses, resume_after, restarts: _ } = self;
        let planned = self.planned();
        if let Some(duration) = duration
            && let Some(late) = planned.iter().find(|planned| planned.at >= duration)
        {
            bail!("{late} lies beyond the --duration of {}", humantime::format_duration(duration));
        }
        if nodes == 1
            && let Some(nobody) = planned.iter().find(|planned| planned.victim == Victim::Follower)
        {
            bail!("{nobody} hits nobody: a single node has no followers; raise --nodes");
        }
        if let Some(killed) = kills.iter().find(|strike| strike.victim == Victim::L1) {
            let at = humantime::format_duration(killed.at);
            bail!(
                "--kill l1@{at}: an L1 that is killed forgets everything; --pause l1@{at} is as silent, and comes back"
            );
        }
        ensure!(
            l1 || pauses.iter().all(|strike| strike.victim != Victim::L1),
            "--pause l1 needs an L1; add --l1 anvil"
        );
        ensure!(restart_after.is_none() || !kills.is_empty(), "--restart-after says nothing without a --kill");
        ensure!(resume_after.is_none() || !pauses.is_empty(), "--resume-after says nothing without a --pause");
        ensure!(resume_after.is_none_or(|after| !after.is_zero()), "--resume-after is 0s; a pause takes some time");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strikes_are_parsed() {
        let strike = |victim, millis| Strike { victim, at: Duration::from_millis(millis) };
        assert_eq!("leader@10s".parse(), Ok(strike(Victim::Leader, 10_000)));
        assert_eq!("scheduler@1m 500ms".parse(), Ok(strike(Victim::Scheduler, 60_500)));
        assert_eq!("follower@250ms".parse(), Ok(strike(Victim::Follower, 250)));
        for (text, problem) in [
            ("leader", "write WHO@WHEN"),
            ("king@10s", "`king` is not one of"),
            ("everyone@10s", "`everyone` is not one of"),
            ("leader@", "`` is not a duration"),
            ("leader@soon", "`soon` is not a duration"),
            ("leader@-1s", "`-1s` is not a duration"),
        ] {
            let error = text.parse::<Strike>().unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn faults_come_in_the_order_of_their_times() {
        let options = FaultOptions {
            kills: vec!["leader@9s".parse().unwrap(), "scheduler@1s".parse().unwrap()],
            pauses: vec!["follower@4s".parse().unwrap()],
            restarts: vec![Duration::from_secs(5)],
            ..FaultOptions::default()
        };
        let planned: Vec<_> = options.planned().iter().map(Planned::to_string).collect();
        assert_eq!(planned, ["--kill scheduler@1s", "--pause follower@4s", "--restart-all 5s", "--kill leader@9s"]);
    }
}
