//! Which sets reign, and how finality goes, as the nodes tell it.

use crate::testnet::{client::Client, fleet::Fleet, observe::Record};
use alloy_primitives::Address;
use futures::future::join_all;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

/// How often the nodes are asked.
const POLL: Duration = Duration::from_millis(150);

/// How long a node may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// An era, as the first node to be in it told of it.
#[derive(Clone, Debug)]
pub(super) struct EraView {
    /// When.
    pub(super) at: Duration,
    /// Its set, sorted by address.
    pub(super) members: Vec<Address>,
    /// The L1 block of the set; none until something is final in the era.
    pub(super) l1_block: Option<u64>,
}

/// What was seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) eras: BTreeMap<u64, EraView>,
    /// The heights up to which anyone had finality, and since when.
    pub(super) finalized: Vec<(Duration, u64)>,
    /// What happened, in words.
    notes: Vec<String>,
}

/// What was seen, for several tasks.
#[derive(Clone, Debug, Default)]
pub(in crate::testnet) struct Watch(Arc<Mutex<Seen>>);

impl Watch {
    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down what happened, for whoever watches.
    pub(super) fn note(&self, note: String) {
        self.seen().notes.push(note);
    }

    /// What happened since the first `known` notes.
    pub(in crate::testnet) fn notes_since(&self, known: usize) -> Vec<String> {
        self.seen().notes.get(known..).unwrap_or_default().to_vec()
    }

    /// The newest set in a line.
    pub(in crate::testnet) fn line(&self) -> String {
        match self.seen().eras.last_key_value() {
            None => "no set is known yet".to_owned(),
            Some((era, EraView { members, l1_block, .. })) => {
                let from = l1_block.map_or_else(String::new, |block| format!(", of L1 block {block}"));
                format!("era {era}: {} members{from}", members.len())
            }
        }
    }
}

impl Seen {
    /// The first era from `from` on whose set has the operator, or has it not.
    pub(super) fn era_with(&self, operator: Address, member: bool, from: u64) -> Option<(u64, &EraView)> {
        let mut eras = self.eras.range(from..);
        eras.find(|(_, view)| view.members.contains(&operator) == member).map(|(era, view)| (*era, view))
    }

    /// The newest era.
    pub(super) fn newest_era(&self) -> u64 {
        self.eras.last_key_value().map_or(0, |(era, _)| *era)
    }

    /// The longest time without more finality in a span of time, the ends of the span included.
    pub(super) fn longest_silence(&self, from: Duration, until: Duration) -> Duration {
        let rises = self.finalized.iter().map(|(at, _)| *at).filter(|at| (from..until).contains(at));
        let times: Vec<_> = [from].into_iter().chain(rises).chain([until]).collect();
        times.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).max().unwrap_or_default()
    }

    /// The longest time without more finality that touches a moment.
    pub(super) fn silence_around(&self, moment: Duration) -> Duration {
        let before = self.finalized.iter().map(|(at, _)| *at).filter(|at| *at < moment).max().unwrap_or(moment);
        let after = self.finalized.iter().map(|(at, _)| *at).filter(|at| *at > moment).min().unwrap_or(moment);
        self.longest_silence(before, after)
    }
}

/// Watches until `stop`.
pub(in crate::testnet) fn start(
    tasks: &mut JoinSet<()>,
    fleet: &Arc<Fleet>,
    record: &Record,
    watch: &Watch,
    stop: &CancellationToken,
) {
    for node in 0..fleet.len() {
        let (fleet, record, watch, stop) = (Arc::clone(fleet), record.clone(), watch.clone(), stop.clone());
        tasks.spawn(async move {
            let _ = stop.run_until_cancelled(follow(node, &fleet, &record, &watch)).await;
        });
    }
}

async fn follow(node: usize, fleet: &Fleet, record: &Record, watch: &Watch) {
    loop {
        if let Some(client) = fleet.client(node) {
            // A node that does not answer is asked again.
            let _ = timeout(PATIENCE, look(&client, record, watch)).await;
        }
        tokio::time::sleep(POLL).await;
    }
}

async fn look(client: &Client, record: &Record, watch: &Watch) -> eyre::Result<()> {
    let status = client.status().await?;
    let at = record.now();
    let known = {
        let mut seen = watch.seen();
        let highest = seen.finalized.last().map_or(0, |(_, height)| *height);
        if status.finalized.number > highest {
            seen.finalized.push((at, status.finalized.number));
        }
        seen.eras.get(&status.era).cloned()
    };
    match known {
        None => {
            let members: Vec<_> = client.sequencers().await?.into_iter().map(|member| member.address).collect();
            // The era may have ended between the two answers.
            if client.status().await?.era == status.era {
                let mut seen = watch.seen();
                seen.eras.entry(status.era).or_insert(EraView { at, members, l1_block: None });
            }
        }
        Some(EraView { l1_block: None, .. }) => {
            if let Some((era, block)) = client.anchor(status.finalized.number).await?
                && let Some(view) = watch.seen().eras.get_mut(&era)
            {
                view.l1_block = Some(block);
            }
        }
        Some(_) => {}
    }
    Ok(())
}

/// All answers of the live nodes that come in time.
pub(super) async fn ask_all<T, F: Future<Output = Option<T>>>(fleet: &Fleet, ask: impl Fn(Client) -> F) -> Vec<T> {
    let answers: Vec<_> = fleet.live().into_iter().map(|(_, client)| timeout(PATIENCE, ask(client))).collect();
    join_all(answers).await.into_iter().filter_map(|answer| answer.ok().flatten()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_what_lies_between_two_rises() {
        let ms = Duration::from_millis;
        let seen = Seen { finalized: vec![(ms(100), 1), (ms(400), 2), (ms(500), 3)], ..Seen::default() };
        assert_eq!(seen.longest_silence(ms(0), ms(600)), ms(300));
        assert_eq!(seen.longest_silence(ms(450), ms(900)), ms(400));
        assert_eq!(seen.silence_around(ms(200)), ms(300));
        assert_eq!(seen.silence_around(ms(450)), ms(100));
        assert_eq!(seen.silence_around(ms(400)), ms(300));
    }
}
