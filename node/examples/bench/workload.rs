//! The transactions, signed and put into JSON-RPC batches before any clock runs.

use crate::{
    Options,
    transactions::{sign, template},
};
use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, Bytes, TxKind, U256, hex, keccak256};
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::{SolCall, SolValue, sol};
use eyre::WrapErr;
use rayon::prelude::*;
use std::fmt::Write as _;

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

/// Who sends and who receives.
pub(crate) struct Accounts {
    pub(crate) deployer: PrivateKeySigner,
    pub(crate) senders: Vec<PrivateKeySigner>,
    recipients: Vec<Address>,
}

impl Accounts {
    fn derive(senders: usize, recipients: usize) -> eyre::Result<Self> {
        let key = |name: String| PrivateKeySigner::from_bytes(&keccak256(format!("baton bench {name}")));
        let recipient = |index: usize| Address::from_word(keccak256(format!("baton bench recipient {index}")));
        Ok(Self {
            deployer: key("deployer".to_owned())?,
            senders: (0..senders).map(|index| key(format!("sender {index}"))).collect::<Result<_, _>>()?,
            recipients: (0..recipients).map(recipient).collect(),
        })
    }

    /// Everyone who needs funds.
    pub(crate) fn funded(&self) -> impl Iterator<Item = Address> {
        std::iter::once(&self.deployer).chain(&self.senders).map(PrivateKeySigner::address)
    }

    /// What every funded account holds at first: a million ether.
    pub(crate) fn fortune() -> U256 {
        U256::from(10).pow(U256::from(24))
    }
}

/// Transactions of one kind.
pub(crate) struct Load {
    pub(crate) name: &'static str,
    pub(crate) transactions: usize,
    /// How many are sent a second; as many as are taken, if absent.
    pub(crate) pace: Option<f64>,
    /// The bodies of the requests that each connection sends, in order.
    pub(crate) lanes: Vec<Vec<Body>>,
}

/// The body of one request.
pub(crate) struct Body {
    pub(crate) json: Bytes,
    pub(crate) transactions: usize,
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
        let transfer = |to| TxEip1559 { to: TxKind::Call(to), value: U256::from(1), gas_limit: 21_000, ..template() };
        let token_transfer = |to| TxEip1559 {
            to: TxKind::Call(token),
            input: transferCall { to, amount: U256::from(1) }.abi_encode().into(),
            gas_limit: 80_000,
            ..template()
        };
        let mut loads = vec![
            load(options, &accounts, "transfers", 0..transfers, options.batch, transfer)?,
            load(options, &accounts, "ERC-20 transfers", transfers..tokens, options.batch, token_transfer)?,
        ];
        if paced > tokens {
            let load = load(options, &accounts, PACED, tokens..paced, PACED_BATCH, transfer)?;
            loads.push(Load { pace: Some(options.pace), ..load });
        }
        Ok(Self { accounts, deployment, loads })
    }
}

/// A sender belongs to one connection, so that its nonces arrive in order; within a connection the senders take turns.
fn load(
    options: &Options,
    accounts: &Accounts,
    name: &'static str,
    nonces: std::ops::Range<u64>,
    batch: usize,
    make: impl Fn(Address) -> TxEip1559 + Sync,
) -> eyre::Result<Load> {
    let connections = options.connections;
    let count = accounts.senders.len();
    let lane = |lane: usize| {
        let turns =
            nonces.clone().flat_map(|nonce| (lane..count).step_by(connections).map(move |index| (nonce, index)));
        let turns: Vec<_> = turns.collect();
        let signed = turns.into_par_iter().map(|(nonce, index)| {
            let number = nonce as usize * count + index;
            let recipient = accounts.recipients[number % accounts.recipients.len()];
            sign(&accounts.senders[index], TxEip1559 { nonce, ..make(recipient) })
        });
        let signed = signed.collect::<eyre::Result<Vec<_>>>()?;
        Ok(signed.chunks(batch).map(body).collect())
    };
    let lanes = (0..connections).map(lane).collect::<eyre::Result<Vec<Vec<Body>>>>()?;
    let transactions = lanes.iter().flatten().map(|body| body.transactions).sum();
    Ok(Load { name, transactions, pace: None, lanes })
}

fn body(transactions: &[Bytes]) -> Body {
    let mut json = String::from("[");
    for (id, raw) in transactions.iter().enumerate() {
        let comma = if id == 0 { "" } else { "," };
        // Writing to a string cannot fail.
        let _ = write!(
            json,
            r#"{comma}{{"jsonrpc":"2.0","id":{id},"method":"eth_sendRawTransaction","params":["{raw}"]}}"#
        );
    }
    json.push(']');
    Body { json: json.into_bytes().into(), transactions: transactions.len() }
}

fn create_token(accounts: &Accounts) -> eyre::Result<TxEip1559> {
    let mut code = hex::decode(TOKEN.split_whitespace().collect::<String>()).wrap_err("the token's code is damaged")?;
    let holders: Vec<_> = accounts.senders.iter().map(PrivateKeySigner::address).collect();
    code.extend((holders, Accounts::fortune()).abi_encode_params());
    Ok(TxEip1559 { to: TxKind::Create, input: code.into(), gas_limit: 16_000_000, ..template() })
}
