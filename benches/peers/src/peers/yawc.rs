//! yawc: its codec layer, which gives frames.

use bytes::{Bytes, BytesMut};
use std::hint::black_box;
use tokio_util::codec::{Decoder as _, Encoder as _};
use yawc::codec::{Decoder, Encoder};
use yawc::{Frame, OpCode, Role as YRole};

use super::{Codec, Encode, Peer, Rank, text};
use crate::feed::Feed;
use crate::tally::{Kind, Tally};
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
