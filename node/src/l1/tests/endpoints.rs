use super::{
    CHAIN_ID, client, client_with, counted, patient,
    proxy::{Proxy, Treatment},
};
use crate::l1::{ClientConfig, ClientError, ErrorKind, Failure, L1Client, L1Error};
use alloy_primitives::{Address, U64, U256};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A server of the right chain at which every account has this balance.
async fn server(balance: u64) -> Proxy {
    let proxy = Proxy::start(None).await;
    proxy.treat(move |method, _| answer(method, balance));
    proxy
}

fn answer(method: &str, balance: u64) -> Treatment {
    let number = if method == "eth_chainId" { CHAIN_ID } else { balance };
    Treatment::Answer(json!(U64::from(number)))
}

/// Right chain, and this for every other call.
fn otherwise(
    mut treatment: impl FnMut() -> Treatment + Send + 'static,
) -> impl FnMut(&str, &Value) -> Treatment + Send {
    move |method, _| if method == "eth_chainId" { answer(method, 0) } else { treatment() }
}

async fn balance(client: &L1Client) -> Result<U256, L1Error> {
    client.balance(Address::ZERO).await
}

#[tokio::test]
async fn whatever_one_endpoint_does_the_next_one_answers() {
    type Make = fn() -> Treatment;
    let treatments: [(ErrorKind, Make); 7] = [
        (ErrorKind::Timeout, || Treatment::Delay(Duration::from_secs(60))),
        (ErrorKind::Unreachable, || Treatment::Drop),
        (ErrorKind::RateLimited, || Treatment::Status(429, "retry-after: 60\r\n")),
        (ErrorKind::Status, || Treatment::Status(503, "")),
        (ErrorKind::TooLarge, || Treatment::Garbage(vec![b' '; 17 << 20])),
        (ErrorKind::Malformed, || Treatment::Garbage(b"<html>not JSON".to_vec())),
        (ErrorKind::Refused, || Treatment::Refuse(-32601, "the method does not exist")),
    ];
    for (kind, make) in treatments {
        let (bad, good, metrics) = (server(1).await, server(2).await, counted());
        bad.treat(otherwise(make));
        // Long for an answer of 17 MiB, short for one that never comes.
        let client = client_with(&[bad.url(), good.url()], Duration::from_secs(3), metrics.clone());
        assert_eq!(balance(&client).await.unwrap(), U256::from(2), "{kind:?}");
        assert_eq!(metrics.l1_endpoint_errors.get(kind).get(), 1, "{kind:?}");
        // The next call goes to the one that works first.
        let asked = bad.seen("eth_getBalance");
        assert_eq!(balance(&client).await.unwrap(), U256::from(2));
        let refused = usize::from(kind == ErrorKind::Refused);
        assert_eq!(bad.seen("eth_getBalance"), asked + refused, "{kind:?}");
    }
}

#[tokio::test]
async fn a_rate_limit_is_honoured() {
    let (limited, metrics) = (server(1).await, counted());
    let client = client_with(&[limited.url()], patient(), metrics.clone());
    limited.treat(otherwise(|| Treatment::Status(429, "retry-after: 2\r\n")));
    let pinned = client.on(0);
    assert!(balance(&pinned).await.is_err());
    let since = Instant::now();
    limited.treat(|method, _| answer(method, 1));
    // Left alone, without asking.
    let L1Error::Unavailable { errors, .. } = balance(&pinned).await.unwrap_err() else { panic!() };
    assert!(matches!(errors[0].failure, Failure::Resting(_)));
    assert_eq!(limited.seen("eth_getBalance"), 1);
    // Whoever has nobody else to ask waits for it.
    assert_eq!(balance(&client).await.unwrap(), U256::from(1));
    assert!(since.elapsed() >= Duration::from_millis(1900), "{:?}", since.elapsed());
    assert_eq!(metrics.l1_endpoint_errors.get(ErrorKind::RateLimited).get(), 1);
}

#[tokio::test]
async fn an_endpoint_that_comes_back_is_asked_again() {
    let only = server(3).await;
    let client = client(&[only.url()], patient());
    let mut left = 2;
    only.treat(otherwise(move || {
        left -= 1;
        if left >= 0 { Treatment::Drop } else { answer("", 3) }
    }));
    assert_eq!(balance(&client).await.unwrap(), U256::from(3));
    assert!(client.endpoints()[0].usable && client.endpoints()[0].last_error.is_none());
}

#[tokio::test]
async fn an_endpoint_of_another_chain_is_never_asked() {
    let (other, good) = (server(1).await, server(2).await);
    other.treat(|_, _| Treatment::Answer(json!("0x1")));
    let both = client(&[other.url(), good.url()], patient());
    assert_eq!(balance(&both).await.unwrap(), U256::from(2));
    assert_eq!(other.seen("eth_getBalance"), 0);
    assert!(both.is_distrusted(0) && !both.is_usable(0));
    let alone = client(&[other.url()], patient());
    let error = balance(&alone).await.unwrap_err().to_string();
    assert!(error.contains("it serves chain 1, not 31337"), "{error}");
}

#[tokio::test]
async fn https_is_spoken_where_it_is_asked_for() {
    let listener = tokio::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let client = client(&[format!("https://{}", listener.local_addr().unwrap())], patient()).on(0);
    let asking = tokio::spawn(async move { balance(&client).await });
    // A handshake of TLS begins with this byte; then the connection ends.
    let (mut stream, _) = listener.accept().await.unwrap();
    assert_eq!(tokio::io::AsyncReadExt::read_u8(&mut stream).await.unwrap(), 0x16);
    drop((stream, listener));
    let error = asking.await.unwrap().unwrap_err();
    assert!(matches!(error.errors()[0].failure, Failure::Unreachable(_)), "{error}");
}

#[tokio::test]
async fn errors_name_the_host_and_never_the_key() {
    let server = server(1).await;
    server.treat(otherwise(|| Treatment::Refuse(-32000, "bad key 0123456789abcdef for this plan")));
    let url = format!("http://user:password@{}/v2/0123456789abcdef?token=fedcba9876543210", server.address);
    let gone = Proxy::start(None).await;
    let gone_url = format!("http://{}/0123456789abcdef", gone.address);
    let client = client(&[url, gone_url], patient());
    let error = balance(&client).await.unwrap_err();
    let told = format!("{error} {error:?} {client:?} {:?}", client.endpoints());
    assert!(told.contains(&server.address.to_string()) && told.contains(&gone.address.to_string()), "{told}");
    for secret in ["0123456789abcdef", "fedcba9876543210", "password"] {
        assert!(!told.contains(secret), "{told}");
    }
}

#[tokio::test]
async fn what_l1_refuses_is_not_asked_of_everyone() {
    let (one, two) = (server(1).await, server(1).await);
    one.treat(otherwise(|| Treatment::Refuse(3, "execution reverted")));
    let client = client(&[one.url(), two.url()], patient());
    let error = balance(&client).await.unwrap_err();
    assert!(error.revert().is_some() && error.refusal() == Some("execution reverted"));
    assert_eq!(two.seen("eth_getBalance"), 0);
}

#[test]
fn somebody_must_be_asked() {
    let none = L1Client::new(ClientConfig::new(Vec::new(), 1), counted());
    assert!(matches!(none, Err(ClientError::NoEndpoints)));
}
