//! `baton sequencer`: the operator's way into the set on L1, and out of it.
//!
//! Every command that changes something looks first at what would go wrong, says what it costs and what it does, and asks.
//! Progress goes to standard error, results to standard output.

mod activate;
mod deploy;
mod intent;
mod leave;
mod options;
mod register;
mod report;
mod rotate;
mod stake;

pub(super) use deploy::{RegistryArguments, deploy};
pub(super) use intent::{Intent, Step, carry_out};
pub(super) use options::{L1Arguments, SendArguments};
pub(super) use register::{Joining, join};

use super::block_on;
use clap::Subcommand;

/// What can be done about a sequencer's place on L1.
#[derive(Debug, Subcommand)]
pub(super) enum SequencerCommand {
    /// Stake for an operator, so that it becomes a sequencer.
    Register(register::Register),
    /// Add to the stake of an operator that is registered.
    AddStake(stake::AddStake),
    /// Ask for another BLS key, peer id or address of a registered operator; --complete, once the delay is over, has it.
    Rotate(rotate::Rotate),
    /// Leave the sequencer set. The stake can be withdrawn after the unbonding delay.
    Exit(leave::Exit),
    /// Send the stake of an operator that has left to its payout address.
    Withdraw(leave::Withdraw),
    /// Tell where an operator stands.
    Status(report::Status),
    /// Show the sequencer set, by rank.
    List(report::List),
    /// Deploy a registry for a new chain.
    Deploy(deploy::Deploy),
    /// Bind a registry to its chain's genesis, once and for ever; only its owner can.
    Activate(activate::Activate),
}

impl SequencerCommand {
    pub(super) fn run(self) -> eyre::Result<()> {
        block_on(async {
            match self {
                Self::Register(command) => command.run().await,
                Self::AddStake(command) => command.run().await,
                Self::Rotate(command) => command.run().await,
                Self::Exit(command) => command.run().await,
                Self::Withdraw(command) => command.run().await,
                Self::Status(command) => command.run().await,
                Self::List(command) => command.run().await,
                Self::Deploy(command) => command.run().await,
                Self::Activate(command) => command.run().await,
            }
        })
    }
}
