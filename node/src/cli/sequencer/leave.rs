//! `baton sequencer exit` and `withdraw`.

use super::{
    intent::{Intent, Step, carry_out},
    options::{Found, OperatorArguments, RegistryAt, SendArguments},
};
use crate::{l1::ISequencerRegistry, staking::time};
use alloy_primitives::U256;
use clap::Args;
use eyre::{bail, ensure};
use humantime::format_duration;
use std::time::Duration;

/// The gas of an exit or a withdrawal.
const USUAL_GAS: u64 = 150_000;

/// The arguments of `baton sequencer exit`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Exit {
    #[command(flatten)]
    registry: RegistryAt,
    #[command(flatten)]
    operator: OperatorArguments,
    #[command(flatten)]
    send: SendArguments,
}

/// The arguments of `baton sequencer withdraw`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Withdraw {
    #[command(flatten)]
    registry: RegistryAt,
    #[command(flatten)]
    operator: OperatorArguments,
    #[command(flatten)]
    send: SendArguments,
}

impl Exit {
    pub(super) async fn run(self) -> eyre::Result<()> {
        let Self { registry, operator, send } = self;
        let Found { registry, snapshot, .. } = registry.find().await?;
        let passwords = send.passwords();
        let address = operator.address(&passwords)?;
        let entry = registry.operator(address, snapshot.at).await?;
        match entry.status {
            ISequencerRegistry::Status::Active => {}
            ISequencerRegistry::Status::Exiting => {
                bail!("{address} is leaving already; its stake can be withdrawn from {} on", time(entry.withdrawableAt))
            }
            _ => bail!("{address} is not registered: there is nothing to leave"),
        }
        let sender = send.sender(&registry.client, operator.keys_dir.as_deref(), &passwords)?;
        ensure!(
            [address, entry.staker].contains(&sender.address()),
            "{} may not ask for this: only the operator {address} and its staker {} can; use one of their keys as --l1-key",
            sender.address(),
            entry.staker
        );
        let delay = snapshot.parameters.unbondingDelay;
        let unlock = time(snapshot.at.timestamp.saturating_add(delay));
        let effect = match (snapshot.member(address), snapshot.set.len()) {
            (None, _) => "it is in no set now; the stake begins to unlock".to_owned(),
            (Some(_), 1) => {
                "THE LAST MEMBER leaves: no new set can follow, and the chain goes on with the old one".to_owned()
            }
            (Some(_), members) => format!(
                "leaves the set of {members} with the next change of the set; keep the node running until `baton_sequencers` \
                 does not name it any more"
            ),
        };
        let facts = vec![
            ("operator", address.to_string()),
            ("registry", registry.to_string()),
            ("stake", format!("{}, to {}", snapshot.token.format(entry.stake), entry.payout)),
            ("effect", effect),
            (
                "unlock",
                format!(
                    "{} from now, {unlock}; until then it can be slashed",
                    format_duration(Duration::from_secs(delay))
                ),
            ),
        ];
        let call = ISequencerRegistry::requestExitCall { operator: address };
        let call = registry.call(&call, U256::ZERO);
        let steps = vec![Step { name: "exit", call, usual_gas: USUAL_GAS }];
        carry_out(&Intent { action: "exit", facts, steps }, &sender, &snapshot.token, &send).await?;
        Ok(())
    }
}

impl Withdraw {
    pub(super) async fn run(self) -> eyre::Result<()> {
        let Self { registry, operator, send } = self;
        let Found { registry, snapshot, .. } = registry.find().await?;
        let passwords = send.passwords();
        let address = operator.address(&passwords)?;
        let entry = registry.operator(address, snapshot.at).await?;
        match entry.status {
            ISequencerRegistry::Status::Exiting => {}
            ISequencerRegistry::Status::Active => {
                bail!("{address} has not asked to leave; `baton sequencer exit` comes first")
            }
            _ => bail!("{address} has no stake here: it never registered, or was paid out"),
        }
        let left = entry.withdrawableAt.saturating_sub(snapshot.at.timestamp);
        ensure!(
            left == 0,
            "the stake of {address} is locked for another {}, until {}",
            format_duration(Duration::from_secs(left)),
            time(entry.withdrawableAt)
        );
        let sender = send.sender(&registry.client, operator.keys_dir.as_deref(), &passwords)?;
        let facts = vec![
            ("operator", address.to_string()),
            ("registry", registry.to_string()),
            ("effect", format!("{} go to {}", snapshot.token.format(entry.stake), entry.payout)),
        ];
        let call = ISequencerRegistry::withdrawCall { operator: address };
        let call = registry.call(&call, U256::ZERO);
        let steps = vec![Step { name: "withdraw", call, usual_gas: USUAL_GAS }];
        carry_out(&Intent { action: "withdraw", facts, steps }, &sender, &snapshot.token, &send).await?;
        Ok(())
    }
}
