//! The registry at an address, read as of one L1 block.

use super::{IERC20, Membership, Token};
use crate::{
    genesis::{Genesis, GenesisSequencer},
    l1::{
        Call, ClientConfig, ClientError, EndpointUrl, Failure, ISequencerRegistry, L1Block, L1Client, L1Error,
        sequencers,
    },
    metrics::Metrics,
};
use alloy_eips::BlockId;
use alloy_primitives::{Address, B256, TxKind, U256};
use alloy_sol_types::SolCall;
use std::fmt;
use thiserror::Error;

/// Why the registry cannot be used.
#[derive(Debug, Error)]
pub enum StakingError {
    /// No client.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// L1 does not answer, or refuses.
    #[error(transparent)]
    L1(#[from] L1Error),
    /// Another L1.
    #[error("the L1 endpoints serve chain {actual}, but {expected} is what {whose} says; check --l1-rpc")]
    WrongL1 {
        /// What they serve.
        actual: u64,
        /// What they should serve.
        expected: u64,
        /// Who says so.
        whose: &'static str,
    },
    /// Chain id 0.
    #[error("the L1 endpoints serve chain 0, which is none; check --l1-rpc")]
    NoChain,
    /// Nothing is there.
    #[error("there is no contract at {registry} on L1 chain {chain_id}; check --registry and --l1-rpc")]
    NoContract {
        /// The address.
        registry: Address,
        /// L1's chain id.
        chain_id: u64,
    },
    /// A registry of another L2.
    #[error("the registry {registry} is that of chain {actual}, but the genesis file is of chain {expected}")]
    WrongChain {
        /// The registry.
        registry: Address,
        /// The chain id that it names.
        actual: u64,
        /// The chain id of the genesis file.
        expected: u64,
    },
    /// Bound to another block 0.
    #[error(
        "the registry {registry} is bound to the genesis {actual}, but the genesis file gives {expected}; get the chain's own"
    )]
    WrongGenesis {
        /// The registry.
        registry: Address,
        /// The hash that it is bound to.
        actual: B256,
        /// That of the genesis file.
        expected: B256,
    },
}

/// Connects to L1. All endpoints must serve one chain: that which is expected, else the one that they do serve.
///
/// # Errors
/// [`StakingError`] if none answers, or they serve another chain.
pub async fn connect(
    endpoints: Vec<EndpointUrl>,
    expected: Option<(u64, &'static str)>,
) -> Result<L1Client, StakingError> {
    let client = |chain_id| {
        let (metrics, _) = Metrics::new();
        L1Client::new(ClientConfig::new(endpoints.clone(), chain_id), metrics.l1.clone())
    };
    let Some((expected, whose)) = expected else {
        // An endpoint tells its chain when it is asked for another one's. Each is asked once: none is waited for here.
        let stranger = client(0)?;
        for endpoint in 0..stranger.endpoint_count() {
            if let Err(error) = stranger.on(endpoint).head().await
                && let Some(actual) = other_chain(&error)
            {
                return Ok(client(actual)?);
            }
        }
        return Err(stranger.head().await.map_or_else(StakingError::from, |_| StakingError::NoChain));
    };
    let client = client(expected)?;
    match client.head().await {
        Ok(_) => Ok(client),
        Err(error) => Err(match other_chain(&error) {
            Some(actual) => StakingError::WrongL1 { actual, expected, whose },
            None => error.into(),
        }),
    }
}

/// The chain that an endpoint serves instead of the one that it should.
fn other_chain(error: &L1Error) -> Option<u64> {
    error.errors().iter().find_map(|error| match error.failure {
        Failure::WrongChain { actual, .. } => Some(actual),
        _ => None,
    })
}

/// A registry on L1.
#[derive(Clone, Debug)]
pub struct Registry {
    /// The way to L1.
    pub client: L1Client,
    /// Where the contract is.
    pub address: Address,
}

/// The registry at one L1 block.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The block.
    pub at: L1Block,
    /// What governance set.
    pub parameters: ISequencerRegistry::Parameters,
    /// What is staked.
    pub token: Token,
    /// The L2's chain id.
    pub l2_chain_id: u64,
    /// The hash of the L2's block 0; zero before activation.
    pub genesis_hash: B256,
    /// The members, sorted by address.
    pub set: Vec<ISequencerRegistry::Member>,
}

impl fmt::Display for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on L1 chain {}", self.address, self.client.chain_id())
    }
}

impl Registry {
    /// The transaction that calls one of its functions.
    #[must_use]
    pub fn call<C: SolCall>(&self, call: &C, value: U256) -> Call {
        Call { to: TxKind::Call(self.address), data: call.abi_encode().into(), value }
    }

    /// The registry at an address, where there is a contract.
    ///
    /// # Errors
    /// [`StakingError::NoContract`], or L1 does not answer.
    pub async fn at(client: L1Client, address: Address) -> Result<Self, StakingError> {
        if client.code(address).await?.is_empty() {
            return Err(StakingError::NoContract { registry: address, chain_id: client.chain_id() });
        }
        Ok(Self { client, address })
    }

