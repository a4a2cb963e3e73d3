//! The store: one handle on one data directory.

use crate::{
    database::{Database, Read},
    directory,
    error::StorageError,
    import::ImportState,
    options::StoreOptions,
    pin::Pins,
    prune,
    records::{GenesisId, StoredHeader},
    state_history,
    tables::{Table, height_key, meta},
};
use baton_consensus::types::{BlockRef, Height, SignedBlock};
use std::{
    collections::BTreeSet,
    fmt,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::{Duration, Instant},
};

/// The data directory of a node. Cheap to clone; closed when the last clone is dropped.
///
/// Every method blocks for disk access, and writes that change the chain or the journal wait for each other: call them
/// from a thread that may block. Reads are never blocked by writes.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    database: Database,
    options: StoreOptions,
    writer: Mutex<Writer>,
    pointers: RwLock<Pointers>,
    pins: Pins,
}

/// What only the one writer knows and needs.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    /// The lowest height with an undo record, or the one after the head.
    pub(crate) undo_from: Height,
    /// The lowest height whose state the history index gives.
    pub(crate) indexed_from: Height,
    /// The keys of [`Table::Proposals`].
    pub(crate) proposals: BTreeSet<BlockRef>,
}

/// The pointers of the chain, as committed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pointers {
    pub(crate) genesis: Option<GenesisId>,
    pub(crate) head: BlockRef,
    pub(crate) finalized: BlockRef,
    /// The lowest block with its body, genesis aside.
    pub(crate) earliest: Height,
    /// The lowest height with receipts.
    pub(crate) receipts_from: Height,
}

impl Store {
    /// Opens the data directory, or creates it if it is missing or empty.
    ///
    /// # Errors
    /// [`StorageError::Locked`] if another process, or another handle of this one, has it open;
    /// [`StorageError::Foreign`] if it holds something else; [`StorageError::UnknownSchema`] if another version wrote
    /// it; [`StorageError::Corrupt`] if it is damaged; [`StorageError::Io`] or [`StorageError::Database`] if the
    /// operating system refuses.
    pub fn open(path: &Path, options: &StoreOptions) -> Result<Self, StorageError> {
        let database = directory::open(path, options)?;
        let pointers = load_pointers(&database)?;
        let mode = prune::settle(&database, options.prune)?;
        let writer = load_writer(&database, pointers.head)?;
        tracing::info!(path = %path.display(), head = %pointers.head, finalized = %pointers.finalized, prune = %mode, "store opened");
        Ok(Self {
            inner: Arc::new(Inner {
                database,
                options: StoreOptions { prune: Some(mode), ..options.clone() },
                writer: Mutex::new(writer),
                pointers: RwLock::new(pointers),
                pins: Pins::default(),
            }),
        })
    }

    /// Ends all pins, and closes the database as soon as all other clones are dropped; waits for that at most `patience` and
    /// tells whether it came. A process that ends with the database open may crash in RocksDB's own threads on its way out.
    #[must_use]
    pub fn close(self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        let mut inner = self.inner;
        inner.pins.close();
        loop {
            match Arc::try_unwrap(inner) {
                Ok(_last) => return true,
                Err(_) if Instant::now() >= deadline => return false,
                Err(shared) => inner = shared,
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// The sealed head; the default value before [`Store::initialize`].
    #[must_use]
    pub fn head(&self) -> BlockRef {
        self.pointers().head
    }

    /// The newest final block; genesis at first, and the default value before [`Store::initialize`].
    #[must_use]
    pub fn finalized(&self) -> BlockRef {
        self.pointers().finalized
    }

    /// The data directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.database().path()
    }

    /// Makes durable what was written without sync, as a shutdown does.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn sync(&self) -> Result<(), StorageError> {
        self.database().sync()
    }

    pub(crate) fn database(&self) -> &Database {
        &self.inner.database
    }

    pub(crate) fn pins(&self) -> &Pins {
        &self.inner.pins
    }

    pub(crate) fn options(&self) -> &StoreOptions {
        &self.inner.options
    }

    /// The right to write. A panic of an earlier holder left nothing half done: batches are atomic, and the caches are
    /// changed only after them.
    pub(crate) fn writer(&self) -> MutexGuard<'_, Writer> {
        self.inner.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn pointers(&self) -> Pointers {
        *self.inner.pointers.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes new pointers; the proof of being the writer comes along.
    pub(crate) fn publish(&self, _writer: &mut Writer, pointers: Pointers) {
        *self.inner.pointers.write().unwrap_or_else(PoisonError::into_inner) = pointers;
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({}, head {})", self.path().display(), self.head())
    }
}

/// Reads the pointers and checks that they point to something.
fn load_pointers(database: &Database) -> Result<Pointers, StorageError> {
    let genesis = database.get::<GenesisId>(Table::Meta, meta::GENESIS)?;
    let head = database.get::<BlockRef>(Table::Meta, meta::HEAD)?;
    let finalized = database.get::<BlockRef>(Table::Meta, meta::FINALIZED)?;
    let earliest = database.get::<Height>(Table::Meta, meta::EARLIEST)?.unwrap_or_default();
    if let Some(import) = database.get::<ImportState>(Table::Meta, meta::IMPORT)?
        && (genesis.is_some() || head.is_some() || finalized.is_some())
    {
        return Err(database.corrupt(format!("it holds a chain, and an import of block {} as well", import.target)));
    }
    match (genesis, head, finalized) {
        (None, None, None) => Ok(Pointers::default()),
        (Some(genesis), Some(head), Some(finalized)) if finalized.height <= head.height && earliest <= head.height => {
            let start = BlockRef { height: Height(0), hash: genesis.genesis_hash };
            for block in [start, finalized, head] {
                let header = database.get::<StoredHeader>(Table::Headers, &height_key(block.height))?;
                if header.is_none_or(|header| header.hash != block.hash) {
                    return Err(database.corrupt(format!("block {block} is missing")));
                }
            }
            let receipts_from = prune::receipts_from(database)?;
            Ok(Pointers { genesis: Some(genesis), head, finalized, earliest, receipts_from })
        }
        _ => Err(database.corrupt("genesis, head and finalized block contradict each other")),
    }
}

fn load_writer(database: &Database, head: BlockRef) -> Result<Writer, StorageError> {
    let undo_from = database.get(Table::Meta, meta::UNDO_FROM)?.unwrap_or_else(|| head.height.next());
    let indexed_from = state_history::from(database)?.unwrap_or(head.height);
    let mut proposals = BTreeSet::new();
    for entry in database.scan::<SignedBlock>(Table::Proposals, &[]) {
        let (_, _, proposal) = entry?;
        let header = &proposal.block.header;
        proposals.insert(BlockRef { height: Height(header.number), hash: header.hash_slow() });
    }
    Ok(Writer { undo_from, indexed_from, proposals })
}
