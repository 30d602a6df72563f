//! nexus-web: a frame reader with a fixed buffer, and a frame writer into a slice.

use nexus_web::ws::{FrameReader, FrameWriter, Message as NMessage, Role as NRole};
use std::hint::black_box;

use super::{Codec, Encode, Peer, Rank, text};
use crate::feed::{Feed, READ};
use crate::tally::{Kind, Message, Tally};
use crate::workloads::Role;

pub const CODEC: Codec = Codec {
    name: "nexus-web",
    package: "nexus-web",
    rank: Rank::Rival,
    owns: false,
    mode: "FrameReader, buffer of 128 KiB that is read into; FrameWriter into a slice",
    unchecked: "UTF-8 of a message in one frame that does not fit the buffer at once",
    decoder: Some(|feed, role| {
        let reader = FrameReader::builder()
            .role(n_role(role))
            .buffer_capacity(2 * READ)
            .max_frame_size(1 << 30)
            .max_message_size(1 << 30)
            .build();
        Box::new(Reading { feed, reader })
    }),
    encoder: Some(|_, role, message| {
        Box::new(Writing { writer: FrameWriter::new(n_role(role)), message, out: Vec::new(), len: 0 })
    }),
};

fn n_role(role: Role) -> NRole {
    match role {
        Role::Server => NRole::Server,
        Role::Client => NRole::Client,
    }
}

struct Reading {
    feed: Feed,
    reader: FrameReader,
}

impl Peer for Reading {
    fn run(&mut self, tally: &mut Tally) -> Result<(), String> {
        loop {
            if self.reader.spare().len() < READ {
                self.reader.compact();
            }
            let len = self.feed.read(self.reader.spare());
            if len == 0 {
                return Ok(());
            }
            self.reader.filled(len);
            while let Some(message) = self.reader.next().map_err(text)? {
                match message {
                    NMessage::Text(payload) => tally.message(Kind::Text, payload.as_bytes()),
                    NMessage::Binary(payload) => tally.message(Kind::Binary, payload),
                    NMessage::Ping(payload) => tally.ping(payload),
                    _ => {}
                }
            }
        }
    }
}

struct Writing {
    writer: FrameWriter,
    message: Message,
    out: Vec<u8>,
    len: usize,
}

impl Encode for Writing {
    fn batch(&mut self, count: usize) -> Result<(), String> {
        self.out.resize(count * (self.message.payload.len() + 14), 0);
        self.len = 0;
        for _ in 0..count {
            let this = black_box(&mut *self);
            let out = &mut this.out[this.len..];
            this.len += match this.message.kind {
                Kind::Text => this.writer.encode_text(&this.message.payload, out),
                Kind::Binary => this.writer.encode_binary(&this.message.payload, out),
            };
        }
        Ok(())
    }

    fn output(&mut self) -> Vec<u8> {
        self.out[..self.len].to_vec()
    }
}
