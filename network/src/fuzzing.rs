//! What faces the network, one function a decoder, for fuzzers: `fuzz/` at the root has a target for each, and the tests here run
//! all of them over their seeds and over many mutants.
//!
//! A target must not panic, whatever it is fed, must not claim more memory than its caps allow, and what it takes it must be able
//! to send again: the encoding of a decoded value is within the same bounds and decodes to the same value.

use crate::{
    gossip::{self, Kind},
    rpc::{self, Protocol, Request, Response},
    wire::WireError,
};
use futures::{executor::block_on, io::Cursor};
use std::fmt::Display;

/// A target: its name, and what it does with bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 6] = [
    ("gossip", gossip),
    ("gossip_payload", gossip_payload),
    ("request", request),
    ("response", response),
    ("status", status),
    ("frame", frame),
];

/// The first byte chooses among `all`; the rest is the input.
fn choose<'a, T: Copy>(all: &[T], data: &'a [u8]) -> Option<(T, &'a [u8])> {
    let (choice, rest) = data.split_first()?;
    Some((*all.get(usize::from(*choice))?, rest))
}

/// Decodes the input; what could be decoded must survive its own encoding.
fn round_trip<T: PartialEq>(
    what: impl Display,
    data: &[u8],
    decode: impl Fn(&[u8]) -> Option<T>,
    encode: impl Fn(&T) -> Result<Vec<u8>, WireError>,
) {
    if let Some(value) = decode(data) {
        let again = encode(&value).ok().and_then(|bytes| decode(&bytes));
        assert!(again == Some(value), "{what} does not survive its own encoding");
    }
}

/// A gossip message as it comes off the wire.
pub fn gossip(data: &[u8]) {
    let Some((kind, data)) = choose(Kind::ALL, data) else { return };
    round_trip(kind, data, |bytes| gossip::open(kind, bytes).ok(), gossip::seal);
}

/// A gossip message with the compression done for it, so that a fuzzer gets at the codec.
pub fn gossip_payload(data: &[u8]) {
    let Some((choice, payload)) = data.split_first() else { return };
    if let Ok(mut compressed) = snap::raw::Encoder::new().compress_vec(payload) {
        compressed.insert(0, *choice);
        gossip(&compressed);
    }
}

/// A request from a peer.
pub fn request(data: &[u8]) {
    let Some((protocol, data)) = choose(Protocol::ALL, data) else { return };
    let decode = |bytes: &[u8]| Request::decode(protocol, bytes)?.ok();
    round_trip(format_args!("a request of {protocol}"), data, decode, Request::encode);
}

/// A peer's answer to a request.
pub fn response(data: &[u8]) {
    let Some((protocol, data)) = choose(Protocol::ALL, data) else { return };
    let decode = |bytes: &[u8]| Response::decode(protocol, bytes)?.ok();
    round_trip(format_args!("a response of {protocol}"), data, decode, Response::encode);
}

/// What a peer tells of itself.
pub fn status(data: &[u8]) {
    round_trip("a status", data, |bytes| rpc::decode_status(bytes).ok(), rpc::encode_status);
}

/// The frame around requests and responses: the first byte tells the cap in units of 64 bytes.
pub fn frame(data: &[u8]) {
    let Some((cap, data)) = data.split_first() else { return };
    let cap = usize::from(*cap) * 64;
    if let Ok(frame) = block_on(rpc::read_frame(&mut Cursor::new(data), cap)) {
        assert!(frame.len() <= cap, "a frame of {} bytes passed a cap of {cap}", frame.len());
    }
}

#[cfg(test)]
mod tests;
