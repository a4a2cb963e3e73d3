use super::{
    anvil::{Anvil, rich},
    client, patient,
    proxy::{Proxy, Treatment},
    until,
};
use crate::l1::{Call, FeePolicy, L1Client, Progress, SendError, Sender};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_signer_local::PrivateKeySigner;
use serde_json::json;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

const TO: Address = Address::repeat_byte(0x99);

fn transfer(value: u64) -> Call {
    Call { to: TxKind::Call(TO), data: Bytes::new(), value: U256::from(value) }
}

fn policy() -> FeePolicy {
    FeePolicy { poll_interval: Duration::from_millis(20), patience: Duration::from_secs(60), ..FeePolicy::default() }
}

fn direct(anvil: &Anvil) -> L1Client {
    client(&[format!("http://{}", anvil.address)], patient())
}

#[tokio::test]
async fn a_transaction_is_estimated_sent_and_confirmed() {
    let anvil = Anvil::start().await;
    let client = direct(&anvil);
    let sender = Sender::new(client.clone(), rich(), FeePolicy { confirmations: 3, ..policy() });
    let estimate = sender.estimate(&transfer(5)).await.unwrap();
    assert_eq!((estimate.gas, estimate.gas_limit), (21_000, 26_250));
    assert_eq!(client.nonce(sender.address()).await.unwrap(), 0);
    let progress = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&progress);
    let call = transfer(5);
    let sending = tokio::spawn(async move { sender.send(&call, |step| told.lock().unwrap().push(step)).await });
    let included = |step: &Progress| matches!(step, Progress::Included { confirmations: 1, .. });
    until("it is included", || progress.lock().unwrap().iter().any(included)).await;
    assert!(!sending.is_finished());
    anvil.mine(2).await;
    let receipt = sending.await.unwrap().unwrap();
    assert!(receipt.status());
    assert_eq!(client.balance(TO).await.unwrap(), U256::from(5));
    let steps = progress.lock().unwrap().clone();
    assert!(matches!(steps[0], Progress::Sent { nonce: 0, replaces: false, hash } if hash == receipt.transaction_hash));
    assert!(matches!(steps.last(), Some(Progress::Included { confirmations: 3, .. })));
}

#[tokio::test]
async fn one_that_pays_too_little_is_replaced() {
    let anvil = Anvil::start().await;
    let client = direct(&anvil);
    let sender = Sender::new(client.clone(), rich(), policy());
    let progress = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&progress);
    anvil.request("evm_setAutomine", json!([false])).await;
    let sending = tokio::spawn(async move { sender.send(&transfer(5), |step| told.lock().unwrap().push(step)).await });
    until("it is sent", || !progress.lock().unwrap().is_empty()).await;
    // Gas becomes far more expensive than it may pay, and stays so for a while.
    for _ in 0..4 {
        anvil.request("anvil_setNextBlockBaseFeePerGas", json!(["0x174876e800"])).await;
        anvil.mine(1).await;
    }
    let replaced = |step: &Progress| matches!(step, Progress::Sent { replaces: true, nonce: 0, .. });
    until("it is replaced", || progress.lock().unwrap().iter().any(replaced)).await;
    anvil.mine(1).await;
    assert!(sending.await.unwrap().unwrap().status());
    assert_eq!(client.balance(TO).await.unwrap(), U256::from(5));
}

#[tokio::test]
async fn two_processes_with_one_key_do_not_get_in_each_others_way() {
    let anvil = Anvil::start().await;
    let client = direct(&anvil);
    anvil.mine_by_itself().await;
    // The first is told a nonce that the second uses meanwhile.
    let proxy = Proxy::start(Some(anvil.address)).await;
    let mut stale = 2;
    proxy.treat(move |method, params| {
        let nonce = method == "eth_getTransactionCount" && params[1] == "pending" && stale > 0;
        stale -= i32::from(nonce);
        if nonce { Treatment::Answer(json!("0x0")) } else { Treatment::Forward }
    });
    let second = Sender::new(client.clone(), rich(), policy());
    second.send(&transfer(1), |_| {}).await.unwrap();
    let first = Sender::new(super::client(&[proxy.url()], patient()), rich(), policy());
    assert!(first.send(&transfer(10), |_| {}).await.unwrap().status());
    let (one, two) = (transfer(100), transfer(1_000));
    let both = tokio::join!(first.send(&one, |_| {}), second.send(&two, |_| {}));
    assert!(both.0.unwrap().status() && both.1.unwrap().status());
    // Each once.
    assert_eq!(client.balance(TO).await.unwrap(), U256::from(1_111));
}

#[tokio::test]
async fn an_answer_that_is_lost_sends_nothing_twice() {
    let anvil = Anvil::start().await;
    let proxy = Proxy::start(Some(anvil.address)).await;
    let client = client(&[proxy.url()], Duration::from_millis(1_500));
    let mut lost = 1;
    proxy.treat(move |method, _| {
        if method == "eth_sendRawTransaction" && lost > 0 {
            lost -= 1;
            // It arrives, and the answer does not.
            return Treatment::Edit(Box::new(|_| std::thread::sleep(Duration::from_secs(2))));
        }
        Treatment::Forward
    });
    let sender = Sender::new(client.clone(), rich(), policy());
    assert!(sender.send(&transfer(7), |_| {}).await.unwrap().status());
    assert_eq!(client.balance(TO).await.unwrap(), U256::from(7));
    assert_eq!(client.nonce(sender.address()).await.unwrap(), 1);
}

#[tokio::test]
async fn what_cannot_be_done_is_told_before_anything_is_sent() {
    let anvil = Anvil::start().await;
    let client = direct(&anvil);
    let poor = Sender::new(client.clone(), PrivateKeySigner::from_bytes(&B256::repeat_byte(1)).unwrap(), policy());
    let error = poor.send(&transfer(5), |_| {}).await.unwrap_err();
    assert!(matches!(error, SendError::InsufficientFunds { .. }), "{error}");
    // A contract that reverts.
    let code = Bytes::from_static(&alloy_primitives::hex!("60006000fd"));
    anvil.request("anvil_setCode", json!([TO, code])).await;
    let rich = Sender::new(client.clone(), rich(), policy());
    let error = rich.send(&transfer(0), |_| {}).await.unwrap_err();
    assert!(matches!(error, SendError::WouldRevert { .. }), "{error}");
    let thrifty = FeePolicy { max_fee_per_gas: 1, min_priority_fee_per_gas: 1, ..policy() };
    let error = Sender::new(client.clone(), super::anvil::rich(), thrifty)
        .send(&Call { to: TxKind::Call(Address::repeat_byte(0x55)), ..transfer(1) }, |_| {})
        .await;
    assert!(matches!(error, Err(SendError::FeesAboveCap { cap: 1, .. })), "{error:?}");
    assert_eq!(client.nonce(rich.address()).await.unwrap(), 0);
}
