//! Transactions of 1 kB that no compression makes smaller.

use crate::{
    options::Options,
    transactions::template,
    workload::{Accounts, Body, load},
};
use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, TxKind, keccak256};

/// Accounts that send, and that receive.
const ACCOUNTS: (usize, usize) = (200, 10_000);

/// Bytes of calldata: with all that is around it, a transaction has about 1,000.
const INPUT: usize = 880;

/// What such a transaction may use: 21,000 and at most 40 a byte (EIP-7623).
const GAS: u64 = 21_000 + 40 * INPUT as u64;

pub(crate) fn accounts() -> eyre::Result<Accounts> {
    Accounts::derive(ACCOUNTS.0, ACCOUNTS.1)
}

/// For each size the bodies of the requests that bring what one block is to hold.
pub(crate) fn bodies(options: &Options, accounts: &Accounts) -> eyre::Result<Vec<Vec<Body>>> {
    let mut nonce = 0;
    let mut bodies = Vec::new();
    for count in &options.transactions {
        if *count == 0 {
            bodies.push(Vec::new());
            continue;
        }
        let rounds = (options.blocks * count).div_ceil(ACCOUNTS.0) as u64;
        let loaded = load(accounts, "blocks", nonce..nonce + rounds, (1, *count), transaction)?;
        nonce += rounds;
        bodies.push(loaded.lanes.into_iter().flatten().take(options.blocks).collect());
    }
    Ok(bodies)
}

fn transaction(to: Address) -> TxEip1559 {
    let words = std::iter::successors(Some(keccak256(to)), |word| Some(keccak256(word)));
    let input: Vec<u8> = words.flat_map(|word| word.0).take(INPUT).collect();
    TxEip1559 { to: TxKind::Call(to), gas_limit: GAS, input: input.into(), ..template() }
}
