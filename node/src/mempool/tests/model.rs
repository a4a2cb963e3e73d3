//! The pool against a model that keeps one list and works everything out anew.

use super::support::{Spec, address};
use crate::mempool::{Account, Admission, CommittedBlock, Demand, Limits, Pool, PoolError, PooledTransaction, Status};
use alloy_primitives::{Address, U256};
use proptest::prelude::*;
use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    mem::discriminant,
    sync::Arc,
    time::Instant,
};

const SENDERS: u8 = 4;
/// The cost of the cheapest transaction.
const GAS: u64 = 21_000;

#[derive(Clone, Debug)]
enum Step {
    /// Hand in a transaction, with the accounts as they were so many blocks ago.
    Insert(Spec, usize),
    /// Seal a block that changes one account's nonce (by so much, perhaps back) and balance.
    Commit { sender: u8, nonce: i64, balance: u64, next_base_fee: u64 },
    /// Ask for a block.
    Best { base_fee: u64, in_flight: Vec<(u8, u64)>, most: u64, max_bytes: usize },
    /// Throw one out.
    Discard(prop::sample::Index),
}

fn balance() -> impl Strategy<Value = u64> {
    prop_oneof![1 => 0..40 * GAS, 3 => 40 * GAS..400 * GAS]
}

fn step() -> impl Strategy<Value = Step> {
    let spec = (1..=SENDERS, 0..12_u64, 1..40_u128, 0..40_u128, prop_oneof![Just(0), 0..9 * GAS], 0..200_usize)
        .prop_map(|(sender, nonce, fee_cap, priority_fee, value, data)| Spec {
            sender,
            nonce,
            fee_cap,
            priority_fee: priority_fee.min(fee_cap),
            value,
            data,
        });
    let in_flight = prop::collection::vec((1..=SENDERS, 0..12_u64), 0..3);
    prop_oneof![
        12 => (spec, 0..3_usize).prop_map(|(spec, age)| Step::Insert(spec, age)),
        3 => (1..=SENDERS, -1..4_i64, balance(), 0..30_u64)
            .prop_map(|(sender, nonce, balance, next_base_fee)| Step::Commit { sender, nonce, balance, next_base_fee }),
        3 => (0..40_u64, in_flight, 0..30_u64, 0..5_000_usize)
            .prop_map(|(base_fee, in_flight, most, max_bytes)| Step::Best { base_fee, in_flight, most, max_bytes }),
        1 => any::<prop::sample::Index>().prop_map(Step::Discard),
    ]
}

type Rank = (Option<u128>, u128, Reverse<u64>);

/// The naive pool.
#[derive(Clone, Debug)]
struct Model {
    limits: Limits,
    base_fee: u64,
    accounts: HashMap<Address, Account>,
    list: Vec<Arc<PooledTransaction>>,
}

impl Model {
    fn fee_cap(transaction: &PooledTransaction) -> u128 {
        alloy_consensus::Transaction::max_fee_per_gas(transaction.transaction())
    }

    fn priority_fee(transaction: &PooledTransaction) -> u128 {
        alloy_consensus::Transaction::priority_fee_or_price(transaction.transaction())
    }

    fn rank(transaction: &PooledTransaction, base_fee: u64) -> Rank {
        let tip = transaction.effective_tip(base_fee);
        (tip, if tip.is_some() { 0 } else { Self::fee_cap(transaction) }, Reverse(transaction.sequence()))
    }

    fn queue(&self, sender: &Address) -> BTreeMap<u64, Arc<PooledTransaction>> {
        let own = self.list.iter().filter(|transaction| transaction.sender() == *sender);
        own.map(|transaction| (transaction.nonce(), transaction.clone())).collect()
    }

    /// The first nonce that is not executable and the cost of what is.
    fn run(&self, sender: &Address) -> (u64, U256) {
        let Account { mut nonce, balance } = self.accounts[sender];
        let (queue, mut total) = (self.queue(sender), U256::ZERO);
        while let Some(transaction) = queue.get(&nonce).filter(|next| total + next.cost() <= balance) {
            (nonce, total) = (nonce + 1, total + transaction.cost());
        }
        (nonce, total)
    }

    fn executable(&self, transaction: &PooledTransaction) -> bool {
        transaction.nonce() < self.run(&transaction.sender()).0
    }

    fn bytes(&self) -> usize {
        self.list.iter().map(|transaction| transaction.size()).sum()
    }

