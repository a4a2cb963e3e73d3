//! All transactions of a run.

use crate::{
    Options,
    transactions::{sign, template},
    workload::{Accounts, Load, load, transfer},
};
use alloy_consensus::TxEip1559;
use alloy_primitives::{Bytes, TxKind, U256, hex};
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::{SolCall, SolValue, sol};
use eyre::WrapErr;

/// The creation code of the token that `baton testnet` uses, in hex, in lines.
const TOKEN: &str = include_str!("../../src/testnet/load/LoadToken.hex");

/// The name of the load that leaves the machine room to breathe.
pub(crate) const PACED: &str = "paced transfers";

/// How long it lasts.
const PACED_SECONDS: f64 = 10.0;

/// How many of its transactions are in one batch.
pub(crate) const PACED_BATCH: usize = 5;

sol! {
    function transfer(address to, uint256 amount) external returns (bool);
}

/// All that is sent, the same for everything that is measured.
pub(crate) struct Workloads {
    pub(crate) accounts: Accounts,
    /// Deploys the token; to be included before anything else.
    pub(crate) deployment: Bytes,
    pub(crate) loads: Vec<Load>,
}

impl Workloads {
    pub(crate) fn sign(options: &Options) -> eyre::Result<Self> {
        let accounts = Accounts::derive(options.senders, options.recipients)?;
        let token = accounts.deployer.address().create(0);
        let deployment = sign(&accounts.deployer, create_token(&accounts)?)?;
        let each = |count: usize| count.div_ceil(options.senders) as u64;
        let transfers = each(options.transfers);
        let tokens = transfers + each(options.token_transfers);
        let paced = tokens + each((options.pace * PACED_SECONDS).round() as usize);
        let shape = (options.connections, options.batch);
        let token_transfer = |to| TxEip1559 {
            to: TxKind::Call(token),
            input: transferCall { to, amount: U256::from(1) }.abi_encode().into(),
            gas_limit: 80_000,
            ..template()
        };
        let mut loads = vec![
            load(&accounts, "transfers", 0..transfers, shape, transfer)?,
            load(&accounts, "ERC-20 transfers", transfers..tokens, shape, token_transfer)?,
        ];
        if paced > tokens {
            let load = load(&accounts, PACED, tokens..paced, (options.connections, PACED_BATCH), transfer)?;
            loads.push(Load { pace: Some(options.pace), ..load });
        }
        Ok(Self { accounts, deployment, loads })
    }
}

fn create_token(accounts: &Accounts) -> eyre::Result<TxEip1559> {
    let mut code = hex::decode(TOKEN.split_whitespace().collect::<String>()).wrap_err("the token's code is damaged")?;
    let holders: Vec<_> = accounts.senders.iter().map(PrivateKeySigner::address).collect();
    code.extend((holders, Accounts::fortune()).abi_encode_params());
    Ok(TxEip1559 { to: TxKind::Create, input: code.into(), gas_limit: 16_000_000, ..template() })
}
