//! `baton admin`.

use crate::admin::{Answer, MAX_PATIENCE, Request, ask};
use clap::{Args, Subcommand};
use eyre::bail;
use std::{path::PathBuf, time::Duration};

/// What can be asked of a running node.
#[derive(Debug, Subcommand)]
pub(super) enum AdminCommand {
    /// Let the node hand the schedule over to the next sequencer, and wait until that one's term is open.
    ///
    /// Only a scheduler has something to hand over. It stays a sequencer and keeps running. A node that is stopped with SIGTERM
    /// or Ctrl-C hands over by itself. Prints who takes over; ends with exit code 1 and the reason if the node does not resign,
    /// or if the next term does not open in time.
    Resign(ResignArguments),
}

/// Which node, and how long.
#[derive(Debug, Args)]
pub(super) struct ResignArguments {
    #[command(flatten)]
    node: NodeArguments,
    /// How long to wait for the next term; 10m at most.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = patience)]
    timeout: Duration,
}

/// The node that is asked.
#[derive(Debug, Args)]
pub(super) struct NodeArguments {
    /// The data directory of the running node; the command must run as the same user, or as root.
    #[arg(long, env = "BATON_DATA_DIR", value_name = "DIR")]
    pub(super) data_dir: PathBuf,
}

fn patience(text: &str) -> Result<Duration, String> {
    let patience = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if patience > MAX_PATIENCE {
        return Err(format!("longer than {}", humantime::format_duration(MAX_PATIENCE)));
    }
    Ok(patience)
}

impl AdminCommand {
    pub(super) fn run(self) -> eyre::Result<()> {
        match self {
            Self::Resign(arguments) => arguments.run(),
        }
    }
}

impl ResignArguments {
    fn run(self) -> eyre::Result<()> {
        let Self { node: NodeArguments { data_dir }, timeout } = self;
        let patience_ms = u64::try_from(timeout.as_millis())?;
        match ask(&data_dir, &Request::Resign { patience_ms }, timeout)? {
            Answer::TermOpened { term, scheduler, resigned } if scheduler == resigned => {
                println!("{resigned} resigned, and schedules term {term} again: it is its turn by weight");
                Ok(())
            }
            Answer::TermOpened { term, scheduler, resigned } => {
                println!("{resigned} resigned; {scheduler} schedules term {term}");
                Ok(())
            }
            Answer::NotOpened { term } => bail!(
                "the node has asked for term {term}, which did not open within {}; it signs nothing of its own term any more, and \
                 the term opens as soon as members with more than two thirds of the weight hear each other (see baton_status)",
                humantime::format_duration(timeout)
            ),
            Answer::Refused { reason } => bail!("the node did not resign: {reason}"),
            other => misunderstood(other),
        }
    }
}

/// The end of every command whose answer is none of those that it waits for.
pub(super) fn misunderstood<T>(answer: Answer) -> eyre::Result<T> {
    match answer {
        Answer::Malformed { problem } => {
            bail!("the node did not understand the request ({problem}); is it of another version than this program?")
        }
        other => bail!("the node answered {other:?}; is it of another version than this program?"),
    }
}