    fn insert(&mut self, new: &Arc<PooledTransaction>) -> Result<(), PoolError> {
        let sender = new.sender();
        let Account { nonce, balance } = self.accounts[&sender];
        let funds = |queued| PoolError::InsufficientFunds { balance, cost: new.cost(), queued };
        if self.list.iter().any(|transaction| transaction.hash() == new.hash()) {
            return Err(PoolError::AlreadyKnown);
        }
        if new.nonce() < nonce {
            return Err(PoolError::NonceTooLow { next: nonce, nonce: new.nonce() });
        }
        if new.cost() > balance {
            return Err(funds(U256::ZERO));
        }
        let (queue, (run_end, _)) = (self.queue(&sender), self.run(&sender));
        if new.nonce() > run_end + self.limits.max_nonce_gap {
            return Err(PoolError::NonceTooHigh { next: run_end, nonce: new.nonce(), gap: self.limits.max_nonce_gap });
        }
        let old = queue.get(&new.nonce());
        if let Some(old) = old {
            let enough = |new: u128, old: u128| new > old && new * 10 >= old * 11;
            if !enough(Self::fee_cap(new), Self::fee_cap(old))
                || !enough(Self::priority_fee(new), Self::priority_fee(old))
            {
                return Err(PoolError::ReplacementUnderpriced);
            }
        } else if queue.len() >= self.limits.max_per_sender && queue.keys().all(|nonce| *nonce < new.nonce()) {
            return Err(PoolError::SenderLimit(self.limits.max_per_sender));
        }
        let before: U256 = queue.range(..new.nonce()).map(|(_, earlier)| earlier.cost()).sum();
        if new.nonce() <= run_end && before + new.cost() > balance {
            return Err(funds(before));
        }

        let mut after = self.clone();
        after.list.retain(|transaction| Some(transaction.hash()) != old.map(|old| old.hash()));
        let rank = Self::rank(new, self.base_fee);
        let executable = after.run(&sender).0 == new.nonce();
        if let Some((last, _)) = after
            .queue(&sender)
            .last_key_value()
            .filter(|(last, _)| after.queue(&sender).len() >= self.limits.max_per_sender && **last > new.nonce())
        {
            after.list.retain(|transaction| transaction.sender() != sender || transaction.nonce() != *last);
        }
        while after.list.len() >= self.limits.max_transactions || after.bytes() + new.size() > self.limits.max_bytes {
            let lasts = (1..=SENDERS).filter_map(|sender| after.queue(&address(sender)).pop_last());
            let victim = lasts
                .map(|(_, last)| (after.executable(&last), Self::rank(&last, self.base_fee), last))
                .min_by_key(|(executable, rank, _)| (*executable, *rank));
            let Some((victim_executable, victim_rank, victim)) = victim else { return Err(PoolError::Full) };
            let pays = if victim_executable == executable {
                (rank.0, rank.1) > (victim_rank.0, victim_rank.1)
            } else {
                executable
            };
            if !pays || (victim.sender() == sender && victim.nonce() < new.nonce()) {
                return Err(PoolError::Full);
            }
            after.list.retain(|transaction| transaction.hash() != victim.hash());
        }
        after.list.push(new.clone());
        *self = after;
        Ok(())
    }

    fn best(&self, demand: &Demand) -> Vec<Arc<PooledTransaction>> {
        let mut next: HashMap<Address, u64> = HashMap::new();
        for sender in (1..=SENDERS).map(address) {
            let nonce = self.accounts[&sender].nonce;
            next.insert(sender, demand.in_flight.get(&sender).map_or(nonce, |overlay| nonce.max(*overlay)));
        }
        let (mut best, mut bytes) = (Vec::new(), 0);
        while (best.len() as u64) < demand.gas_limit / GAS {
            let offers = self.list.iter().filter(|transaction| {
                next.get(&transaction.sender()) == Some(&transaction.nonce())
                    && (self.executable(transaction) || demand.in_flight.contains_key(&transaction.sender()))
                    && transaction.effective_tip(demand.base_fee).is_some()
            });
            let Some(offer) = offers.max_by_key(|transaction| Self::rank(transaction, demand.base_fee)) else { break };
            if bytes + offer.size() > demand.max_bytes {
                next.remove(&offer.sender());
            } else {
                next.insert(offer.sender(), offer.nonce() + 1);
                bytes += offer.size();
                best.push(offer.clone());
            }
        }
        best
    }
}

/// The model, the pool, and the chain beneath them.
struct World {
    model: Model,
    pool: Pool,
    /// All accounts after each block.
    history: Vec<HashMap<Address, Account>>,
    sequence: u64,
    now: Instant,
}

