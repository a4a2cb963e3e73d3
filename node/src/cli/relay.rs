//! `baton relay`: brings finality to the contract `CheckpointVerifier` on L1.

use super::{
    block_on,
    sequencer::{Intent, L1Arguments, SendArguments, Step, carry_out},
};
use crate::{
    genesis::Genesis,
    l1::{Call, L1Client},
    relay::{self, Known, bindings::ICheckpointVerifier},
    staking::Token,
};
use alloy_eips::BlockId;
use alloy_primitives::{Address, TxKind, U256};
use alloy_sol_types::SolCall;
use baton_consensus::{
    finality::light_client::{BlockProof, Trusted},
    types::{Era, Height},
};
use clap::{Args, Subcommand};
use eyre::{WrapErr, bail, ensure};
use jsonrpsee::{core::client::ClientT, http_client::HttpClientBuilder, rpc_params};
use std::{path::PathBuf, sync::Arc, time::Duration};

/// How long the node may take to answer.
const NODE_TIMEOUT: Duration = Duration::from_secs(30);

/// The largest proof, in bytes.
const MAX_PROOF_SIZE: u32 = 64 << 20;

/// The gas of a submission, for those whose estimate needs an earlier one first: of a hundred members.
const USUAL_GAS: u64 = 1_500_000;

/// The gas of a deployment.
const DEPLOYMENT_GAS: u64 = 3_000_000;

/// What can be done about finality on L1.
#[derive(Debug, Subcommand)]
pub(super) enum RelayCommand {
    /// Deploy the verifier of a chain.
    Deploy(Deploy),
    /// Bring the newest final block to the verifier, with the set changes that it has not seen.
    Post(Post),
}

/// The arguments of `baton relay deploy`.
#[derive(Debug, Args)]
pub(super) struct Deploy {
    #[command(flatten)]
    l1: L1Arguments,
    /// The genesis file of the chain.
    #[arg(long, env = "BATON_GENESIS", value_name = "FILE")]
    genesis: PathBuf,
    #[command(flatten)]
    send: SendArguments,
}

/// The arguments of `baton relay post`.
#[derive(Debug, Args)]
pub(super) struct Post {
    #[command(flatten)]
    l1: L1Arguments,
    /// The genesis file of the chain: what a node proves is checked from there before it is paid for.
    #[arg(long, env = "BATON_GENESIS", value_name = "FILE")]
    genesis: PathBuf,
    /// The contract.
    #[arg(long, env = "BATON_VERIFIER", value_name = "ADDRESS")]
    verifier: Address,
    /// JSON-RPC of a node of the chain.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8545")]
    node: String,
    /// Go on for ever, with this pause in between; needs --yes.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration, requires = "yes")]
    every: Option<Duration>,
    #[command(flatten)]
    send: SendArguments,
}

impl RelayCommand {
    pub(super) fn run(self) -> eyre::Result<()> {
        block_on(async {
            match self {
                Self::Deploy(command) => command.run().await,
                Self::Post(command) => command.run().await,
            }
        })
    }
}

/// L1, which must be the one of the genesis file if that names one.
async fn connect(l1: &L1Arguments, genesis: &Genesis) -> eyre::Result<L1Client> {
    l1.connect(genesis.l1.map(|l1| (l1.chain_id, "the genesis file"))).await
}

impl Deploy {
    async fn run(self) -> eyre::Result<()> {
        let Self { l1, genesis, send } = self;
        let genesis = Genesis::load(&genesis)?;
        let client = connect(&l1, &genesis).await?;
        let sender = send.sender(&client, None, &send.passwords())?;
        let facts = vec![
            ("L1", format!("chain {}", client.chain_id())),
            (
                "effect",
                format!("a verifier of L2 chain {}, genesis {}, which nobody owns", genesis.chain_id(), genesis.hash),
            ),
        ];
        let steps = vec![Step { name: "deploy", call: relay::deployment(&genesis), usual_gas: DEPLOYMENT_GAS }];
        let receipts = carry_out(&Intent { action: "deploy", facts, steps }, &sender, &Token::native(), &send).await?;
        if let Some(address) = receipts.first().and_then(|receipt| receipt.contract_address) {
            println!("verifier {address}");
        }
        Ok(())
    }
}

