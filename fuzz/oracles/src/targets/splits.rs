//! Frames that an input builds, so that long payloads and deep states are reached, cut where it says: the result is that of
//! the reference over the whole.

use crate::{Setup, assemble, decode, input, pieces, reference};
use arbitrary::Arbitrary;

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
    fn write(&self, bytes: &[u8], stream: &mut Vec<u8>, server: bool) {
        stream.push(match self.first {
            First::Text => 0x81,
            First::TextFragment => 0x01,
            First::Binary => 0x82,
            First::BinaryFragment => 0x02,
            First::Continuation => 0x00,
            First::LastContinuation => 0x80,
            First::Ping => 0x89,
            First::Close => 0x88,
            First::Any(byte) => byte,
        });
        let bytes = bytes.get(self.at.into()..).unwrap_or_default();
        let bytes = &bytes[..bytes.len().min(self.len.into())];
        let mut payload = bytes.repeat(1 + usize::from(self.times) % 64);
        payload.truncate(100_000);
        let bit = if server { 0x80 } else { 0 };
        match payload.len() {
            len @ 0..126 => stream.push(bit | len as u8),
            len @ 126..0x1_0000 => {
                stream.push(bit | 126);
                stream.extend((len as u16).to_be_bytes());
            }
            len => {
                stream.push(bit | 127);
                stream.extend((len as u64).to_be_bytes());
            }
        }
        if server {
            stream.extend(self.key);
            reference::mask(&mut payload, self.key, 0);
        }
        stream.extend(payload);
    }
}

pub(super) fn check(data: &[u8]) {
    let Some(input) = input::<Input<'_>>(data) else { return };
    let mut stream = Vec::new();
    for frame in input.frames.iter().take(20) {
        frame.write(input.bytes, &mut stream, input.setup.server);
    }
    stream.extend(&input.bytes[..input.bytes.len().min(input.rest.into())]);
    stream.truncate(200_000);
    let expected = reference::decode(&input.setup.limits(), &stream);
    let pieces = if input.bytewise { stream.chunks(1).take(5000).collect() } else { pieces(&stream, &input.cuts) };
    let expected = if input.bytewise && stream.len() > 5000 {
        reference::decode(&input.setup.limits(), &stream[..5000])
    } else {
        expected
    };
    assert_eq!(decode(&input.setup, pieces.iter().copied()), expected);
    assert_eq!(assemble(&input.setup, pieces), expected);
}
