//! sockudo-ws: its `Protocol`, which does no I/O.

use bytes::{Bytes, BytesMut};
use sockudo_ws::deflate::DeflateConfig;
use sockudo_ws::protocol::{CompressedProtocol, Protocol};
use sockudo_ws::{Message as SMessage, Role as SRole};
use std::hint::black_box;

use super::{Codec, Encode, Peer, Rank, text};
use crate::feed::Feed;
use crate::tally::{Kind, Message, Tally};
use crate::workloads::Role;

pub const CODEC: Codec = Codec {
    name: "sockudo-ws",
    package: "sockudo-ws",
    rank: Rank::Rival,
    owns: true,
    mode: "Protocol::process_into a reused Vec of messages, from a BytesMut",
    unchecked: "nothing that was noticed",
    decoder: Some(|feed, role| {
        Box::new(Reading { feed, protocol: protocol(role), buffer: BytesMut::new(), messages: Vec::new() })
    }),
    encoder: Some(|_, role, message| {
        let payload = Bytes::from(message.payload);
        let item = match message.kind {
            Kind::Text => SMessage::Text(payload),
            Kind::Binary => SMessage::Binary(payload),
        };
        Box::new(Writing { protocol: protocol(role), item, out: BytesMut::new() })
    }),
};

fn protocol(role: Role) -> Protocol {
    let role = match role {
        Role::Server => SRole::Server,
        Role::Client => SRole::Client,
    };
    Protocol::new(role, 1 << 30, 1 << 30)
}

struct Reading {
    feed: Feed,
    protocol: Protocol,
    buffer: BytesMut,
    messages: Vec<SMessage>,
}

impl Peer for Reading {
    fn run(&mut self, tally: &mut Tally) -> Result<(), String> {
        while self.feed.read_onto(&mut self.buffer) > 0 {
            self.protocol.process_into(&mut self.buffer, &mut self.messages).map_err(text)?;
            // Drained, so that the buffer is free to be used again with the next read.
            for message in self.messages.drain(..) {
                match message {
                    SMessage::Text(payload) => tally.message(Kind::Text, &payload),
                    SMessage::Binary(payload) => tally.message(Kind::Binary, &payload),
                    SMessage::Ping(payload) => tally.ping(&payload),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

fn compressed(takeover: bool) -> CompressedProtocol {
    let config = DeflateConfig {
        server_no_context_takeover: !takeover,
        client_no_context_takeover: !takeover,
        compression_level: 1,
        compression_threshold: 0,
        ..DeflateConfig::default()
    };
    CompressedProtocol::server(1 << 30, 1 << 30, config)
}

pub fn inflating(feed: Feed, takeover: bool) -> Box<dyn Peer> {
    let protocol = compressed(takeover);
    Box::new(Inflating { feed, protocol, buffer: BytesMut::new(), messages: Vec::new() })
}

pub fn deflating(_: Feed, messages: &[Message], takeover: bool) -> Box<dyn Encode> {
    let items = messages.iter().map(|message| SMessage::Text(Bytes::from(message.payload.clone()))).collect();
    Box::new(Deflating { protocol: compressed(takeover), items, out: BytesMut::with_capacity(1 << 20) })
}

struct Inflating {
    feed: Feed,
    protocol: CompressedProtocol,
    buffer: BytesMut,
    messages: Vec<SMessage>,
}

impl Peer for Inflating {
    fn run(&mut self, tally: &mut Tally) -> Result<(), String> {
        while self.feed.read_onto(&mut self.buffer) > 0 {
            self.protocol.process_into(&mut self.buffer, &mut self.messages).map_err(text)?;
            for message in self.messages.drain(..) {
                match message {
                    SMessage::Text(payload) => tally.message(Kind::Text, &payload),
                    SMessage::Binary(payload) => tally.message(Kind::Binary, &payload),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

struct Deflating {
    protocol: CompressedProtocol,
    items: Vec<SMessage>,
    out: BytesMut,
}

impl Encode for Deflating {
    fn batch(&mut self, _: usize) -> Result<(), String> {
        self.out.clear();
        for item in &self.items {
            self.protocol.encode_message(item, &mut self.out).map_err(text)?;
        }
        Ok(())
    }

    fn output(&mut self) -> Vec<u8> {
        self.out.to_vec()
    }
}

struct Writing {
    protocol: Protocol,
    item: SMessage,
    out: BytesMut,
}

impl Encode for Writing {
    fn batch(&mut self, count: usize) -> Result<(), String> {
        self.out.clear();
        for _ in 0..count {
            let this = black_box(&mut *self);
            this.protocol.encode_message(&this.item, &mut this.out).map_err(text)?;
        }
        Ok(())
    }

    fn output(&mut self) -> Vec<u8> {
        self.out.to_vec()
    }
}
