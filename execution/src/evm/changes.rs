//! Reading a block's changes off the journal.

use alloy_trie::EMPTY_ROOT_HASH;
use revm::state::EvmState;

use super::BlockDatabase;
use crate::{Account, StateDiff, StateError};

/// What the journal changed against the state before the block. The accounts keep their old storage roots and there are no
/// trie nodes yet.
pub(super) fn changes(database: &mut BlockDatabase<'_>, journal: EvmState) -> Result<StateDiff, StateError> {
    let mut diff = StateDiff::default();
    diff.accounts.reserve(journal.len());
    for (address, entry) in journal {
        let before = database.account_before(address)?;
        // An account that destroyed itself in the transaction that created it is marked as such until a later transaction
        // loads it again, clean. Empty accounts must not exist (EIP-161).
        let gone = entry.is_selfdestructed_locally() || entry.info.is_empty();
        if gone {
            let Some(before) = before else { continue };
            if before.storage_root != EMPTY_ROOT_HASH {
                return Err(StateError::new(format!("account {address} has storage but neither nonce nor code")));
            }
            diff.accounts.insert(address, None);
            continue;
        }
        let storage_before = diff.storage.len();
        for (slot, value) in &entry.storage {
            let value = value.present_value();
            if value != database.storage_before(address, *slot) {
                diff.storage.insert((address, *slot), value);
            }
        }
        let account = Account {
            nonce: entry.info.nonce,
            balance: entry.info.balance,
            code_hash: entry.info.code_hash,
            storage_root: before.map_or(EMPTY_ROOT_HASH, |before| before.storage_root),
        };
        if account.has_code() && before.is_none_or(|before| before.code_hash != account.code_hash) {
            let code = entry.info.code.as_ref().map(revm::state::Bytecode::original_bytes);
            let code = code.ok_or_else(|| StateError::new(format!("the new code of {address} is not at hand")))?;
            diff.code.insert(account.code_hash, code);
        }
        if diff.storage.len() != storage_before || before != Some(account) {
            diff.accounts.insert(address, Some(account));
        }
    }
    Ok(diff)
}
