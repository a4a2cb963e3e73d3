//! What the network does to messages.

use rand::{Rng, rngs::StdRng};
use std::collections::BTreeSet;

/// The ten regions in which members can sit.
pub const REGIONS: [&str; 10] =
    ["Virginia", "Oregon", "Sao Paulo", "Ireland", "Frankfurt", "Cape Town", "Bahrain", "Mumbai", "Singapore", "Tokyo"];

/// One-way latencies between the regions in ms, rounded: half of the round trips that clouds publish for such places.
const BETWEEN_REGIONS: [[u64; 10]; 10] = [
    [1, 33, 58, 34, 45, 113, 95, 93, 108, 74],
    [33, 1, 88, 62, 71, 141, 122, 109, 82, 49],
    [58, 88, 1, 89, 101, 169, 150, 150, 163, 128],
    [34, 62, 89, 1, 13, 79, 58, 61, 87, 101],
    [45, 71, 101, 13, 1, 77, 50, 55, 80, 113],
    [113, 141, 169, 79, 77, 1, 106, 108, 128, 165],
    [95, 122, 150, 58, 50, 106, 1, 19, 47, 84],
    [93, 109, 150, 61, 55, 108, 19, 1, 31, 62],
    [108, 82, 163, 87, 80, 128, 47, 31, 1, 34],
    [74, 49, 128, 101, 113, 165, 84, 62, 34, 1],
];

/// The one-way latency between two members, in ms, where member i sits in region i + `first`, modulo 10.
#[must_use]
pub const fn between(first: usize, from: usize, to: usize) -> u64 {
    BETWEEN_REGIONS[(from + first) % REGIONS.len()][(to + first) % REGIONS.len()]
}

/// The median of what a message travels between two of these members in their regions, in ms.
#[must_use]
pub fn median_hop(members: usize) -> f64 {
    let pairs = (0..members).flat_map(|from| (0..members).map(move |to| (from, to)));
    let mut hops: Vec<_> = pairs.filter(|(from, to)| from != to).map(|(from, to)| between(0, from, to)).collect();
    hops.sort_unstable();
    hops.get(hops.len() / 2).copied().unwrap_or_default() as f64 * 1.05
}

/// How long messages travel.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Latency {
    /// Between these two, in ms, each as likely: messages overtake each other.
    Uniform(u64, u64),
    /// What lies between the members' regions, and up to a tenth more. Member i sits in region i + `first`, modulo 10.
    Regions {
        /// Where the first member sits.
        first: usize,
    },
}

/// How the network treats messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub(crate) latency: Latency,
    /// In percent.
    pub(crate) loss: u32,
    /// In percent.
    pub(crate) duplication: u32,
}

impl Default for Link {
    fn default() -> Self {
        Self { latency: Latency::Uniform(1, 20), loss: 0, duplication: 0 }
    }
}

impl Link {
    /// What a message travels on average, in ms.
    pub(crate) fn usual(&self, from: usize, to: usize) -> u64 {
        match self.latency {
            Latency::Uniform(low, high) => u64::midpoint(low, high),
            Latency::Regions { first } => between(first, from, to) * 21 / 20,
        }
    }

    /// When the copies of one message arrive, in ms from now; none if it is lost.
    pub(crate) fn carry(&self, from: usize, to: usize, random: &mut StdRng) -> Vec<u64> {
        if random.random_range(0..100) < self.loss {
            return Vec::new();
        }
        let copies = 1 + usize::from(random.random_range(0..100) < self.duplication);
        let delay = |_| match self.latency {
            Latency::Uniform(low, high) => random.random_range(low..=high),
            Latency::Regions { first } => {
                let between = between(first, from, to);
                between + random.random_range(0..=between.div_ceil(10))
            }
        };
        (0..copies).map(delay).collect()
    }
}

/// The links that carry nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cuts(BTreeSet<(usize, usize)>);

impl Cuts {
    /// Lets nothing of `from` reach `to`; the other way stays open.
    pub(crate) fn one_way(&mut self, from: usize, to: usize) {
        self.0.insert((from, to));
    }

    /// Cuts the link between two nodes, both ways.
    pub(crate) fn both_ways(&mut self, one: usize, other: usize) {
        self.one_way(one, other);
        self.one_way(other, one);
    }

    pub(crate) fn is_cut(&self, from: usize, to: usize) -> bool {
        self.0.contains(&(from, to))
    }

    pub(crate) fn heal(&mut self) {
        self.0.clear();
    }
}
