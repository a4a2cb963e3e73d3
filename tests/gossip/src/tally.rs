//! Counts what a node sends, as it is on the wire: the frames of gossipsub's streams (pubsub and gossipsub 1.2 specifications).

use futures::{AsyncRead, AsyncWrite, ready};
use libp2p::core::muxing::{StreamMuxer, StreamMuxerEvent};
use std::{
    io,
    ops::{AddAssign, Sub},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

/// What was sent, in frames and bytes of streams. Those of Yamux, Noise and TCP come on top.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// All bytes of all streams.
    pub bytes: u64,
    /// Bytes of frames that hold messages.
    pub message_bytes: u64,
    /// Messages.
    pub messages: u64,
    /// IHAVE: message ids that were advertised.
    pub ihave: u64,
    /// IWANT: message ids that were asked for.
    pub iwant: u64,
    /// IDONTWANT: message ids that need not be sent.
    pub idontwant: u64,
    /// GRAFT and PRUNE.
    pub grafts_and_prunes: u64,
}

impl Sent {
    /// All fields in one order.
    fn fields(&mut self) -> [&mut u64; 7] {
        let Self { bytes, message_bytes, messages, ihave, iwant, idontwant, grafts_and_prunes } = self;
        [bytes, message_bytes, messages, ihave, iwant, idontwant, grafts_and_prunes]
    }

    /// Bytes of frames without messages: control messages, subscriptions and the negotiation of streams.
    #[must_use]
    pub const fn control_bytes(&self) -> u64 {
        self.bytes - self.message_bytes
    }
}

impl AddAssign for Sent {
    fn add_assign(&mut self, mut other: Self) {
        for (own, other) in self.fields().into_iter().zip(other.fields()) {
            *own += *other;
        }
    }
}

impl Sub for Sent {
    type Output = Self;

    fn sub(mut self, mut other: Self) -> Self {
        for (own, other) in self.fields().into_iter().zip(other.fields()) {
            *own -= *other;
        }
        self
    }
}

/// One node's count.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Sent>);

impl Tally {
    pub(crate) fn read(&self) -> Sent {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, sent: Sent) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += sent;
    }
}

/// A muxer whose streams are counted.
pub(crate) struct CountedMuxer<M> {
    muxer: Pin<Box<M>>,
    tally: Arc<Tally>,
}

impl<M> CountedMuxer<M> {
    pub(crate) fn new(muxer: M, tally: Arc<Tally>) -> Self {
        Self { muxer: Box::pin(muxer), tally }
    }

    fn counted<S>(&self, stream: S) -> Counted<S> {
        Counted { stream, frames: Vec::new(), tally: Arc::clone(&self.tally) }
    }
}

impl<M: StreamMuxer> StreamMuxer for CountedMuxer<M>
where
    M::Substream: Unpin,
{
    type Substream = Counted<M::Substream>;
    type Error = M::Error;

    fn poll_inbound(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Self::Substream, M::Error>> {
        let stream = ready!(self.muxer.as_mut().poll_inbound(context));
        Poll::Ready(stream.map(|stream| self.counted(stream)))
    }

    fn poll_outbound(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Self::Substream, M::Error>> {
        let stream = ready!(self.muxer.as_mut().poll_outbound(context));
        Poll::Ready(stream.map(|stream| self.counted(stream)))
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), M::Error>> {
        self.muxer.as_mut().poll_close(context)
    }

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<StreamMuxerEvent, M::Error>> {
        self.muxer.as_mut().poll(context)
    }
}

/// A stream that counts what is written to it.
pub(crate) struct Counted<S> {
    stream: S,
    /// What is not a whole frame yet.
    frames: Vec<u8>,
    tally: Arc<Tally>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        self.frames.extend_from_slice(&bytes[..written]);
        let mut read = 0;
        while let Some((frame, rest)) = field(&self.frames[read..]) {
            let length = self.frames.len() - read - rest.len();
            self.tally.add(sent(frame, length as u64));
            read += length;
        }
        self.frames.drain(..read);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(context)
    }
}

/// What one frame of so many bytes, its length included, adds.
fn sent(frame: &[u8], length: u64) -> Sent {
    let mut sent = Sent { bytes: length, ..Sent::default() };
    // A line of the negotiation of protocols.
    if frame.first() == Some(&b'/') {
        return sent;
    }
    for (number, message) in fields(frame) {
        match number {
            2 => sent.messages += 1,
            3 => {
                for (kind, control) in fields(message) {
                    let ids = |of| fields(control).filter(|(number, _)| *number == of).count() as u64;
                    match kind {
                        1 => sent.ihave += ids(2),
                        2 => sent.iwant += ids(1),
                        3 | 4 => sent.grafts_and_prunes += 1,
                        5 => sent.idontwant += ids(1),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    if sent.messages > 0 {
        sent.message_bytes = length;
    }
    sent
}

/// The fields of a protobuf message that have a length, by number; those of another type are passed over.
fn fields(mut bytes: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    std::iter::from_fn(move || {
        loop {
            let (key, rest) = varint(bytes)?;
            if key & 7 == 2 {
                let (value, rest) = field(rest)?;
                bytes = rest;
                return Some((key >> 3, value));
            }
            bytes = varint(rest)?.1;
        }
    })
}

/// What stands behind its length, if it is whole, and what comes after it.
fn field(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = varint(bytes)?;
    rest.split_at_checked(usize::try_from(length).ok()?)
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (index, byte) in bytes.iter().enumerate().take(9) {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[index + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_taken_apart() {
        // Two ids in an IDONTWANT, one in an IHAVE with its topic, a GRAFT.
        let control = [
            0x2a, 0x06, 0x0a, 0x01, 0xaa, 0x0a, 0x01, 0xbb, // idontwant
            0x0a, 0x06, 0x0a, 0x01, b't', 0x12, 0x01, 0xcc, // ihave
            0x1a, 0x03, 0x0a, 0x01, b't', // graft
        ];
        let frame = [&[0x1a, control.len() as u8][..], &control].concat();
        let expected = Sent { bytes: 99, ihave: 1, idontwant: 2, grafts_and_prunes: 1, ..Sent::default() };
        assert_eq!(sent(&frame, 99), expected);
        // A message of two bytes in its topic, and a subscription, whose first field is a number.
        let publish = [0x12, 0x07, 0x12, 0x02, 1, 2, 0x22, 0x01, b't', 0x0a, 0x05, 0x08, 0x01, 0x12, 0x01, b't'];
        let expected = Sent { bytes: 17, message_bytes: 17, messages: 1, ..Sent::default() };
        assert_eq!(sent(&publish, 17), expected);
        assert_eq!(sent(b"/meshsub/1.2.0\n", 16), Sent { bytes: 16, ..Sent::default() });
    }

    #[test]
    fn what_is_cut_off_waits() {
        assert_eq!(field(&[3, 1, 2]), None);
        assert_eq!(field(&[3, 1, 2, 3, 4]), Some((&[1, 2, 3][..], &[4][..])));
        assert_eq!(field(&[0x80]), None);
    }
}
