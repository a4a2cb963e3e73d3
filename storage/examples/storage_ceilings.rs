//! What the store can do on this machine, one JSON object a line.
//!
//! `cargo run --release -p baton-storage --example ceilings -- [directory] [seconds per figure]`. The directory, on the
//! disk that is to be measured, gets a temporary directory, which is removed again; the default is that of the system.

#[path = "../tests/it/common.rs"]
#[expect(dead_code, clippy::unwrap_used, reason = "the tests use the rest, and fail as they should")]
mod common;

use alloy_primitives::{Address, Bytes, U256, keccak256};
use baton_consensus::types::{BlockRef, Height};
use baton_storage::{BlockCommit, CommitStats, JournalBatch, Prune, StateChanges, Store, StoreOptions};
use std::{
    env,
    error::Error,
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Transactions in a block that is committed.
const TRANSACTIONS: u64 = 2_000;

/// Blocks of the chains whose history is measured.
const HISTORY_BLOCKS: u64 = 256;

/// Accounts whose old values are read.
const ACCOUNTS_READ: u64 = 32;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args_os().skip(1);
    let parent = arguments.next().map_or_else(env::temp_dir, PathBuf::from);
    let seconds = arguments.next().and_then(|text| text.to_str()?.parse().ok()).unwrap_or(3.0);
    let span = Duration::try_from_secs_f64(seconds)?;
    let directory = tempfile::tempdir_in(parent)?;

    print("raw_synced_writes", "writes/s", raw_synced_writes(directory.path(), span)?);
    let store = Store::open(&directory.path().join("store"), &StoreOptions::default())?;
    store.initialize(&common::genesis())?;
    print("journal_synced_writes", "writes/s", journal_writes(&store, span)?);
    commits(&store, span)?;
    for (name, prune) in [("full", Prune::Full(HISTORY_BLOCKS / 8)), ("archive", Prune::Archive)] {
        let path = directory.path().join(name);
        history(&path, name, prune)?;
        std::fs::remove_dir_all(path)?;
    }
    Ok(())
}

fn print(name: &str, unit: &str, value: f64) {
    println!("{{\"name\":\"{name}\",\"unit\":\"{unit}\",\"value\":{value:.1}}}");
}

/// Appends of 256 bytes to a file, each with its own sync: what the disk allows.
fn raw_synced_writes(directory: &Path, span: Duration) -> Result<f64, Box<dyn Error>> {
    let mut file = File::create(directory.join("raw"))?;
    rate(span, |_| {
        file.write_all(&[7; 256])?;
        Ok(file.sync_data()?)
    })
}

/// Journal entries of 256 bytes, each with its own sync.
fn journal_writes(store: &Store, span: Duration) -> Result<f64, Box<dyn Error>> {
    rate(span, |number| {
        let entries = [common::entry(number, &[7; 256])];
        Ok(store.journal_write(&JournalBatch { entries: &entries, ..Default::default() })?)
    })
}

/// Calls `work` with 0, 1, and so on for `span`; returns how many times a second.
fn rate(span: Duration, mut work: impl FnMut(u64) -> Result<(), Box<dyn Error>>) -> Result<f64, Box<dyn Error>> {
    let start = Instant::now();
    let mut count = 0;
    while start.elapsed() < span {
        work(count)?;
        count += 1;
    }
    Ok(count as f64 / start.elapsed().as_secs_f64())
}

/// Commits of full blocks. Building them is not measured.
fn commits(store: &Store, span: Duration) -> Result<(), Box<dyn Error>> {
    let mut total = CommitStats::default();
    let mut blocks = 0u32;
    while total.prepare + total.write < span {
        let commit = block(store.head());
        let stats = store.commit_block(&commit)?;
        total.keys += stats.keys;
        total.bytes += stats.bytes;
        total.prepare += stats.prepare;
        total.write += stats.write;
        blocks += 1;
    }
    let time = (total.prepare + total.write).as_secs_f64();
    print("committed_blocks", "blocks/s", f64::from(blocks) / time);
    print("committed_transactions", "transactions/s", f64::from(blocks) * TRANSACTIONS as f64 / time);
    print("batched_keys", "keys/s", total.keys as f64 / time);
    print("batched_bytes", "bytes/s", total.bytes as f64 / time);
    print("commit_prepare", "ms/block", total.prepare.as_secs_f64() * 1000.0 / f64::from(blocks));
    print("commit_write", "ms/block", total.write.as_secs_f64() * 1000.0 / f64::from(blocks));
    Ok(())
}

fn account_address(number: U256) -> Address {
    Address::from_slice(&keccak256(number.to_be_bytes::<32>())[12..])
}

/// A block of transfers between accounts out of a hundred thousand, with three trie nodes of 500 bytes for each account.
fn block(parent: BlockRef) -> BlockCommit {
    let height = parent.height.next();
    let mut state = StateChanges::default();
    for index in 0..TRANSACTIONS * 2 {
        let seed = keccak256([height_bytes(height), index.to_be_bytes()].concat());
        let number = U256::from_be_bytes(seed.0).wrapping_rem(U256::from(100_000));
        let address = account_address(number);
        state.accounts.push((address, Some(common::account(height.0))));
        for depth in 3..6 {
            let key = [b"account/".as_slice(), &keccak256(address)[..depth]].concat();
            state.trie.push((key, Some(Bytes::copy_from_slice(&seed.repeat(16)[..500]))));
        }
    }
    common::commit(parent, TRANSACTIONS, state)
}

/// What keeping the past costs in one mode: the commits, the disk, and reading a state of long ago.
fn history(directory: &Path, name: &str, prune: Prune) -> Result<(), Box<dyn Error>> {
    let options = StoreOptions { prune: Some(prune), ..StoreOptions::default() };
    let store = Store::open(directory, &options)?;
    store.initialize(&common::genesis())?;
    let mut total = CommitStats::default();
    for _ in 0..HISTORY_BLOCKS {
        let mut commit = block(store.head());
        commit.finalized = Some(store.head().height.next());
        let stats = store.commit_block(&commit)?;
        total.bytes += stats.bytes;
        total.prepare += stats.prepare;
        total.write += stats.write;
    }
    let time = (total.prepare + total.write).as_secs_f64() * 1000.0;
    print(&format!("{name}_commit"), "ms/block", time / HISTORY_BLOCKS as f64);
    print(&format!("{name}_batch"), "bytes/block", total.bytes as f64 / HISTORY_BLOCKS as f64);
    for back in [1, 16, HISTORY_BLOCKS / 8, HISTORY_BLOCKS - 1] {
        let height = Height(HISTORY_BLOCKS - back);
        if height < store.kept()?.state {
            continue;
        }
        let start = Instant::now();
        for number in 0..ACCOUNTS_READ {
            // A view of its own for each, as JSON-RPC reads.
            store.view_at(height)?.account(account_address(U256::from(number)))?;
        }
        let micros = start.elapsed().as_secs_f64() * 1e6 / ACCOUNTS_READ as f64;
        print(&format!("{name}_account_{back}_blocks_back"), "us/read", micros);
    }
    drop(store);
    let mut bytes = 0;
    for entry in std::fs::read_dir(directory)? {
        bytes += entry?.metadata()?.len();
    }
    print(&format!("{name}_disk"), "bytes/block", bytes as f64 / HISTORY_BLOCKS as f64);
    Ok(())
}

fn height_bytes(height: Height) -> [u8; 8] {
    height.0.to_be_bytes()
}
