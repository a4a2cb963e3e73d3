//! `baton_finality` and `baton_evidence`: what this node holds that convinces others.
//!
//! Both answer with what stands alone: `baton verify` checks a proof against the genesis file, a contract on L1 checks evidence.

use super::{
    context::Rpc,
    errors::{RpcError, RpcResult},
    params::Arguments,
};
use alloy_eips::BlockId;
use alloy_primitives::B256;
use baton_consensus::{
    evidence::{Evidence, Fault, SignedPreimage},
    finality::light_client::BlockProof,
    signing::SigningContext,
    types::Era,
};
use jsonrpsee::{RpcModule, core::RegisterMethodError, types::Params};
use serde::Serialize;

pub(super) fn register(module: &mut RpcModule<Rpc>) -> Result<(), RegisterMethodError> {
    module.register_async_method("baton_finality", |params, rpc, _| async move { finality(&params, &rpc).await })?;
    module.register_async_method("baton_evidence", |_, rpc, _| async move { evidence(&rpc).await })?;
    Ok(())
}

/// A fault with what proves it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct EvidenceInfo {
    /// The fault's name, the same on every node.
    id: B256,
    /// Who signed twice, and what.
    fault: Fault,
    /// The two messages: the keccak of each preimage is what the signature beside it signs.
    messages: [SignedPreimage; 2],
    /// What this node does about the signer.
    acted_on: &'static [Action],
}

/// What a node does about a member that signed twice.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Action {
    /// As a scheduler it appoints the member to no epoch, and it finds no fault in others that do not.
    PassedOverAsLeader,
    /// It asks for another term whenever the member schedules.
    NotFollowedAsScheduler,
}

/// What is done about a convicted member of the running era.
const ACTIONS: &[Action] = &[Action::PassedOverAsLeader, Action::NotFollowedAsScheduler];

async fn finality(params: &Params<'_>, rpc: &Rpc) -> RpcResult<BlockProof> {
    let mut arguments = Arguments::new(params, 2)?;
    let id: BlockId = arguments.required("block")?;
    let known: Option<Era> = arguments.optional("era")?;
    rpc.execute(move |chain| Ok(chain.block_proof(id, known.unwrap_or_default())?)).await
}

async fn evidence(rpc: &Rpc) -> RpcResult<Vec<EvidenceInfo>> {
    let convicted: Vec<_> = rpc.node.consensus.sequencers().into_iter().filter(|member| member.convicted).collect();
    rpc.execute(move |chain| {
        let context = chain.signing_context()?;
        let evidence = chain.evidence()?;
        let is_convicted = |fault: &Fault| convicted.iter().any(|member| member.address == fault.signer);
        evidence.iter().map(|evidence| EvidenceInfo::new(evidence, &context, is_convicted)).collect()
    })
    .await
}

impl EvidenceInfo {
    fn new(evidence: &Evidence, context: &SigningContext, is_convicted: impl Fn(&Fault) -> bool) -> RpcResult<Self> {
        let fault = evidence.claim(context).ok_or_else(|| RpcError::internal("stored evidence names no signer"))?;
        let acted_on = if is_convicted(&fault) { ACTIONS } else { &[] };
        Ok(Self { id: fault.id(), fault, messages: evidence.preimages(context), acted_on })
    }
}
