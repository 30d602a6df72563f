//! websocket-codec: a tokio codec for whole messages.

use bytes::{Bytes, BytesMut};
use std::hint::black_box;
use tokio_util::codec::{Decoder, Encoder};
use websocket_codec::{Message as WMessage, MessageCodec, Opcode};

use super::{Codec, Encode, Peer, Rank, text};
use crate::feed::Feed;
use crate::tally::{Kind, Tally};
use crate::workloads::Role;

pub const CODEC: Codec = Codec {
    name: "websocket-codec",
    package: "websocket-codec",
    rank: Rank::Rival,
    owns: true,
    mode: "MessageCodec::decode from a BytesMut",
    unchecked: "whether the mask bit fits the role",
    decoder: Some(|feed, role| Box::new(Reading { feed, codec: codec(role), buffer: BytesMut::new() })),
    encoder: Some(|_, role, message| {
        let opcode = if message.kind == Kind::Text { Opcode::Text } else { Opcode::Binary };
        let item = WMessage::new(opcode, Bytes::from(message.payload)).expect("the workload is text");
        Box::new(Writing { codec: codec(role), item, out: BytesMut::new() })
    }),
};

fn codec(role: Role) -> MessageCodec {
    match role {
        Role::Server => MessageCodec::server(),
        Role::Client => MessageCodec::client(),
    }
}

struct Reading {
    feed: Feed,
    codec: MessageCodec,
    buffer: BytesMut,
}

impl Peer for Reading {
    fn run(&mut self, tally: &mut Tally) -> Result<(), String> {
        while self.feed.read_onto(&mut self.buffer) > 0 {
            while let Some(message) = self.codec.decode(&mut self.buffer).map_err(text)? {
                match message.opcode() {
                    Opcode::Text => tally.message(Kind::Text, message.data()),
                    Opcode::Binary => tally.message(Kind::Binary, message.data()),
                    Opcode::Ping => tally.ping(message.data()),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

struct Writing {
    codec: MessageCodec,
    item: WMessage,
    out: BytesMut,
}

impl Encode for Writing {
    fn batch(&mut self, count: usize) -> Result<(), String> {
        self.out.clear();
        for _ in 0..count {
            let this = black_box(&mut *self);
            this.codec.encode(&this.item, &mut this.out).map_err(text)?;
        }
        Ok(())
    }

    fn output(&mut self) -> Vec<u8> {
        self.out.to_vec()
    }
}
