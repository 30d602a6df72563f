//! The streams that are decoded and the messages that are encoded, all from a fixed seed.

use std::rc::Rc;

use crate::feed::READ;
use crate::tally::{Kind, Message};
use wsframe_dev::{Rng, push_frame};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Which end decodes: a server takes masked frames, a client unmasked ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Server,
    Client,
}

#[derive(Clone, Copy)]
pub enum Content {
    Random,
    Ascii,
    Json,
    Multilingual,
    /// Sizes from 20 B to 64 KiB, most of them small; text and binary.
    Mix,
}

/// What is decoded.
pub struct Workload {
    pub name: &'static str,
    pub title: &'static str,
    pub role: Role,
    pub read_len: usize,
    content: Content,
    message_len: usize,
    /// How many bytes of payload are prepared, about.
    prepared: usize,
    fragment_len: Option<usize>,
}

/// A workload's bytes, and what is in them.
pub struct Stream {
    pub wire: Vec<u8>,
    pub messages: Rc<Vec<Message>>,
    /// Data frames: pings are not counted.
    pub frames: u64,
    pub payload: u64,
}

#[rustfmt::skip]
pub const WORKLOADS: &[Workload] = {
    use Content::*;
    const fn server(name: &'static str, title: &'static str, content: Content, message_len: usize, prepared: usize) -> Workload {
        Workload { name, title, role: Role::Server, read_len: READ, content, message_len, prepared, fragment_len: None }
    }
    &[
        server("W1", "binary 16 B", Random, 16, MIB),
        server("W2", "text 64 B, ASCII", Ascii, 64, 2 * MIB),
        server("W3", "binary 1 KiB", Random, KIB, 4 * MIB),
        server("W4", "text 1 KiB, JSON-like", Json, KIB, 4 * MIB),
        server("W5", "binary 64 KiB", Random, 64 * KIB, 8 * MIB),
        server("W6", "text 64 KiB, ASCII", Ascii, 64 * KIB, 8 * MIB),
        server("W7", "text 1 MiB, multilingual", Multilingual, MIB, 8 * MIB),
        server("W8", "binary 16 MiB", Random, 16 * MIB, 16 * MIB),
        Workload { fragment_len: Some(4 * KIB), ..server("W9", "text 1 MiB, multilingual, 4 KiB fragments, pings", Multilingual, MIB, 8 * MIB) },
        Workload { read_len: 1460, ..server("W10", "text 64 KiB, ASCII, 1460-byte reads", Ascii, 64 * KIB, 8 * MIB) },
        server("W11", "mix of sizes, 20 B to 64 KiB", Mix, 64 * KIB, 8 * MIB),
        Workload { role: Role::Client, ..server("W12", "client: text 64 B, ASCII", Ascii, 64, 2 * MIB) },
        Workload { role: Role::Client, ..server("W13", "client: text 64 KiB, ASCII", Ascii, 64 * KIB, 8 * MIB) },
    ]
};

impl Workload {
    pub fn generate(&self) -> Stream {
        let mut rng = self.rng();
        let messages = self.messages(&mut rng);
        self.frame(messages, &mut rng)
    }

    /// The same, but that the longest text has a byte in the middle that is not UTF-8; `None` if there is no text.
    pub fn generate_broken(&self) -> Option<Stream> {
        let mut rng = self.rng();
        let mut messages = self.messages(&mut rng);
        let texts = messages.iter_mut().filter(|message| message.kind == Kind::Text);
        let payload = &mut texts.max_by_key(|message| message.payload.len())?.payload;
        let middle = payload.len() / 2;
        payload[middle] = 0xff;
        Some(self.frame(messages, &mut rng))
    }

    fn rng(&self) -> Rng {
        Rng(self.name.bytes().fold(1, |seed, byte| seed * 257 + u64::from(byte)))
    }

    fn messages(&self, rng: &mut Rng) -> Vec<Message> {
        let (mut messages, mut payload) = (Vec::new(), 0);
        while payload < self.prepared {
            let message = self.message(rng);
            payload += message.payload.len();
            messages.push(message);
        }
        messages
    }

