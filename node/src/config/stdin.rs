//! Noticing that the parent is gone.

use std::io::{self, Read};
use tokio::sync::oneshot;

/// Resolves when standard input ends, which it does when the process at its other end exits, however it exits.
///
/// It reads on a thread of its own: a read that never returns would otherwise keep the runtime from shutting down.
#[must_use]
pub fn stdin_closed() -> oneshot::Receiver<()> {
    let (closed, receiver) = oneshot::channel();
    let reader = std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        let mut stdin = io::stdin().lock();
        let mut buffer = [0; 256];
        loop {
            match stdin.read(&mut buffer) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        // Nobody listens any more when the node is already shutting down.
        let _ = closed.send(());
    });
    if let Err(error) = reader {
        // The sender is dropped with the closure, which resolves the receiver: better to stop than to outlive the parent.
        tracing::error!(%error, "cannot watch standard input");
    }
    receiver
}
