use super::{
    protocol::{MAX_ANSWER, MAX_LINE},
    server::MAX_CLIENTS,
    *,
};
use alloy_primitives::Address;
use baton_consensus::types::Term;
use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

const OPENED: Answer =
    Answer::TermOpened { term: Term(2), scheduler: Address::repeat_byte(2), resigned: Address::repeat_byte(1) };

/// Answers at once, or never.
struct Fake {
    answers: bool,
}

impl Operations for Fake {
    async fn carry_out(&self, _: Request) -> Answer {
        if !self.answers {
            std::future::pending::<()>().await;
        }
        OPENED
    }
}

struct Fixture {
    directory: TempDir,
    shutdown: CancellationToken,
    server: JoinHandle<()>,
}

impl Fixture {
    fn start(answers: bool) -> Self {
        Self::start_with(answers, |_| {})
    }

    fn start_with(answers: bool, change: impl FnOnce(&mut Server<Fake>)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let shutdown = CancellationToken::new();
        let socket = AdminSocket::bind(directory.path()).unwrap();
        let mut server = Server::new(socket, Fake { answers });
        change(&mut server);
        let server = tokio::spawn(server.run(shutdown.clone()));
        Self { directory, shutdown, server }
    }

    async fn connect(&self) -> UnixStream {
        UnixStream::connect(self.directory.path().join("admin.sock")).await.unwrap()
    }

    async fn stop(self) -> TempDir {
        self.shutdown.cancel();
        self.server.await.unwrap();
        self.directory
    }
}

/// Sends bytes and reads one answer.
async fn exchange(stream: &mut UnixStream, bytes: &[u8]) -> Answer {
    stream.write_all(bytes).await.unwrap();
    answer(stream).await
}

async fn answer(stream: &mut UnixStream) -> Answer {
    let mut line = Vec::new();
    while line.last() != Some(&b'\n') {
        line.push(stream.read_u8().await.unwrap());
    }
    serde_json::from_slice(&line).unwrap()
}

fn resign() -> Vec<u8> {
    protocol::line(&Request::Resign { patience_ms: 1_000 })
}

#[test]
fn the_lines_are_as_documented() {
    assert_eq!(resign(), b"{\"command\":\"resign\",\"patienceMs\":1000}\n");
    let opened = String::from_utf8(protocol::line(&OPENED)).unwrap();
    assert!(opened.starts_with("{\"termOpened\":{\"term\":2,\"scheduler\":\"0x0202"), "{opened}");
    let refused = protocol::line(&Answer::refused("no"));
    assert_eq!(refused, b"{\"refused\":{\"reason\":\"no\"}}\n");
}

#[test]
fn peers_are_asked_about_as_documented() {
    let peer = baton_network::PeerId::random();
    let ask = |ask| {
        let line = protocol::line(&Request::Peers { ask });
        assert!(Request::parse(&line).is_ok());
        String::from_utf8(line).unwrap()
    };
    assert_eq!(ask(PeerRequest::List), "{\"command\":\"peers\",\"ask\":\"list\"}\n");
    let why = format!("{{\"command\":\"peers\",\"ask\":{{\"why\":\"{peer}\"}}}}\n");
    assert_eq!(ask(PeerRequest::Why(peer)), why);
    let ban = format!("{{\"command\":\"peers\",\"ask\":{{\"ban\":{{\"peer\":\"{peer}\",\"seconds\":60}}}}}}\n");
    assert_eq!(ask(PeerRequest::Ban { peer, seconds: 60 }), ban);
    let endless = PeerRequest::Ban { peer, seconds: MAX_BAN.as_secs() + 1 };
    assert!(Request::parse(&protocol::line(&Request::Peers { ask: endless })).unwrap_err().contains("more than"));
    let done = protocol::line(&Answer::from(PeerAnswer::Done { changed: true }));
    assert_eq!(done, b"{\"aboutPeers\":{\"done\":{\"changed\":true}}}\n");
}

#[test]
fn what_is_no_request_is_refused_with_what_is_wrong() {
    for (line, problem) in [
        (&b""[..], "EOF"),
        (b"resign", "expected value"),
        (b"\xff\xfe", "expected value"),
        (b"{}", "missing field `command`"),
        (b"{\"command\":\"reboot\"}", "unknown variant `reboot`"),
        (b"{\"command\":\"resign\"}", "missing field `patienceMs`"),
        (b"{\"command\":\"resign\",\"patienceMs\":1,\"force\":true}", "unknown field `force`"),
        (b"{\"command\":\"resign\",\"patienceMs\":-1}", "-1"),
        (b"{\"command\":\"resign\",\"patienceMs\":600001}", "more than 600000"),
        (b"{\"command\":\"resign\",\"patienceMs\":1} {}", "trailing characters"),
        (b"{\"command\":\"peers\",\"ask\":\"everything\"}", "unknown variant `everything`"),
        (b"{\"command\":\"peers\",\"ask\":{\"why\":\"me\"}}", "not a request"),
        (b"{\"command\":\"peers\",\"ask\":{\"unbanRange\":\"10.0.0.0/8\"}}", "not an IPv4 /24"),
    ] {
        let error = Request::parse(line).unwrap_err();
        assert!(error.contains(problem) && !error.contains('\n'), "{error}");
    }
}

