//! What stands between a client and L1: it delays, drops, refuses, edits and invents.

use serde_json::{Value, json};
use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// What becomes of a call.
pub(super) enum Treatment {
    /// Nothing happens to it.
    Forward,
    /// It is answered after this time.
    Delay(Duration),
    /// The connection ends without an answer.
    Drop,
    /// It is answered with this status, and these headers.
    Status(u16, &'static str),
    /// It is answered with this body.
    Garbage(Vec<u8>),
    /// It is answered with an error of JSON-RPC.
    Refuse(i64, &'static str),
    /// Its result is another one.
    Edit(Box<dyn FnOnce(&mut Value) + Send>),
    /// It has this result, and L1 is not asked.
    Answer(Value),
}

type Rule = Box<dyn FnMut(&str, &Value) -> Treatment + Send>;

struct State {
    upstream: Option<SocketAddr>,
    rule: Rule,
    seen: HashMap<String, usize>,
}

/// Listens until it is dropped.
#[derive(Clone)]
pub(super) struct Proxy {
    pub(super) address: SocketAddr,
    state: Arc<Mutex<State>>,
    _task: Arc<AbortOnDrop>,
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Proxy {
    /// Forwards everything, unless told otherwise.
    pub(super) async fn start(upstream: Option<SocketAddr>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let rule: Rule = Box::new(|_, _| Treatment::Forward);
        let state = Arc::new(Mutex::new(State { upstream, rule, seen: HashMap::new() }));
        let serving = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&serving)));
            }
        });
        Self { address, state, _task: Arc::new(AbortOnDrop(task)) }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on.
    pub(super) fn treat(&self, rule: impl FnMut(&str, &Value) -> Treatment + Send + 'static) {
        self.state.lock().unwrap().rule = Box::new(rule);
    }

    /// From now on, everything is forwarded.
    pub(super) fn behave(&self) {
        self.treat(|_, _| Treatment::Forward);
    }

    /// Where L1 is from now on; nowhere, and every connection ends.
    pub(super) fn lead_to(&self, upstream: Option<SocketAddr>) {
        self.state.lock().unwrap().upstream = upstream;
    }

    /// How often a method was called.
    pub(super) fn seen(&self, method: &str) -> usize {
        self.state.lock().unwrap().seen.get(method).copied().unwrap_or_default()
    }
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let Some(body) = read(&mut stream).await else { return };
    let question: Value = serde_json::from_slice(&body).unwrap();
    let method = question["method"].as_str().unwrap().to_owned();
    let (treatment, upstream) = {
        let mut state = state.lock().unwrap();
        *state.seen.entry(method.clone()).or_default() += 1;
        ((state.rule)(&method, &question["params"]), state.upstream)
    };
    let whole = |result: Value| json!({ "jsonrpc": "2.0", "id": question["id"], "result": result }).to_string();
    let body = match treatment {
        Treatment::Forward => match forward(upstream, &question).await {
            Some(answer) => answer.to_string().into_bytes(),
            None => return,
        },
        Treatment::Delay(span) => {
            tokio::time::sleep(span).await;
            let Some(answer) = forward(upstream, &question).await else { return };
            answer.to_string().into_bytes()
        }
        Treatment::Edit(edit) => {
            let Some(mut answer) = forward(upstream, &question).await else { return };
            edit(&mut answer["result"]);
            answer.to_string().into_bytes()
        }
        Treatment::Drop => return,
        Treatment::Status(status, headers) => return write(&mut stream, status, headers, b"no").await,
        Treatment::Garbage(body) => body,
        Treatment::Refuse(code, message) => {
            let error = json!({ "code": code, "message": message });
            json!({ "jsonrpc": "2.0", "id": question["id"], "error": error }).to_string().into_bytes()
        }
        Treatment::Answer(result) => whole(result).into_bytes(),
    };
    write(&mut stream, 200, "", &body).await;
}

async fn forward(upstream: Option<SocketAddr>, question: &Value) -> Option<Value> {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let response = http.post(format!("http://{}", upstream?)).json(question).send().await.ok()?;
    response.json().await.ok()
}

/// The body of a request of HTTP/1.1.
async fn read(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let headers = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
    let length = headers.lines().find_map(|line| line.strip_prefix("content-length:"))?.trim().parse::<usize>().ok()?;
    while bytes.len() < head + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some(bytes[head..].to_vec())
}

async fn write(stream: &mut TcpStream, status: u16, headers: &str, body: &[u8]) {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n");
    // The client may be gone.
    let _ = stream.write_all(&[head.as_bytes(), body].concat()).await;
    let _ = stream.shutdown().await;
}
