//! `baton sequencer status` and `list`.

use super::options::{Found, OperatorArguments, RegistryAt};
use crate::{
    cli::{genesis::share, password::PasswordArguments},
    l1::ISequencerRegistry,
    staking::{Registry, Snapshot, Standing, time},
};
use alloy_primitives::{Address, U256};
use baton_consensus::types::Stake;
use clap::Args;
use futures::{StreamExt, TryStreamExt, stream};
use humantime::format_duration;
use serde_json::{Value, json};
use std::time::Duration;

/// How many operators are asked for at once.
const CONCURRENCY: usize = 8;

/// The arguments of `baton sequencer status`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Status {
    #[command(flatten)]
    registry: RegistryAt,
    #[command(flatten)]
    operator: OperatorArguments,
    #[command(flatten)]
    password: PasswordArguments,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// The arguments of `baton sequencer list`.
#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    #[command(flatten)]
    registry: RegistryAt,
    /// Those too that are not in the set: with too little stake, or leaving.
    #[arg(long)]
    all: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Status {
    pub(super) async fn run(self) -> eyre::Result<()> {
        let Self { registry, operator, password, json } = self;
        let Found { registry, snapshot, .. } = registry.find().await?;
        let address = operator.address(&password.passwords())?;
        let entry = registry.operator(address, snapshot.at).await?;
        let rotation = registry.rotation(address, snapshot.at).await?;
        let (token, now) = (&snapshot.token, snapshot.at.timestamp);
        let left = |until: u64| format_duration(Duration::from_secs(until.saturating_sub(now))).to_string();
        let (state, standing) = match entry.status {
            ISequencerRegistry::Status::Active => {
                ("active", Standing::with(&snapshot, address, entry.stake).tell(&snapshot))
            }
            ISequencerRegistry::Status::Exiting if entry.withdrawableAt > now => (
                "leaving",
                format!(
                    "the stake can be withdrawn in {}, from {} on",
                    left(entry.withdrawableAt),
                    time(entry.withdrawableAt)
                ),
            ),
            ISequencerRegistry::Status::Exiting => {
                ("leaving", "`baton sequencer withdraw` pays the stake out now".to_owned())
            }
            _ => ("not registered", "`baton sequencer register` joins".to_owned()),
        };
        if json {
            let rotation = rotation.map(|rotation| {
                json!({
                    "effectiveAt": rotation.effectiveAt,
                    "blsPublicKey": rotation.blsPublicKey,
                    "peerId": rotation.peerId,
                    "multiaddr": rotation.multiaddr,
                })
            });
            let json = json!({
                "operator": address,
                "state": state,
                "standing": standing,
                "inSet": snapshot.member(address).is_some(),
                "slashed": entry.slashed,
                "stake": entry.stake.to_string(),
                "staker": entry.staker,
                "payout": entry.payout,
                "blsPublicKey": entry.blsPublicKey,
                "peerId": entry.peerId,
                "multiaddr": entry.multiaddr,
                "withdrawableAt": (entry.withdrawableAt != 0).then_some(entry.withdrawableAt),
                "rotation": rotation,
                "l1Block": { "number": snapshot.at.number, "hash": snapshot.at.hash, "timestamp": now },
            });
            println!("{}", serde_json::to_string_pretty(&json)?);
            return Ok(());
        }
        println!("operator      {address}");
        println!("state         {state}{}: {standing}", if entry.slashed { ", slashed" } else { "" });
        if state != "not registered" {
            println!("stake         {}", token.format(entry.stake));
            println!("staker        {}", entry.staker);
            println!("payout        {}", entry.payout);
            println!("BLS key       {}", entry.blsPublicKey);
            println!("peer id       {}", entry.peerId);
            println!("address       {}", if entry.multiaddr.is_empty() { "none" } else { &entry.multiaddr });
        }
        if let Some(rotation) = rotation {
            let when = match rotation.effectiveAt > now {
                true => format!("in {}, from {} on", left(rotation.effectiveAt), time(rotation.effectiveAt)),
                false => "now, by `baton sequencer rotate --complete`".to_owned(),
            };
            println!("rotation      to {} {}: possible {when}", rotation.blsPublicKey, rotation.peerId);
        }
        println!("as of         L1 block {}, {}", snapshot.at.number, time(now));
        Ok(())
    }
}

impl List {
    pub(super) async fn run(self) -> eyre::Result<()> {
        let Self { registry, all, json } = self;
        let Found { registry, snapshot, .. } = registry.find().await?;
        let outside = if all { outside(&registry, &snapshot).await? } else { Vec::new() };
        let ranked = ranked(&snapshot);
        if json {
            println!(
                "{}",
                serde_json::to_string_pretty(&to_json(&registry, &snapshot, &ranked, all.then_some(&outside)))?
            );
        } else {
            print!("{}", to_text(&snapshot, &ranked, &outside));
        }
        Ok(())
    }
}

