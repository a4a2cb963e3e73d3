//! `baton sequencer add-stake`, and how a stake is paid.

use super::{
    intent::{Intent, Step, carry_out},
    options::{Found, OperatorArguments, RegistryAt, SendArguments, ether},
};
use crate::{
    l1::{Call, ISequencerRegistry, Sender},
    staking::{IERC20, Registry, Snapshot, Standing, Token},
};
use alloy_eips::BlockId;
use alloy_primitives::{TxKind, U256};
use alloy_sol_types::SolCall;
use clap::Args;
use eyre::{bail, ensure};

/// The gas of an approval.
const APPROVE_GAS: u64 = 80_000;

/// The gas of a larger stake.
const ADD_GAS: u64 = 150_000;

/// The arguments of `baton sequencer add-stake`.
#[derive(Debug, Args)]
pub(in crate::cli) struct AddStake {
    #[command(flatten)]
    registry: RegistryAt,
    #[command(flatten)]
    operator: OperatorArguments,
    /// How much to add, in the token's unit, such as 32 or 0.5.
    #[arg(long, value_name = "AMOUNT")]
    amount: String,
    #[command(flatten)]
    send: SendArguments,
}

impl AddStake {
    pub(super) async fn run(self) -> eyre::Result<()> {
        let Self { registry, operator, amount, send } = self;
        let Found { registry, snapshot, .. } = registry.find().await?;
        let passwords = send.passwords();
        let (address, token) = (operator.address(&passwords)?, &snapshot.token);
        let amount = token.parse(&amount)?;
        ensure!(!amount.is_zero(), "--amount is 0; nothing would be added");
        let entry = registry.operator(address, snapshot.at).await?;
        match entry.status {
            ISequencerRegistry::Status::Active => {}
            ISequencerRegistry::Status::Exiting => bail!("{address} is leaving; nothing can be added to its stake"),
            _ => bail!("{address} is not registered; `baton sequencer register` does it"),
        }
        let sender = send.sender(&registry.client, operator.keys_dir.as_deref(), &passwords)?;
        let mut steps = payment(&registry, &snapshot, &sender, amount).await?;
        let call = ISequencerRegistry::addStakeCall { operator: address, amount };
        steps.push(Step { name: "add-stake", call: registry.call(&call, value(token, amount)), usual_gas: ADD_GAS });
        let total = entry.stake.saturating_add(amount);
        let facts = vec![
            ("operator", address.to_string()),
            ("registry", registry.to_string()),
            (
                "stake",
                format!("{} and {} more: {}", token.format(entry.stake), token.format(amount), token.format(total)),
            ),
            (
                "paid by",
                format!("{}, which has {}", sender.address(), ether(registry.client.balance(sender.address()).await?)),
            ),
            ("payout", format!("{}, with the rest of the stake", entry.payout)),
            ("effect", Standing::with(&snapshot, address, total).tell(&snapshot)),
        ];
        carry_out(&Intent { action: "add-stake", facts, steps }, &sender, token, &send).await?;
        Ok(())
    }
}

/// What is sent along with a stake, in wei.
pub(super) fn value(token: &Token, amount: U256) -> U256 {
    if token.address.is_none() { amount } else { U256::ZERO }
}

/// Checks that the account has the stake. Of an ERC-20 the registry must be allowed to take exactly that first.
pub(super) async fn payment(
    registry: &Registry,
    snapshot: &Snapshot,
    sender: &Sender,
    amount: U256,
) -> eyre::Result<Vec<Step>> {
    let (owner, token, client) = (sender.address(), &snapshot.token, &registry.client);
    let Some(contract) = token.address else {
        let balance = client.balance(owner).await?;
        ensure!(
            balance > amount,
            "{owner} has {} on L1 and needs {} and some for gas; send it the difference, or pay from another account by --l1-key",
            ether(balance),
            ether(amount)
        );
        return Ok(Vec::new());
    };
    let block = BlockId::hash(snapshot.at.hash);
    let balance = client.read(contract, &IERC20::balanceOfCall { account: owner }, block).await?;
    ensure!(
        balance >= amount,
        "{owner} has {} and needs {} (token {contract}); send it the difference, or pay from another account by --l1-key",
        token.format(balance),
        token.format(amount)
    );
    let allowance = IERC20::allowanceCall { owner, spender: registry.address };
    if client.read(contract, &allowance, block).await? >= amount {
        return Ok(Vec::new());
    }
    let approve = IERC20::approveCall { spender: registry.address, amount };
    Ok(vec![Step {
        name: "approve",
        call: Call { to: TxKind::Call(contract), data: approve.abi_encode().into(), value: U256::ZERO },
        usual_gas: APPROVE_GAS,
    }])
}
