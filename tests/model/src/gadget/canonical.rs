//! One state for all that differ in nothing that matters.
//!
//! Two things are done after every step. What nobody can use any more is forgotten: the votes of a term that is left, a
//! checkpoint that can win no quorum, a QC below everybody's floor. And members that schedule nothing are interchangeable, as
//! are the two children of a block: of all states that differ only in their names, the least stands for the rest.

use super::rules::Gadget;
use super::state::{Members, Node};
use super::{Checkpoint, State};
use crate::chain::Chain;
use crate::members::{self, MEMBERS, Member};

impl Gadget {
    /// Brings a state to its canonical form. Everything that may happen after it may happen after the original, and the
    /// properties say the same of both.
    pub(super) fn canonical(&self, mut state: State) -> State {
        self.forget(&mut state);
        state.tallies.sort_unstable();
        let mut least = state.clone();
        for order in self.orders() {
            for flips in 0..1 << ((1 << self.bounds.height) - 1) {
                let naming = Naming { order, flips };
                // Most namings are no better for what members know, which is compared first.
                if naming.nodes(&state).le(least.nodes) {
                    least = least.min(naming.state(&state));
                }
            }
        }
        least
    }

    /// Every order of the members that leaves the byzantine one and the honest schedulers where they are.
    fn orders(&self) -> impl Iterator<Item = [Member; MEMBERS]> + use<> {
        let schedules = |member: Member| (1..=self.bounds.terms).any(|term| self.scheduler(term) == Some(member));
        let fixed: [bool; MEMBERS] = std::array::from_fn(|member| {
            let member = member as Member;
            member == self.byzantine || schedules(member)
        });
        let stays = move |order: &[Member; MEMBERS]| {
            (0..).zip(order).all(|(place, member)| !fixed[place as usize] || *member == place)
        };
        ORDERS.into_iter().filter(stays)
    }
}

/// Every order of four members.
const ORDERS: [[Member; MEMBERS]; 24] = orders();

const fn orders() -> [[Member; MEMBERS]; 24] {
    let mut orders = [[0; MEMBERS]; 24];
    let (mut found, mut number) = (0, 0);
    while number < 256 {
        let order = [number as u8 >> 6, number as u8 >> 4 & 3, number as u8 >> 2 & 3, number as u8 & 3];
        if 1 << order[0] | 1 << order[1] | 1 << order[2] | 1 << order[3] == 15 {
            orders[found] = order;
            found += 1;
        }
        number += 1;
    }
    orders
}

/// Other names for members and blocks.
#[derive(Clone, Copy)]
struct Naming {
    /// Which member takes each place.
    order: [Member; MEMBERS],
    /// Which blocks have their children swapped: a bit each, from genesis upwards.
    flips: u8,
}

impl Naming {
    fn state(self, state: &State) -> State {
        let mut new = state.clone();
        for (place, node) in new.nodes.iter_mut().zip(self.nodes(state)) {
            *place = node;
        }
        for reports in &mut new.reports {
            let old = *reports;
            *reports = self.order.map(|member| old[member as usize]);
        }
        for tally in &mut new.tallies {
            self.checkpoint(&mut tally.checkpoint);
            tally.votes = self.members(tally.votes);
            tally.commits = self.members(tally.commits);
        }
        new.finals.iter_mut().for_each(|known| self.head(&mut known.head));
        new.tallies.sort_unstable();
        new.finals.sort_unstable();
        new
    }

    fn nodes(self, state: &State) -> impl Iterator<Item = Node> {
        self.order.into_iter().map(move |member| {
            let mut node = *state.node(member);
            self.head(&mut node.highest.head);
            self.head(&mut node.opening.head);
            node.proposed.iter_mut().for_each(|proposed| self.checkpoint(proposed));
            node
        })
    }

    fn members(self, old: Members) -> Members {
        let renamed = members::members().filter(|place| old.has(self.order[*place as usize]));
        renamed.fold(Members::default(), Members::with)
    }

    fn checkpoint(self, checkpoint: &mut Checkpoint) {
        self.head(&mut checkpoint.head);
        self.head(&mut checkpoint.parent.head);
    }

    fn head(self, head: &mut Chain) {
        if self.flips == 0 || *head == Chain::GENESIS {
            return;
        }
        let (mut place, mut new) = (0, Chain::GENESIS);
        for height in 1..=head.height() {
            let variant = head.up_to(height).variant();
            new = new.with(1, variant ^ (self.flips >> place & 1));
            place = 2 * place + 1 + variant;
        }
        *head = new;
    }
}
