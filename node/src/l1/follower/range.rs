//! How many blocks' logs are asked for at once: providers have limits, and do not say which.

/// A width that halves when it is refused and grows again when it is not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    width: u64,
    most: u64,
}

impl Range {
    pub(super) fn new(most: u64) -> Self {
        let most = most.max(1);
        Self { width: most, most }
    }

    /// The last block of the next range, of those up to `target`.
    pub(super) const fn end(self, from: u64, target: u64) -> u64 {
        let end = from.saturating_add(self.width - 1);
        if end < target { end } else { target }
    }

    /// Halves a range of so many blocks that was refused; false if it was one block.
    pub(super) fn shrink(&mut self, refused: u64) -> bool {
        let shrinks = refused > 1;
        self.width = (refused / 2).max(1);
        shrinks
    }

    pub(super) fn grow(&mut self) {
        self.width = self.width.saturating_mul(2).min(self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_halves_down_to_one_block_and_grows_again() {
        let mut range = Range::new(1000);
        assert_eq!((range.end(1, 5000), range.end(1, 7), range.end(u64::MAX, u64::MAX)), (1000, 7, u64::MAX));
        assert!(range.shrink(1000) && range.shrink(500));
        assert_eq!(range.end(1, 5000), 250);
        // What was refused was narrower still.
        assert!(range.shrink(7));
        assert_eq!(range.end(1, 5000), 3);
        assert!(range.shrink(3) && !range.shrink(1));
        assert_eq!(range.end(1, 5000), 1);
        (0..20).for_each(|_| range.grow());
        assert_eq!(range.end(1, 5000), 1000);
    }
}
