//! A disk that is full: the commit fails with a clear word, and nothing that was acknowledged is lost.

use crate::common::{changes, commit, entry, noise, open, open_with, small_files};
use alloy_primitives::Address;
use baton_consensus::types::Height;
use baton_storage::{StorageError, Store};
use std::{path::PathBuf, process::Command};

/// A file system of its own, in memory, and of a size that can be changed.
struct SmallDisk {
    directory: tempfile::TempDir,
}

impl SmallDisk {
    /// Mounts it; none where this process may not.
    fn mount(mebibytes: u32) -> Option<Self> {
        let disk = Self { directory: tempfile::tempdir().unwrap() };
        let is_mounted = disk.run(&["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "none"]);
        is_mounted.then_some(disk)
    }

    fn resize(&self, mebibytes: u32) {
        assert!(self.run(&["-o", &format!("remount,size={mebibytes}m")]));
    }

    fn run(&self, arguments: &[&str]) -> bool {
        let output = Command::new("mount").args(arguments).arg(self.directory.path()).output();
        output.is_ok_and(|output| output.status.success())
    }

    fn store(&self) -> PathBuf {
        self.directory.path().join("store")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        _ = Command::new("umount").arg(self.directory.path()).output();
    }
}

/// A block with a quarter of a MiB in its journal entry.
fn fill(store: &Store) -> Result<(), StorageError> {
    let height = store.head().height.0 + 1;
    let mut next = commit(store.head(), 1, changes(height));
    next.journal = vec![entry(height, &entry_of(height))];
    store.commit_block(&next).map(|_| ())
}

fn entry_of(height: u64) -> Vec<u8> {
    noise(height, 256 << 10)
}

#[test]
fn a_full_disk_stops_the_commit_and_loses_nothing() {
    let Some(disk) = SmallDisk::mount(48) else {
        eprintln!("skipped: this process may not mount a file system");
        return;
    };
    let store = open_with(&disk.store(), &small_files());
    let mut acknowledged = store.head();
    let error = loop {
        match fill(&store) {
            Ok(()) => acknowledged = store.head(),
            Err(error) => break error,
        }
        assert!(acknowledged.height < Height(1_000), "48 MiB hold more than 250 MiB");
    };
    assert!(matches!(error, StorageError::Database { .. }), "{error:?}");
    let message = error.to_string();
    assert!(message.contains("No space left") && message.contains("check free disk space"), "{message}");
    assert!(acknowledged.height > Height(10), "the disk was full after {acknowledged}");
    // What was acknowledged is still there, and nothing more is said to be.
    assert_eq!(store.head(), acknowledged);
    assert_eq!(store.view().unwrap().account(Address::repeat_byte(1)).unwrap().unwrap().nonce, acknowledged.height.0);
    assert!(fill(&store).is_err(), "the disk is still full");
    drop(store);

    disk.resize(256);
    let store = open(&disk.store());
    // The block that failed may be whole on disk: it was only never acknowledged.
    let head = store.head();
    assert!(head == acknowledged || head.height == acknowledged.height.next(), "{head} after {acknowledged}");
    for height in 1..=acknowledged.height.0 {
        assert_eq!(store.journal_entry(&height.to_be_bytes()).unwrap().unwrap(), entry_of(height));
    }
    fill(&store).unwrap();
    assert_eq!(store.head().height, head.height.next());
}
