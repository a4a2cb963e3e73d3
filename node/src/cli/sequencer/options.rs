//! What all commands take: the way to L1 and to the registry, whose operator, and how to pay.

use crate::{
    cli::password::PasswordArguments,
    genesis::Genesis,
    keys::{self, OPERATOR_KEY, Passwords},
    l1::{EndpointUrl, FeePolicy, L1Client, Sender},
    staking::{Registry, Snapshot, connect},
};
use alloy_primitives::{Address, U256, utils::parse_units};
use alloy_signer_local::PrivateKeySigner;
use clap::Args;
use eyre::{WrapErr, ensure, eyre};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// The way to L1.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct L1Arguments {
    /// A JSON-RPC server of L1; others after commas, or by repeating, are asked where the first fails.
    #[arg(
        long = "l1-rpc",
        env = "BATON_L1_RPC",
        value_name = "URL",
        value_delimiter = ',',
        required = true,
        hide_env_values = true
    )]
    endpoints: Vec<EndpointUrl>,
}

impl L1Arguments {
    /// A client; the endpoints must serve the chain that is expected, if one is.
    pub(in crate::cli) async fn connect(&self, expected: Option<(u64, &'static str)>) -> eyre::Result<L1Client> {
        Ok(connect(self.endpoints.clone(), expected).await?)
    }
}

/// The registry.
#[derive(Clone, Debug, Args)]
pub(super) struct RegistryAt {
    #[command(flatten)]
    l1: L1Arguments,
    /// The address of the registry [default: the one in the genesis file].
    #[arg(long, env = "BATON_REGISTRY", value_name = "ADDRESS", required_unless_present = "genesis")]
    registry: Option<Address>,
    /// The genesis file of the chain: it names L1 and the registry, and the registry must be its own.
    #[arg(long, env = "BATON_GENESIS", value_name = "FILE")]
    genesis: Option<PathBuf>,
}

/// A registry that was found, and what it says.
pub(super) struct Found {
    pub(super) registry: Registry,
    pub(super) snapshot: Snapshot,
    pub(super) genesis: Option<Genesis>,
}

impl RegistryAt {
    /// The registry as of L1's newest block.
    pub(super) async fn find(&self) -> eyre::Result<Found> {
        let genesis = self.genesis.as_deref().map(Genesis::load).transpose()?;
        let l1 = genesis.as_ref().and_then(|genesis| genesis.l1);
        let address = match (self.registry, l1) {
            (Some(given), Some(l1)) => {
                ensure!(given == l1.registry, "--registry is {given}, but the genesis file names {}", l1.registry);
                given
            }
            (Some(given), None) => given,
            (None, Some(l1)) => l1.registry,
            (None, None) => {
                return Err(eyre!(
                    "the genesis file has no section `l1`: its set does not change, and nobody can register"
                ));
            }
        };
        let client = self.l1.connect(l1.map(|l1| (l1.chain_id, "the genesis file"))).await?;
        let registry = Registry::at(client, address).await?;
        let snapshot = registry.snapshot(0).await?;
        if let Some(genesis) = &genesis {
            snapshot.check_genesis(address, genesis)?;
        }
        Ok(Found { registry, snapshot, genesis })
    }
}

/// Whose operator.
#[derive(Clone, Debug, Args)]
pub(super) struct OperatorArguments {
    /// The operator's key directory.
    #[arg(long, env = "BATON_KEYS_DIR", value_name = "DIR")]
    pub(super) keys_dir: Option<PathBuf>,
    /// The operator's address [default: that of the key directory].
    #[arg(long, value_name = "ADDRESS", required_unless_present = "keys_dir")]
    operator: Option<Address>,
}

impl OperatorArguments {
    /// The operator's address; a keystore tells it without its password.
    pub(super) fn address(&self, passwords: &Passwords) -> eyre::Result<Address> {
        if let Some(operator) = self.operator {
            return Ok(operator);
        }
        let directory =
            self.keys_dir.as_deref().ok_or_else(|| eyre!("name the operator by --keys-dir or --operator"))?;
        let told = keys::describe(directory)?.into_iter().find_map(|(_, file)| file.address);
        match told {
            Some(address) => Ok(address),
            None => Ok(keys::load_operator_key(&directory.join(OPERATOR_KEY), passwords)?.address()),
        }
    }
}

/// Who pays, and how.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct SendArguments {
    /// The key of the L1 account that pays, a web3 keystore or raw hex [default: the operator's key].
    #[arg(long, env = "BATON_L1_KEY", value_name = "FILE")]
    l1_key: Option<PathBuf>,
    /// A file with the password of --l1-key [default: as for the operator's keys].
    #[arg(long, value_name = "FILE", requires = "l1_key")]
    l1_password_file: Option<PathBuf>,
    #[command(flatten)]
    password: PasswordArguments,
    /// Say what would happen, and send nothing.
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
    /// Do not ask.
    #[arg(long, short)]
    pub(super) yes: bool,
    /// How many L1 blocks, its own included, make a transaction certain.
    #[arg(long, value_name = "COUNT", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=1024))]
    pub(in crate::cli) confirmations: u64,
    /// The most that may be paid for gas, in gwei per gas.
    #[arg(long, value_name = "GWEI", default_value = "500", value_parser = gwei)]
    max_fee: u128,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

fn gwei(text: &str) -> Result<u128, String> {
    let fee = parse_units(text, "gwei").ok().filter(|_| !text.starts_with(['-', '+']) && !text.is_empty());
    let fee = fee.and_then(|fee| u128::try_from(fee.get_absolute()).ok()).filter(|fee| *fee > 0);
    fee.ok_or_else(|| format!("`{text}` is not a number of gwei above 0"))
}

impl SendArguments {
    /// The passwords of the operator's keys.
    pub(in crate::cli) fn passwords(&self) -> Passwords {
        self.password.clone().passwords()
    }

    /// The account that pays.
    pub(in crate::cli) fn sender(
        &self,
        client: &L1Client,
        keys_dir: Option<&Path>,
        passwords: &Passwords,
    ) -> eyre::Result<Sender> {
        let key = match (&self.l1_key, keys_dir) {
            (Some(path), _) => match &self.l1_password_file {
                Some(file) => keys::load_operator_key(path, &Passwords::new(Some(file.clone())))?,
                None => keys::load_operator_key(path, passwords)?,
            },
            (None, Some(directory)) => keys::load_operator_key(&directory.join(OPERATOR_KEY), passwords)?,
            (None, None) => {
                return Err(eyre!("no key pays on L1: name one by --l1-key, or the operator's by --keys-dir"));
            }
        };
        let key = PrivateKeySigner::from_bytes(&key.to_bytes()).wrap_err("not a key of L1")?;
        let policy = FeePolicy {
            max_fee_per_gas: self.max_fee,
            confirmations: self.confirmations,
            poll_interval: Duration::from_secs(1),
            ..FeePolicy::default()
        };
        Ok(Sender::new(client.clone(), key, policy))
    }
}

/// An amount of wei in ether.
pub(super) fn ether(wei: U256) -> String {
    crate::staking::Token::native().format(wei)
}
