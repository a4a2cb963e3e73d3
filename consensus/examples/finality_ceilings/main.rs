//! What counting votes and checking certificates costs on this machine, as JSON lines: one core, real keys, the best of a few
//! rounds, as others on the machine only add to it.
//!
//! Run with `cargo run --release -p baton-consensus --example finality_ceilings`.

mod committee;

use baton_consensus::{
    core::{Effect, Input, Report},
    finality::{FinalityProof, light_client::Trusted},
    messages::CastVote,
    signing::Signed,
};
use committee::{Committee, checkpoint_in};
use std::{
    error::Error,
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

/// Sizes of the set.
const MEMBERS: [usize; 4] = [4, 13, 50, 100];

/// How many blocks are made final, in two rounds each.
const BLOCKS: usize = 8;

/// How often a certificate is checked.
const CHECKS: usize = 20;

fn main() -> Result<(), Box<dyn Error>> {
    for members in MEMBERS {
        let counted = count(members)?;
        let (quorum, to_certificate) = (counted.quorum, best(counted.rounds));
        let milliseconds = |name: &str, span: Duration| {
            print(&format!("{name}_of_{members}"), "ms", span.as_secs_f64() * 1e3);
        };
        milliseconds("votes_to_certificate", to_certificate);
        print(&format!("votes_of_{members}"), "votes/s", quorum as f64 / to_certificate.as_secs_f64());
        milliseconds("last_vote_to_certificate", best(counted.sums));
        milliseconds("last_vote_to_certificate_one_bad", best(counted.bisections));
        let proof = counted.proof;
        let certificate = Arc::new(proof.child.clone());
        let electorate = &counted.committee.electorate;
        let check = || Ok(Arc::clone(&certificate).verify(electorate).map(drop)?);
        milliseconds("certificate_checked", best(timed(check)?));
        let trusted = Trusted::genesis(electorate.context, Arc::clone(&electorate.set));
        milliseconds("finality_proof_checked", best(timed(|| Ok(trusted.verify(&[], &proof).map(drop)?))?));
    }
    Ok(())
}

fn print(name: &str, unit: &str, value: f64) {
    println!("{{\"name\":\"{name}\",\"unit\":\"{unit}\",\"value\":{value:.3}}}");
}

fn best(spans: Vec<Duration>) -> Duration {
    spans.into_iter().min().unwrap_or_default()
}

fn timed(mut work: impl FnMut() -> Result<(), Box<dyn Error>>) -> Result<Vec<Duration>, Box<dyn Error>> {
    let one = |_| {
        let started = Instant::now();
        work()?;
        Ok(black_box(started.elapsed()))
    };
    (0..CHECKS).map(one).collect()
}

/// What the scheduler did with the votes.
struct Counted {
    committee: Committee,
    /// How many votes from others it took.
    quorum: usize,
    /// From the first vote to the certificate, signatures of operators checked on the way.
    rounds: Vec<Duration>,
    /// The last vote alone, with which all are added up.
    sums: Vec<Duration>,
    /// The same, if one of them is bad: with that vote and the next, which makes up for it.
    bisections: Vec<Duration>,
    proof: FinalityProof,
}

fn count(members: usize) -> Result<Counted, Box<dyn Error>> {
    let mut committee = Committee::new(members)?;
    let (mut rounds, mut sums, mut bisections, mut proof) = (Vec::new(), Vec::new(), Vec::new(), None);
    let mut quorum = 0;
    for block in 0..BLOCKS {
        let checkpoint = committee.next_block()?;
        let votes = committee.votes(&checkpoint);
        let first = take(&mut committee, votes)?;
        let second = checkpoint_in(&first.effects).ok_or("no round follows the certificate")?;
        rounds.push(first.steps.iter().sum());
        sums.extend(first.steps.last());
        quorum = first.steps.len();
        // Another member's vote is bad each time: who was caught once is checked alone from then on.
        let mut votes = committee.votes(&second);
        let bad = block % quorum;
        votes[bad] = committee.spoilt(&votes[bad], &votes[(bad + 1) % quorum])?;
        let second = take(&mut committee, votes)?;
        if second.steps.len() == quorum + 1 {
            bisections.push(second.steps.iter().rev().take(2).sum());
        }
        proof = second.effects.into_iter().find_map(|effect| match effect {
            Effect::Finalize { proof, .. } => Some(FinalityProof::clone(&proof)),
            _ => None,
        });
    }
    let proof = proof.ok_or("nothing became final")?;
    Ok(Counted { committee, quorum, rounds, sums, bisections, proof })
}

/// How long each vote took until there was a certificate, and what followed from that.
struct Taken {
    steps: Vec<Duration>,
    effects: Vec<Effect>,
}

/// Takes votes in as a node does, one after the other, until there is a certificate.
fn take(committee: &mut Committee, votes: Vec<Signed<CastVote>>) -> Result<Taken, Box<dyn Error>> {
    let context = committee.electorate.context;
    let (mut steps, mut caught) = (Vec::new(), false);
    for vote in votes {
        let started = Instant::now();
        let effects = committee.feed(Input::Vote(vote.verify(&context)?));
        steps.push(started.elapsed());
        caught |= effects.iter().any(|effect| matches!(effect, Effect::Report(Report::BadVote { .. })));
        if effects.iter().any(|effect| matches!(effect, Effect::Safe(_))) {
            return Ok(Taken { steps, effects });
        }
    }
    Err(format!("no certificate came of the votes; a bad one was {}found", if caught { "" } else { "not " }).into())
}
