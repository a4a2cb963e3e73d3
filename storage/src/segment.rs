//! Stretches of the chain for peers that catch up.

use crate::{
    database::{Read, Snapshot},
    error::StorageError,
    records::StoredBlock,
    schedule::{certificates_of, position},
    store::Store,
    tables::{Table, era_key, height_key, meta},
};
use baton_consensus::{
    certificate::TermCertificate,
    codec,
    finality::{FinalityProof, SetChange},
    messages::Announcement,
    signing::Signed,
    types::{BlockRef, ChainSegment, Epoch, ExtraData, Height, Term},
};
use std::{iter::Peekable, sync::Arc};

/// The most announcements in one segment.
pub const MAX_SEGMENT_ANNOUNCEMENTS: usize = 4096;

/// What the frame of an encoded segment takes at most, in bytes: the version, three lengths, and whether there are a proof
/// and the end of an era.
const FRAME_BYTES: usize = 30;

/// What a finality proof takes at most, in bytes: two checkpoints, a bit for each of the most members, and a signature.
const PROOF_BYTES: usize = 1 << 10;

impl Store {
    /// Blocks from `from` on (1 is the lowest that is served), at most `max_blocks` of them, and the announcements after
    /// `known_epoch` up to the epoch of the last block; up to the newest one if the segment reaches the head.
    ///
    /// Nothing comes that is of a later era than `known_epoch`: who asks could not check it. If that era has ended, what ended it
    /// comes along.
    ///
    /// With the first announcement of a term comes the certificate that opened the term, and with every segment the newest
    /// finality proof of the era.
    ///
    /// A block comes only together with all announcements up to its epoch, and there are at most
    /// [`MAX_SEGMENT_ANNOUNCEMENTS`]: an asker that gets announcements without blocks asks again with the last of them
    /// as `known_epoch`. The encoded segment keeps to `max_bytes`, except that its first item always comes.
    ///
    /// # Errors
    /// [`StorageError::BlocksPruned`] if `from` is below [`Store::earliest`], or if the disk refuses or the database is damaged.
    pub fn segment(
        &self,
        from: Height,
        max_blocks: usize,
        max_bytes: usize,
        known_epoch: ExtraData,
    ) -> Result<ChainSegment, StorageError> {
        let snapshot = self.database().snapshot();
        let head = snapshot.get::<BlockRef>(Table::Meta, meta::HEAD)?.unwrap_or_default();
        let earliest = snapshot.get::<Height>(Table::Meta, meta::EARLIEST)?.unwrap_or_default();
        if from.max(Height(1)) < earliest {
            return Err(StorageError::BlocksPruned { height: from, earliest });
        }
        let era = known_epoch.era;
        let change = snapshot.get::<SetChange>(Table::SetChanges, &era_key(era))?.map(Arc::new);
        let end = change.as_ref().map_or(head.height, |change| change.proof.checkpoint.head.height);
        let mut next = from.max(Height(1));
        let of_change = change.as_ref().map_or(0, |change| codec::encode(change).len());
        let left = max_bytes.saturating_sub(FRAME_BYTES + PROOF_BYTES + of_change);
        let mut budget = Budget { left, is_fresh: true };
        let mut announcements = announcements_after(&snapshot, known_epoch);
        let mut blocks = Vec::new();
        let mut settled = 0;
        let mut is_cut = false;

        for entry in snapshot.scan::<StoredBlock>(Table::Blocks, &height_key(next)).take(max_blocks) {
            let (key, bytes, block) = entry?;
            let damaged = |what: &str| self.database().corrupt(format!("block {next}: {what}"));
            if next > end {
                break;
            }
            if key.as_ref() != height_key(next) {
                return Err(damaged("it is missing"));
            }
            let epoch = ExtraData::from_bytes(&block.block.header.extra_data);
            let epoch = epoch.ok_or_else(|| damaged("its extra_data is not era, term and epoch"))?;
            if !announcements.take_until(epoch, &mut budget)? || !budget.take(bytes) {
                is_cut = true;
                break;
            }
            blocks.push(block.into_sealed().ok_or_else(|| damaged("it has no seal"))?);
            settled = announcements.taken.len();
            next = next.next();
        }
        if is_cut && !blocks.is_empty() {
            announcements.taken.truncate(settled);
        }
        if !is_cut && next > end {
            let last = ExtraData { era, term: Term(u64::MAX), epoch: Epoch(u64::MAX) };
            announcements.take_until(last, &mut budget)?;
        }
        let mut certificates = Vec::new();
        for Announcement { era, term, epoch, .. } in announcements.taken.iter().map(|signed| &signed.message) {
            let known = certificates.last().is_some_and(|last: &Arc<TermCertificate>| last.term == *term);
            if *epoch == Epoch(1) && !known {
                for certificate in certificates_of(&snapshot, *era, *term)? {
                    certificates.push(Arc::new(certificate?.1));
                }
            }
        }
        let finality = snapshot.last::<FinalityProof>(Table::Finality)?.filter(|proof| proof.checkpoint.era == era);
        let finality = finality.map(Arc::new);
        Ok(ChainSegment { certificates, announcements: announcements.taken, blocks, finality, change })
    }
}

/// What a segment may still take.
struct Budget {
    left: usize,
    is_fresh: bool,
}

impl Budget {
    /// Takes some bytes if they fit, or if nothing was taken yet.
    fn take(&mut self, bytes: usize) -> bool {
        let fits = self.is_fresh || bytes <= self.left;
        if fits {
            self.left = self.left.saturating_sub(bytes);
            self.is_fresh = false;
        }
        fits
    }
}

/// The announcements after one epoch, in order.
struct Announcements<I: Iterator> {
    rest: Peekable<I>,
    taken: Vec<Signed<Announcement>>,
}

type Entry = Result<(Box<[u8]>, usize, Signed<Announcement>), StorageError>;

/// The announcements after `known`, none of them taken yet.
fn announcements_after<'a>(
    snapshot: &'a Snapshot<'_>,
    known: ExtraData,
) -> Announcements<impl Iterator<Item = Entry> + 'a> {
    let entries = snapshot.scan::<Signed<Announcement>>(Table::Announcements, &known.to_bytes());
    let is_known = move |entry: &Entry| entry.as_ref().is_ok_and(|(.., found)| position(&found.message) <= known);
    Announcements { rest: entries.skip_while(is_known).peekable(), taken: Vec::new() }
}

impl<I: Iterator<Item = Entry>> Announcements<I> {
    /// Takes what there is up to an epoch; returns whether all of it fitted.
    fn take_until(&mut self, epoch: ExtraData, budget: &mut Budget) -> Result<bool, StorageError> {
        let is_due = |entry: &Entry| entry.as_ref().map_or(true, |(.., found)| position(&found.message) <= epoch);
        while let Some(entry) = self.rest.next_if(is_due) {
            let (_, bytes, announcement) = entry?;
            if self.taken.len() >= MAX_SEGMENT_ANNOUNCEMENTS || !budget.take(bytes) {
                return Ok(false);
            }
            self.taken.push(announcement);
        }
        Ok(true)
    }
}
