//! Inputs in a trace.

use baton_consensus::core::Input;
/// An input in a few words.
pub(super) fn name_of(input: &Input) -> String {
    match input {
        Input::Start { proposals } => format!("start with {} proposals", proposals.len()),
        Input::Heartbeat(heartbeat) => {
            let message = heartbeat.message();
            format!("heartbeat of {} at {} in term {}", heartbeat.signer(), message.height, message.term)
        }
        Input::Announcement { announcement, .. } => {
            let message = announcement.message();
            format!("announcement {}/{} of {} on {}", message.term, message.epoch, message.leader, message.parent())
        }
        Input::TermChange(change) => format!("term change of {}: {:?}", change.signer(), change.report()),
        Input::Certificate(certificate) => format!("certificate of term {}", certificate.term()),
        Input::Checkpoint { checkpoint, .. } => {
            let message = checkpoint.message();
            format!("checkpoint {} over {} on {}", message.position(), message.head, message.parent.position)
        }
        Input::Vote(vote) => format!("vote of {} for {}", vote.signer(), vote.message().vote.checkpoint()),
        Input::Quorum { certificate, .. } => format!("certificate of {}", certificate.reference()),
        Input::Evidence(evidence) => format!("evidence of {}", evidence.fault()),
        Input::Registry(version) => format!("registry at L1 block {}", version.anchor.number),
        Input::RegistryReverted { above } => format!("registry reverted above L1 block {above}"),
        Input::SetChange(change) => format!("end of era {}", change.finality().checkpoint().era),
        Input::Resign => "resign".to_owned(),
        Input::Leave => "leave".to_owned(),
        Input::Block(block) => format!("block {}", block.reference()),
        Input::Proposal(proposal) => format!("a block signed by {}", proposal.signer()),
        Input::Seal(seal) => format!("seal {} of term {}", seal.message().block(), seal.message().term),
        Input::Executed { hash, .. } => format!("executed {hash}"),
        Input::Built { request, .. } => format!("built on {}", request.parent),
        Input::Timer(timer) => format!("timer {timer:?}"),
    }
}
