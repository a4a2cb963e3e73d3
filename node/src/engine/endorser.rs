//! The signature on what is costly to check: see [`baton_consensus::endorsement`].

use baton_consensus::{
    endorsement::{Endorsable, Endorsed},
    keys::OperatorKey,
    types::{Electorate, Era},
};

/// Vouches for what this node publishes, if it is a member of the set that receivers look at.
pub(super) struct Endorser {
    key: Option<OperatorKey>,
    now: Electorate,
    /// The era before: its members tell of its end, and it is the set that those who are still in it look at.
    before: Option<Electorate>,
}

impl Endorser {
    /// Without a key, nothing is vouched for.
    pub(super) const fn new(key: Option<OperatorKey>, now: Electorate) -> Self {
        Self { key, now, before: None }
    }

    /// The set changed.
    pub(super) fn open_era(&mut self, electorate: Electorate) {
        self.before = Some(std::mem::replace(&mut self.now, electorate));
    }

    /// Vouches for something that this node checked, or made. None if nobody would take its word for it.
    pub(super) fn endorse<T: Endorsable>(&self, content: T) -> Option<Endorsed<T>> {
        let key = self.key.as_ref()?;
        let set = &self.set_for(content.era())?.set;
        set.contains(key.address()).then(|| Endorsed::new(content, &self.now.context, key))
    }

    /// Of earlier eras there is evidence alone, for which the word of today's members is good.
    fn set_for(&self, era: Era) -> Option<&Electorate> {
        if era > self.now.era {
            return None;
        }
        Some(self.before.as_ref().filter(|before| before.era == era).unwrap_or(&self.now))
    }
}

impl std::fmt::Debug for Endorser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endorser").field("era", &self.now.era).finish_non_exhaustive()
    }
}
