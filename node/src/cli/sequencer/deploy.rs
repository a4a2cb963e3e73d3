//! `baton sequencer deploy`.

use super::{
    intent::{Intent, Step, carry_out},
    options::{L1Arguments, SendArguments},
};
use crate::{
    l1::{ISequencerRegistry::Parameters, L1Client, Sender},
    staking::{Token, deployment::Deployment, erc20},
};
use alloy_eips::BlockId;
use alloy_primitives::Address;
use clap::Args;
use eyre::{OptionExt, WrapErr, ensure};
use humantime::format_duration;
use std::time::Duration;

/// The gas of a deployment.
const USUAL_GAS: u64 = 6_000_000;

/// What a registry is created with.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct RegistryArguments {
    /// Who governs the registry: binds it to its chain, and changes parameters after a delay [default: the account that pays].
    #[arg(long, value_name = "ADDRESS")]
    owner: Option<Address>,
    /// The ERC-20 that is staked [default: L1's own token].
    #[arg(long, value_name = "ADDRESS")]
    stake_token: Option<Address>,
    /// Below this stake an operator is not in the set, in the token's unit.
    #[arg(long, value_name = "AMOUNT", default_value = "1")]
    minimum_stake: String,
    /// The largest set, 1 to 1024.
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1024))]
    max_members: u32,
    /// From asking to leave to withdrawing.
    #[arg(long, value_name = "DURATION", default_value = "14days", value_parser = humantime::parse_duration)]
    unbonding_delay: Duration,
    /// From asking for other keys to having them.
    #[arg(long, value_name = "DURATION", default_value = "1day", value_parser = humantime::parse_duration)]
    rotation_delay: Duration,
    /// From scheduling other parameters to their change.
    #[arg(long, value_name = "DURATION", default_value = "2days", value_parser = humantime::parse_duration)]
    timelock_delay: Duration,
    /// What a slash takes of a stake, in hundredths of a percent.
    #[arg(long, value_name = "POINTS", default_value_t = 10_000, value_parser = clap::value_parser!(u16).range(0..=10_000))]
    slash_basis_points: u16,
    /// What the reporter of a fault gets of that, in hundredths of a percent.
    #[arg(long, value_name = "POINTS", default_value_t = 500, value_parser = clap::value_parser!(u16).range(0..=5_000))]
    reward_basis_points: u16,
}

/// The arguments of `baton sequencer deploy`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Deploy {
    #[command(flatten)]
    l1: L1Arguments,
    /// The EIP-155 chain id of the L2.
    #[arg(long, value_name = "NUMBER")]
    chain_id: u64,
    #[command(flatten)]
    registry: RegistryArguments,
    #[command(flatten)]
    send: SendArguments,
}

impl Deploy {
    pub(super) async fn run(self) -> eyre::Result<()> {
        let Self { l1, chain_id, registry, send } = self;
        let client = l1.connect(None).await?;
        let sender = send.sender(&client, None, &send.passwords())?;
        let deployed = deploy(&client, &sender, &registry, chain_id, &send).await?;
        if let Some(address) = deployed.filter(|_| !send.json) {
            println!("registry {address}");
        }
        Ok(())
    }
}

/// Deploys a registry; its address, or none after a dry run.
///
/// # Errors
/// What L1 or the contract would refuse.
pub(in crate::cli) async fn deploy(
    client: &L1Client,
    sender: &Sender,
    arguments: &RegistryArguments,
    l2_chain_id: u64,
    send: &SendArguments,
) -> eyre::Result<Option<Address>> {
    let RegistryArguments {
        owner,
        stake_token,
        minimum_stake,
        max_members,
        unbonding_delay,
        rotation_delay,
        timelock_delay,
        slash_basis_points,
        reward_basis_points,
    } = arguments;
    ensure!(l2_chain_id != 0, "the chain id must not be 0");
    let token = match stake_token {
        None => Token::native(),
        Some(address) => erc20(client, *address, BlockId::latest()).await.wrap_err("--stake-token")?,
    };
    let owner = owner.unwrap_or(sender.address());
    let deployment = Deployment {
        owner,
        token: *stake_token,
        l2_chain_id,
        parameters: Parameters {
            minimumStake: token.parse(minimum_stake)?,
            maxMembers: *max_members,
            unbondingDelay: unbonding_delay.as_secs(),
            rotationDelay: rotation_delay.as_secs(),
            slashBasisPoints: *slash_basis_points,
            rewardBasisPoints: *reward_basis_points,
        },
        timelock_delay: timelock_delay.as_secs(),
    };
    let facts = vec![
        ("registry", format!("a new one on L1 chain {}, for L2 chain {l2_chain_id}", client.chain_id())),
        ("owner", format!("{owner}; its changes take {}", format_duration(*timelock_delay))),
        (
            "stake",
            format!("at least {}; at most {max_members} members", token.format(deployment.parameters.minimumStake)),
        ),
        (
            "delays",
            format!("unbonding {}, rotation {}", format_duration(*unbonding_delay), format_duration(*rotation_delay)),
        ),
        ("paid by", sender.address().to_string()),
    ];
    let steps = vec![Step { name: "deploy", call: deployment.call(), usual_gas: USUAL_GAS }];
    let receipts = carry_out(&Intent { action: "deploy", facts, steps }, sender, &token, send).await?;
    match receipts.first() {
        None => Ok(None),
        Some(receipt) => Ok(Some(receipt.contract_address.ok_or_eyre("the receipt names no contract")?)),
    }
}
