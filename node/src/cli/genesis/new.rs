//! `baton genesis new`.

use super::l1::{FromL1, L1Options};
use crate::{
    cli::{block_on, finality::Finality},
    genesis::{Genesis, GenesisFile, GenesisSequencer, parameters_for},
    keys::{NodeKeys, Passwords, PublicKeys},
};
use alloy_primitives::{Address, U256, utils::parse_ether};
use baton_consensus::{Parameters, types::Stake};
use baton_execution::{GenesisAccount, system_contracts};
use clap::Args;
use eyre::{WrapErr, bail, ensure, eyre};
use libp2p::Multiaddr;
use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    str::FromStr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// The arguments of `baton genesis new`.
#[derive(Debug, Args)]
pub(in crate::cli) struct NewGenesis {
    /// The EIP-155 chain id.
    #[arg(long, value_name = "NUMBER")]
    chain_id: u64,
    /// A sequencer: its key directory, or a file with what `baton key show --json` prints; its weight after a comma
    /// [default weight: 1]. Repeatable. Needed unless --l1-registry names them.
    #[arg(long = "sequencer", value_name = "DIR|FILE[,WEIGHT]", required_unless_present = "l1_registry")]
    sequencers: Vec<SequencerSource>,
    /// An account and its balance in ether. Repeatable.
    #[arg(long = "fund", value_name = "ADDRESS=ETHER")]
    funds: Vec<Fund>,
    /// The pace of a leader.
    #[arg(long, value_name = "DURATION", default_value = "250ms", value_parser = humantime::parse_duration)]
    block_time: Duration,
    /// Blocks in an epoch.
    #[arg(long, value_name = "COUNT", default_value_t = Parameters::default().epoch_blocks)]
    epoch_blocks: u64,
    /// How long beyond the block time a leader may be late [default: twice the block time, at least 500ms].
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    leader_timeout: Option<Duration>,
    /// How often a sequencer gives a sign of life [default: 250ms].
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    heartbeat_interval: Option<Duration>,
    /// After how much silence a sequencer counts as gone [default: 1500ms].
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    heartbeat_timeout: Option<Duration>,
    /// How long a new scheduler waits for members that it has not heard of [default: 1500ms].
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    opening_timeout: Option<Duration>,
    /// How long without progress until sequencers want another scheduler
    /// [default: four times block time and leader timeout, at least 3s].
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    term_timeout: Option<Duration>,
    /// How long a new scheduler looks for better branches [default: 1s].
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    adopt_timeout: Option<Duration>,
    /// Blocks after which a scheduler hands over to the next [default: 1024, at least an epoch].
    #[arg(long, value_name = "COUNT")]
    term_blocks: Option<u64>,
    /// How long a scheduler waits for the votes on a checkpoint before it puts another one to the vote [default: 500ms].
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    vote_timeout: Option<Duration>,
    /// How many sealed blocks may wait for a finality proof; then sealing waits as well.
    #[arg(long, value_name = "COUNT", default_value_t = Parameters::default().max_unfinalized_blocks)]
    max_unfinalized_blocks: u64,
    /// What the `finalized` tag means.
    #[arg(long, value_enum, default_value_t = Finality::Quorum)]
    finality: Finality,
    /// Who earns the base fee; without it, it is burnt.
    #[arg(long, value_name = "ADDRESS")]
    base_fee_recipient: Option<Address>,
    /// The gas limit of block 0.
    #[arg(long, value_name = "GAS", default_value_t = 60_000_000)]
    gas_limit: u64,
    /// The base fee of block 0, in wei.
    #[arg(long, value_name = "WEI", default_value_t = 1_000_000_000)]
    base_fee: u64,
    /// The time of block 0, in seconds since the Unix epoch [default: now].
    #[arg(long, value_name = "SECONDS")]
    timestamp: Option<u64>,
    /// A peer to start from, ending in /p2p/<peer id>. Repeatable.
    #[arg(long = "bootnode", value_name = "MULTIADDR")]
    bootnodes: Vec<Multiaddr>,
    /// Leave the system contracts of EIP-4788 and EIP-2935 out.
    #[arg(long)]
    no_system_contracts: bool,
    /// The file to write; it must not exist yet.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    l1: L1Options,
}

/// Where to find a sequencer's public keys, and its weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SequencerSource {
    pub(super) path: PathBuf,
    pub(super) weight: U256,
}

impl FromStr for SequencerSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (path, weight) = text.rsplit_once(',').unwrap_or((text, "1"));
        let weight =
            U256::from_str_radix(weight, 10).map_err(|_| format!("the weight `{weight}` is not a whole number"))?;
        Ok(Self { path: path.into(), weight })
    }
}

impl SequencerSource {
    fn read(&self) -> eyre::Result<GenesisSequencer> {
        let Self { path, weight } = self;
        let keys =
            if path.is_dir() { NodeKeys::load(path, &Passwords::new(None))?.public() } else { read_public_keys(path)? };
        Ok(GenesisSequencer::new(keys, Stake(*weight)))
    }
}

fn read_public_keys(path: &Path) -> eyre::Result<PublicKeys> {
    let text = fs::read_to_string(path)
        .wrap_err_with(|| format!("--sequencer {}: neither a key directory nor a readable file", path.display()))?;
    serde_json::from_str(&text)
        .wrap_err_with(|| format!("--sequencer {}: not what `baton key show --json` prints", path.display()))
}

