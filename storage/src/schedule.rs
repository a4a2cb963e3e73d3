//! The schedule: the chain of announcements, and the newest snapshot of what follows from it.

use crate::{
    changes::ScheduleWrite,
    database::{Batch, Read},
    error::StorageError,
    store::Store,
    tables::{Table, meta},
};
use alloy_primitives::Bytes;
use baton_consensus::{messages::Announcement, signing::Signed, types::ExtraData};

impl Store {
    /// Stores an announcement with the schedule after it, in one atomic batch. With `sync`, it is on disk when this
    /// returns, otherwise with the next synced write.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn put_announcement(
        &self,
        announcement: &Signed<Announcement>,
        schedule_snapshot: &[u8],
        sync: bool,
    ) -> Result<(), StorageError> {
        let _writer = self.writer();
        let mut batch = self.database().batch();
        put(&mut batch, ScheduleWrite { announcement, snapshot: schedule_snapshot });
        batch.write(sync)
    }

    /// Replaces the schedule's snapshot alone, as when a term opens before its first announcement.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn put_schedule_snapshot(&self, schedule_snapshot: &[u8], sync: bool) -> Result<(), StorageError> {
        let _writer = self.writer();
        let mut batch = self.database().batch();
        put_snapshot(&mut batch, schedule_snapshot);
        batch.write(sync)
    }

    /// The announcement of an epoch.
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn announcement(&self, epoch: ExtraData) -> Result<Option<Signed<Announcement>>, StorageError> {
        self.database().get(Table::Announcements, &epoch.to_bytes())
    }

    /// The newest snapshot of the schedule, as it was given.
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn schedule_snapshot(&self) -> Result<Option<Bytes>, StorageError> {
        self.database().get(Table::Meta, meta::SCHEDULE)
    }
}

/// Adds an announcement with the schedule after it to a batch.
pub(crate) fn put(batch: &mut Batch<'_>, write: ScheduleWrite<'_>) {
    let ScheduleWrite { announcement, snapshot } = write;
    batch.put(Table::Announcements, position(&announcement.message).to_bytes(), announcement);
    put_snapshot(batch, snapshot);
}

/// The epoch that an announcement opens.
pub(crate) const fn position(announcement: &Announcement) -> ExtraData {
    ExtraData { era: announcement.era, term: announcement.term, epoch: announcement.epoch }
}

fn put_snapshot(batch: &mut Batch<'_>, snapshot: &[u8]) {
    batch.put(Table::Meta, meta::SCHEDULE, &Bytes::copy_from_slice(snapshot));
}
