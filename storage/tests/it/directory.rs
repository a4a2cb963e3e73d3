//! Directories that are in use, strange, from the future, or damaged.

use crate::common::{extend, open, options, tracking_logs};
use baton_consensus::{codec, types::Height};
use baton_storage::{StorageError, Store};
use rocksdb::{DB, Options};
use std::{
    fs,
    path::{Path, PathBuf},
};

#[test]
fn a_directory_has_one_user() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let error = Store::open(directory.path(), &options()).unwrap_err();
    assert!(matches!(error, StorageError::Locked { .. }), "{error}");
    let clone = store.clone();
    drop(store);
    assert!(Store::open(directory.path(), &options()).is_err());
    drop(clone);
    Store::open(directory.path(), &options()).unwrap();
}

#[test]
fn a_missing_directory_is_created() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a/b");
    drop(open(&path));
    assert_eq!(open(&path).head().height, Height(0));
}

#[test]
fn a_strange_directory_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("letters.txt"), "private").unwrap();
    let error = Store::open(directory.path(), &options()).unwrap_err();
    assert!(matches!(error, StorageError::Foreign { .. }), "{error}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);

    let other = tempfile::tempdir().unwrap();
    let mut creating = Options::default();
    creating.create_if_missing(true);
    drop(DB::open(&creating, other.path()).unwrap());
    assert!(matches!(Store::open(other.path(), &options()), Err(StorageError::Foreign { .. })));

    let file = directory.path().join("letters.txt");
    assert!(matches!(Store::open(&file, &options()), Err(StorageError::Io { .. })));
}

fn raw(path: &Path) -> DB {
    let options = tracking_logs();
    let names = DB::list_cf(&options, path).unwrap();
    DB::open_cf(&options, path, names).unwrap()
}

#[test]
fn another_schema_version_is_refused() {
    for is_new_table in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        drop(open(directory.path()));
        let mut db = raw(directory.path());
        db.put_cf(db.cf_handle("meta").unwrap(), b"schema", codec::encode(&99u32)).unwrap();
        if is_new_table {
            db.create_cf("of_the_future", &Options::default()).unwrap();
        }
        // The log that has the version stays beside the one that begins now, and the manifest names it.
        db.put_cf(db.cf_handle("headers").unwrap(), b"key", b"value").unwrap();
        db.flush_cf(db.cf_handle("headers").unwrap()).unwrap();
        drop(db);
        let error = Store::open(directory.path(), &options()).unwrap_err();
        assert!(matches!(error, StorageError::UnknownSchema { found: 99, .. }), "{error}");
    }
}

#[test]
fn pointers_to_nothing_are_damage() {
    for (table, key) in
        [("headers", 5u64.to_be_bytes().to_vec()), ("meta", b"schema".to_vec()), ("meta", b"head".to_vec())]
    {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path());
        extend(&store, 5);
        drop(store);
        let db = raw(directory.path());
        db.delete_cf(db.cf_handle(table).unwrap(), key).unwrap();
        drop(db);
        let error = Store::open(directory.path(), &options()).unwrap_err();
        assert!(matches!(error, StorageError::Corrupt { .. }), "{table}: {error}");
    }
}

/// Files of the database whose name begins or ends so.
fn files(path: &Path, affix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    let fits = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with(affix) || name.ends_with(affix)
    };
    entries.filter(fits).collect()
}

fn garble(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let from = bytes.len() / 3;
    bytes[from..].iter_mut().for_each(|byte| *byte ^= 0x5a);
    fs::write(path, bytes).unwrap();
}

fn truncate(path: &Path) {
    let length = fs::metadata(path).unwrap().len();
    fs::File::options().write(true).open(path).unwrap().set_len(length / 3).unwrap();
}

fn remove(path: &Path) {
    fs::remove_file(path).unwrap();
}

/// Opens and reads everything.
fn read_all(path: &Path) -> Result<(), StorageError> {
    let store = Store::open(path, &options())?;
    for height in (0..=20).map(Height) {
        store.block(height)?;
        store.header(height)?;
        store.receipts(height)?;
        let view = store.view_at(height)?;
        view.account(alloy_primitives::Address::repeat_byte(1))?;
        view.trie_node(b"root")?;
    }
    store.journal_entries().map(drop)
}

#[test]
fn damage_is_told_and_never_panics() {
    type Harm = fn(&Path);
    let harms: [(&str, Harm); 10] = [
        ("CURRENT", garble),
        ("CURRENT", truncate),
        ("CURRENT", remove),
        ("MANIFEST", garble),
        ("MANIFEST", truncate),
        ("MANIFEST", remove),
        (".sst", garble),
        (".sst", truncate),
        (".sst", remove),
        (".log", garble),
    ];
    for (number, (affix, harm)) in harms.into_iter().enumerate() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path());
        extend(&store, 15);
        drop(store);
        // Opening again moves what the log holds into table files; the rest stays in the log.
        let store = open(directory.path());
        extend(&store, 5);
        drop(store);
        read_all(directory.path()).unwrap();
        if affix == ".log" {
            let store = open(directory.path());
            extend(&store, 5);
        }

        let found = files(directory.path(), affix);
        assert!(!found.is_empty(), "there is no {affix}");
        found.iter().for_each(|path| harm(path));
        let error = read_all(directory.path()).expect_err(affix);
        assert!(matches!(error, StorageError::Corrupt { .. }), "case {number} on {affix}: {error:?}");
        assert!(error.to_string().contains("safety journal"));
    }
}

#[test]
fn an_interrupted_creation_is_completed() {
    let directory = tempfile::tempdir().unwrap();
    drop(Store::open(directory.path(), &options()).unwrap());
    // A crash after the marker was written, before RocksDB had done anything.
    for path in fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path()) {
        if !path.ends_with("BATON-STORE") {
            remove(&path);
        }
    }
    drop(open(directory.path()));
    assert_eq!(open(directory.path()).head().height, Height(0));
}
