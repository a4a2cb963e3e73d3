//! Headers and transactions as revm wants them.

use alloy_consensus::Header;
use alloy_eips::eip2930::AccessList;
use alloy_primitives::{Address, B256, TxKind, U256};
use revm::{
    Context, MainBuilder, MainnetEvm,
    context::{BlockEnv, CfgEnv, Journal, TxEnv},
    context_interface::{block::BlobExcessGasAndPrice, either::Either},
    handler::MainnetContext,
};

use super::BlockDatabase;
use crate::{Transaction, spec::FORK};

/// The EVM with mainnet's instructions and precompiles.
pub(crate) type Evm<'a> = MainnetEvm<MainnetContext<BlockDatabase<'a>>>;

/// An EVM that executes inside the given block.
pub(crate) fn evm(database: BlockDatabase<'_>, cfg: CfgEnv, block: BlockEnv) -> Evm<'_> {
    Context::<BlockEnv, TxEnv, CfgEnv, _, Journal<_>, ()>::new(database, FORK)
        .with_block(block)
        .with_cfg(cfg)
        .build_mainnet()
}

/// The block that a header describes. The roots play no part.
pub(crate) fn block_env(header: &Header) -> BlockEnv {
    BlockEnv {
        number: U256::from(header.number),
        beneficiary: header.beneficiary,
        timestamp: U256::from(header.timestamp),
        gas_limit: header.gas_limit,
        basefee: header.base_fee_per_gas.unwrap_or_default(),
        difficulty: U256::ZERO,
        prevrandao: Some(B256::ZERO),
        // There are no blobs; `BLOBBASEFEE` reads the minimum, 1.
        blob_excess_gas_and_price: Some(BlobExcessGasAndPrice { excess_blob_gas: 0, blob_gasprice: 1 }),
        slot_num: 0,
    }
}

/// A transaction with its sender.
pub(crate) fn transaction_env(transaction: &Transaction, caller: Address) -> TxEnv {
    let mut env = TxEnv {
        tx_type: transaction.tx_type() as u8,
        caller,
        gas_limit: 0,
        gas_price: 0,
        kind: TxKind::Create,
        value: U256::ZERO,
        data: Default::default(),
        nonce: 0,
        chain_id: None,
        access_list: AccessList::default(),
        gas_priority_fee: None,
        blob_hashes: Vec::new(),
        max_fee_per_blob_gas: 0,
        authorization_list: Vec::new(),
    };
    match transaction {
        Transaction::Legacy(tx) => {
            let tx = tx.tx();
            env.gas_limit = tx.gas_limit;
            env.gas_price = tx.gas_price;
            env.kind = tx.to;
            env.value = tx.value;
            env.data = tx.input.clone();
            env.nonce = tx.nonce;
            env.chain_id = tx.chain_id;
        }
        Transaction::Eip2930(tx) => {
            let tx = tx.tx();
            env.gas_limit = tx.gas_limit;
            env.gas_price = tx.gas_price;
            env.kind = tx.to;
            env.value = tx.value;
            env.data = tx.input.clone();
            env.nonce = tx.nonce;
            env.chain_id = Some(tx.chain_id);
            env.access_list = tx.access_list.clone();
        }
        Transaction::Eip1559(tx) => {
            let tx = tx.tx();
            env.gas_limit = tx.gas_limit;
            env.gas_price = tx.max_fee_per_gas;
            env.gas_priority_fee = Some(tx.max_priority_fee_per_gas);
            env.kind = tx.to;
            env.value = tx.value;
            env.data = tx.input.clone();
            env.nonce = tx.nonce;
            env.chain_id = Some(tx.chain_id);
            env.access_list = tx.access_list.clone();
        }
        Transaction::Eip4844(tx) => {
            // Refused before it comes here; the fields are those that the checks look at.
            let tx = tx.tx();
            env.gas_limit = tx.gas_limit;
            env.nonce = tx.nonce;
            env.kind = TxKind::Call(tx.to);
            env.chain_id = Some(tx.chain_id);
            env.blob_hashes = tx.blob_versioned_hashes.clone();
        }
        Transaction::Eip7702(tx) => {
            let tx = tx.tx();
            env.gas_limit = tx.gas_limit;
            env.gas_price = tx.max_fee_per_gas;
            env.gas_priority_fee = Some(tx.max_priority_fee_per_gas);
            env.kind = TxKind::Call(tx.to);
            env.value = tx.value;
            env.data = tx.input.clone();
            env.nonce = tx.nonce;
            env.chain_id = Some(tx.chain_id);
            env.access_list = tx.access_list.clone();
            env.authorization_list = tx.authorization_list.iter().cloned().map(Either::Left).collect();
        }
    }
    env
}
