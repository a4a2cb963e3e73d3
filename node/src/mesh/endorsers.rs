//! The members whose word was good for nothing.

use alloy_primitives::Address;
use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

/// Members that vouched for what does not hold. An honest one never does: it checked before, or made it of what it checked.
/// What they vouch for is not looked at any more until the era is over, so that a member costs everyone one pairing by that.
#[derive(Debug, Default)]
pub struct Endorsers(Mutex<BTreeSet<Address>>);

impl Endorsers {
    /// Whether what this member vouches for is worth being checked.
    pub(super) fn trusts(&self, member: Address) -> bool {
        !self.lock().contains(&member)
    }

    /// This member vouched for what does not hold.
    pub(super) fn distrust(&self, member: Address) {
        self.lock().insert(member);
    }

    /// Another era: whoever is in its set begins anew.
    pub(super) fn forgive(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<Address>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
