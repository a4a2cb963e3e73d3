use super::*;
use alloy_primitives::hex;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{fs, path::Path};

/// Mutants of every seed.
const MUTANTS: usize = 10_000;

/// Target and input, made of the golden files, so that the seeds are never older than the wire.
fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let chosen = |choice: Option<usize>, bytes: &[u8]| [&[u8::try_from(choice.unwrap()).unwrap()], bytes].concat();
    let mut seeds = Vec::new();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text: String = fs::read_to_string(&path).unwrap().split_whitespace().collect();
        let bytes = hex::decode(text).unwrap();
        if let Some(of) = name.strip_prefix("gossip-") {
            // A kind may have several: `evidence-vote` is of the kind `evidence`.
            let of =
                |kind: &Kind| of.strip_prefix(kind.name()).is_some_and(|more| more.is_empty() || more.starts_with('-'));
            let kind = Kind::ALL.iter().position(of);
            seeds.push(("gossip", chosen(kind, &snap::raw::Encoder::new().compress_vec(&bytes).unwrap())));
            seeds.push(("gossip_payload", chosen(kind, &bytes)));
            continue;
        }
        let body = &bytes[4..];
        let of = |suffix: &str| Protocol::ALL.iter().position(|protocol| format!("{protocol}{suffix}") == name);
        seeds.push(("frame", chosen(Some(255), &bytes)));
        seeds.push(match (of("-request"), of("-response")) {
            (None, None) => ("status", body.to_vec()),
            (None, answer) => ("response", chosen(answer, body)),
            (asked, _) => ("request", chosen(asked, body)),
        });
    }
    seeds
}

/// One of the ways in which hostile bytes differ from honest ones.
fn mutate(seed: &[u8], other: &[u8], rng: &mut StdRng) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..rng.random_range(1..4) {
        let at = rng.random_range(0..bytes.len().max(1));
        match rng.random_range(0..6) {
            0 => bytes.truncate(at),
            1 if at < bytes.len() => bytes[at] ^= 1 << rng.random_range(0..8),
            // What the codec takes for a length of many bytes.
            2 if at < bytes.len() => bytes[at] = rng.random_range(250..=255),
            3 => {
                let from = rng.random_range(0..other.len().max(1)).min(other.len());
                bytes.splice(at.min(bytes.len()).., other[from..].iter().copied());
            }
            4 => bytes.insert(at.min(bytes.len()), rng.random()),
            _ => bytes.extend(std::iter::repeat_n(rng.random::<u8>(), rng.random_range(1..64))),
        }
    }
    bytes
}

fn run(target: &str, input: &[u8]) {
    let (_, run) = TARGETS.iter().find(|(name, _)| *name == target).unwrap();
    run(input);
}

#[test]
fn every_target_has_seeds_that_it_takes() {
    let seeds = seeds();
    for (target, _) in TARGETS {
        assert!(seeds.iter().any(|(of, _)| *of == target), "{target} has no seed");
    }
    for kind in Kind::ALL {
        let taken = |input: &[u8]| {
            choose(Kind::ALL, input).is_some_and(|(of, data)| of == *kind && gossip::open(of, data).is_ok())
        };
        assert!(seeds.iter().any(|(of, input)| *of == "gossip" && taken(input)), "no golden file holds a {kind}");
    }
}

#[test]
fn seeds_and_mutants_are_harmless() {
    let (seeds, mut rng) = (seeds(), StdRng::seed_from_u64(6));
    for (target, seed) in &seeds {
        run(target, seed);
        for _ in 0..MUTANTS {
            let (_, other) = &seeds[rng.random_range(0..seeds.len())];
            run(target, &mutate(seed, other, &mut rng));
        }
    }
}

/// Writes the seeds where `BATON_CORPUS` says, one directory a target, for a fuzzer to start from.
#[test]
fn corpus() {
    let Some(directory) = std::env::var_os("BATON_CORPUS") else { return };
    for (number, (target, input)) in seeds().into_iter().enumerate() {
        let directory = Path::new(&directory).join(target);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join(format!("golden-{number}")), input).unwrap();
    }
}
