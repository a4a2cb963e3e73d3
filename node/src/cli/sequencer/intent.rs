//! What a command is about to do: told first, then asked, then done.

use super::options::{SendArguments, ether};
use crate::{
    l1::{Call, Estimate, Progress, SendError, Sender},
    staking::{Token, explain},
};
use alloy_primitives::{U256, utils::format_units};
use alloy_rpc_types_eth::TransactionReceipt;
use eyre::{bail, ensure, eyre};
use serde_json::{Map, Value, json};
use std::io::{self, IsTerminal, Write};

/// One transaction.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Step {
    /// What it does, such as `register`.
    pub(in crate::cli) name: &'static str,
    /// The transaction.
    pub(in crate::cli) call: Call,
    /// The gas that it usually takes: for the estimate of a step that needs another one first.
    pub(in crate::cli) usual_gas: u64,
}

/// What a command is about to do.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Intent {
    /// The command.
    pub(in crate::cli) action: &'static str,
    /// What it means, line by line: a name, and what is said of it.
    pub(in crate::cli) facts: Vec<(&'static str, String)>,
    /// What is to be sent, in this order.
    pub(in crate::cli) steps: Vec<Step>,
}

/// What came of an intent: the receipts, none after a dry run.
pub(in crate::cli) type Receipts = Vec<TransactionReceipt>;

impl Intent {
    /// The lines that a person reads.
    fn text(&self, cost: &str) -> String {
        let lines = self.facts.iter().map(|(name, fact)| format!("  {name:<12} {fact}\n"));
        format!("{}\n{}  {:<12} {cost}\n", self.action, lines.collect::<String>(), "gas")
    }

    fn json(&self, dry_run: bool, max_gas_cost: U256, receipts: &[TransactionReceipt]) -> Value {
        let facts: Map<_, _> = self.facts.iter().map(|(name, fact)| ((*name).to_owned(), json!(fact))).collect();
        let transactions = self.steps.iter().zip(receipts).map(|(step, receipt)| {
            json!({
                "step": step.name,
                "hash": receipt.transaction_hash,
                "block": receipt.block_number,
                "gasUsed": receipt.gas_used,
                "cost": (U256::from(receipt.gas_used) * U256::from(receipt.effective_gas_price)).to_string(),
                "contract": receipt.contract_address,
            })
        });
        json!({
            "action": self.action,
            "dryRun": dry_run,
            "facts": facts,
            "maxGasCost": max_gas_cost.to_string(),
            "transactions": transactions.collect::<Vec<_>>(),
        })
    }
}

/// Tells, asks and does.
///
/// # Errors
/// What would fail is said before anything is sent; so is a "no".
pub(in crate::cli) async fn carry_out(
    intent: &Intent,
    sender: &Sender,
    token: &Token,
    arguments: &SendArguments,
) -> eyre::Result<Receipts> {
    let Some(first) = intent.steps.first() else { return Ok(Vec::new()) };
    let estimate = sender.estimate(&first.call).await.map_err(|error| tell(error, token))?;
    let gas = intent.steps[1..].iter().fold(estimate.gas_limit, |gas, step| gas.saturating_add(step.usual_gas));
    let most = U256::from(gas) * U256::from(estimate.max_fee_per_gas);
    let told = intent.text(&cost(gas, &estimate, most, intent.steps.len()));
    if arguments.json {
        eprint!("{told}");
    } else {
        print!("{told}");
    }
    if arguments.dry_run {
        match arguments.json {
            true => println!("{}", serde_json::to_string_pretty(&intent.json(true, most, &[]))?),
            false => println!("dry run: nothing was sent"),
        }
        return Ok(Vec::new());
    }
    if !arguments.yes {
        ask()?;
    }
    let mut receipts = Vec::new();
    for step in &intent.steps {
        let sent = sender.send(&step.call, |progress| report(step.name, &progress)).await;
        match sent {
            Ok(receipt) => receipts.push(receipt),
            Err(SendError::Reverted(hash)) => {
                // The state that made it fail is still there, most likely: it says why.
                let why = match sender.estimate(&step.call).await {
                    Err(SendError::WouldRevert { data, .. }) => explain(&data, token),
                    _ => "somebody else was faster; look at the state and try again".to_owned(),
                };
                bail!("{}: the transaction {hash} was reverted: {why}", step.name);
            }
            Err(error) => return Err(tell(error, token).wrap_err(step.name)),
        }
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&intent.json(false, most, &receipts))?);
    } else {
        let paid = receipts.iter().fold(U256::ZERO, |paid, receipt| {
            paid.saturating_add(U256::from(receipt.gas_used) * U256::from(receipt.effective_gas_price))
        });
        println!("done; the gas cost {}", ether(paid));
    }
    Ok(receipts)
}

fn cost(gas: u64, estimate: &Estimate, most: U256, steps: usize) -> String {
    let fee = format_units(estimate.max_fee_per_gas, "gwei").unwrap_or_default();
    let fee = fee.trim_end_matches('0').trim_end_matches('.');
    let transactions = if steps == 1 { String::new() } else { format!(", {steps} transactions") };
    format!("at most {} ({gas} gas at {fee} gwei{transactions})", ether(most))
}

fn ask() -> eyre::Result<()> {
    ensure!(
        io::stdin().is_terminal(),
        "nothing was sent: nobody is at the terminal to say yes; look at it with --dry-run, then pass --yes"
    );
    eprint!("Go on? [y/N] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    ensure!(matches!(answer.trim(), "y" | "Y" | "yes"), "nothing was sent");
    Ok(())
}

fn report(step: &str, progress: &Progress) {
    match progress {
        Progress::Sent { hash, replaces: false, .. } => eprintln!("{step}: sent {hash}"),
        Progress::Sent { hash, replaces: true, .. } => eprintln!("{step}: sent again with a higher fee, {hash}"),
        Progress::Included { block, confirmations, .. } => {
            eprintln!("{step}: in L1 block {block}, confirmations: {confirmations}");
        }
    }
}

/// A failure in words, the contract's errors among them.
pub(super) fn tell(error: SendError, token: &Token) -> eyre::Report {
    match error {
        SendError::WouldRevert { data, message } if data.is_empty() => {
            eyre!("nothing was sent, since it would be reverted: {message}")
        }
        SendError::WouldRevert { data, .. } => eyre!("nothing was sent: {}", explain(&data, token)),
        SendError::InsufficientFunds { address, balance, needed } => eyre!(
            "{address} has {} on L1, and {} may be needed; send it the difference, or pay from another account by --l1-key",
            ether(balance),
            ether(needed)
        ),
        other => other.into(),
    }
}
