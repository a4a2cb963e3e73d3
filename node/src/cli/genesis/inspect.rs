//! `baton genesis inspect`.

use crate::genesis::{Genesis, L1Genesis};
use alloy_primitives::{Address, B256, U256, U512};
use baton_consensus::{
    Parameters,
    election::Priorities,
    messages::L1Anchor,
    types::{Sequencer, Stake},
};
use clap::Args;
use libp2p::Multiaddr;
use serde::Serialize;
use std::path::PathBuf;

/// The arguments of `baton genesis inspect`.
#[derive(Debug, Args)]
pub(in crate::cli) struct InspectGenesis {
    /// The genesis file.
    file: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    hash: B256,
    chain_id: u64,
    state_root: B256,
    timestamp: u64,
    gas_limit: u64,
    base_fee_per_gas: u64,
    base_fee_recipient: Option<Address>,
    accounts: usize,
    parameters: Spans,
    sequencer_root: B256,
    total_weight: String,
    /// Who schedules term 1.
    first_scheduler: Option<Address>,
    sequencers: Vec<Member>,
    l1: Option<L1>,
    bootnodes: Vec<Multiaddr>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct L1 {
    chain_id: u64,
    registry: Address,
    anchor: L1Anchor,
    confirmations: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Spans {
    block_time: String,
    epoch_blocks: u64,
    leader_timeout: String,
    heartbeat_interval: String,
    heartbeat_timeout: String,
    opening_timeout: String,
    term_timeout: String,
    adopt_timeout: String,
    term_blocks: u64,
    vote_timeout: String,
    max_unfinalized_blocks: u64,
    finality: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Member {
    address: Address,
    weight: String,
    share: String,
    peer_id: String,
}

impl InspectGenesis {
    pub(super) fn run(self) -> eyre::Result<()> {
        let Self { file, json } = self;
        let summary = Summary::of(&Genesis::load(&file)?);
        if json {
            println!("{}", serde_json::to_string_pretty(&summary)?);
        } else {
            print!("{}", summary.to_text());
        }
        Ok(())
    }
}

impl Summary {
    fn of(genesis: &Genesis) -> Self {
        let Genesis { chain, parameters, set, header, hash, state, l1, bootnodes } = genesis;
        Self {
            hash: *hash,
            chain_id: chain.chain_id(),
            state_root: header.state_root,
            timestamp: header.timestamp,
            gas_limit: header.gas_limit,
            base_fee_per_gas: header.base_fee_per_gas.unwrap_or_default(),
            base_fee_recipient: chain.base_fee_recipient(),
            accounts: state.accounts.len(),
            parameters: Spans::of(parameters),
            sequencer_root: set.members_root(),
            total_weight: set.total().to_string(),
            first_scheduler: Priorities::genesis(set).take_turn(set, |_| true),
            sequencers: set.members().iter().map(|member| Member::of(member, set.total())).collect(),
            l1: l1.map(L1::from),
            bootnodes: bootnodes.clone(),
        }
    }

    fn to_text(&self) -> String {
        let Self {
            hash,
            chain_id,
            state_root,
            timestamp,
            gas_limit,
            base_fee_per_gas,
            base_fee_recipient,
            accounts,
            parameters,
            sequencer_root,
            total_weight,
            first_scheduler,
            sequencers,
            l1,
            bootnodes,
        } = self;
        let Spans {
            block_time,
            epoch_blocks,
            leader_timeout,
            heartbeat_interval,
            heartbeat_timeout,
            opening_timeout,
            term_timeout,
            adopt_timeout,
            term_blocks,
            vote_timeout,
            max_unfinalized_blocks,
            finality,
        } = parameters;
        let recipient = base_fee_recipient.map_or_else(|| "nobody (burnt)".to_owned(), |address| address.to_string());
        let mut text = format!(
            "genesis hash         {hash}\n\
             chain id             {chain_id}\n\
             state root           {state_root}\n\
             accounts             {accounts}\n\
             timestamp            {timestamp}\n\
             gas limit            {gas_limit}\n\
             base fee             {base_fee_per_gas} wei, to {recipient}\n\
             block time           {block_time}, {epoch_blocks} blocks an epoch\n\
             leader timeout       {leader_timeout}\n\
             heartbeats           every {heartbeat_interval}, silent after {heartbeat_timeout}\n\
             opening timeout      {opening_timeout}\n\
             term timeout         {term_timeout}\n\
             adopt timeout        {adopt_timeout}\n\
             term                 {term_blocks} blocks\n\
             vote timeout         {vote_timeout}\n\
             finality             {finality}, at most {max_unfinalized_blocks} blocks wait for a proof\n\
             sequencer set root   {sequencer_root}\n\
             first scheduler      {}\n\
             sequencers           {}, total weight {total_weight}\n",
            first_scheduler.map_or_else(String::new, |address| address.to_string()),
            sequencers.len()
        );
        for Member { address, weight, share, peer_id } in sequencers {
            text.push_str(&format!("  {address}  weight {weight} ({share})  {peer_id}\n"));
        }
        if let Some(L1 { chain_id, registry, anchor: L1Anchor { number, hash }, confirmations }) = l1 {
            text.push_str(&format!(
                "set from             registry {registry} on chain {chain_id}, after {confirmations} confirmations\n\
                 set of era 0         that of L1 block {number}, {hash}\n"
            ));
        }
        for address in bootnodes {
            text.push_str(&format!("bootnode             {address}\n"));
        }
        text
    }
}

impl From<L1Genesis> for L1 {
    fn from(l1: L1Genesis) -> Self {
        let L1Genesis { chain_id, registry, anchor, confirmations } = l1;
        Self { chain_id, registry, anchor, confirmations }
    }
}

impl Spans {
    fn of(parameters: &Parameters) -> Self {
        let Parameters {
            block_time,
            epoch_blocks,
            leader_timeout,
            heartbeat_interval,
            heartbeat_timeout,
            opening_timeout,
            term_timeout,
            adopt_timeout,
            term_blocks,
            vote_timeout,
            max_unfinalized_blocks,
            finality,
        } = parameters;
        let text = |span| humantime::format_duration(span).to_string();
        Self {
            block_time: text(*block_time),
            epoch_blocks: *epoch_blocks,
            leader_timeout: text(*leader_timeout),
            heartbeat_interval: text(*heartbeat_interval),
            heartbeat_timeout: text(*heartbeat_timeout),
            opening_timeout: text(*opening_timeout),
            term_timeout: text(*term_timeout),
            adopt_timeout: text(*adopt_timeout),
            term_blocks: *term_blocks,
            vote_timeout: text(*vote_timeout),
            max_unfinalized_blocks: *max_unfinalized_blocks,
            finality: finality.to_string(),
        }
    }
}

impl Member {
    fn of(member: &Sequencer, total: Stake) -> Self {
        Self {
            address: member.address,
            weight: member.weight.to_string(),
            share: share(member.weight, total),
            peer_id: member.peer_id.clone(),
        }
    }
}

/// The weight in percent of the total, cut off after two digits.
pub(in crate::cli) fn share(weight: Stake, total: Stake) -> String {
    if total.0 == U256::ZERO {
        return "0%".to_owned();
    }
    let hundredths = U512::from(weight.0) * U512::from(10_000) / U512::from(total.0);
    let hundredths: u64 = hundredths.saturating_to();
    format!("{}.{:02}%", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_do_not_overflow() {
        let stake = |value: u64| Stake(U256::from(value));
        assert_eq!(share(stake(1), stake(3)), "33.33%");
        assert_eq!(share(stake(3), stake(3)), "100.00%");
        assert_eq!(share(stake(1), stake(20_000)), "0.00%");
        assert_eq!(share(Stake(U256::MAX), Stake(U256::MAX)), "100.00%");
    }
}
