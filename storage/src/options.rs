//! How much memory, disk and history the store may use, and what that means for RocksDB.

use crate::{prune::Prune, tables::Table};
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamilyDescriptor, DBCompressionType, DBRecoveryMode, LogLevel, Options,
    SliceTransform,
};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// The limits of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreOptions {
    /// Memory for blocks of the database, shared by all tables, in bytes.
    pub cache_bytes: usize,
    /// Memory for writes that are not in table files yet, over all tables, in bytes.
    pub write_buffer_bytes: usize,
    /// The size in bytes of the write-ahead log that makes RocksDB flush its oldest tables.
    pub wal_bytes: u64,
    /// How many files RocksDB keeps open at most.
    pub max_open_files: i32,
    /// How many threads flush and compact.
    pub parallelism: i32,
    /// What of the past is kept; none leaves it as it was when the directory was last open, and makes a new one
    /// [`Prune::default`]. An archive that is opened as anything else loses its old states for good.
    pub prune: Option<Prune>,
}

impl Default for StoreOptions {
    /// 256 MiB of cache, 256 MiB of write buffers, a log of 512 MiB, 1,024 files, 2 threads, and the past as it was kept before.
    fn default() -> Self {
        Self {
            cache_bytes: 256 * MIB,
            write_buffer_bytes: 256 * MIB,
            wal_bytes: 512 * MIB as u64,
            max_open_files: 1024,
            parallelism: 2,
            prune: None,
        }
    }
}

impl StoreOptions {
    /// The options of the whole database.
    pub(crate) fn database(&self) -> Options {
        let mut options = Options::default();
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        options.increase_parallelism(self.parallelism.max(1));
        options.set_max_background_jobs(self.parallelism.max(2));
        options.set_max_open_files(self.max_open_files);
        options.set_db_write_buffer_size(self.write_buffer_bytes);
        options.set_max_total_wal_size(self.wal_bytes);
        options.set_bytes_per_sync(MIB as u64);
        // A torn record at the end of the log was never acknowledged; damage anywhere else is reported, not skipped:
        // what lies behind it may be a signature.
        options.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
        options.set_track_and_verify_wals_in_manifest(true);
        options.set_log_level(LogLevel::Warn);
        options.set_max_log_file_size(8 * MIB);
        options.set_keep_log_file_num(4);
        options
    }

    /// The descriptors of all tables, with one cache between them.
    pub(crate) fn tables(&self) -> Vec<ColumnFamilyDescriptor> {
        let cache = Cache::new_lru_cache(self.cache_bytes);
        Table::ALL
            .into_iter()
            .map(|table| ColumnFamilyDescriptor::new(table.name(), self.table(table, &cache)))
            .collect()
    }

    fn table(&self, table: Table, cache: &Cache) -> Options {
        let mut blocks = BlockBasedOptions::default();
        blocks.set_block_cache(cache);
        blocks.set_cache_index_and_filter_blocks(true);
        blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
        if table.is_random_access() {
            blocks.set_block_size(4 * KIB);
            blocks.set_bloom_filter(10.0, false);
            blocks.set_optimize_filters_for_memory(true);
        } else {
            blocks.set_block_size(16 * KIB);
        }
        let mut options = Options::default();
        if let Some(prefix) = table.prefix() {
            // A look into the history of what has none should read no file.
            options.set_prefix_extractor(SliceTransform::create_fixed_prefix(prefix));
            blocks.set_bloom_filter(10.0, false);
            blocks.set_whole_key_filtering(false);
        }
        options.set_block_based_table_factory(&blocks);
        options.set_compression_type(DBCompressionType::Lz4);
        let buffer = if table.is_busy() { self.write_buffer_bytes / 4 } else { self.write_buffer_bytes / 32 };
        options.set_write_buffer_size(buffer.max(MIB));
        options
    }
}
