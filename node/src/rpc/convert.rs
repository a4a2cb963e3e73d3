//! From the chain's records to the objects of the Ethereum JSON-RPC specification (ethereum/execution-apis).

use crate::{
    chain::{BlockLog, BlockWithReceipts, RecoveredBlock},
    mempool::PooledTransaction,
};
use alloy_consensus::{
    Eip658Value, Header, Receipt, ReceiptEnvelope, ReceiptWithBloom, Transaction as _, TxEnvelope, TxType,
    transaction::{Recovered, TransactionInfo},
};
use alloy_primitives::{B256, Bloom, LogData, Sealed, U256};
use alloy_rlp::Encodable;
use alloy_rpc_types_eth as rpc;
use baton_storage::{StoredLog, StoredReceipt};

/// A header on its own, as `newHeads` announces it; it has no size.
pub(super) fn header(header: Sealed<Header>) -> rpc::Header {
    rpc::Header::from_consensus(header, None, None)
}

/// A block with its transactions, or with their hashes.
pub(super) fn block(recovered: &RecoveredBlock, full: bool) -> rpc::Block {
    let block = &recovered.block;
    let transactions = if full {
        let all = 0..block.body.transactions.len();
        rpc::BlockTransactions::Full(all.filter_map(|index| transaction(recovered, index)).collect())
    } else {
        rpc::BlockTransactions::Hashes(block.body.transactions.iter().map(|tx| *tx.tx_hash()).collect())
    };
    let sealed = Sealed::new_unchecked(block.header.clone(), recovered.hash);
    rpc::Block {
        header: rpc::Header::from_consensus(sealed, None, Some(U256::from(block.length()))),
        uncles: Vec::new(),
        transactions,
        withdrawals: Some(block.body.withdrawals.clone().unwrap_or_default()),
    }
}

/// A transaction of a block; none beyond its last one.
pub(super) fn transaction(recovered: &RecoveredBlock, index: usize) -> Option<rpc::Transaction> {
    let header = &recovered.block.header;
    let transaction = recovered.block.body.transactions.get(index)?.clone();
    let sender = *recovered.senders.get(index)?;
    let info = TransactionInfo {
        hash: Some(*transaction.tx_hash()),
        index: u64::try_from(index).ok(),
        block_hash: Some(recovered.hash),
        block_number: Some(header.number),
        base_fee: header.base_fee_per_gas,
        block_timestamp: Some(header.timestamp),
    };
    Some(rpc::Transaction::from_transaction(Recovered::new_unchecked(transaction, sender), info))
}

/// A transaction that is in no block yet.
pub(super) fn pending_transaction(pooled: &PooledTransaction) -> rpc::Transaction {
    let (transaction, sender) = (TxEnvelope::from(pooled.transaction().clone()), pooled.sender());
    let info = TransactionInfo { hash: Some(*transaction.tx_hash()), ..TransactionInfo::default() };
    rpc::Transaction::from_transaction(Recovered::new_unchecked(transaction, sender), info)
}

/// The receipt of a transaction of a block; none beyond its last one.
pub(super) fn receipt(block: &BlockWithReceipts, index: usize) -> Option<rpc::TransactionReceipt> {
    let first_log = block.receipts.get(..index)?.iter().map(|receipt| receipt.logs.len() as u64).sum();
    receipt_at(block, index, first_log)
}

/// The receipts of all transactions of a block.
pub(super) fn receipts(block: &BlockWithReceipts) -> Vec<rpc::TransactionReceipt> {
    let mut first_log = 0;
    let numbered = block.receipts.iter().enumerate().filter_map(|(index, stored)| {
        let receipt = receipt_at(block, index, first_log);
        first_log += stored.logs.len() as u64;
        receipt
    });
    numbered.collect()
}

fn receipt_at(block: &BlockWithReceipts, index: usize, first_log: u64) -> Option<rpc::TransactionReceipt> {
    let recovered = &block.block;
    let header = &recovered.block.header;
    let transaction = recovered.block.body.transactions.get(index)?;
    let stored = block.receipts.get(index)?;
    let (transaction_hash, transaction_index) = (*transaction.tx_hash(), index as u64);
    let logs = (first_log..).zip(&stored.logs).map(|(index, stored)| {
        let entry = BlockLog { transaction_hash, transaction_index, index, log: stored.clone() };
        log(header, recovered.hash, &entry)
    });
    let receipt = Receipt {
        status: Eip658Value::Eip658(stored.success),
        cumulative_gas_used: stored.cumulative_gas_used,
        logs: logs.collect(),
    };
    Some(rpc::TransactionReceipt {
        inner: envelope(stored, ReceiptWithBloom { logs_bloom: bloom(stored), receipt })?,
        transaction_hash,
        transaction_index: Some(transaction_index),
        block_hash: Some(recovered.hash),
        block_number: Some(header.number),
        gas_used: stored.gas_used,
        effective_gas_price: transaction.effective_gas_price(header.base_fee_per_gas),
        blob_gas_used: None,
        blob_gas_price: None,
        from: *recovered.senders.get(index)?,
        to: transaction.to(),
        contract_address: stored.contract_address,
    })
}

fn envelope(stored: &StoredReceipt, receipt: ReceiptWithBloom<Receipt<rpc::Log>>) -> Option<ReceiptEnvelope<rpc::Log>> {
    Some(ReceiptEnvelope::from_typed(TxType::try_from(stored.tx_type).ok()?, receipt))
}

fn bloom(stored: &StoredReceipt) -> Bloom {
    let mut bloom = Bloom::ZERO;
    for log in &stored.logs {
        bloom.accrue_raw_log(log.address, &log.topics);
    }
    bloom
}

/// A log of a block.
pub(super) fn log(header: &Header, block_hash: B256, entry: &BlockLog) -> rpc::Log {
    let BlockLog { transaction_hash, transaction_index, index, log: StoredLog { address, topics, data } } = entry;
    rpc::Log {
        inner: alloy_primitives::Log { address: *address, data: LogData::new_unchecked(topics.clone(), data.clone()) },
        block_hash: Some(block_hash),
        block_number: Some(header.number),
        block_timestamp: Some(header.timestamp),
        transaction_hash: Some(*transaction_hash),
        transaction_index: Some(*transaction_index),
        log_index: Some(*index),
        removed: false,
    }
}
