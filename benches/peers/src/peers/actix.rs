//! actix-http's WebSocket codec: frames, from a `BytesMut`.

use actix_http::ws::{Codec as ActixCodec, Frame, Item, Message as AMessage};
use bytes::{Bytes, BytesMut};
use std::hint::black_box;
use tokio_util::codec::{Decoder, Encoder};

use super::{Codec, Encode, Peer, Rank, as_str, text};
use crate::feed::Feed;
use crate::tally::{Kind, Message, Tally};
use crate::workloads::Role;

pub const CODEC: Codec = Codec {
    name: "actix-http",
    package: "actix-http",
    rank: Rank::Rival,
    owns: true,
    mode: "ws::Codec::decode from a BytesMut; fragments are assembled by the harness",
    unchecked: "UTF-8 (done by the harness with simdutf8)",
    decoder: Some(|feed, role| {
        Box::new(Reading { feed, codec: codec(role), buffer: BytesMut::new(), kind: Kind::Text, message: Vec::new() })
    }),
    encoder: Some(|_, role, message| {
        Box::new(Writing { codec: codec(role), payload: message.payload.clone().into(), message, out: BytesMut::new() })
    }),
};

fn codec(role: Role) -> ActixCodec {
    let codec = ActixCodec::new().max_size(1 << 30);
    match role {
        Role::Server => codec,
        Role::Client => codec.client_mode(),
    }
}

struct Reading {
    feed: Feed,
    codec: ActixCodec,
    buffer: BytesMut,
    /// The fragmented message under way.
    kind: Kind,
    message: Vec<u8>,
}

impl Peer for Reading {
    fn run(&mut self, tally: &mut Tally) -> Result<(), String> {
        while self.feed.read_onto(&mut self.buffer) > 0 {
            while let Some(frame) = self.codec.decode(&mut self.buffer).map_err(text)? {
                match frame {
                    Frame::Text(payload) => tally.message_to_validate(Kind::Text, &payload)?,
                    Frame::Binary(payload) => tally.message(Kind::Binary, &payload),
                    Frame::Continuation(item) => {
                        let (payload, last) = match item {
                            Item::FirstText(payload) => {
                                self.kind = Kind::Text;
                                (payload, false)
                            }
                            Item::FirstBinary(payload) => {
                                self.kind = Kind::Binary;
                                (payload, false)
                            }
                            Item::Continue(payload) => (payload, false),
                            Item::Last(payload) => (payload, true),
                        };
                        self.message.extend_from_slice(&payload);
                        if last {
                            tally.message_to_validate(self.kind, &self.message)?;
                            self.message.clear();
                        }
                    }
                    Frame::Ping(payload) => tally.ping(&payload),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

struct Writing {
    codec: ActixCodec,
    message: Message,
    payload: Bytes,
    out: BytesMut,
}

impl Encode for Writing {
    fn batch(&mut self, count: usize) -> Result<(), String> {
        self.out.clear();
        for _ in 0..count {
            let this = black_box(&mut *self);
            let item = match this.message.kind {
                Kind::Text => AMessage::Text(as_str(&this.payload).into()),
                Kind::Binary => AMessage::Binary(this.payload.clone()),
            };
            this.codec.encode(item, &mut this.out).map_err(text)?;
        }
        Ok(())
    }

    fn output(&mut self) -> Vec<u8> {
        self.out.to_vec()
    }
}
