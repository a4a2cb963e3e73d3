//! Building and checking standard Ethereum blocks with revm, over a flat state and an incremental trie.
//!
//! The crate is pure: it reads state through [`StateReader`], returns what a block changes as a [`StateDiff`] and writes
//! nothing. A block comes out byte for byte the same on every node.
//!
//! # The rules
//!
//! Every block follows the Osaka rules from genesis on, with these choices of an L2 without a beacon chain:
//!
//! - Transactions are legacy (with a chain id, EIP-155), EIP-2930, EIP-1559 and EIP-7702. Blob transactions (EIP-4844) are
//!   refused, and `blob_gas_used` and `excess_blob_gas` are always zero.
//! - A timestamp may equal its parent's and never precedes it, so that blocks may come faster than once a second.
//! - `mix_hash` is zero: the `PREVRANDAO` opcode returns 0 and contracts must not use it as a source of randomness.
//! - `extra_data` and `parent_beacon_block_root` carry consensus' data; their content is not judged here.
//! - EIP-4788 (beacon roots) and EIP-2935 (block hashes) run at the start of a block where genesis deployed their contracts
//!   ([`system_contracts`]), and do nothing otherwise. Since EIP-4788 stores by timestamp, blocks of one second overwrite
//!   each other's root there; EIP-2935 keeps every block.
//! - The request contracts of EIP-7002 and EIP-7251 are not called, as there is no consensus layer to serve:
//!   `requests_hash` is always that of the empty list, and there are no withdrawals.
//! - The base fee is burnt, unless genesis names a recipient, who is then credited at the end of the block.
//!
//! # The modules
//!
//! [`build_block`] is the leader's half and [`execute_block`] everyone else's; both drive the same executor and the same
//! computation of roots. [`trie`] keeps the Merkle-Patricia tries and proves what is in them, [`Overlay`] stacks executed
//! blocks that are not stored yet, [`call`] and [`estimate_gas`] serve RPC, [`genesis_state`] and [`genesis_header`] make
//! block zero.

mod assemble;
mod block;
mod builder;
mod call;
mod estimate;
mod evm;
mod execute;
mod genesis;
mod header;
mod memory;
mod overlay;
mod spec;
mod state;
mod transactions;
pub mod trie;

pub use block::{Block, BlockAttributes, ExecutedBlock, Receipt, RecoveredTransaction, SealedHeader, Transaction};
pub use builder::{BuildLimits, BuiltBlock, ExecutionError, build_block};
pub use call::{CALL_GAS_CAP, CallError, CallOutcome, CallRequest, CallStatus, call};
pub use estimate::{EstimateError, estimate_gas};
pub use execute::{BlockError, InvalidBlock, execute_block};
pub use genesis::{GenesisAccount, GenesisError, GenesisParameters, genesis_header, genesis_state, system_contracts};
pub use header::{next_base_fee, next_gas_limit, verify_header};
pub use memory::MemoryState;
pub use overlay::Overlay;
pub use spec::{ChainSpec, MAX_BLOCK_SIZE, MAX_EXTRA_DATA_SIZE, MAX_TRANSACTION_GAS, MIN_GAS_LIMIT, SpecError};
pub use state::{Account, StateDiff, StateError, StateReader};
pub use transactions::{TransactionError, recover_signer, recover_signers, validate_stateless};
pub use trie::TrieKey;