#[tokio::test]
async fn bad_lines_are_answered_and_the_next_client_is_served() {
    let fixture = Fixture::start(true);
    let mut stream = fixture.connect().await;
    assert!(matches!(exchange(&mut stream, b"garbage\n").await, Answer::Malformed { .. }));
    assert_eq!(exchange(&mut stream, &resign()).await, OPENED, "one bad line does not end a connection");
    // As long as a line may be, and one byte longer.
    let blanks = |count| [vec![b' '; count - resign().len() + 1], resign()].concat();
    assert_eq!(exchange(&mut stream, &blanks(MAX_LINE)).await, OPENED);
    let Answer::Malformed { problem } = exchange(&mut stream, &blanks(MAX_LINE + 1)).await else { panic!("accepted") };
    assert!(problem.contains("longer than 4096 bytes"), "{problem}");
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0, "what comes after it is not read");
    let mut endless = fixture.connect().await;
    let answer = exchange(&mut endless, &vec![b'x'; 1 << 16]).await;
    assert!(matches!(answer, Answer::Malformed { .. }), "{answer:?}");
    assert_eq!(exchange(&mut fixture.connect().await, &resign()).await, OPENED);
    fixture.stop().await;
}

#[tokio::test]
async fn only_so_many_ask_at_once() {
    let fixture = Fixture::start(false);
    let mut clients = Vec::new();
    for _ in 0..MAX_CLIENTS {
        let mut client = fixture.connect().await;
        client.write_all(&resign()).await.unwrap();
        clients.push(client);
    }
    let refused = answer(&mut fixture.connect().await).await;
    assert_eq!(refused, Answer::refused("8 others ask already; try again"));
    // Those who wait are told that the node stops.
    let directory = fixture.stop().await;
    for client in &mut clients {
        assert_eq!(answer(client).await, Answer::refused("the node is stopping"));
    }
    assert!(!directory.path().join("admin.sock").exists());
}

#[tokio::test]
async fn a_silent_client_is_cut_off() {
    let fixture = Fixture::start_with(true, |server| server.idle = Duration::from_millis(20));
    let mut stream = fixture.connect().await;
    stream.write_all(b"{\"command\":").await.unwrap();
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
    fixture.stop().await;
}

#[tokio::test]
async fn the_socket_belongs_to_its_owner_and_replaces_one_that_was_left_behind() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("admin.sock");
    // What a killed node leaves.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(matches!(request(directory.path()).await, Err(ClientError::Dead { .. })));
    let socket = AdminSocket::bind(directory.path()).unwrap();
    let metadata = fs::metadata(&path).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    assert_eq!(metadata.uid(), socket.owner);
    assert!(UnixStream::connect(&path).await.is_ok());
    drop(socket);
    assert!(!path.exists());
}

#[tokio::test]
async fn what_is_no_socket_is_left_alone_and_a_long_path_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("admin.sock"), "mine").unwrap();
    let error = AdminSocket::bind(directory.path()).unwrap_err().to_string();
    assert!(error.contains("is no socket; move it away"), "{error}");
    assert_eq!(fs::read(directory.path().join("admin.sock")).unwrap(), b"mine");

    let deep = directory.path().join("d".repeat(100));
    fs::create_dir(&deep).unwrap();
    let error = AdminSocket::bind(&deep).unwrap_err().to_string();
    assert!(error.contains("too long") && error.contains("symbolic link"), "{error}");
    let error = request(&deep).await.unwrap_err().to_string();
    assert!(error.contains("too long") && error.contains("symbolic link"), "{error}");
    // As it says: the link is short enough.
    let link = directory.path().join("link");
    std::os::unix::fs::symlink(&deep, &link).unwrap();
    let socket = AdminSocket::bind(&link).unwrap();
    assert!(deep.join("admin.sock").exists());
    drop(socket);
}

async fn request(data_dir: &Path) -> Result<Answer, ClientError> {
    request_for(data_dir, Duration::from_secs(30)).await
}

async fn request_for(data_dir: &Path, patience: Duration) -> Result<Answer, ClientError> {
    let data_dir = data_dir.to_owned();
    let asking = tokio::task::spawn_blocking(move || ask(&data_dir, &Request::Resign { patience_ms: 1 }, patience));
    asking.await.unwrap()
}

#[tokio::test]
async fn a_client_gets_its_answer_or_hears_what_to_do() {
    let fixture = Fixture::start(true);
    assert_eq!(request(fixture.directory.path()).await.unwrap(), OPENED);
    let directory = fixture.stop().await;
    let error = request(directory.path()).await.unwrap_err();
    assert!(matches!(error, ClientError::NoSocket { .. }), "{error}");
    assert!(error.to_string().contains("start it with `baton node`"), "{error}");
    let error = request(&directory.path().join("nowhere")).await.unwrap_err();
    assert!(matches!(error, ClientError::NoDirectory { .. }), "{error}");
}

#[tokio::test]
async fn a_client_does_not_trust_what_answers() {
    let directory = tempfile::tempdir().unwrap();
    let listener = tokio::net::UnixListener::bind(directory.path().join("admin.sock")).unwrap();
    for (said, expected) in [
        (&b""[..], "ended the connection without an answer"),
        (b"{\"termOpened\":{}}\n", "does not understand: {\"termOpened\":{}}"),
        (&[0x1b; 2 * MAX_ANSWER], "does not understand: ????"),
    ] {
        let served = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.read_u8().await.unwrap();
            // It may have read enough.
            let _ = stream.write_all(said).await;
        };
        let (answer, ()) = tokio::join!(request(directory.path()), served);
        let error = answer.unwrap_err().to_string();
        assert!(error.contains(expected) && error.len() < 500, "{error}");
    }
}
