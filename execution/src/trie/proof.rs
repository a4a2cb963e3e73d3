//! Merkle proofs of accounts and storage slots (EIP-1186).

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rlp::Decodable;
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles, TrieAccount, nodes::RlpNode};

use super::{
    commit::Integrity,
    node::{Loader, Node},
};
use crate::{Account, StateError, StateReader};

/// Proof of an account and of some of its storage slots under a state root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountProof {
    /// The account's address.
    pub address: Address,
    /// The account; `None` when the proof shows its absence.
    pub account: Option<Account>,
    /// The encoded nodes from the state root towards the account, root first; empty in an empty state.
    pub proof: Vec<Bytes>,
    /// The proofs of the slots that were asked for, in that order.
    pub storage: Vec<StorageProof>,
}

/// Proof of a storage slot under an account's storage root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageProof {
    /// The slot.
    pub slot: U256,
    /// Its value; zero when the proof shows its absence.
    pub value: U256,
    /// The encoded nodes from the storage root towards the slot, root first; empty in an empty storage.
    pub proof: Vec<Bytes>,
}

/// Why a proof could not be made.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ProofError {
    /// A node is missing or another one stands in its place: the state of that root is not the one that is stored.
    #[error("the tries do not hold the state with root {root}: {source}")]
    NotStored {
        /// The root that was asked for.
        root: B256,
        /// What was found instead.
        source: StateError,
    },
    /// A value in the trie is no account or no storage value.
    #[error("the trie under {root} holds a value that cannot be decoded")]
    Damaged {
        /// The root that was asked for.
        root: B256,
    },
}

/// Proves the account at `address`, and `slots` of its storage, under `state_root`, which must be the root of the state that
/// `state` reads: older versions of a trie are not kept.
///
/// # Errors
/// When a node cannot be read or does not belong to that root.
pub fn prove(
    state: &dyn StateReader,
    state_root: B256,
    address: Address,
    slots: &[U256],
) -> Result<AccountProof, ProofError> {
    let (proof, value) = walk(state, None, state_root, keccak256(address))?;
    let account = value
        .map(|value| TrieAccount::decode(&mut value.as_slice()))
        .transpose()
        .map_err(|_| ProofError::Damaged { root: state_root })?
        .map(|account| Account {
            nonce: account.nonce,
            balance: account.balance,
            code_hash: account.code_hash,
            storage_root: account.storage_root,
        });
    let storage_root = account.map_or(EMPTY_ROOT_HASH, |account| account.storage_root);
    let owner = Some(keccak256(address));
    let storage = slots
        .iter()
        .map(|slot| {
            let (proof, value) = walk(state, owner, storage_root, keccak256(slot.to_be_bytes::<32>()))?;
            let value = value
                .map_or(Ok(U256::ZERO), |value| U256::decode(&mut value.as_slice()))
                .map_err(|_| ProofError::Damaged { root: storage_root })?;
            Ok(StorageProof { slot: *slot, value, proof })
        })
        .collect::<Result<_, ProofError>>()?;
    Ok(AccountProof { address, account, proof, storage })
}

/// The persisted nodes on the way to `key`, and its value if it is there.
fn walk(
    state: &dyn StateReader,
    owner: Option<B256>,
    root: B256,
    key: B256,
) -> Result<(Vec<Bytes>, Option<Vec<u8>>), ProofError> {
    let mut proof = Vec::new();
    if root == EMPTY_ROOT_HASH {
        return Ok((proof, None));
    }
    let not_stored = |source| ProofError::NotStored { root, source };
    let loader = Loader { state, owner, integrity: Integrity::Check };
    let key = Nibbles::unpack(key);
    let mut path = Nibbles::new();
    let mut pointer = RlpNode::word_rlp(&root);
    loop {
        let node = match pointer.as_hash() {
            Some(hash) => {
                let bytes = loader.bytes(hash, path).map_err(not_stored)?;
                let node = Node::decode(&bytes);
                proof.push(bytes);
                node
            }
            None => Node::decode(&pointer),
        };
        let rest = key.slice(path.len()..);
        match node.ok_or(ProofError::Damaged { root })? {
            Node::Leaf { key, value } => return Ok((proof, (key == rest).then_some(value))),
            Node::Extension { key, child } => {
                if !rest.starts_with(&key) {
                    return Ok((proof, None));
                }
                path.extend(&key);
                pointer = child;
            }
            Node::Branch(branch) => {
                let nibble = rest.get(0).ok_or(ProofError::Damaged { root })?;
                let child = branch.state_mask.iter().zip(branch.stack).find(|(index, _)| *index == nibble);
                let Some((_, child)) = child else { return Ok((proof, None)) };
                path.push(nibble);
                pointer = child;
            }
        }
    }
}
