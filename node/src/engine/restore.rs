//! What the core brings back from the disk.

use baton_consensus::{
    codec,
    core::Restored,
    journal::JournalEntry,
    schedule::ScheduleSnapshot,
    types::{Epoch, Era, ExtraData, Height, Term},
};
use baton_storage::Store;
use eyre::{OptionExt, WrapErr, bail};

/// The furthest back that producers are looked up for the depth rules, in blocks.
const PRODUCER_HORIZON: u64 = 100_000;

/// Reads everything that [`baton_consensus::core::Core::new`] wants.
pub(super) fn restore(store: &Store) -> eyre::Result<Restored> {
    let head = store.head();
    let header = store.header(head.height)?.ok_or_eyre("the head block is missing from the database")?;
    let finalized = store.finalized().height;
    let schedule = store
        .schedule_snapshot()?
        .map(|bytes| codec::decode::<ScheduleSnapshot, { codec::DISK_LIMIT }>(&bytes))
        .transpose()
        .wrap_err("the stored schedule is damaged")?;
    let mut journal = Vec::new();
    for write in store.journal_entries()? {
        let entry = JournalEntry::from_bytes(&write.value)
            .wrap_err("the safety journal is damaged: this node must not sign with its key until the term is over")?;
        if entry.key() != write.key {
            bail!("the safety journal is damaged: an entry rests under another entry's key");
        }
        journal.push(entry);
    }
    let announcements = match &schedule {
        None => Vec::new(),
        Some(snapshot) => {
            let from = ExtraData::from_bytes(&header.header.extra_data)
                .filter(|position| head.height > Height(0) && position.term == snapshot.term)
                .map_or(Epoch(1), |position| position.epoch);
            announcements(store, (snapshot.era, snapshot.term), from, snapshot.epoch)?
        }
    };
    Ok(Restored {
        head,
        head_timestamp: header.header.timestamp,
        finalized,
        producers: producers(store, finalized, head.height)?,
        schedule,
        announcements,
        journal,
    })
}

fn announcements(
    store: &Store,
    (era, term): (Era, Term),
    from: Epoch,
    to: Epoch,
) -> eyre::Result<Vec<baton_consensus::messages::Announcement>> {
    let mut announcements = Vec::new();
    for epoch in from.0..=to.0 {
        let position = ExtraData { era, term, epoch: Epoch(epoch) };
        let signed = store
            .announcement(position)?
            .ok_or_else(|| eyre::eyre!("the announcement of epoch {epoch} is missing from the database"))?;
        announcements.push(signed.message);
    }
    Ok(announcements)
}

fn producers(store: &Store, finalized: Height, head: Height) -> eyre::Result<Vec<(alloy_primitives::Address, Height)>> {
    let from = finalized.0.max(head.0.saturating_sub(PRODUCER_HORIZON)) + 1;
    let mut producers = Vec::new();
    for height in (from..=head.0).map(Height) {
        let header = store.header(height)?.ok_or_else(|| eyre::eyre!("block {height} is missing from the database"))?;
        producers.push((header.header.beneficiary, height));
    }
    Ok(producers)
}
