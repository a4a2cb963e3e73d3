//! The command line.
//!
//! Whatever goes wrong ends in one line on standard error: `baton: …`. The exit code is 0 for success, 1 for a failure,
//! 2 for a command that was not understood, and 3 for a node that stopped for good (R14) and waits for its operator.

mod admin;
mod bootnode;
mod files;
pub(crate) mod finality;
mod genesis;
mod halt;
mod key;
mod logging;
mod node;
mod password;
mod peers;
mod relay;
mod sequencer;
mod verify;

use genesis::share;

use crate::{halt::HaltError, testnet};
use clap::{Parser, Subcommand, error::ErrorKind};
use std::{ffi::OsString, process::ExitCode};

/// The exit code of a node that must not be started again by itself.
const HALTED: u8 = 3;

/// Baton, a peer-to-peer sequencer node for an EVM layer 2.
#[derive(Debug, Parser)]
#[command(name = "baton", version, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a node.
    Node(Box<node::NodeCommand>),
    /// Help the peers of a chain to find each other, and hold nothing of it.
    Bootnode(Box<bootnode::BootnodeCommand>),
    /// Make, show and encrypt the keys of a sequencer.
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Join the sequencer set on L1, and leave it.
    #[command(subcommand)]
    Sequencer(Box<sequencer::SequencerCommand>),
    /// Make and inspect genesis files.
    #[command(subcommand)]
    Genesis(genesis::GenesisCommand),
    /// Ask something of a node that runs on this machine: operators' commands, such as handing the schedule over.
    #[command(subcommand)]
    Admin(admin::AdminCommand),
    /// Look after the peers of a node that runs on this machine.
    #[command(subcommand)]
    Peers(peers::PeersCommand),
    /// Check that a block is final, from files alone: a light client.
    Verify(verify::VerifyCommand),
    /// Bring finality to the light client on L1.
    #[command(subcommand)]
    Relay(Box<relay::RelayCommand>),
    /// Decide about a node that stopped for conflicting finality.
    #[command(subcommand)]
    Halt(halt::HaltCommand),
    /// Run a whole network on this machine, under load, and check that it agrees.
    Testnet(Box<testnet::Options>),
}

/// Runs the program with the arguments and the environment of this process.
#[must_use]
pub fn main() -> ExitCode {
    run_with(std::env::args_os())
}

fn run_with(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    let result = match cli.command {
        Command::Node(command) => command.run(),
        Command::Bootnode(command) => command.run(),
        Command::Key(command) => command.run(),
        Command::Sequencer(command) => command.run(),
        Command::Genesis(command) => command.run(),
        Command::Admin(command) => command.run(),
        Command::Peers(command) => command.run(),
        Command::Verify(command) => command.run(),
        Command::Relay(command) => command.run(),
        Command::Halt(command) => command.run(),
        Command::Testnet(options) => testnet::run(*options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("baton: {error:#}");
            if error.is::<HaltError>() { ExitCode::from(HALTED) } else { ExitCode::FAILURE }
        }
    }
}

/// Prints help and version as they are, and everything else as one line.
fn refuse(error: &clap::Error) -> ExitCode {
    if let ErrorKind::DisplayHelp | ErrorKind::DisplayVersion | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand =
        error.kind()
    {
        // Nothing is left to do if standard output is closed.
        let _ = error.print();
        return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
    }
    eprintln!("baton: {}", one_line(error));
    ExitCode::from(2)
}

/// clap's message without its usage section, its lines joined.
fn one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines: Vec<_> = text
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"))
        .filter(|line| !line.is_empty())
        .collect();
    let message = lines.join(" ");
    format!("{} (see `baton --help`)", message.strip_prefix("error: ").unwrap_or(&message))
}

/// Runs asynchronous work on a runtime with all processors.
pub(crate) fn block_on<T>(work: impl Future<Output = eyre::Result<T>>) -> eyre::Result<T> {
    use eyre::WrapErr;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("baton")
        .build()
        .wrap_err("cannot start the asynchronous runtime")?;
    let result = runtime.block_on(work);
    // What still blocks, such as a read of standard input, must not hold the exit up.
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    result
}

#[cfg(test)]
mod tests;
