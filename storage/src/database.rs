//! RocksDB behind typed reads and batches. Nothing else in this crate encodes, decodes or handles column families.

use crate::{error::StorageError, tables::Table};
use alloy_primitives::hex;
use baton_consensus::codec::{self, DISK_LIMIT};
use rocksdb::{
    ColumnFamily, DB, DBIteratorWithThreadMode, DBPinnableSlice, Direction, ErrorKind, IteratorMode, ReadOptions,
    WriteBatch, WriteOptions,
};
use serde::{Serialize, de::DeserializeOwned};
use std::path::{Path, PathBuf};

/// The largest record in bytes. Half of what decoding allows, because decoding counts small numbers at their full width.
pub(crate) const RECORD_LIMIT: usize = DISK_LIMIT / 2;

/// Above every key that any table has: the longest, a slot's history, has 60 bytes.
const END_OF_KEYS: [u8; 64] = [u8::MAX; 64];

/// An open database.
pub(crate) struct Database {
    db: DB,
    path: PathBuf,
}

impl Database {
    pub(crate) const fn new(db: DB, path: PathBuf) -> Self {
        Self { db, path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The handle of a table.
    #[expect(clippy::expect_used, reason = "opening creates every table, and none is ever dropped")]
    fn handle(&self, table: Table) -> &ColumnFamily {
        self.db.cf_handle(table.name()).expect("every table is open")
    }

    /// The error for a database that contradicts itself.
    pub(crate) fn corrupt(&self, what: impl Into<String>) -> StorageError {
        StorageError::Corrupt { path: self.path.clone(), what: what.into() }
    }

    /// The error for a failed action: damage is told apart from everything else.
    fn failed(&self, action: &'static str, source: rocksdb::Error) -> StorageError {
        match source.kind() {
            ErrorKind::Corruption => self.corrupt(source.into_string()),
            _ => StorageError::Database { action, source },
        }
    }

    fn decode<T: DeserializeOwned>(&self, table: Table, key: &[u8], value: &[u8]) -> Result<T, StorageError> {
        codec::decode::<T, DISK_LIMIT>(value).map_err(|error| {
            self.corrupt(format!("the record 0x{} of the table {}: {error}", hex::encode(key), table.name()))
        })
    }

    /// The values of many keys, in their order, in one batched read.
    pub(crate) fn get_many<K: AsRef<[u8]>, T: DeserializeOwned>(
        &self,
        table: Table,
        keys: &[K],
    ) -> Result<Vec<Option<T>>, StorageError> {
        let values = self.db.batched_multi_get_cf(self.handle(table), keys, false);
        keys.iter()
            .zip(values)
            .map(|(key, value)| {
                let value = value.map_err(|error| self.failed("read", error))?;
                value.map(|bytes| self.decode(table, key.as_ref(), &bytes)).transpose()
            })
            .collect()
    }

    /// Which of many keys exist, in their order.
    pub(crate) fn exist<K: AsRef<[u8]>>(&self, table: Table, keys: &[K]) -> Result<Vec<bool>, StorageError> {
        let values = self.db.batched_multi_get_cf(self.handle(table), keys, false);
        values
            .into_iter()
            .map(|value| value.map(|value| value.is_some()).map_err(|error| self.failed("read", error)))
            .collect()
    }

    /// The state of the database at this instant.
    pub(crate) fn snapshot(&self) -> Snapshot<'_> {
        Snapshot { database: self, snapshot: self.db.snapshot() }
    }

    /// An empty batch.
    pub(crate) fn batch(&self) -> Batch<'_> {
        Batch { database: self, batch: WriteBatch::default(), keys: 0, too_large: None }
    }

    /// Gives back the disk space of a table that [`Batch::clear`] emptied, and waits for it: most files are only deleted, what
    /// was written last is compacted. Not to be used while there are snapshots, which lose what those files hold.
    pub(crate) fn reclaim(&self, table: Table) -> Result<(), StorageError> {
        let handle = self.handle(table);
        let deleted = self.db.delete_file_in_range_cf(handle, [].as_slice(), &END_OF_KEYS);
        deleted.map_err(|error| self.failed("free space", error))?;
        self.db.compact_range_cf(handle, None::<&[u8]>, None::<&[u8]>);
        Ok(())
    }

    /// Makes durable what was written without sync.
    pub(crate) fn sync(&self) -> Result<(), StorageError> {
        self.db.flush_wal(true).map_err(|error| self.failed("sync its log", error))
    }
}

/// Something to read from: the database or a snapshot of it.
pub(crate) trait Read {
    /// The database behind it.
    fn database(&self) -> &Database;

    /// The bytes of a key.
    fn bytes(&self, table: Table, key: &[u8]) -> Result<Option<DBPinnableSlice<'_>>, rocksdb::Error>;

    /// The raw entries from a key on, in the order of keys.
    fn entries(&self, table: Table, from: &[u8]) -> DBIteratorWithThreadMode<'_, DB>;

    /// The raw entries, those with the highest keys first.
    fn entries_backwards(&self, table: Table) -> DBIteratorWithThreadMode<'_, DB>;

    /// The value of the highest key.
    fn last<T: DeserializeOwned>(&self, table: Table) -> Result<Option<T>, StorageError> {
        let database = self.database();
        let Some(entry) = self.entries_backwards(table).next() else { return Ok(None) };
        let (key, value) = entry.map_err(|error| database.failed("read", error))?;
        database.decode(table, &key, &value).map(Some)
    }

