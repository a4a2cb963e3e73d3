//! From what execution found out to what the store commits.

use alloy_consensus::Transaction as _;
use alloy_primitives::Bytes;
use baton_consensus::types::{Height, SealedBlock};
use baton_execution::{Account, ExecutedBlock, Receipt, StateDiff, TrieKey};
use baton_storage::{BlockCommit, JournalWrite, StateChanges, StoredAccount, StoredLog, StoredReceipt};
use std::sync::Arc;

/// What the store commits for an executed block under its seal. `journal` is what is signed because of the block, and
/// `finalized` the newest final height if it rises with it.
#[must_use]
pub fn block_commit(
    executed: &ExecutedBlock,
    sealed: Arc<SealedBlock>,
    journal: Vec<JournalWrite>,
    finalized: Option<Height>,
) -> BlockCommit {
    BlockCommit {
        block: sealed,
        hash: executed.hash,
        senders: executed.senders.clone(),
        receipts: stored_receipts(executed),
        state: state_changes(&executed.diff),
        journal,
        finalized,
    }
}

/// The changes of the state in the form of the store.
#[must_use]
pub fn state_changes(diff: &StateDiff) -> StateChanges {
    let StateDiff { accounts, storage, code, trie_nodes } = diff;
    StateChanges {
        accounts: accounts.iter().map(|(address, account)| (*address, account.map(stored_account))).collect(),
        slots: storage.iter().map(|((address, slot), value)| (*address, *slot, *value)).collect(),
        code: code.iter().map(|(hash, code)| (*hash, code.clone())).collect(),
        trie: trie_nodes.iter().map(|(key, node)| (key.to_bytes(), node.clone())).collect(),
    }
}

/// Nodes of a trie that are there from now on, in the form of the store.
#[must_use]
pub fn trie_changes(nodes: Vec<(TrieKey, Bytes)>) -> Vec<(Vec<u8>, Option<Bytes>)> {
    nodes.into_iter().map(|(key, node)| (key.to_bytes(), Some(node))).collect()
}

/// The receipts of a block with what JSON-RPC tells beside them: each transaction's own gas, and the address that a creation
/// is given, whether it succeeded or not.
#[must_use]
pub fn stored_receipts(executed: &ExecutedBlock) -> Vec<StoredReceipt> {
    let mut before = 0;
    let transactions = executed.block.body.transactions.iter().zip(&executed.senders);
    let stored = transactions.zip(&executed.receipts).map(|((transaction, sender), receipt)| {
        let Receipt { tx_type, success, cumulative_gas_used, logs } = receipt;
        let gas_used = cumulative_gas_used.saturating_sub(before);
        before = *cumulative_gas_used;
        StoredReceipt {
            tx_type: u8::from(*tx_type),
            success: *success,
            cumulative_gas_used: *cumulative_gas_used,
            gas_used,
            contract_address: transaction.is_create().then(|| sender.create(transaction.nonce())),
            logs: logs.iter().map(stored_log).collect(),
        }
    });
    stored.collect()
}

fn stored_log(log: &alloy_primitives::Log) -> StoredLog {
    StoredLog { address: log.address, topics: log.topics().to_vec(), data: log.data.data.clone() }
}

const fn stored_account(account: Account) -> StoredAccount {
    let Account { nonce, balance, code_hash, storage_root } = account;
    StoredAccount { nonce, balance, code_hash, storage_root }
}
