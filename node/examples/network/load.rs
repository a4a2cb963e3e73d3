//! Transactions of 1 kB that no compression makes smaller.

use crate::{
    options::Options,
    transactions::{sign, template},
    workload::{Accounts, Body, body},
};
use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, Bytes, TxKind, keccak256};
use rayon::prelude::*;
use std::ops::Range;

/// Accounts that send.
const SENDERS: usize = 200;

/// Bytes of calldata: with all that is around it, a transaction has about 1,000.
const INPUT: usize = 880;

/// What such a transaction may use: 21,000 and at most 40 a byte (EIP-7623).
const GAS: u64 = 21_000 + 40 * INPUT as u64;

pub(crate) fn accounts() -> eyre::Result<Accounts> {
    Accounts::derive(SENDERS, 0)
}

/// For each size the bodies of the requests that bring what one block is to hold.
pub(crate) fn bodies(options: &Options, accounts: &Accounts) -> eyre::Result<Vec<Vec<Body>>> {
    let mut next = 0;
    let mut of_size = |count: usize| {
        let blocks = (0..options.blocks).filter(|_| count > 0).map(|_| {
            let numbers = next..next + count;
            next = numbers.end;
            Ok(body(&signed(accounts, numbers)?))
        });
        blocks.collect()
    };
    options.transactions.iter().map(|count| of_size(*count)).collect()
}

/// The transactions with these numbers: the senders take turns, so that none leaves out a nonce.
fn signed(accounts: &Accounts, numbers: Range<usize>) -> eyre::Result<Vec<Bytes>> {
    let one = |number: usize| {
        let seed = keccak256(number.to_be_bytes());
        let words = std::iter::successors(Some(seed), |word| Some(keccak256(word)));
        let input: Vec<u8> = words.flat_map(|word| word.0).take(INPUT).collect();
        let transaction = TxEip1559 {
            nonce: (number / SENDERS) as u64,
            to: TxKind::Call(Address::from_word(seed)),
            gas_limit: GAS,
            input: input.into(),
            ..template()
        };
        sign(&accounts.senders[number % SENDERS], transaction)
    };
    numbers.into_par_iter().map(one).collect()
}