    /// What one of its functions returns at a block.
    ///
    /// # Errors
    /// If L1 does not answer, or not as the interface says.
    pub async fn read<C: SolCall>(&self, call: &C, at: L1Block) -> Result<C::Return, StakingError> {
        Ok(self.client.read(self.address, call, BlockId::hash(at.hash)).await?)
    }

    /// The registry at L1's newest block, or as many blocks below.
    ///
    /// # Errors
    /// If L1 does not answer, or the contract is no registry.
    pub async fn snapshot(&self, below_head: u64) -> Result<Snapshot, StakingError> {
        let head = self.client.head().await?;
        let at = match below_head.min(head.number) {
            0 => head,
            depth => self.client.block_at(head.number - depth).await?.unwrap_or(head),
        };
        Ok(Snapshot {
            at,
            parameters: self.read(&ISequencerRegistry::parametersCall {}, at).await?,
            token: self.token(at).await?,
            l2_chain_id: self.read(&ISequencerRegistry::l2ChainIdCall {}, at).await?,
            genesis_hash: self.read(&ISequencerRegistry::genesisHashCall {}, at).await?,
            set: self.read(&ISequencerRegistry::currentSetCall {}, at).await?,
        })
    }

    /// What is known of an operator at a block.
    ///
    /// # Errors
    /// If L1 does not answer.
    pub async fn operator(&self, operator: Address, at: L1Block) -> Result<ISequencerRegistry::Operator, StakingError> {
        self.read(&ISequencerRegistry::getOperatorCall { operator }, at).await
    }

    /// The change of keys that an operator asked for; none if it asked for none.
    ///
    /// # Errors
    /// If L1 does not answer.
    pub async fn rotation(&self, operator: Address, at: L1Block) -> Result<Option<Membership::Rotation>, StakingError> {
        let rotation = self.read(&Membership::getRotationCall { operator }, at).await?;
        Ok((rotation.effectiveAt != 0).then_some(rotation))
    }

    /// All that are active or leaving.
    ///
    /// # Errors
    /// If L1 does not answer.
    pub async fn operators(&self, at: L1Block) -> Result<Vec<Address>, StakingError> {
        const PAGE: usize = 256;
        let mut operators = Vec::new();
        loop {
            let (offset, limit) = (U256::from(operators.len()), U256::from(PAGE));
            let page = self.read(&ISequencerRegistry::operatorsCall { offset, limit }, at).await?;
            let full = page.len() >= PAGE;
            operators.extend(page);
            if !full {
                return Ok(operators);
            }
        }
    }

    async fn token(&self, at: L1Block) -> Result<Token, StakingError> {
        let address = self.read(&ISequencerRegistry::stakeTokenCall {}, at).await?;
        match address.is_zero() {
            true => Ok(Token::native()),
            false => erc20(&self.client, address, BlockId::hash(at.hash)).await,
        }
    }
}

/// The token at an address. Symbol and decimals are optional in ERC-20; that L1 does not answer is no answer.
///
/// # Errors
/// If L1 does not answer, or nothing there keeps balances.
pub async fn erc20(client: &L1Client, address: Address, at: BlockId) -> Result<Token, StakingError> {
    client.read(address, &IERC20::balanceOfCall { account: address }, at).await?;
    let absent = |error: L1Error| match &error {
        L1Error::Undecodable { .. } => Ok(()),
        other if other.revert().is_some() => Ok(()),
        _ => Err(error),
    };
    let symbol = match client.read(address, &IERC20::symbolCall {}, at).await {
        Ok(symbol) => symbol,
        Err(error) => absent(error).map(|()| String::new())?,
    };
    let decimals = match client.read(address, &IERC20::decimalsCall {}, at).await {
        Ok(decimals) => decimals,
        Err(error) => absent(error).map(|()| 0)?,
    };
    let readable = (1..=16).contains(&symbol.len()) && symbol.chars().all(char::is_alphanumeric);
    let symbol = if readable { symbol } else { address.to_string() };
    Ok(Token { address: Some(address), symbol, decimals })
}

impl Snapshot {
    /// That the registry is that of this genesis, or may yet become it.
    ///
    /// # Errors
    /// [`StakingError::WrongChain`] and [`StakingError::WrongGenesis`].
    pub fn check_genesis(&self, registry: Address, genesis: &Genesis) -> Result<(), StakingError> {
        let (actual, expected) = (self.l2_chain_id, genesis.chain_id());
        if actual != expected {
            return Err(StakingError::WrongChain { registry, actual, expected });
        }
        let (actual, expected) = (self.genesis_hash, genesis.hash);
        if !actual.is_zero() && actual != expected {
            return Err(StakingError::WrongGenesis { registry, actual, expected });
        }
        Ok(())
    }

    /// The members as a chain has them.
    #[must_use]
    pub fn sequencers(&self) -> Vec<GenesisSequencer> {
        let without_proof = |member| GenesisSequencer { member, proof_of_possession: None };
        sequencers(&self.set).into_iter().map(without_proof).collect()
    }

    /// The member with this address.
    #[must_use]
    pub fn member(&self, operator: Address) -> Option<&ISequencerRegistry::Member> {
        self.set.iter().find(|member| member.operator == operator)
    }
}
