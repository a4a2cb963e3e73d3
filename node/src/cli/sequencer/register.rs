//! `baton sequencer register`.

use super::{
    intent::{Intent, Step, carry_out},
    options::{Found, RegistryAt, SendArguments, ether},
    stake,
};
use crate::{
    keys::NodeKeys,
    l1::{ISequencerRegistry, Sender},
    staking::{Membership, Registry, Snapshot, Standing, bls_key, registration_digest, time},
};
use alloy_primitives::{Address, Bytes, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use baton_consensus::keys::possession_message;
use clap::Args;
use eyre::{WrapErr, bail, ensure};
use humantime::format_duration;
use libp2p::Multiaddr;
use std::{path::PathBuf, time::Duration};

/// The gas of a registration, the proof of possession being most of it.
const USUAL_GAS: u64 = 800_000;

/// The arguments of `baton sequencer register`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Register {
    #[command(flatten)]
    registry: RegistryAt,
    /// The operator's key directory, as `baton key new` makes it.
    #[arg(long, env = "BATON_KEYS_DIR", value_name = "DIR")]
    keys_dir: PathBuf,
    /// How much to stake, in the token's unit, such as 32 or 0.5.
    #[arg(long, value_name = "AMOUNT")]
    stake: String,
    /// Where the stake goes in the end; it can never be changed [default: the account that pays].
    #[arg(long, value_name = "ADDRESS")]
    payout: Option<Address>,
    /// Where peers reach the node, such as /dns4/host/tcp/30400 [default: they find it by its peer id].
    #[arg(long, value_name = "MULTIADDR")]
    multiaddr: Option<Multiaddr>,
    #[command(flatten)]
    send: SendArguments,
}

/// What is to be registered.
pub(in crate::cli) struct Joining<'a> {
    /// The operator's keys.
    pub(in crate::cli) keys: &'a NodeKeys,
    /// In the smallest unit.
    pub(in crate::cli) stake: U256,
    /// Where the stake goes in the end; none for the account that pays.
    pub(in crate::cli) payout: Option<Address>,
    /// Where the node can be dialled; none if it does not say.
    pub(in crate::cli) multiaddr: Option<Multiaddr>,
}

impl Register {
    pub(super) async fn run(self) -> eyre::Result<()> {
        let Self { registry, keys_dir, stake, payout, multiaddr, send } = self;
        let Found { registry, snapshot, genesis } = registry.find().await?;
        let stake = snapshot.token.parse(&stake)?;
        let passwords = send.passwords();
        let keys = NodeKeys::load(&keys_dir, &passwords)?;
        let sender = send.sender(&registry.client, Some(&keys_dir), &passwords)?;
        let joining = Joining { keys: &keys, stake, payout, multiaddr };
        let mut intent = join(&registry, &snapshot, &sender, &joining).await?;
        if snapshot.genesis_hash.is_zero() {
            let note =
                format!("the registry is not bound to a genesis yet; it is for L2 chain {}", snapshot.l2_chain_id);
            intent.facts.push(("note", note));
        } else if genesis.is_none() {
            let chain = format!("L2 chain {}, genesis {}", snapshot.l2_chain_id, snapshot.genesis_hash);
            intent.facts.push(("chain", chain));
        }
        carry_out(&intent, &sender, &snapshot.token, &send).await?;
        Ok(())
    }
}

/// Checks a registration, signs it and tells what it does.
///
/// # Errors
/// What the registry would refuse, and what to do about it.
pub(in crate::cli) async fn join(
    registry: &Registry,
    snapshot: &Snapshot,
    sender: &Sender,
    joining: &Joining<'_>,
) -> eyre::Result<Intent> {
    let Joining { keys, stake, payout, multiaddr } = joining;
    let (token, operator, staker) = (&snapshot.token, keys.operator.address(), sender.address());
    check(registry, snapshot, keys, *stake).await?;
    let payout = payout.unwrap_or(staker);
    let registration = sign(registry, snapshot, sender, joining, payout).await?;
    let mut steps = stake::payment(registry, snapshot, sender, *stake).await?;
    let call = ISequencerRegistry::registerCall { registration, amount: *stake };
    steps.push(Step {
        name: "register",
        call: registry.call(&call, stake::value(token, *stake)),
        usual_gas: USUAL_GAS,
    });
    let delay = format_duration(Duration::from_secs(snapshot.parameters.unbondingDelay));
    let mut facts = vec![
        ("operator", operator.to_string()),
        ("registry", registry.to_string()),
        ("stake", token.format(*stake)),
        ("paid by", format!("{staker}, which has {}", ether(registry.client.balance(staker).await?))),
        ("payout", format!("{payout}, for ever")),
        ("peer id", keys.public().peer_id),
    ];
    if let Some(multiaddr) = multiaddr {
        facts.push(("address", multiaddr.to_string()));
    }
    facts.push(("effect", Standing::with(snapshot, operator, *stake).tell(snapshot)));
    facts.push(("unlock", format!("{delay} after `baton sequencer exit`")));
    Ok(Intent { action: "register", facts, steps })
}

