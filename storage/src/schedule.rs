//! The schedule: announcements, and the certificates that opened their terms.

use crate::{
    changes::ScheduleWrite,
    database::{Batch, Read},
    error::StorageError,
    store::Store,
    tables::{Table, announcement_key, certificate_key, term_key},
};
use alloy_primitives::B256;
use baton_consensus::{
    certificate::TermCertificate,
    messages::Announcement,
    signing::Signed,
    types::{Era, ExtraData, Term},
};

impl Store {
    /// Stores an announcement, and with a term's first the certificate that it links to, in one atomic batch. With `sync`,
    /// it is on disk when this returns, otherwise with the next synced write.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn put_announcement(&self, schedule: ScheduleWrite<'_>, sync: bool) -> Result<(), StorageError> {
        let _writer = self.writer();
        let mut batch = self.database().batch();
        put(&mut batch, schedule);
        batch.write(sync)
    }

    /// The announcement of an epoch with this hash: a faulty scheduler may have made several.
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn announcement(&self, epoch: ExtraData, hash: B256) -> Result<Option<Signed<Announcement>>, StorageError> {
        self.database().get(Table::Announcements, &announcement_key(epoch, hash))
    }

    /// All announcements of a term, in order of their epochs.
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn announcements_of(&self, era: Era, term: Term) -> Result<Vec<Signed<Announcement>>, StorageError> {
        let prefix = term_key(era, term);
        let entries = self.database().scan(Table::Announcements, &prefix);
        let of_term = entries.take_while(|entry| entry.as_ref().map_or(true, |(key, ..)| key.starts_with(&prefix)));
        of_term.map(|entry| entry.map(|(.., announcement)| announcement)).collect()
    }

    /// The certificates that announcements of a term link to: one, unless its scheduler is faulty.
    ///
    /// # Errors
    /// If the disk refuses or the database is damaged.
    pub fn certificates_of(&self, era: Era, term: Term) -> Result<Vec<TermCertificate>, StorageError> {
        certificates_of(self.database(), era, term)?.map(|entry| entry.map(|(_, certificate)| certificate)).collect()
    }
}

/// The certificates of a term with their sizes in bytes.
pub(crate) fn certificates_of<'a>(
    read: &'a impl Read,
    era: Era,
    term: Term,
) -> Result<impl Iterator<Item = Result<(usize, TermCertificate), StorageError>> + 'a, StorageError> {
    let prefix = term_key(era, term);
    let entries = read.scan(Table::Certificates, &prefix);
    let of_term = entries.take_while(move |entry| entry.as_ref().map_or(true, |(key, ..)| key.starts_with(&prefix)));
    Ok(of_term.map(|entry| entry.map(|(_, bytes, certificate)| (bytes, certificate))))
}

/// Adds an announcement with what goes with it to a batch.
pub(crate) fn put(batch: &mut Batch<'_>, write: ScheduleWrite<'_>) {
    let ScheduleWrite { announcement, certificate } = write;
    put_announcement(batch, announcement);
    if let Some(certificate) = certificate {
        put_certificate(batch, certificate);
    }
}

/// Adds an announcement alone to a batch.
pub(crate) fn put_announcement(batch: &mut Batch<'_>, announcement: &Signed<Announcement>) {
    let message = &announcement.message;
    batch.put(Table::Announcements, announcement_key(position(message), message.hash()), announcement);
}

/// Adds what opened a term to a batch.
pub(crate) fn put_certificate(batch: &mut Batch<'_>, certificate: &TermCertificate) {
    let key = certificate_key(certificate.era, certificate.term, certificate.hash());
    batch.put(Table::Certificates, key, certificate);
}

/// The epoch that an announcement opens.
pub(crate) const fn position(announcement: &Announcement) -> ExtraData {
    ExtraData { era: announcement.era, term: announcement.term, epoch: announcement.epoch }
}