/// An account and its balance in wei.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fund {
    address: Address,
    balance: U256,
}

impl FromStr for Fund {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, ether) = text.split_once('=').ok_or("write ADDRESS=ETHER, such as 0x…=1000".to_owned())?;
        let address = address.parse().map_err(|_| format!("`{address}` is not an address"))?;
        let unsigned = !ether.starts_with(['-', '+']);
        let balance = parse_ether(ether).ok().filter(|_| unsigned && !ether.is_empty());
        Ok(Self { address, balance: balance.ok_or(format!("`{ether}` is not an amount of ether"))? })
    }
}

impl NewGenesis {
    pub(super) fn run(self) -> eyre::Result<()> {
        let out = self.out.clone();
        ensure!(!out.exists(), "{} exists already and is not overwritten; choose another --out", out.display());
        let from_l1 = match self.l1.wanted() {
            false => None,
            true => match block_on(self.l1.read(self.chain_id, self.finality, &self.sequencers))? {
                Some(set) => Some(set),
                None => return Ok(()),
            },
        };
        let file = self.into_file(from_l1)?;
        let json = file.to_json()?;
        // What is written must be what every node will accept.
        let genesis = Genesis::new(file)?;
        let mut written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&out)
            .wrap_err_with(|| format!("cannot create {}", out.display()))?;
        written.write_all(json.as_bytes()).wrap_err_with(|| format!("cannot write {}", out.display()))?;
        println!("{}", genesis.hash);
        if genesis.l1.is_some() {
            eprintln!("bind the registry to it: baton sequencer activate --genesis {} --l1-key OWNER", out.display());
        }
        Ok(())
    }

    fn into_file(self, from_l1: Option<FromL1>) -> eyre::Result<GenesisFile> {
        let Self {
            chain_id,
            sequencers,
            funds,
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
            base_fee_recipient,
            gas_limit,
            base_fee,
            timestamp,
            bootnodes,
            no_system_contracts,
            out: _,
            l1: _,
        } = self;
        let paced = parameters_for(block_time);
        let parameters = Parameters {
            block_time,
            epoch_blocks,
            leader_timeout: leader_timeout.unwrap_or(paced.leader_timeout),
            heartbeat_interval: heartbeat_interval.unwrap_or(paced.heartbeat_interval),
            heartbeat_timeout: heartbeat_timeout.unwrap_or(paced.heartbeat_timeout),
            opening_timeout: opening_timeout.unwrap_or(paced.opening_timeout),
            term_timeout: term_timeout.unwrap_or(paced.term_timeout),
            adopt_timeout: adopt_timeout.unwrap_or(paced.adopt_timeout),
            term_blocks: term_blocks.unwrap_or(paced.term_blocks.max(epoch_blocks)),
            vote_timeout: vote_timeout.unwrap_or(paced.vote_timeout),
            max_unfinalized_blocks,
            finality: finality.into(),
        };
        let mut alloc = if no_system_contracts { Default::default() } else { system_contracts() };
        for Fund { address, balance } in funds {
            if alloc.insert(address, GenesisAccount { balance, ..GenesisAccount::default() }).is_some() {
                bail!("--fund names {address} twice, or a system contract");
            }
        }
        let (sequencers, l1) = match from_l1 {
            Some(FromL1 { l1, sequencers }) => (sequencers, Some(l1)),
            None => (sequencers.iter().map(SequencerSource::read).collect::<Result<_, _>>()?, None),
        };
        Ok(GenesisFile {
            chain_id,
            timestamp: timestamp.map_or_else(now, Ok)?,
            gas_limit,
            base_fee_per_gas: base_fee,
            base_fee_recipient,
            parameters,
            sequencers,
            l1,
            bootnodes,
            alloc,
        })
    }
}

fn now() -> eyre::Result<u64> {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_err(|_| eyre!("this machine's clock is before 1970; set it, or pass --timestamp"))?;
    Ok(elapsed.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequencers_and_funds_are_parsed() {
        let source = |path: &str, weight: u64| SequencerSource { path: path.into(), weight: U256::from(weight) };
        assert_eq!("keys/one".parse(), Ok(source("keys/one", 1)));
        assert_eq!("keys/one,32".parse(), Ok(source("keys/one", 32)));
        assert_eq!("a,b,7".parse(), Ok(source("a,b", 7)));
        assert_eq!("keys,much".parse::<SequencerSource>(), Err("the weight `much` is not a whole number".to_owned()));
        let fund: Fund = "0x00000000000000000000000000000000000000aa=1.5".parse().unwrap();
        assert_eq!(fund.balance, U256::from(1_500_000_000_000_000_000u64));
        for (text, problem) in [
            ("0xaa", "write ADDRESS=ETHER"),
            ("0xaa=1", "`0xaa` is not an address"),
            ("0x00000000000000000000000000000000000000aa=", "`` is not an amount"),
            ("0x00000000000000000000000000000000000000aa=-1", "`-1` is not an amount"),
            ("0x00000000000000000000000000000000000000aa=some", "`some` is not an amount"),
        ] {
            let error = text.parse::<Fund>().unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
    }
}
