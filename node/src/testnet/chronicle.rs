//! What the nodes said, and when: every block, its transactions, and its arrival at each node.
//!
//! Pure: times come from outside, as spans since the start of the run.

use super::client::BlockView;
use alloy_primitives::{Address, B256};
use baton_consensus::types::ExtraData;
use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

/// A block as the nodes told it.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) number: u64,
    pub(super) parent: B256,
    pub(super) leader: Address,
    /// Era, term and epoch; none for genesis.
    pub(super) position: Option<ExtraData>,
    /// None until somebody was asked.
    pub(super) transactions: Option<Vec<B256>>,
    /// When each node had it.
    pub(super) arrivals: Vec<Option<Duration>>,
}

impl Block {
    /// When the first node had it.
    pub(super) fn first_arrival(&self) -> Option<Duration> {
        self.arrivals.iter().flatten().min().copied()
    }
}

/// A time in which a node was down, paused or catching up.
#[derive(Clone, Copy, Debug)]
struct Absence {
    from: Duration,
    until: Option<Duration>,
    /// Since when it runs again, and is to be welcomed when it has caught up.
    returning: Option<Duration>,
}

/// Everything that was seen.
#[derive(Debug)]
pub(super) struct Chronicle {
    nodes: usize,
    blocks: HashMap<B256, Block>,
    highest: u64,
    /// The first that was seen of the highest blocks.
    tip: Option<B256>,
    included: HashSet<B256>,
    absences: Vec<Vec<Absence>>,
}

impl Chronicle {
    /// Of so many nodes.
    pub(super) fn new(nodes: usize) -> Self {
        Self {
            nodes,
            blocks: HashMap::new(),
            highest: 0,
            tip: None,
            included: HashSet::new(),
            absences: vec![Vec::new(); nodes],
        }
    }

    /// A node told of a block: it has that block and all its ancestors. Returns the first ancestor that nobody has
    /// described yet, if any.
    pub(super) fn arrive(&mut self, node: usize, view: BlockView, at: Duration) -> Option<B256> {
        let BlockView { number, hash, parent_hash, state_root: _, miner, extra_data, transactions } = view;
        let number = number.to();
        let nodes = self.nodes;
        let block = self.blocks.entry(hash).or_insert_with(|| Block {
            number,
            parent: parent_hash,
            leader: miner,
            position: ExtraData::from_bytes(&extra_data),
            transactions: None,
            arrivals: vec![None; nodes],
        });
        if let (None, Some(transactions)) = (&block.transactions, transactions) {
            self.included.extend(&transactions);
            block.transactions = Some(transactions);
        }
        if number > self.highest {
            (self.highest, self.tip) = (number, Some(hash));
        }
        self.welcome(node, number, at);
        self.mark(node, hash, at)
    }

    /// Marks a block and its ancestors as arrived.
    fn mark(&mut self, node: usize, mut hash: B256, at: Duration) -> Option<B256> {
        loop {
            let Some(block) = self.blocks.get_mut(&hash) else { return Some(hash) };
            match block.arrivals.get_mut(node) {
                Some(arrival @ None) => *arrival = Some(at),
                _ => return None,
            }
            if block.number <= 1 {
                return None;
            }
            hash = block.parent;
        }
    }

    /// Whether the transactions of a block are known.
    pub(super) fn has_transactions(&self, hash: &B256) -> bool {
        self.blocks.get(hash).is_some_and(|block| block.transactions.is_some())
    }

    /// Whether a transaction was seen in any block, even if that block was taken back since.
    pub(super) fn is_included(&self, transaction: &B256) -> bool {
        self.included.contains(transaction)
    }

    /// The transactions of the highest block and its ancestors: what stands, whatever blocks were taken back.
    pub(super) fn standing(&self) -> HashSet<B256> {
        let mut standing = HashSet::new();
        let mut next = self.tip.and_then(|tip| self.blocks.get(&tip));
        while let Some(block) = next {
            standing.extend(block.transactions.iter().flatten());
            next = self.blocks.get(&block.parent);
        }
        standing
    }

    /// The number of the highest block that anyone had.
    pub(super) const fn highest(&self) -> u64 {
        self.highest
    }

    /// The highest block that an operator led in an era, or in a later one.
    pub(super) fn newest_of(&self, operator: Address, era: u64) -> Option<(u64, B256)> {
        let led = self.blocks.iter().filter(|(_, block)| {
            block.leader == operator && block.position.is_some_and(|position| position.era.0 >= era)
        });
        led.map(|(hash, block)| (block.number, *hash)).max()
    }

    /// A node is down, or paused, from now on. If it was not back yet, it stays away.
    pub(super) fn leave(&mut self, node: usize, at: Duration) {
        if let Some(absences) = self.absences.get_mut(node) {
            if let Some(open) = absences.last_mut().filter(|absence| absence.until.is_none()) {
                open.returning = None;
                return;
            }
            absences.push(Absence { from: at, until: None, returning: None });
        }
    }

    /// A node runs again; its absence ends when it has caught up.
    pub(super) fn come_back(&mut self, node: usize, at: Duration) {
        if let Some(absence) = self.absences.get_mut(node).and_then(|absences| absences.last_mut()) {
            absence.returning = Some(at);
        }
    }

    fn welcome(&mut self, node: usize, number: u64, at: Duration) {
        let caught_up = number.saturating_add(1) >= self.highest;
        if let Some(absence) = self.absences.get_mut(node).and_then(|absences| absences.last_mut())
            // What it told before is perhaps written down only now.
            && absence.returning.is_some_and(|since| since <= at)
            && absence.until.is_none()
            && caught_up
        {
            absence.until = Some(at);
        }
    }

