use super::*;
use crate::testnet::load::signing::sign;
use alloy_consensus::{Header, TxEnvelope, transaction::SignerRecoverable};
use alloy_eips::{eip1559::BaseFeeParams, eip2718::Decodable2718};
use alloy_primitives::{B256, Sealable, keccak256};
use baton_execution::{
    BlockAttributes, BuildLimits, CallRequest, CallStatus, ChainSpec, ExecutedBlock, GenesisParameters, MAX_BLOCK_SIZE,
    MemoryState, RecoveredTransaction, SealedHeader, build_block, call, genesis_header, genesis_state,
};

sol! {
    function balanceOf(address holder) external view returns (uint256);
    function totalSupply() external view returns (uint256);
}

struct Chain {
    spec: ChainSpec,
    state: MemoryState,
    head: SealedHeader,
}

impl Chain {
    fn new(accounts: &Accounts) -> Self {
        let spec = ChainSpec::new(CHAIN_ID, BaseFeeParams::ethereum(), None).unwrap();
        let (diff, root) = genesis_state(&accounts.alloc().unwrap()).unwrap();
        let parameters =
            GenesisParameters { gas_limit: 300_000_000, base_fee_per_gas: 1_000_000_000, ..Default::default() };
        let header: Header = genesis_header(&parameters, root).unwrap();
        let mut state = MemoryState::new();
        state.apply(&diff);
        state.insert_block_hash(0, header.hash_slow());
        Self { spec, state, head: header.seal_slow() }
    }

    fn execute(&mut self, transactions: &[Prepared]) -> ExecutedBlock {
        let transactions: Vec<RecoveredTransaction> = transactions
            .iter()
            .map(|prepared| {
                let envelope = TxEnvelope::decode_2718_exact(&prepared.raw).unwrap();
                let sender = envelope.recover_signer().unwrap();
                RecoveredTransaction::new_unchecked(envelope.into(), sender)
            })
            .collect();
        let attributes = BlockAttributes {
            timestamp: self.head.timestamp + 1,
            beneficiary: Address::repeat_byte(0xee),
            gas_limit: 300_000_000,
            extra_data: Bytes::new(),
            parent_beacon_block_root: B256::ZERO,
        };
        let limits = BuildLimits { max_bytes: MAX_BLOCK_SIZE, keep_going: &mut || true };
        let built = build_block(&self.spec, &self.head, &attributes, &transactions, limits, &self.state).unwrap();
        assert!(built.skipped.is_empty(), "{:?}", built.skipped);
        self.state.apply_block(&built.executed);
        self.head = built.executed.sealed_header();
        built.executed
    }

    fn read<C: SolCall>(&self, token: Address, input: &C) -> C::Return {
        let request = CallRequest { to: Some(token), data: input.abi_encode().into(), ..CallRequest::default() };
        let outcome = call(&self.spec, &self.head, &request, &self.state).unwrap();
        assert_eq!(outcome.status, CallStatus::Success);
        C::abi_decode_returns(&outcome.output).unwrap()
    }
}

#[test]
fn the_token_keeps_balances_and_tells_of_transfers() {
    let accounts = Accounts::derive(400).unwrap();
    let mut chain = Chain::new(&accounts);
    let deployed = chain.execute(&[deployment(&accounts).unwrap()]);
    assert!(deployed.receipts[0].success);
    assert_eq!(deployed.receipts[0].logs.len(), 400);
    assert!(deployed.block.header.gas_used < DEPLOY_GAS);
    let token = accounts.deployer.address().create(0);
    assert_eq!(chain.read(token, &totalSupplyCall {}), allotment() * U256::from(400));

    let (from, to) = (&accounts.senders[0], accounts.senders[1].address());
    let transaction = |nonce, amount| TxEip1559 {
        to: TxKind::Call(token),
        input: transfer(to, amount),
        gas_limit: 80_000,
        ..template(CHAIN_ID, nonce)
    };
    let too_much = allotment() + U256::from(1);
    let block = chain
        .execute(&[sign(from, transaction(0, U256::from(5))).unwrap(), sign(from, transaction(1, too_much)).unwrap()]);
    let (moved, refused) = (&block.receipts[0], &block.receipts[1]);
    assert!(moved.success && !refused.success && refused.logs.is_empty());
    let log = &moved.logs[0];
    assert_eq!(log.address, token);
    let topics = [keccak256("Transfer(address,address,uint256)"), from.address().into_word(), to.into_word()];
    assert_eq!(log.topics(), topics);
    assert_eq!(U256::from_be_slice(&log.data.data), U256::from(5));
    assert_eq!(chain.read(token, &balanceOfCall { holder: to }), allotment() + U256::from(5));
    assert_eq!(chain.read(token, &balanceOfCall { holder: from.address() }), allotment() - U256::from(5));
}
