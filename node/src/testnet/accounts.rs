//! The accounts of a test network. Their keys are public knowledge: they must never hold anything of value.

use alloy_primitives::{Address, B256, U256, b256, keccak256};
use alloy_signer_local::PrivateKeySigner;
use baton_execution::{GenesisAccount, system_contracts};
use eyre::WrapErr;
use std::collections::BTreeMap;

/// The first key of the mnemonic "test test test test test test test test test test test junk", which developers' tools
/// have made famous. It is printed for the person who watches, and used by nothing else here.
pub(super) const PERSON: B256 = b256!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");

/// What every account holds at genesis: a million ether.
fn fortune() -> U256 {
    U256::from(10).pow(U256::from(24))
}

/// The funded accounts.
#[derive(Clone, Debug)]
pub(super) struct Accounts {
    /// Deploys the token.
    pub(super) deployer: PrivateKeySigner,
    /// Send the load.
    pub(super) senders: Vec<PrivateKeySigner>,
}

impl Accounts {
    /// Derives the deployer and `count` senders.
    pub(super) fn derive(count: usize) -> eyre::Result<Self> {
        let key = |name: String| {
            PrivateKeySigner::from_bytes(&keccak256(format!("baton testnet account {name}")))
                .wrap_err_with(|| format!("cannot derive the test account {name}"))
        };
        Ok(Self {
            deployer: key("deployer".to_owned())?,
            senders: (0..count).map(|index| key(index.to_string())).collect::<Result<_, _>>()?,
        })
    }

    /// The state of block 0: the system contracts, and a fortune for everyone.
    pub(super) fn alloc(&self) -> eyre::Result<BTreeMap<Address, GenesisAccount>> {
        let Self { deployer, senders } = self;
        let person = PrivateKeySigner::from_bytes(&PERSON).wrap_err("cannot derive the printed test account")?;
        let mut alloc = system_contracts();
        for signer in [deployer, &person].into_iter().chain(senders) {
            alloc.insert(signer.address(), GenesisAccount { balance: fortune(), ..GenesisAccount::default() });
        }
        Ok(alloc)
    }
}
