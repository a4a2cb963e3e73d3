//! Opening a data directory: whose it is, who uses it, which schema it has, whether it is whole.

use crate::{
    database::{Database, Read},
    error::StorageError,
    options::StoreOptions,
    tables::{SCHEMA_VERSION, Table, meta},
};
use baton_consensus::codec::{self, DISK_LIMIT};
use rocksdb::{DB, DEFAULT_COLUMN_FAMILY_NAME, ErrorKind, Options};
use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// The file that marks a directory as ours, before RocksDB writes anything into it.
const MARKER: &str = "BATON-STORE";

const MARKER_TEXT: &str =
    "The database of a Baton node, and the record of what its keys signed. Do not edit or copy.\n";

/// Opens the database in `path`, or creates it if the directory is missing or empty.
pub(crate) fn open(path: &Path, options: &StoreOptions) -> Result<Database, StorageError> {
    let exists = claim(path)?;
    if exists {
        check_tables(path)?;
    }
    let db =
        DB::open_cf_descriptors(&options.database(), path, options.tables()).map_err(|error| opening(path, error))?;
    let database = Database::new(db, path.to_path_buf());
    check_schema(&database)?;
    Ok(database)
}

/// Takes an empty directory, or recognises ours. Returns whether it holds a database already.
fn claim(path: &Path) -> Result<bool, StorageError> {
    let failed = |action, path: &Path| {
        let path = path.to_path_buf();
        move |source| StorageError::Io { action, path, source }
    };
    fs::create_dir_all(path).map_err(failed("create the data directory", path))?;
    let names = fs::read_dir(path)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.file_name())).collect::<io::Result<Vec<_>>>())
        .map_err(failed("list the data directory", path))?;
    let marker = path.join(MARKER);
    if names.is_empty() {
        let mut file = File::create_new(&marker).map_err(failed("create", &marker))?;
        file.write_all(MARKER_TEXT.as_bytes()).map_err(failed("write", &marker))?;
        file.sync_all().map_err(failed("sync", &marker))?;
        File::open(path).and_then(|directory| directory.sync_all()).map_err(failed("sync the directory", path))?;
        return Ok(false);
    }
    if !names.iter().any(|name| name == MARKER) {
        return Err(StorageError::Foreign { path: path.to_path_buf() });
    }
    if names.iter().any(|name| name == "CURRENT") {
        return Ok(true);
    }
    // Without CURRENT RocksDB would begin anew. That is right only if it never had got as far as writing data.
    let has_data = |name: &OsStr| {
        let extension = Path::new(name).extension();
        extension.is_some_and(|extension| extension == "sst" || extension == "log")
    };
    if names.iter().any(|name| has_data(name)) {
        return Err(corrupt(path, "the file CURRENT is missing"));
    }
    Ok(false)
}

/// Refuses a database with tables that this program does not know: a later version wrote it.
fn check_tables(path: &Path) -> Result<(), StorageError> {
    let known = |name: &String| {
        name == DEFAULT_COLUMN_FAMILY_NAME || Table::ALL.iter().any(|table| table.name() == name.as_str())
    };
    let names = DB::list_cf(&Options::default(), path).map_err(|error| opening(path, error))?;
    if names.iter().all(known) {
        return Ok(());
    }
    // Without this, RocksDB would note in the manifest that logs are not tracked any more, and crashes as it may not.
    let mut options = Options::default();
    options.set_track_and_verify_wals_in_manifest(true);
    let db =
        DB::open_cf_for_read_only(&options, path, [Table::Meta.name()], false).map_err(|error| opening(path, error))?;
    let schema = db.cf_handle(Table::Meta.name()).map(|handle| db.get_cf(handle, meta::SCHEMA)).transpose();
    let schema = schema.map_err(|error| opening(path, error))?.flatten();
    let found = schema.and_then(|bytes| codec::decode::<u32, DISK_LIMIT>(&bytes).ok()).unwrap_or(u32::MAX);
    if found == SCHEMA_VERSION {
        return Err(corrupt(path, "it has tables that do not belong to its schema version"));
    }
    Err(StorageError::UnknownSchema { path: path.to_path_buf(), found })
}

/// Checks the schema version, or writes it into a new database.
fn check_schema(database: &Database) -> Result<(), StorageError> {
    match database.get::<u32>(Table::Meta, meta::SCHEMA)? {
        Some(SCHEMA_VERSION) => Ok(()),
        Some(found) => Err(StorageError::UnknownSchema { path: database.path().to_path_buf(), found }),
        None if Table::ALL.iter().any(|table| database.entries(*table, &[]).next().is_some()) => {
            Err(database.corrupt("the schema version is missing"))
        }
        None => {
            let mut batch = database.batch();
            batch.put(Table::Meta, meta::SCHEMA, &SCHEMA_VERSION);
            batch.write(true)
        }
    }
}

fn corrupt(path: &Path, what: impl Into<String>) -> StorageError {
    StorageError::Corrupt { path: PathBuf::from(path), what: what.into() }
}

/// What a failure to open means. RocksDB tells it only in words.
fn opening(path: &Path, source: rocksdb::Error) -> StorageError {
    let is_lock = source.as_ref().contains("lock file") || source.as_ref().contains("lock hold by current process");
    let is_missing_file = source.as_ref().contains("No such file");
    match source.kind() {
        ErrorKind::IOError if is_lock => StorageError::Locked { path: path.to_path_buf() },
        ErrorKind::IOError if !is_missing_file => StorageError::Database { action: "open", source },
        ErrorKind::Corruption | ErrorKind::IOError | ErrorKind::NotFound | ErrorKind::InvalidArgument => {
            corrupt(path, source.into_string())
        }
        _ => StorageError::Database { action: "open", source },
    }
}
