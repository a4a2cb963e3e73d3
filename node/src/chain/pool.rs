//! What the mempool needs of the chain: the accounts, and the news of a block in its words.

use super::{ChainReader, StateAdapter};
use crate::mempool::{Account, AccountError, AccountSource, Accounts, CommittedBlock};
use alloy_primitives::Address;
use baton_execution::{ChainSpec, ExecutedBlock, StateReader, next_base_fee};

impl AccountSource for ChainReader {
    fn accounts(&self, addresses: &[Address]) -> Result<Accounts, AccountError> {
        let state = StateAdapter::head(self.store()).map_err(|error| AccountError(error.to_string()))?;
        let read = |address: &Address| match state.account(*address) {
            Ok(account) => Ok(pool_account(account)),
            Err(error) => Err(AccountError(error.to_string())),
        };
        let accounts = addresses.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Accounts { height: state.block().height.0, accounts })
    }
}

/// What a block means to the pool.
#[must_use]
pub fn committed_block(spec: &ChainSpec, executed: &ExecutedBlock) -> CommittedBlock {
    let header = &executed.block.header;
    CommittedBlock {
        height: header.number,
        next_base_fee: next_base_fee(spec, header),
        accounts: executed.diff.accounts.iter().map(|(address, account)| (*address, pool_account(*account))).collect(),
        transactions: executed.block.body.transactions.iter().map(|transaction| *transaction.tx_hash()).collect(),
    }
}

fn pool_account(account: Option<baton_execution::Account>) -> Account {
    account.map(|account| Account { nonce: account.nonce, balance: account.balance }).unwrap_or_default()
}