    fn frame(&self, messages: Vec<Message>, rng: &mut Rng) -> Stream {
        let (mut wire, mut frames, mut payload) = (Vec::new(), 0, 0);
        for message in &messages {
            payload += message.payload.len();
            let opcode = if message.kind == Kind::Text { 1 } else { 2 };
            let masked = self.role == Role::Server;
            let mut key = || masked.then(|| rng.key());
            match self.fragment_len {
                None => {
                    push_frame(&mut wire, 0x80 | opcode, key(), &message.payload);
                    frames += 1;
                }
                Some(len) => {
                    let pieces: Vec<_> = message.payload.chunks(len).collect();
                    for (index, piece) in pieces.iter().enumerate() {
                        let fin = if index + 1 == pieces.len() { 0x80 } else { 0 };
                        push_frame(&mut wire, fin | if index == 0 { opcode } else { 0 }, key(), piece);
                        frames += 1;
                        if index % 16 == 15 {
                            push_frame(&mut wire, 0x89, key(), b"are you there?");
                        }
                    }
                }
            }
        }
        Stream { wire, messages: Rc::new(messages), frames, payload: payload as u64 }
    }

    fn message(&self, rng: &mut Rng) -> Message {
        match self.content {
            Content::Mix => {
                // A Pareto distribution: half of the messages are below 40 B, and most bytes are in long ones.
                let len = (20.0 * (1.0 - rng.unit()).powf(-1.0 / 1.05)) as usize;
                let content = match rng.below(4) {
                    0 | 1 => Content::Random,
                    2 => Content::Ascii,
                    _ => Content::Multilingual,
                };
                content.message(len.min(self.message_len), rng)
            }
            content => content.message(self.message_len, rng),
        }
    }
}

impl Content {
    pub fn message(self, len: usize, rng: &mut Rng) -> Message {
        if let Content::Random = self {
            let mut payload = vec![0; len];
            rng.fill(&mut payload);
            return Message { kind: Kind::Binary, payload };
        }
        let mut text = String::with_capacity(len + 64);
        while text.len() < len {
            match self {
                Content::Json => {
                    let (id, price) = (rng.next() as u32, rng.below(100_000));
                    text.push_str(&format!("{{\"id\":{id},\"price\":\"{price}.50\",\"side\":\"buy\",\"live\":true}},"));
                }
                Content::Multilingual => {
                    let words =
                        ["plain words ", "Grüße, où ça? ", "Привет, мир ", "你好世界，", "こんにちは ", "🙂🚀👩‍💻 "];
                    text.push_str(words[rng.below(words.len())]);
                }
                _ => text.push((b' ' + rng.below(95) as u8) as char),
            }
        }
        let mut end = len;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        // The same length for all: a letter that was cut is replaced.
        text.extend(std::iter::repeat_n('.', len - end));
        Message { kind: Kind::Text, payload: text.into_bytes() }
    }
}

/// What is encoded.
pub struct EncodeWorkload {
    pub name: &'static str,
    pub title: &'static str,
    /// Who sends: a client masks.
    pub role: Role,
    pub kind: Kind,
    pub len: usize,
}

#[rustfmt::skip]
pub const ENCODE_WORKLOADS: &[EncodeWorkload] = &[
    EncodeWorkload { name: "E1", title: "server sends text 64 B", role: Role::Server, kind: Kind::Text, len: 64 },
    EncodeWorkload { name: "E2", title: "server sends binary 64 KiB", role: Role::Server, kind: Kind::Binary, len: 64 * KIB },
    EncodeWorkload { name: "E3", title: "client sends binary 1 KiB", role: Role::Client, kind: Kind::Binary, len: KIB },
    EncodeWorkload { name: "E4", title: "client sends binary 64 KiB", role: Role::Client, kind: Kind::Binary, len: 64 * KIB },
];

impl EncodeWorkload {
    pub fn message(&self) -> Message {
        let content = if self.kind == Kind::Text { Content::Ascii } else { Content::Random };
        content.message(self.len, &mut Rng(7))
    }

    /// How many frames are encoded into the output before it is cleared: about 128 KiB of them.
    pub fn batch(&self) -> usize {
        (128 * KIB / self.len).clamp(2, 512)
    }

    /// Compares the encoded bytes with what they should hold, with a plain parser.
    pub fn check(&self, mut wire: &[u8], message: &Message) -> Result<(), String> {
        for index in 0..self.batch() {
            let first = if self.kind == Kind::Text { 0x81 } else { 0x82 };
            let masked = self.role == Role::Client;
            let mut expected = Vec::new();
            let header_len = match self.len {
                0..=125 => 2,
                126..=0xffff => 4,
                _ => 10,
            };
            let key = masked.then(|| wire.get(header_len..header_len + 4)?.try_into().ok()).flatten();
            if masked && key.is_none() {
                return Err(format!("frame {index} is cut"));
            }
            push_frame(&mut expected, first, key, &message.payload);
            wire = wire.strip_prefix(&expected[..]).ok_or_else(|| format!("frame {index} is not what it should be"))?;
        }
        if wire.is_empty() { Ok(()) } else { Err(format!("{} bytes too many", wire.len())) }
    }
}
