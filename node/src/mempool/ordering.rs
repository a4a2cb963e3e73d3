//! The order by effective tip, kept through changes of the base fee.
//!
//! The effective tip of a transaction at base fee `f` is `min(priority fee, fee cap − f)`. While `f` is at most its
//! *threshold*, fee cap − priority fee, it is the priority fee; above, it is what the cap leaves. So two sorted maps hold
//! the whole order at any `f`: `open` by priority fee (threshold ≥ f) and `capped` by fee cap (threshold < f); inside each
//! the order does not depend on `f`. Moving `f` moves only those whose threshold lies between, which a third map finds.

use alloy_primitives::Address;
use std::{cmp::Reverse, collections::BTreeMap, iter::Peekable};

/// What a transaction offers, and when it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bid {
    /// The most it pays per gas, base fee included, in wei.
    pub(super) fee_cap: u128,
    /// The most it pays the leader per gas, in wei; at most the cap.
    pub(super) priority_fee: u128,
    /// Its place in the order of arrival; unique.
    pub(super) sequence: u64,
}

/// A place in the order at one base fee: greater is better. Unpayable ones are below all others, by fee cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    tip: Option<u128>,
    unpayable_cap: u128,
    arrival: Reverse<u64>,
}

impl Bid {
    pub(super) fn new(fee_cap: u128, priority_fee: u128, sequence: u64) -> Self {
        Self { fee_cap, priority_fee: priority_fee.min(fee_cap), sequence }
    }

    /// The effective tip; none if the cap is below the base fee.
    pub(super) const fn tip(&self, base_fee: u64) -> Option<u128> {
        match self.fee_cap.checked_sub(base_fee as u128) {
            Some(left) if left < self.priority_fee => Some(left),
            Some(_) => Some(self.priority_fee),
            None => None,
        }
    }

    pub(super) fn rank(&self, base_fee: u64) -> Rank {
        let tip = self.tip(base_fee);
        let unpayable_cap = if tip.is_some() { 0 } else { self.fee_cap };
        Rank { tip, unpayable_cap, arrival: Reverse(self.sequence) }
    }

    /// The highest base fee at which it still pays its full priority fee.
    const fn threshold(&self) -> u128 {
        self.fee_cap - self.priority_fee
    }
}

impl Rank {
    /// Whether this one pays more, whoever came first.
    pub(super) fn outbids(&self, other: &Self) -> bool {
        (self.tip, self.unpayable_cap) > (other.tip, other.unpayable_cap)
    }
}

type Place = (u128, Reverse<u64>);
type Entry = (Bid, Address);

/// One bid per sender (its first transaction, or its last), in order at the current base fee.
#[derive(Debug)]
pub(super) struct BidIndex {
    base_fee: u64,
    open: BTreeMap<Place, Entry>,
    capped: BTreeMap<Place, Entry>,
    thresholds: BTreeMap<(u128, u64), Entry>,
}

impl BidIndex {
    pub(super) const fn new(base_fee: u64) -> Self {
        Self { base_fee, open: BTreeMap::new(), capped: BTreeMap::new(), thresholds: BTreeMap::new() }
    }

    pub(super) fn insert(&mut self, bid: Bid, sender: Address) {
        self.thresholds.insert((bid.threshold(), bid.sequence), (bid, sender));
        self.place(bid, sender);
    }

    pub(super) fn remove(&mut self, bid: &Bid) {
        self.thresholds.remove(&(bid.threshold(), bid.sequence));
        self.open.remove(&(bid.priority_fee, Reverse(bid.sequence)));
        self.capped.remove(&(bid.fee_cap, Reverse(bid.sequence)));
    }

    /// Moves to another base fee, at the cost of the bids whose threshold lies between.
    pub(super) fn set_base_fee(&mut self, base_fee: u64) {
        let (low, high) = (self.base_fee.min(base_fee), self.base_fee.max(base_fee));
        self.base_fee = base_fee;
        let moving: Vec<Entry> =
            self.thresholds.range((low.into(), 0)..(high.into(), 0)).map(|(_, entry)| *entry).collect();
        for (bid, sender) in moving {
            self.open.remove(&(bid.priority_fee, Reverse(bid.sequence)));
            self.capped.remove(&(bid.fee_cap, Reverse(bid.sequence)));
            self.place(bid, sender);
        }
    }

    /// The senders whose bids can pay the base fee, best first.
    pub(super) fn best_first(&self) -> impl Iterator<Item = (Rank, Address)> + '_ {
        let base_fee = self.base_fee;
        let ranked = move |(_, (bid, sender)): (&Place, &Entry)| (bid.rank(base_fee), *sender);
        Merge {
            left: self.open.iter().rev().map(ranked).peekable(),
            right: self.capped.iter().rev().map(ranked).peekable(),
        }
        .take_while(|(rank, _)| rank.tip.is_some())
    }

    /// The worst bid of all.
    pub(super) fn worst(&self) -> Option<(Rank, Address)> {
        let first = |map: &BTreeMap<Place, Entry>| {
            map.first_key_value().map(|(_, (bid, sender))| (bid.rank(self.base_fee), *sender))
        };
        match (first(&self.open), first(&self.capped)) {
            (Some(open), Some(capped)) => Some(if open.0 < capped.0 { open } else { capped }),
            (one, None) | (None, one) => one,
        }
    }

    /// All senders, in no order.
    pub(super) fn senders(&self) -> impl Iterator<Item = Address> + '_ {
        self.thresholds.values().map(|(_, sender)| *sender)
    }

    fn place(&mut self, bid: Bid, sender: Address) {
        if bid.threshold() >= u128::from(self.base_fee) {
            self.open.insert((bid.priority_fee, Reverse(bid.sequence)), (bid, sender));
        } else {
            self.capped.insert((bid.fee_cap, Reverse(bid.sequence)), (bid, sender));
        }
    }
}

/// Two sorted streams as one, greatest rank first.
struct Merge<L: Iterator, R: Iterator> {
    left: Peekable<L>,
    right: Peekable<R>,
}

impl<L, R> Iterator for Merge<L, R>
where
    L: Iterator<Item = (Rank, Address)>,
    R: Iterator<Item = (Rank, Address)>,
{
    type Item = (Rank, Address);

    fn next(&mut self) -> Option<Self::Item> {
        match (self.left.peek(), self.right.peek()) {
            (Some((left, _)), Some((right, _))) if left < right => self.right.next(),
            (Some(_), _) => self.left.next(),
            (None, _) => self.right.next(),
        }
    }
}
