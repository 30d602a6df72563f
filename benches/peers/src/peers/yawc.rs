//! yawc: its codec layer, which gives frames.

use bytes::{Bytes, BytesMut};
use futures_util::SinkExt;
use std::hint::black_box;
use std::pin::pin;
use tokio_util::codec::{Decoder as _, Encoder as _};
use yawc::codec::{Decoder, Encoder};
use yawc::{CompressionLevel, Frame, OpCode, Options, Role as YRole, WebSocket};

use super::{Codec, Encode, Peer, Rank, text};
use crate::feed::{Feed, poll_once};
use crate::tally::{Kind, Message, Tally};
use crate::workloads::Role;

pub const CODEC: Codec = Codec {
    name: "yawc",
    package: "yawc",
    rank: Rank::Rival,
    owns: true,
    mode: "codec::Decoder::decode from a BytesMut; fragments are assembled by the harness",
    unchecked: "UTF-8 (done by the harness with simdutf8), the order of frames; as a client, whether the mask bit is unset",
    decoder: Some(|feed, role| {
        Box::new(Reading {
            feed,
            decoder: Decoder::new(y_role(role), 1 << 30),
            buffer: BytesMut::new(),
            kind: Kind::Text,
            message: Vec::new(),
        })
    }),
    encoder: Some(|_, role, message| {
        let payload = Bytes::from(message.payload);
        let (encoder, out) = (Encoder::new(y_role(role)), BytesMut::new());
        Box::new(Writing { encoder, kind: message.kind, payload, out })
    }),
};

fn y_role(role: Role) -> YRole {
    match role {
        Role::Server => YRole::Server,
        Role::Client => YRole::Client,
    }
}

struct Reading {
    feed: Feed,
    decoder: Decoder,
    buffer: BytesMut,
    /// The fragmented message under way.
    kind: Kind,
    message: Vec<u8>,
}

impl Peer for Reading {
    fn run(&mut self, tally: &mut Tally) -> Result<(), String> {
        while self.feed.read_onto(&mut self.buffer) > 0 {
            while let Some(frame) = self.decoder.decode(&mut self.buffer).map_err(text)? {
                let kind = match frame.opcode() {
                    OpCode::Text => Kind::Text,
                    OpCode::Binary => Kind::Binary,
                    OpCode::Continuation => self.kind,
                    OpCode::Ping => {
                        tally.ping(frame.payload());
                        continue;
                    }
                    _ => continue,
                };
                if frame.is_fin() && frame.opcode() != OpCode::Continuation {
                    tally.message_to_validate(kind, frame.payload())?;
                    continue;
                }
                self.kind = kind;
                self.message.extend_from_slice(frame.payload());
                if frame.is_fin() {
                    tally.message_to_validate(kind, &self.message)?;
                    self.message.clear();
                }
            }
        }
        Ok(())
    }
}

fn socket(feed: Feed, takeover: bool) -> WebSocket<Feed> {
    let mut agreed = "permessage-deflate".to_owned();
    let mut options =
        Options::default().with_compression_level(CompressionLevel::new(1)).with_limits(1 << 30, 1 << 30).with_utf8();
    if !takeover {
        agreed.push_str("; server_no_context_takeover; client_no_context_takeover");
        options = options.server_no_context_takeover().client_no_context_takeover();
    }
    WebSocket::from_stream_with_extensions(feed, YRole::Server, Some(&agreed), options).expect("it is what it writes")
}

pub fn inflating(feed: Feed, takeover: bool) -> Box<dyn Peer> {
    Box::new(Inflating { socket: socket(feed, takeover) })
}

pub fn deflating(feed: Feed, messages: &[Message], takeover: bool) -> Box<dyn Encode> {
    let items = messages.iter().map(|message| Frame::text(message.payload.clone())).collect();
    Box::new(Deflating { socket: socket(feed.clone(), takeover), feed, items })
}

struct Inflating {
    socket: WebSocket<Feed>,
}

impl Peer for Inflating {
    fn run(&mut self, tally: &mut Tally) -> Result<(), String> {
        while let Some(frame) = poll_once(pin!(self.socket.next_frame())) {
            let frame = frame.map_err(text)?;
            match frame.opcode() {
                OpCode::Text => tally.message(Kind::Text, frame.payload()),
                OpCode::Binary => tally.message(Kind::Binary, frame.payload()),
                _ => {}
            }
        }
        Ok(())
    }
}

struct Deflating {
    socket: WebSocket<Feed>,
    feed: Feed,
    items: Vec<Frame>,
}

impl Encode for Deflating {
    fn batch(&mut self, _: usize) -> Result<(), String> {
        self.feed.written().borrow_mut().clear();
        for item in &self.items {
            poll_once(pin!(self.socket.feed(item.clone()))).ok_or("pending")?.map_err(text)?;
        }
        poll_once(pin!(self.socket.flush())).ok_or("pending")?.map_err(text)
    }

    fn output(&mut self) -> Vec<u8> {
        self.feed.written().borrow().clone()
    }
}

struct Writing {
    encoder: Encoder,
    kind: Kind,
    payload: Bytes,
    out: BytesMut,
}

impl Encode for Writing {
    fn batch(&mut self, count: usize) -> Result<(), String> {
        self.out.clear();
        for _ in 0..count {
            let this = black_box(&mut *self);
            let frame = match this.kind {
                Kind::Text => Frame::text(this.payload.clone()),
                Kind::Binary => Frame::binary(this.payload.clone()),
            };
            this.encoder.encode(frame, &mut this.out).map_err(text)?;
        }
        Ok(())
    }

    fn output(&mut self) -> Vec<u8> {
        self.out.to_vec()
    }
}
