//! Transfers, signed and put into JSON-RPC batches before any clock runs.

use crate::transactions::{sign, template};
use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, Bytes, TxKind, U256, keccak256};
use alloy_signer_local::PrivateKeySigner;
use rayon::prelude::*;
use std::fmt::Write as _;

/// Who sends and who receives.
pub(crate) struct Accounts {
    pub(crate) deployer: PrivateKeySigner,
    pub(crate) senders: Vec<PrivateKeySigner>,
    recipients: Vec<Address>,
}

impl Accounts {
    pub(crate) fn derive(senders: usize, recipients: usize) -> eyre::Result<Self> {
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

/// A transfer of one wei.
pub(crate) fn transfer(to: Address) -> TxEip1559 {
    TxEip1559 { to: TxKind::Call(to), value: U256::from(1), gas_limit: 21_000, ..template() }
}

/// Signs the transactions with these nonces of every sender, for so many connections that send batches of so many.
///
/// A sender belongs to one connection, so that its nonces arrive in order; within a connection the senders take turns.
pub(crate) fn load(
    accounts: &Accounts,
    name: &'static str,
    nonces: std::ops::Range<u64>,
    (connections, batch): (usize, usize),
    make: impl Fn(Address) -> TxEip1559 + Sync,
) -> eyre::Result<Load> {
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

/// One request for all of these.
pub(crate) fn body(transactions: &[Bytes]) -> Body {
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
