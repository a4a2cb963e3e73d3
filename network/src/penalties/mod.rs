//! What peers are blamed for, and what it costs them.
//!
//! Everything that a peer can be blamed for is an [`Offence`]; its row in one table gives its class, its name in files and
//! answers, and its words in the log. There are four classes, and all of the arithmetic is theirs:
//!
//! | class | points | what it is for | banned after |
//! |---|---|---|---|
//! | [`Class::Fatal`] | 100 | a lie that a proof contradicts: no bug and no lag explains it | the first |
//! | [`Class::Severe`] | 20 | what an honest node checks before it sends or forwards it | five at a time |
//! | [`Class::Mild`] | 5 | too much of what is allowed, or what another version may judge differently | twenty at a time |
//! | [`Class::Slow`] | 5 | answers that do not come in time | never |
//!
//! - Points add up in two accounts, **faults** and **slowness**, and halve every [`HALF_LIFE`].
//! - With [`DISCONNECT_AT`] points of *faults* a peer is sent away and refused until they have decayed below that; with
//!   [`BAN_AT`] it is banned, and its account starts anew.
//! - With [`DISCONNECT_AT`] points of *slowness* it is sent away, and that account starts anew: its slot is free for another, and
//!   it may come back at once. Slowness neither refuses nor bans: a slow link, or a busy machine on this side, is no fault.
//! - A ban lasts [`FIRST_BAN`], twice as long with every ban before it, [`LONGEST_BAN`] at most. Every [`BAN_MEMORY`] without
//!   one takes one of them off the record.
//! - When [`OFFENDERS_PER_RANGE`] peers of one address range were banned within [`RANGE_MEMORY`], the range is refused as a whole,
//!   by the same arithmetic: identities are free, addresses are not.
//! - Bans hold in both directions, are kept on disk (`file`) and can be explained: the last [`MAX_CHARGES`] charges stay with
//!   the peer.
//!
//! **Reserved peers** (the sequencers, and whom the operator trusts or added) are charged like everyone, but are never refused
//! for points alone, and their bans last [`RESERVED_BAN`] and do not grow. A set of four that loses a member's links for an hour,
//! because one program has a bug, may lose finality; what a member does on purpose has its own remedy in the protocol, and
//! the pause bounds what its messages can cost: five rejected ones in half a minute. Bans of ranges do not touch them, and
//! they bring none on. An operator's ban holds for anyone.
//!
//! **What is no offence**, however often it happens: duplicates (every mesh link carries them), stale and early messages
//! (clocks and links differ), messages whose parent, epoch or era is not known here (this node may be the one that lags),
//! a request that is refused or finds nothing, lost connections, and full queues. None of them has a row.

mod class;
mod file;
mod ledger;
mod offence;
mod ranges;
mod score;

pub use class::Class;
pub(crate) use file::BANS_FILE;
pub use ledger::{Account, Ban, BanCause, Charge};
pub(crate) use ledger::{Ledger, Sentence};
pub use offence::Offence;

use std::time::Duration;

/// The time in which points halve.
pub(crate) const HALF_LIFE: Duration = Duration::from_secs(600);

/// Points, of faults or of slowness, at which a peer is sent away: three severe offences or ten others, what decays within half a
/// minute included.
pub const DISCONNECT_AT: f64 = 48.0;

/// Points of faults at which a peer is banned.
pub const BAN_AT: f64 = 2.0 * DISCONNECT_AT;

/// How long a first ban lasts.
pub(crate) const FIRST_BAN: Duration = Duration::from_secs(600);

/// How long a ban lasts at most, unless the operator made it.
pub(crate) const LONGEST_BAN: Duration = Duration::from_secs(24 * 3600);

/// How long a reserved peer's ban lasts.
pub(crate) const RESERVED_BAN: Duration = Duration::from_secs(30);

/// The time without a ban after which one of the earlier ones is forgotten.
pub(crate) const BAN_MEMORY: Duration = Duration::from_secs(12 * 3600);

/// Peers of one range that earn bans before the range is refused.
pub(crate) const OFFENDERS_PER_RANGE: usize = 4;

/// Bans of a range's peers count together if they are not further apart than this.
pub(crate) const RANGE_MEMORY: Duration = Duration::from_secs(3600);

/// The newest charges that are remembered of a peer.
pub(crate) const MAX_CHARGES: usize = 16;

/// How long the next ban lasts, after `earlier` ones.
fn ban_length(earlier: u32) -> Duration {
    FIRST_BAN.saturating_mul(1u32.checked_shl(earlier).unwrap_or(u32::MAX)).min(LONGEST_BAN)
}

/// How many of `earlier` bans still count, `since` the last one.
fn remembered(earlier: u32, since: Duration) -> u32 {
    let forgotten = since.as_secs() / BAN_MEMORY.as_secs();
    earlier.saturating_sub(u32::try_from(forgotten).unwrap_or(u32::MAX))
}