/// The members by rank.
fn ranked(snapshot: &Snapshot) -> Vec<&ISequencerRegistry::Member> {
    let mut ranked: Vec<_> = snapshot.set.iter().collect();
    ranked.sort_by(|one, other| other.stake.cmp(&one.stake).then(one.operator.cmp(&other.operator)));
    ranked
}

/// Those that are not in the set, the most stake first.
async fn outside(
    registry: &Registry,
    snapshot: &Snapshot,
) -> eyre::Result<Vec<(Address, ISequencerRegistry::Operator)>> {
    let others = registry.operators(snapshot.at).await?;
    let others = others.into_iter().filter(|operator| snapshot.member(*operator).is_none());
    let entries = stream::iter(others)
        .map(|operator| async move { registry.operator(operator, snapshot.at).await.map(|entry| (operator, entry)) });
    let mut entries: Vec<_> = entries.buffer_unordered(CONCURRENCY).try_collect().await?;
    entries.sort_by(|(one, a), (other, b)| b.stake.cmp(&a.stake).then(one.cmp(other)));
    Ok(entries)
}

fn total(ranked: &[&ISequencerRegistry::Member]) -> Stake {
    Stake(ranked.iter().fold(U256::ZERO, |total, member| total.saturating_add(member.stake)))
}

fn state(entry: &ISequencerRegistry::Operator) -> &'static str {
    match (entry.status, entry.slashed) {
        (ISequencerRegistry::Status::Exiting, true) => "slashed, leaving",
        (ISequencerRegistry::Status::Exiting, false) => "leaving",
        _ => "outside the set",
    }
}

fn to_text(
    snapshot: &Snapshot,
    ranked: &[&ISequencerRegistry::Member],
    outside: &[(Address, ISequencerRegistry::Operator)],
) -> String {
    let (token, total) = (&snapshot.token, total(ranked));
    let mut text = format!("{:>4}  {:<42}  {:>24}  {:>8}  peer id\n", "rank", "operator", "stake", "weight");
    for (place, member) in ranked.iter().enumerate() {
        let weight = share(Stake(member.stake), total);
        let stake = token.format(member.stake);
        text += &format!("{:>4}  {}  {stake:>24}  {weight:>8}  {}\n", place + 1, member.operator, member.peerId);
    }
    for (operator, entry) in outside {
        let stake = token.format(entry.stake);
        text += &format!("{:>4}  {operator}  {stake:>24}  {:>8}  {}, {}\n", "-", "-", entry.peerId, state(entry));
    }
    text += &format!(
        "{} of {} seats taken; the least stake is {}; as of L1 block {}\n",
        ranked.len(),
        snapshot.parameters.maxMembers,
        token.format(snapshot.parameters.minimumStake),
        snapshot.at.number
    );
    text
}

fn to_json(
    registry: &Registry,
    snapshot: &Snapshot,
    ranked: &[&ISequencerRegistry::Member],
    outside: Option<&Vec<(Address, ISequencerRegistry::Operator)>>,
) -> Value {
    let total = total(ranked);
    let members = ranked.iter().enumerate().map(|(place, member)| {
        json!({
            "rank": place + 1,
            "operator": member.operator,
            "stake": member.stake.to_string(),
            "weight": share(Stake(member.stake), total),
            "blsPublicKey": member.blsPublicKey,
            "peerId": member.peerId,
            "multiaddr": member.multiaddr,
        })
    });
    let outside = outside.map(|outside| {
        let others = outside.iter().map(|(operator, entry)| {
            json!({
                "operator": operator,
                "state": state(entry),
                "stake": entry.stake.to_string(),
                "peerId": entry.peerId,
                "withdrawableAt": (entry.withdrawableAt != 0).then_some(entry.withdrawableAt),
            })
        });
        others.collect::<Vec<_>>()
    });
    json!({
        "registry": registry.address,
        "l1ChainId": registry.client.chain_id(),
        "l2ChainId": snapshot.l2_chain_id,
        "genesisHash": snapshot.genesis_hash,
        "token": { "address": snapshot.token.address, "symbol": snapshot.token.symbol, "decimals": snapshot.token.decimals },
        "minimumStake": snapshot.parameters.minimumStake.to_string(),
        "maxMembers": snapshot.parameters.maxMembers,
        "unbondingDelay": snapshot.parameters.unbondingDelay,
        "rotationDelay": snapshot.parameters.rotationDelay,
        "totalStake": total.to_string(),
        "members": members.collect::<Vec<_>>(),
        "outside": outside,
        "l1Block": { "number": snapshot.at.number, "hash": snapshot.at.hash, "timestamp": snapshot.at.timestamp },
    })
}
