//! What faces the network, one function a decoder, for fuzzers: `fuzz/` at the root has a target for each, and the tests here run
//! all of them over their seeds and over many mutants.
//!
//! A target must not panic, whatever it is fed, must not claim more memory than its caps allow, and what it takes it must be able
//! to send again: the encoding of a decoded value is within the same bounds and decodes to the same value.

use crate::{
    gossip::{self, Kind},
    rpc::{self, Protocol, Request, Response},
};
use futures::{executor::block_on, io::Cursor};

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

/// A gossip message as it comes off the wire.
pub fn gossip(data: &[u8]) {
    let Some((kind, data)) = choose(Kind::ALL, data) else { return };
    if let Ok(message) = gossip::open(kind, data) {
        let again = gossip::seal(&message).map(|sealed| gossip::open(kind, &sealed));
        assert!(matches!(again, Ok(Ok(again)) if again == message), "{kind} does not survive its own encoding");
    }
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
    if let Some(Ok(request)) = Request::decode(protocol, data) {
        let again = request.encode().map(|frame| Request::decode(protocol, &frame));
        assert!(
            matches!(again, Ok(Some(Ok(again))) if again == request),
            "a request of {protocol} does not survive its own encoding"
        );
    }
}

/// A peer's answer to a request.
pub fn response(data: &[u8]) {
    let Some((protocol, data)) = choose(Protocol::ALL, data) else { return };
    if let Some(Ok(response)) = Response::decode(protocol, data) {
        let again = response.encode().map(|frame| Response::decode(protocol, &frame));
        assert!(
            matches!(again, Ok(Some(Ok(again))) if again == response),
            "a response of {protocol} does not survive its own encoding"
        );
    }
}

/// What a peer tells of itself.
pub fn status(data: &[u8]) {
    if let Ok(status) = rpc::decode_status(data) {
        let again = rpc::encode_status(&status).map(|frame| rpc::decode_status(&frame));
        assert!(matches!(again, Ok(Ok(again)) if again == status), "a status does not survive its own encoding");
    }
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
