//! Frames that an input builds, so that long payloads and deep states are reached, cut where it says: the result is that of
//! the reference over the whole.

use arbitrary::Arbitrary;

use crate::{Setup, assemble, decode, input, pieces, reference};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    setup: Setup,
    frames: Vec<Frame>,
    cuts: Vec<u16>,
    /// Feed one byte at a time.
    bytewise: bool,
    /// How many of the bytes stand behind the frames, as they are.
    rest: u8,
    /// Where payloads come from.
    bytes: &'a [u8],
}

#[derive(Arbitrary, Debug)]
struct Frame {
    first: First,
    key: [u8; 4],
    /// The payload: where it begins among the bytes, how long it is, how often it is repeated, for blocks longer than an
    /// input.
    at: u16,
    len: u16,
    times: u8,
}

#[derive(Arbitrary, Debug)]
enum First {
    Text,
    TextFragment,
    Binary,
    BinaryFragment,
    Continuation,
    LastContinuation,
    Ping,
    Close,
    Any(u8),
}

impl Frame {
    fn bytes(&self, bytes: &[u8], server: bool) -> Vec<u8> {
        let first = match self.first {
            First::Text => 0x81,
            First::TextFragment => 0x01,
            First::Binary => 0x82,
            First::BinaryFragment => 0x02,
            First::Continuation => 0x00,
            First::LastContinuation => 0x80,
            First::Ping => 0x89,
            First::Close => 0x88,
            First::Any(byte) => byte,
        };
        let bytes = bytes.get(self.at.into()..).unwrap_or_default();
        let bytes = &bytes[..bytes.len().min(self.len.into())];
        let mut payload = bytes.repeat(1 + usize::from(self.times) % 64);
        payload.truncate(100_000);
        wsframe_dev::frame(first, server.then_some(self.key), &payload)
    }
}

pub(super) fn check(data: &[u8]) {
    let Some(input) = input::<Input<'_>>(data) else { return };
    let mut stream = Vec::new();
    for frame in input.frames.iter().take(20) {
        stream.extend(frame.bytes(input.bytes, input.setup.server));
    }
    stream.extend(&input.bytes[..input.bytes.len().min(input.rest.into())]);
    stream.truncate(200_000);
    if input.bytewise {
        stream.truncate(5000);
    }
    let expected = reference::decode(&input.setup.limits(), &stream);
    let pieces = if input.bytewise { stream.chunks(1).collect() } else { pieces(&stream, &input.cuts) };
    assert_eq!(decode(&input.setup, pieces.iter().copied()), expected);
    assert_eq!(assemble(&input.setup, pieces), expected);
}
