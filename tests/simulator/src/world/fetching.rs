//! Catching up.

use crate::disk::Sealed;
use alloy_primitives::B256;
use baton_consensus::{
    certificate::VerifiedCertificate,
    core::Input,
    finality::VerifiedQuorum,
    types::{Epoch, ExtraData, Height, Term},
};
use rand::Rng;
use std::sync::Arc;

/// How many blocks a peer hands over at once, and how long that takes, in ms.
const FETCHED_AT_ONCE: u64 = 48;
const FETCHING: u64 = 30;

use super::{Event, World};

impl World {
    pub(super) fn start_fetch(&mut self, index: usize, holder: Option<usize>) {
        if !std::mem::replace(&mut self.nodes[index].fetching, true) {
            self.schedule(index, FETCHING, Event::Fetch(holder));
        }
    }

    /// Honest peers that answer.
    fn reachable(&self, index: usize) -> Vec<usize> {
        let is_reachable = |other: &usize| {
            *other != index
                && self.is_running(*other)
                && self.is_honest(*other)
                && !self.cuts.is_cut(*other, index)
                && !self.cuts.is_cut(index, *other)
        };
        (0..self.nodes.len()).filter(is_reachable).collect()
    }

    /// Peers tell each other now and then which era they are in, members or not: who is behind catches up.
    pub(super) fn compare_eras(&mut self, index: usize) {
        let own = self.era(index);
        let ahead = self.reachable(index).into_iter().find(|other| self.era(*other) > own);
        if ahead.is_some() {
            self.start_fetch(index, ahead);
        }
    }

    /// Catching up: takes a stretch of what a reachable peer has durable, from where the chains part.
    pub(super) fn fetch(&mut self, index: usize, holder: Option<usize>) {
        self.nodes[index].fetching = false;
        let reachable = self.reachable(index);
        if reachable.is_empty() {
            return;
        }
        let server = match holder.filter(|holder| reachable.contains(holder)) {
            Some(holder) => holder,
            None => reachable[self.random.random_range(0..reachable.len())],
        };
        let (disk, own) = (&self.nodes[server].disk, &self.nodes[index].disk);
        let mut from = own.head().height.min(disk.head().height);
        while own.hash_at(from) != disk.hash_at(from) {
            from = from.previous();
        }
        let header = |sealed: &Sealed| ExtraData::from_bytes(&sealed.block.signed().block.header.extra_data);
        // Blocks of a later era mean nothing before it is opened.
        let era = own.era();
        let electorate = &self.eras[&era].electorate;
        let change = disk.changes.get(usize::try_from(era.0).unwrap()).cloned();
        let known = own.block_at(from).and_then(header).filter(|position| position.era == era);
        let (term, epoch) = known.map_or((Term(0), Epoch(0)), |position| (position.term, position.epoch));
        let newest = disk.safety.certificate.clone();
        let certificates = disk.certificates.values().cloned().chain(newest);
        let mut inputs: Vec<_> = certificates
            .filter(|certificate| certificate.era == era && certificate.term >= term)
            // An honest peer serves what it checked itself.
            .map(|certificate| Input::Certificate(VerifiedCertificate::restore(certificate, electorate).unwrap()))
            .collect();
        let of_era =
            disk.announcements.range((era, term, epoch, B256::ZERO)..(era.next(), Term(0), Epoch(0), B256::ZERO));
        for (_, signed) in of_era {
            let announcement = signed.clone().verify(&self.context).unwrap();
            inputs.push(Input::Announcement { announcement, certificate: None });
        }
        let end = change.as_ref().map_or(disk.head().height, |change| change.proof.checkpoint.head.height);
        let more = end.0 > from.0 + FETCHED_AT_ONCE;
        for sealed in
            (from.0 + 1..=end.0.min(from.0 + FETCHED_AT_ONCE)).map_while(|height| disk.block_at(Height(height)))
        {
            inputs.push(Input::Seal(sealed.seal.clone().verify(&self.context).unwrap()));
            inputs.push(Input::Block(sealed.block.clone()));
        }
        let finality = disk.finality.clone().filter(|proof| proof.checkpoint.era == era);
        let finality = finality.map(|proof| {
            let certificate = VerifiedQuorum::restore(Arc::new(proof.child.clone()), electorate).unwrap();
            Input::Quorum { certificate, parent: Some(proof.checkpoint) }
        });
        let change = change.map(|change| Input::SetChange(change.verify(electorate).unwrap()));
        inputs.extend(finality);
        let ends = change.is_some();
        inputs.extend(change);
        for input in inputs {
            self.feed(index, input);
        }
        if more || (ends && self.nodes[index].disk.era() > era) {
            self.start_fetch(index, Some(server));
        }
    }
}
