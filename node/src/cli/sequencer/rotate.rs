//! `baton sequencer rotate`.

use super::{
    intent::{Intent, Step, carry_out},
    options::{Found, OperatorArguments, RegistryAt, SendArguments},
};
use crate::{
    keys::{self, Passwords},
    l1::{Call, ISequencerRegistry},
    staking::{Membership, Registry, Snapshot, bls_key, time},
};
use alloy_primitives::{Address, Bytes, FixedBytes, U256};
use baton_consensus::keys::{BlsKey, BlsPublicKey};
use clap::Args;
use eyre::{bail, ensure};
use humantime::format_duration;
use libp2p::{Multiaddr, PeerId};
use std::{path::PathBuf, time::Duration};

/// The gas of either step, the proof of possession included.
const USUAL_GAS: u64 = 600_000;

/// The arguments of `baton sequencer rotate`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Rotate {
    #[command(flatten)]
    registry: RegistryAt,
    #[command(flatten)]
    operator: OperatorArguments,
    /// The new BLS key, an EIP-2335 keystore or raw hex; `baton key new` makes one [default: the present one].
    #[arg(long, value_name = "FILE")]
    new_bls_key: Option<PathBuf>,
    /// A file with the password of --new-bls-key [default: as for the operator's keys].
    #[arg(long, value_name = "FILE", requires = "new_bls_key")]
    new_bls_password_file: Option<PathBuf>,
    /// The new peer id [default: the present one].
    #[arg(long, value_name = "PEER ID")]
    peer_id: Option<PeerId>,
    /// The new address [default: the present one].
    #[arg(long, value_name = "MULTIADDR")]
    multiaddr: Option<Multiaddr>,
    /// Make the change that was asked for, once its delay is over.
    #[arg(long, conflicts_with_all = ["new_bls_key", "peer_id", "multiaddr"])]
    complete: bool,
    #[command(flatten)]
    send: SendArguments,
}

impl Rotate {
    pub(super) async fn run(self) -> eyre::Result<()> {
        let Self { registry, operator, new_bls_key, new_bls_password_file, peer_id, multiaddr, complete, send } = self;
        let Found { registry, snapshot, .. } = registry.find().await?;
        let passwords = send.passwords();
        let address = operator.address(&passwords)?;
        let entry = registry.operator(address, snapshot.at).await?;
        ensure!(
            entry.status == ISequencerRegistry::Status::Active,
            "{address} is leaving or not registered; only registered operators have keys to rotate"
        );
        let sender = send.sender(&registry.client, operator.keys_dir.as_deref(), &passwords)?;
        let intent = if complete {
            completion(&registry, &snapshot, address).await?
        } else {
            ensure!(
                new_bls_key.is_some() || peer_id.is_some() || multiaddr.is_some(),
                "nothing would change: give --new-bls-key, --peer-id or --multiaddr, or --complete"
            );
            ensure!(
                [address, entry.staker].contains(&sender.address()),
                "{} may not ask for this: only the operator {address} and its staker {} can; use one of their keys as --l1-key",
                sender.address(),
                entry.staker
            );
            let own = new_bls_password_file.map(|file| Passwords::new(Some(file)));
            let key = match new_bls_key {
                Some(path) => Some(keys::load_bls_key(&path, own.as_ref().unwrap_or(&passwords))?),
                None => None,
            };
            let hints = (
                peer_id.map_or(entry.peerId, PeerId::to_base58),
                multiaddr.map_or(entry.multiaddr, |address| address.to_string()),
            );
            request(&registry, &snapshot, address, &entry.blsPublicKey, key.as_ref(), hints).await?
        };
        carry_out(&intent, &sender, &snapshot.token, &send).await?;
        Ok(())
    }
}

async fn request(
    registry: &Registry,
    snapshot: &Snapshot,
    operator: Address,
    present: &Bytes,
    new: Option<&BlsKey>,
    (peer_id, multiaddr): (String, String),
) -> eyre::Result<Intent> {
    let key = match new {
        Some(key) => {
            let public = key.public_key();
            let compressed = Bytes::copy_from_slice(public.0.as_slice());
            ensure!(compressed != *present, "--new-bls-key is the key that {operator} has already");
            let holder = registry.read(&Membership::blsKeyHolderCall { blsPublicKey: compressed }, snapshot.at).await?;
            ensure!(
                holder.is_zero() || holder == operator,
                "the BLS key {} belongs to the operator {holder}; every operator needs its own: make one with `baton key new`",
                public.0
            );
            bls_key(registry.client.chain_id(), registry.address, operator, key)?
        }
        None => {
            let Ok(present) = FixedBytes::try_from(present.as_ref()) else {
                bail!("the registry names a BLS key of {} bytes for {operator}; it is none", present.len());
            };
            let public = BlsPublicKey(present).to_eip2537()?;
            ISequencerRegistry::BlsKey {
                publicKey: Bytes::copy_from_slice(public.as_slice()),
                possession: Bytes::new(),
            }
        }
    };
    let delay = snapshot.parameters.rotationDelay;
    let mut facts = vec![
        ("operator", operator.to_string()),
        ("registry", registry.to_string()),
        ("BLS key", new.map_or_else(|| format!("stays {present}"), |key| key.public_key().0.to_string())),
        ("peer id", peer_id.clone()),
        ("address", if multiaddr.is_empty() { "none".to_owned() } else { multiaddr.clone() }),
        (
            "effect",
            format!(
                "nothing yet; `rotate --complete` has it {} from now, {} on",
                format_duration(Duration::from_secs(delay)),
                time(snapshot.at.timestamp.saturating_add(delay))
            ),
        ),
    ];
    if registry.rotation(operator, snapshot.at).await?.is_some() {
        facts.push(("note", "what was asked for before is dropped, and the delay begins anew".to_owned()));
    }
    let call = ISequencerRegistry::requestRotationCall { operator, blsKey: key, peerId: peer_id, multiaddr };
    Ok(intent("rotate", facts, registry.call(&call, U256::ZERO)))
}

async fn completion(registry: &Registry, snapshot: &Snapshot, operator: Address) -> eyre::Result<Intent> {
    let Some(rotation) = registry.rotation(operator, snapshot.at).await? else {
        bail!("{operator} has asked for no other keys; `baton sequencer rotate` without --complete does");
    };
    let left = rotation.effectiveAt.saturating_sub(snapshot.at.timestamp);
    ensure!(
        left == 0,
        "it is too early: the new keys can be had in {}, from {} on",
        format_duration(Duration::from_secs(left)),
        time(rotation.effectiveAt)
    );
    let facts = vec![
        ("operator", operator.to_string()),
        ("registry", registry.to_string()),
        ("BLS key", rotation.blsPublicKey.to_string()),
        ("peer id", rotation.peerId),
        ("address", if rotation.multiaddr.is_empty() { "none".to_owned() } else { rotation.multiaddr }),
        ("effect", "the set has the new keys with its next change; run the node with them from then on".to_owned()),
    ];
    let call = ISequencerRegistry::completeRotationCall { operator };
    Ok(intent("rotate --complete", facts, registry.call(&call, U256::ZERO)))
}

fn intent(action: &'static str, facts: Vec<(&'static str, String)>, call: Call) -> Intent {
    Intent { action, facts, steps: vec![Step { name: "rotate", call, usual_gas: USUAL_GAS }] }
}
