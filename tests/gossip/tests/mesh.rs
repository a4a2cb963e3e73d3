//! A small mesh: everyone has every block, in a time that the latencies explain, at a cost that is bounded; the same seed gives
//! the same figures.

use baton_gossip_simulator::{
    report::{Figures, json, table},
    run::{Setup, run},
};
use std::time::Duration;

const fn setup(seed: u64) -> Setup {
    Setup {
        seed,
        nodes: 50,
        dials: 6,
        bits_per_second: 100_000_000,
        checking: Duration::from_millis(2),
        sizes: Vec::new(),
        blocks: 5,
        interval: Duration::from_secs(2),
    }
}

#[test]
fn every_node_has_every_block_soon_and_few_copies_of_it() {
    let setup = Setup { sizes: vec![500, 100_000], ..setup(7) };
    let outcome = run(&setup).expect("a mesh");
    println!("{}", table(&setup, &outcome));
    for carried in &outcome.carried {
        let figures = Figures::of(&setup, carried);
        assert_eq!(carried.arrivals.len(), 5);
        assert_eq!(figures.missed, 0, "{figures:?}");
        let [[half, ..], _, [.., last]] = figures.coverage_ms;
        // The longest of all links takes 169 ms. Whoever is far gets a block over a few short ones, with 8 ms for each copy of
        // a large one that leaves a node.
        assert!(half > 20.0 && last < 800.0, "{figures:?}");
        // One copy is what it takes. The mesh has 12 peers at most for each node, and hardly anybody is asked for what it missed.
        assert!(figures.copies > 0.95 && figures.copies < 12.0, "{figures:?}");
        assert!(figures.ids[1] < 1.0, "{figures:?}");
    }
    // Only large messages are worth a word that they need not be sent, and that word saves copies.
    let [small, large] = [0, 1].map(|index| Figures::of(&setup, &outcome.carried[index]));
    assert!(small.ids[2] == 0.0 && large.ids[2] > 1.0, "{small:?} {large:?}");
    assert!(large.copies < small.copies, "{small:?} {large:?}");
}

#[test]
fn the_seed_decides_everything() {
    let figures = |seed| {
        let setup = Setup { sizes: vec![2_000], nodes: 30, ..setup(seed) };
        let outcome = run(&setup).expect("a mesh");
        (
            json(&setup, &outcome)["sizes"].to_string(),
            outcome.carried.into_iter().flat_map(|it| it.arrivals).collect::<Vec<_>>(),
        )
    };
    assert_eq!(figures(1), figures(1));
    assert_ne!(figures(1), figures(2));
}