    /// The value of a key.
    fn get<T: DeserializeOwned>(&self, table: Table, key: &[u8]) -> Result<Option<T>, StorageError> {
        let database = self.database();
        let value = self.bytes(table, key).map_err(|error| database.failed("read", error))?;
        value.map(|bytes| database.decode(table, key, &bytes)).transpose()
    }

    /// Keys and values from a key on, in the order of keys, with the size of the encoded value in bytes.
    fn scan<'s, T: DeserializeOwned>(
        &'s self,
        table: Table,
        from: &[u8],
    ) -> impl Iterator<Item = Result<(Box<[u8]>, usize, T), StorageError>> + use<'s, Self, T> {
        self.entries(table, from).map(move |entry| {
            let database = self.database();
            let (key, value) = entry.map_err(|error| database.failed("read", error))?;
            let decoded = database.decode(table, &key, &value)?;
            Ok((key, value.len(), decoded))
        })
    }
}

impl Read for Database {
    fn database(&self) -> &Database {
        self
    }

    fn bytes(&self, table: Table, key: &[u8]) -> Result<Option<DBPinnableSlice<'_>>, rocksdb::Error> {
        self.db.get_pinned_cf(self.handle(table), key)
    }

    fn entries(&self, table: Table, from: &[u8]) -> DBIteratorWithThreadMode<'_, DB> {
        self.db.iterator_cf(self.handle(table), IteratorMode::From(from, Direction::Forward))
    }

    fn entries_backwards(&self, table: Table) -> DBIteratorWithThreadMode<'_, DB> {
        self.db.iterator_cf(self.handle(table), IteratorMode::End)
    }
}

/// The database as it was at one instant, undisturbed by later writes.
pub(crate) struct Snapshot<'a> {
    database: &'a Database,
    snapshot: rocksdb::Snapshot<'a>,
}

impl Read for Snapshot<'_> {
    fn database(&self) -> &Database {
        self.database
    }

    fn bytes(&self, table: Table, key: &[u8]) -> Result<Option<DBPinnableSlice<'_>>, rocksdb::Error> {
        self.snapshot.get_pinned_cf(self.database.handle(table), key)
    }

    fn entries(&self, table: Table, from: &[u8]) -> DBIteratorWithThreadMode<'_, DB> {
        self.snapshot.iterator_cf(self.database.handle(table), IteratorMode::From(from, Direction::Forward))
    }

    fn entries_backwards(&self, table: Table) -> DBIteratorWithThreadMode<'_, DB> {
        self.snapshot.iterator_cf(self.database.handle(table), IteratorMode::End)
    }
}

impl Snapshot<'_> {
    /// The value of the lowest key from `from` on that begins as `from` does, in a table whose keys have a prefix
    /// ([`Table::prefix`]).
    pub(crate) fn first_of_prefix<T: DeserializeOwned>(
        &self,
        table: Table,
        from: &[u8],
    ) -> Result<Option<T>, StorageError> {
        let mut options = ReadOptions::default();
        options.set_prefix_same_as_start(true);
        let mode = IteratorMode::From(from, Direction::Forward);
        let Some(entry) = self.snapshot.iterator_cf_opt(self.database.handle(table), options, mode).next() else {
            return Ok(None);
        };
        let (key, value) = entry.map_err(|error| self.database.failed("read", error))?;
        self.database.decode(table, &key, &value).map(Some)
    }
}

/// Writes that take effect together or not at all.
pub(crate) struct Batch<'a> {
    database: &'a Database,
    batch: WriteBatch,
    keys: u64,
    too_large: Option<StorageError>,
}

impl Batch<'_> {
    /// Sets a key.
    pub(crate) fn put<T: Serialize + ?Sized>(&mut self, table: Table, key: impl AsRef<[u8]>, value: &T) {
        let bytes = codec::encode(value);
        if bytes.len() > RECORD_LIMIT && self.too_large.is_none() {
            let error = StorageError::TooLarge { table: table.name(), bytes: bytes.len(), limit: RECORD_LIMIT };
            self.too_large = Some(error);
        }
        self.batch.put_cf(self.database.handle(table), key, bytes);
        self.keys += 1;
    }

    /// Removes a key.
    pub(crate) fn delete(&mut self, table: Table, key: impl AsRef<[u8]>) {
        self.batch.delete_cf(self.database.handle(table), key);
        self.keys += 1;
    }

    /// Sets a key, or removes it.
    pub(crate) fn set<T: Serialize>(&mut self, table: Table, key: impl AsRef<[u8]>, value: Option<&T>) {
        match value {
            Some(value) => self.put(table, key, value),
            None => self.delete(table, key),
        }
    }

    /// Removes every key that a table had before this batch, and those that the batch set so far.
    pub(crate) fn clear(&mut self, table: Table) {
        self.clear_below(table, &END_OF_KEYS);
    }

    /// As [`Batch::clear`], but only keys below `end`.
    pub(crate) fn clear_below(&mut self, table: Table, end: &[u8]) {
        self.batch.delete_range_cf(self.database.handle(table), [].as_slice(), end);
        self.keys += 1;
    }

    /// How many keys the batch touches.
    pub(crate) const fn keys(&self) -> u64 {
        self.keys
    }

    /// The size of the batch in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.batch.size_in_bytes() as u64
    }

    /// Applies the batch; with `sync`, it is on disk when this returns.
    pub(crate) fn write(self, sync: bool) -> Result<(), StorageError> {
        if let Some(error) = self.too_large {
            return Err(error);
        }
        let mut options = WriteOptions::default();
        options.set_sync(sync);
        self.database.db.write_opt(self.batch, &options).map_err(|error| self.database.failed("write", error))
    }
}