    /// Whether a node was up and followed the head throughout a span of time.
    pub(super) fn present(&self, node: usize, from: Duration, until: Duration) -> bool {
        self.absences.get(node).is_some_and(|absences| {
            absences.iter().all(|absence| absence.from > until || absence.until.is_some_and(|end| end < from))
        })
    }

    /// A block by its hash.
    pub(super) fn block(&self, hash: &B256) -> Option<&Block> {
        self.blocks.get(hash)
    }

    /// How many transactions were seen in blocks.
    pub(super) fn included(&self) -> usize {
        self.included.len()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use alloy_primitives::U64;

    /// A block whose hash follows from its number and the branch it is on.
    pub(crate) fn view(number: u64, branch: u8, parent_branch: u8, transactions: &[u8]) -> BlockView {
        BlockView {
            number: U64::from(number),
            hash: hash(number, branch),
            parent_hash: hash(number - 1, parent_branch),
            state_root: B256::ZERO,
            miner: Address::repeat_byte(branch),
            extra_data: ExtraData { era: Default::default(), term: Default::default(), epoch: Default::default() }
                .to_bytes(),
            transactions: Some(transactions.iter().map(|byte| B256::repeat_byte(*byte)).collect()),
        }
    }

    pub(crate) fn hash(number: u64, branch: u8) -> B256 {
        let mut hash = B256::repeat_byte(branch);
        hash[..8].copy_from_slice(&number.to_be_bytes());
        hash
    }

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_block_brings_its_ancestors() {
        let mut chronicle = Chronicle::new(2);
        assert_eq!(chronicle.arrive(0, view(1, 7, 0, &[1]), ms(10)), None);
        assert_eq!(chronicle.arrive(0, view(2, 7, 7, &[]), ms(20)), None);
        assert_eq!(chronicle.arrive(1, view(2, 7, 7, &[]), ms(25)), None);
        assert_eq!(chronicle.arrive(1, view(4, 7, 7, &[2]), ms(40)), Some(hash(3, 7)));
        assert_eq!(chronicle.arrive(1, view(3, 7, 7, &[]), ms(40)), None);
        assert_eq!(chronicle.block(&hash(1, 7)).unwrap().arrivals, [Some(ms(10)), Some(ms(25))]);
        assert_eq!(chronicle.block(&hash(2, 7)).unwrap().first_arrival(), Some(ms(20)));
        assert_eq!(chronicle.block(&hash(4, 7)).unwrap().arrivals, [None, Some(ms(40))]);
        assert!(chronicle.is_included(&B256::repeat_byte(2)));
        assert_eq!(chronicle.highest(), 4);
    }

    #[test]
    fn what_was_taken_back_does_not_stand() {
        let mut chronicle = Chronicle::new(2);
        chronicle.arrive(0, view(1, 1, 0, &[1]), ms(1));
        chronicle.arrive(1, view(2, 2, 1, &[2]), ms(2));
        let hashes = |bytes: &[u8]| bytes.iter().map(|byte| B256::repeat_byte(*byte)).collect::<HashSet<_>>();
        assert_eq!(chronicle.standing(), hashes(&[1, 2]));
        chronicle.arrive(0, view(2, 1, 1, &[3]), ms(3));
        chronicle.arrive(0, view(3, 1, 1, &[]), ms(4));
        assert_eq!(chronicle.standing(), hashes(&[1, 3]));
        assert!(chronicle.is_included(&B256::repeat_byte(2)));
    }

    #[test]
    fn whoever_leaves_on_the_way_back_is_still_away() {
        let mut chronicle = Chronicle::new(2);
        chronicle.arrive(0, view(1, 1, 0, &[]), ms(1));
        chronicle.leave(1, ms(5));
        chronicle.come_back(1, ms(6));
        chronicle.leave(1, ms(7));
        chronicle.arrive(1, view(1, 1, 0, &[]), ms(8));
        assert!(!chronicle.present(1, ms(9), ms(10)));
        chronicle.come_back(1, ms(15));
        // What it had told before it left is written down late.
        chronicle.arrive(1, view(1, 1, 0, &[]), ms(6));
        assert!(!chronicle.present(1, ms(16), ms(17)));
        chronicle.arrive(1, view(1, 1, 0, &[]), ms(20));
        assert!(!chronicle.present(1, ms(6), ms(10)));
        assert!(chronicle.present(1, ms(21), ms(30)));
    }

    #[test]
    fn a_node_is_absent_until_it_has_caught_up() {
        let mut chronicle = Chronicle::new(2);
        chronicle.arrive(0, view(1, 1, 0, &[]), ms(1));
        chronicle.leave(1, ms(5));
        // A message that was still under way does not bring the dead back.
        chronicle.arrive(1, view(1, 1, 0, &[]), ms(6));
        chronicle.arrive(0, view(2, 1, 1, &[]), ms(10));
        chronicle.arrive(0, view(3, 1, 1, &[]), ms(20));
        chronicle.come_back(1, ms(24));
        chronicle.arrive(1, view(1, 1, 0, &[]), ms(25));
        assert!(!chronicle.present(1, ms(26), ms(27)));
        chronicle.arrive(1, view(3, 1, 1, &[]), ms(30));
        assert!(chronicle.present(1, ms(31), ms(40)));
        assert!(chronicle.present(1, ms(0), ms(4)));
        assert!(!chronicle.present(1, ms(0), ms(40)));
        assert!(chronicle.present(0, ms(0), ms(40)));
    }
}
