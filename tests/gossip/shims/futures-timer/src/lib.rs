//! The interface of the crate `futures-timer` on tokio's clock, which can be virtual.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep};

/// A future that is done after a while. To be made inside a tokio runtime.
#[derive(Debug)]
pub struct Delay(Pin<Box<Sleep>>);

impl Delay {
    /// Done after this duration.
    #[must_use]
    pub fn new(duration: Duration) -> Self {
        Self(Box::pin(sleep(duration)))
    }

    /// Done after this duration, from now on.
    pub fn reset(&mut self, duration: Duration) {
        self.0.as_mut().reset(Instant::now() + duration);
    }
}

impl Future for Delay {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(context)
    }
}
