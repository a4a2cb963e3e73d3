//! What gossipsub says, as bytes of protocol buffers.

/// What the protocol ids of gossipsub begin with where it carries transactions.
pub(super) const TRANSACTIONS: &str = "/baton/transactions/";

/// A whole number of variable length.
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A field that holds bytes.
pub(super) fn field(out: &mut Vec<u8>, number: u64, bytes: &[u8]) {
    put_varint(out, number << 3 | 2);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// A frame: its length and the RPC.
pub(super) fn frame(rpc: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(rpc.len() + 5);
    put_varint(&mut bytes, rpc.len() as u64);
    bytes.extend_from_slice(rpc);
    bytes
}

/// An RPC that subscribes to topics.
pub(super) fn subscribe(topics: &[String]) -> Vec<u8> {
    let mut rpc = Vec::new();
    for topic in topics {
        let mut subscription = vec![1 << 3, 1];
        field(&mut subscription, 2, topic.as_bytes());
        field(&mut rpc, 1, &subscription);
    }
    rpc
}

/// An RPC with a message.
pub(super) fn publish(topic: &str, data: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(data.len() + topic.len() + 16);
    field(&mut message, 2, data);
    field(&mut message, 4, topic.as_bytes());
    let mut rpc = Vec::with_capacity(message.len() + 8);
    field(&mut rpc, 2, &message);
    rpc
}

/// What the control part of an RPC is made of.
#[derive(Clone, Copy)]
pub(super) enum Control {
    /// These messages are to be had.
    IHave = 1,
    /// These messages are wanted.
    IWant = 2,
    /// Take me into the mesh.
    Graft = 3,
    /// Out of the mesh.
    Prune = 4,
    /// Do not send me these.
    IDontWant = 5,
}

/// An RPC with control messages of one sort about so many message ids.
pub(super) fn control(sort: Control, topic: &str, ids: impl Iterator<Item = [u8; 32]>) -> Vec<u8> {
    let mut entry = Vec::new();
    let ids_field = match sort {
        Control::IHave => {
            field(&mut entry, 1, topic.as_bytes());
            2
        }
        Control::IWant | Control::IDontWant => 1,
        Control::Graft | Control::Prune => {
            field(&mut entry, 1, topic.as_bytes());
            0
        }
    };
    if ids_field > 0 {
        ids.for_each(|id| field(&mut entry, ids_field, &id));
    }
    let mut control = Vec::new();
    field(&mut control, sort as u64, &entry);
    let mut rpc = Vec::new();
    field(&mut rpc, 3, &control);
    rpc
}

/// The messages in an RPC: topic and data.
pub(super) fn published(rpc: &[u8]) -> Vec<(String, Vec<u8>)> {
    let messages = fields(rpc).into_iter().filter(|(number, _)| *number == 2);
    messages
        .filter_map(|(_, message)| {
            let parts = fields(message);
            let part = |wanted| parts.iter().find(|(number, _)| *number == wanted).map(|(_, bytes)| *bytes);
            Some((String::from_utf8_lossy(part(4)?).into_owned(), part(2)?.to_vec()))
        })
        .collect()
}

/// The fields that hold bytes, up to whatever is not understood.
fn fields(mut bytes: &[u8]) -> Vec<(u64, &[u8])> {
    let mut fields = Vec::new();
    while let Some(key) = take_varint(&mut bytes) {
        match key & 7 {
            0 => {
                take_varint(&mut bytes);
            }
            2 => {
                let length = take_varint(&mut bytes).and_then(|length| usize::try_from(length).ok());
                let Some((field, rest)) = length.and_then(|length| bytes.split_at_checked(length)) else { break };
                fields.push((key >> 3, field));
                bytes = rest;
            }
            _ => break,
        }
    }
    fields
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Some(value);
        }
    }
    None
}