async fn check(registry: &Registry, snapshot: &Snapshot, keys: &NodeKeys, stake: U256) -> eyre::Result<()> {
    let (operator, token) = (keys.operator.address(), &snapshot.token);
    let entry = registry.operator(operator, snapshot.at).await?;
    if entry.slashed {
        bail!("{operator} was slashed and cannot register again; make new keys with `baton key new`");
    }
    match entry.status {
        ISequencerRegistry::Status::Active => {
            bail!(
                "{operator} is registered already, with {}; `baton sequencer add-stake` adds to it",
                token.format(entry.stake)
            )
        }
        ISequencerRegistry::Status::Exiting => bail!(
            "{operator} is leaving; it can register again once its stake is withdrawn, from {} on (`baton sequencer withdraw`)",
            time(entry.withdrawableAt)
        ),
        _ => {}
    }
    let minimum = snapshot.parameters.minimumStake;
    ensure!(
        stake >= minimum,
        "a stake of {} is below the minimum of {}; stake at least that",
        token.format(stake),
        token.format(minimum)
    );
    let key = keys.bls.public_key();
    let compressed = Bytes::copy_from_slice(key.0.as_slice());
    let holder = registry.read(&Membership::blsKeyHolderCall { blsPublicKey: compressed }, snapshot.at).await?;
    ensure!(
        holder.is_zero() || holder == operator,
        "the BLS key {} belongs to the operator {holder}; every operator needs its own: make one with `baton key new`",
        key.0
    );
    Ok(())
}

/// Makes both signatures. The registry says what is to be signed as well; if that is something else, nothing is signed.
async fn sign(
    registry: &Registry,
    snapshot: &Snapshot,
    sender: &Sender,
    joining: &Joining<'_>,
    payout: Address,
) -> eyre::Result<ISequencerRegistry::Registration> {
    let Joining { keys, stake, multiaddr, .. } = joining;
    let (operator, l1_chain_id) = (keys.operator.address(), registry.client.chain_id());
    let mut registration = ISequencerRegistry::Registration {
        operator,
        payout,
        blsKey: bls_key(l1_chain_id, registry.address, operator, &keys.bls)?,
        peerId: keys.public().peer_id,
        multiaddr: multiaddr.as_ref().map_or_else(String::new, ToString::to_string),
        operatorSignature: Bytes::new(),
    };
    let possession =
        ISequencerRegistry::possessionMessageCall { operator, blsPublicKey: registration.blsKey.publicKey.clone() };
    let nonce = registry.read(&Membership::registrationsCall { operator }, snapshot.at).await?;
    let staker = sender.address();
    let digest = registration_digest(l1_chain_id, registry.address, staker, &registration, *stake, nonce);
    let asked =
        ISequencerRegistry::registrationDigestCall { staker, registration: registration.clone(), amount: *stake };
    ensure!(
        registry.read(&asked, snapshot.at).await? == digest
            && registry.read(&possession, snapshot.at).await?
                == possession_message(l1_chain_id, registry.address, operator, &keys.bls.public_key()),
        "the contract at {} wants something else signed than a registration: it is no registry of this version; nothing \
         was signed for it",
        registry.address
    );
    let key = PrivateKeySigner::from_bytes(&keys.operator.to_bytes()).wrap_err("not an operator's key")?;
    registration.operatorSignature = key.sign_hash_sync(&digest)?.as_bytes().to_vec().into();
    Ok(registration)
}