impl Post {
    async fn run(self) -> eyre::Result<()> {
        let genesis = Genesis::load(&self.genesis)?;
        let client = connect(&self.l1, &genesis).await?;
        loop {
            let posted = self.post(&genesis, &client).await;
            let Some(pause) = self.every else { return posted };
            if let Err(error) = posted {
                eprintln!("baton: {error:#}; trying again in {}", humantime::format_duration(pause));
            }
            tokio::time::sleep(pause).await;
        }
    }

    async fn post(&self, genesis: &Genesis, client: &L1Client) -> eyre::Result<()> {
        let known = self.known(genesis, client).await?;
        let proof = self.newest_proof().await?;
        let trusted = Trusted::genesis(genesis.signing_context(), Arc::clone(&genesis.set));
        let proven = trusted.verify_block(&proof).wrap_err_with(|| format!("what {} proves is not so", self.node))?;
        let submissions = relay::plan(known, &proof, &genesis.set)?;
        let Some(last) = submissions.last() else {
            println!("nothing to do: the verifier knows block {} already", known.height);
            return Ok(());
        };
        let eras = submissions.iter().filter(|submission| submission.ends_era).count();
        let facts = vec![
            (
                "verifier",
                format!(
                    "{} on L1 chain {}, in era {} at block {}",
                    self.verifier,
                    client.chain_id(),
                    known.era,
                    known.height
                ),
            ),
            (
                "effect",
                format!(
                    "block {} is final there, by {}, after {eras} set changes",
                    last.height,
                    proven.finality.checkpoint().position()
                ),
            ),
        ];
        let step = |submission: &relay::Submission| Step {
            name: if submission.ends_era { "set change" } else { "checkpoint" },
            call: Call {
                to: TxKind::Call(self.verifier),
                data: submission.call.abi_encode().into(),
                value: U256::ZERO,
            },
            usual_gas: USUAL_GAS,
        };
        let steps = submissions.iter().map(step).collect();
        let sender = self.send.sender(client, None, &self.send.passwords())?;
        carry_out(&Intent { action: "post", facts, steps }, &sender, &Token::native(), &self.send).await?;
        Ok(())
    }

    /// What the verifier knows; it must be this chain's.
    async fn known(&self, genesis: &Genesis, client: &L1Client) -> eyre::Result<Known> {
        let at = BlockId::latest();
        if client.code(self.verifier).await?.is_empty() {
            bail!(
                "there is no contract at {} on L1 chain {}; `baton relay deploy` makes one",
                self.verifier,
                client.chain_id()
            );
        }
        let hash = client.read(self.verifier, &ICheckpointVerifier::genesisHashCall {}, at).await?;
        ensure!(hash == genesis.hash, "the verifier is of genesis {hash}, the file has {}", genesis.hash);
        let era = client.read(self.verifier, &ICheckpointVerifier::eraCall {}, at).await?;
        let latest = client.read(self.verifier, &ICheckpointVerifier::latestCall {}, at).await?;
        Ok(Known { era: Era(era), height: Height(latest.height) })
    }

    /// The proof of the newest final block of the node.
    async fn newest_proof(&self) -> eyre::Result<BlockProof> {
        let client = HttpClientBuilder::default().request_timeout(NODE_TIMEOUT).max_response_size(MAX_PROOF_SIZE);
        let client = client.build(&self.node).wrap_err_with(|| format!("{} cannot be asked", self.node))?;
        let answer = client.request("baton_finality", rpc_params!["finalized"]).await;
        answer.wrap_err_with(|| format!("{} does not prove what is final", self.node))
    }
}
