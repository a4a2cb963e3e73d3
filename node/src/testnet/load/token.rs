//! The token that half of the load calls; its source is `LoadToken.sol` beside this file.

use super::signing::{Prepared, sign, template};
use crate::testnet::{accounts::Accounts, client::Answer, fleet::Fleet, setup::CHAIN_ID};
use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, Bytes, TxKind, U256, hex};
use alloy_sol_types::{SolCall, SolValue, sol};
use eyre::{WrapErr, bail, ensure, eyre};
use std::time::{Duration, Instant};

/// The creation code, in hex, in lines.
const CREATION_CODE: &str = include_str!("LoadToken.hex");

/// Enough for the most holders, and within what one transaction may take (EIP-7825).
const DEPLOY_GAS: u64 = 16_000_000;

/// How long the deployment may take.
const DEPLOY_TIMEOUT: Duration = Duration::from_secs(60);

sol! {
    function transfer(address to, uint256 amount) external returns (bool);
}

/// What every holder gets: a million tokens.
fn allotment() -> U256 {
    U256::from(10).pow(U256::from(24))
}

/// The input of a token transfer.
pub(super) fn transfer(to: Address, amount: U256) -> Bytes {
    transferCall { to, amount }.abi_encode().into()
}

/// The creation code with its arguments.
fn creation(holders: Vec<Address>) -> eyre::Result<Bytes> {
    let mut code = hex::decode(CREATION_CODE.split_whitespace().collect::<String>())
        .wrap_err("the token's creation code is damaged in this build")?;
    code.extend((holders, allotment()).abi_encode_params());
    Ok(code.into())
}

fn deployment(accounts: &Accounts) -> eyre::Result<Prepared> {
    let holders = accounts.senders.iter().map(alloy_signer_local::PrivateKeySigner::address).collect();
    let transaction =
        TxEip1559 { to: TxKind::Create, input: creation(holders)?, gas_limit: DEPLOY_GAS, ..template(CHAIN_ID, 0) };
    sign(&accounts.deployer, transaction)
}

/// Deploys the token through the first live node and waits until it is in a block; its address.
pub(crate) async fn deploy(fleet: &Fleet, accounts: &Accounts) -> eyre::Result<Address> {
    let deployment = deployment(accounts)?;
    let (_, client) = fleet.live().into_iter().next().ok_or_else(|| eyre!("no node is up"))?;
    let started = Instant::now();
    let mut accepted = false;
    while started.elapsed() < DEPLOY_TIMEOUT {
        if !accepted {
            let answers = client.send(std::iter::once(&deployment.raw)).await.wrap_err("cannot send the token")?;
            accepted = match answers.first() {
                Some(Answer::Refused(reason)) => bail!("the token was refused: {reason}"),
                _ => true,
            };
        }
        if let Some(receipt) = client.receipt(deployment.hash).await.wrap_err("cannot ask for the token's receipt")? {
            ensure!(receipt.status.to::<u64>() == 1, "deploying the token failed");
            return receipt.contract_address.ok_or_else(|| eyre!("the token's receipt names no contract"));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("the token is in no block after {DEPLOY_TIMEOUT:?}: the network makes no progress")
}

#[cfg(test)]
mod tests;