impl World {
    fn new(limits: Limits) -> Self {
        let account = Account { nonce: 0, balance: U256::from(200 * GAS) };
        let accounts: HashMap<_, _> = (1..=SENDERS).map(|sender| (address(sender), account)).collect();
        Self {
            pool: Pool::new(limits.clone(), 0, 10),
            model: Model { limits, base_fee: 10, accounts: accounts.clone(), list: Vec::new() },
            history: vec![accounts],
            sequence: 0,
            now: Instant::now(),
        }
    }

    fn take(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Insert(spec, age) => {
                let height = self.history.len().saturating_sub(1 + age);
                self.sequence += 1;
                let new = spec.at(self.sequence, self.now);
                let read = self.history[height][&new.sender()];
                let (account, as_of) = self.pool.resolve(&new.sender(), read, height as u64).expect("recent");
                prop_assert_eq!(account, self.model.accounts[&new.sender()]);
                let before = self.pool.status();
                let found = self.pool.insert(new.clone(), account, as_of);
                let expected = self.model.insert(&new);
                prop_assert_eq!(
                    found.as_ref().err().map(discriminant),
                    expected.as_ref().err().map(discriminant),
                    "{:?} instead of {:?}",
                    found,
                    expected
                );
                match found {
                    Err(_) => prop_assert_eq!(before, self.pool.status()),
                    Ok(Admission { replaced, evicted }) => {
                        for gone in replaced.iter().chain(&evicted) {
                            prop_assert!(self.pool.index().get(&gone.hash()).is_none());
                        }
                    }
                }
            }
            Step::Commit { sender, nonce, balance, next_base_fee } => {
                let address = address(sender);
                let mut accounts = self.model.accounts.clone();
                let nonce = accounts[&address].nonce.saturating_add_signed(nonce);
                let account = Account { nonce, balance: U256::from(balance) };
                accounts.insert(address, account);
                let block = CommittedBlock {
                    height: self.history.len() as u64,
                    next_base_fee,
                    accounts: vec![(address, account)],
                    transactions: Vec::new(),
                };
                prop_assert!(!self.pool.commit(&block));
                self.model.list.retain(|one| one.sender() != address || one.nonce() >= nonce);
                (self.model.base_fee, self.model.accounts) = (next_base_fee, accounts.clone());
                self.history.push(accounts);
            }
            Step::Best { base_fee, in_flight, most, max_bytes } => {
                let in_flight = in_flight.into_iter().map(|(sender, nonce)| (address(sender), nonce)).collect();
                let demand = Demand { base_fee, gas_limit: most * GAS, max_bytes, in_flight };
                let hashes = |list: Vec<Arc<PooledTransaction>>| list.iter().map(|one| one.hash()).collect::<Vec<_>>();
                prop_assert_eq!(hashes(self.pool.best(&demand)), hashes(self.model.best(&demand)));
            }
            Step::Discard(index) => {
                if !self.model.list.is_empty() {
                    let gone = self.model.list.remove(index.index(self.model.list.len()));
                    prop_assert!(self.pool.discard(&gone.hash()).is_some());
                }
            }
        }
        self.compare()
    }

    fn compare(&self) -> Result<(), TestCaseError> {
        let Model { limits, list, .. } = &self.model;
        let pending = list.iter().filter(|transaction| self.model.executable(transaction)).count();
        let status = Status { pending, queued: list.len() - pending, bytes: self.model.bytes() };
        prop_assert_eq!(self.pool.status(), status);
        prop_assert!(status.bytes <= limits.max_bytes && list.len() <= limits.max_transactions);
        for sender in (1..=SENDERS).map(address) {
            let (queue, content) = (self.model.queue(&sender), self.pool.content(Some(&sender)));
            prop_assert!(queue.len() <= limits.max_per_sender);
            let expected = (!queue.is_empty()).then(|| self.model.run(&sender).0);
            prop_assert_eq!(self.pool.pending_nonce(&sender), expected);
            let found: Vec<_> = content.pending.iter().chain(&content.queued).map(|one| one.hash()).collect();
            prop_assert_eq!(found, queue.values().map(|one| one.hash()).collect::<Vec<_>>());
        }
        for transaction in list {
            prop_assert!(self.pool.index().contains(&transaction.hash()));
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn the_pool_does_what_the_model_does(
        steps in prop::collection::vec(step(), 1..120),
        max_transactions in 3..20_usize,
        max_per_sender in 2..8_usize,
        max_bytes in 500..3_000_usize,
    ) {
        let limits =
            Limits { max_transactions, max_per_sender, max_bytes, max_nonce_gap: 6, ..Limits::default() };
        let mut world = World::new(limits);
        for step in steps {
            world.take(step)?;
        }
    }
}
