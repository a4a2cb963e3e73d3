//! `baton sequencer activate`.

use super::{
    intent::{Intent, Step, carry_out},
    options::{Found, RegistryAt, SendArguments},
};
use crate::{l1::ISequencerRegistry, staking::Membership};
use alloy_primitives::U256;
use clap::Args;
use eyre::{bail, ensure, eyre};

/// The gas of an activation.
const USUAL_GAS: u64 = 100_000;

/// The arguments of `baton sequencer activate`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Activate {
    #[command(flatten)]
    registry: RegistryAt,
    #[command(flatten)]
    send: SendArguments,
}

impl Activate {
    pub(super) async fn run(self) -> eyre::Result<()> {
        let Self { registry, send } = self;
        let Found { registry, snapshot, genesis } = registry.find().await?;
        let genesis = genesis
            .ok_or_else(|| eyre!("name the chain by --genesis FILE: its hash is what the registry is bound to"))?;
        if snapshot.genesis_hash == genesis.hash {
            println!("nothing to do: the registry is bound to {} already", genesis.hash);
            return Ok(());
        }
        if genesis.l1.is_none() {
            bail!("the genesis file has no section `l1`: that chain would not follow the registry");
        }
        let sender = send.sender(&registry.client, None, &send.passwords())?;
        let owner = registry.read(&Membership::ownerCall {}, snapshot.at).await?;
        ensure!(
            owner == sender.address(),
            "the registry's owner is {owner}, not {}; use its key as --l1-key",
            sender.address()
        );
        let facts = vec![
            ("registry", registry.to_string()),
            ("effect", format!("bound to L2 chain {}, genesis {}, for ever", genesis.chain_id(), genesis.hash)),
        ];
        let call = ISequencerRegistry::activateCall { genesisHash: genesis.hash };
        let call = registry.call(&call, U256::ZERO);
        let steps = vec![Step { name: "activate", call, usual_gas: USUAL_GAS }];
        carry_out(&Intent { action: "activate", facts, steps }, &sender, &snapshot.token, &send).await?;
        Ok(())
    }
}
