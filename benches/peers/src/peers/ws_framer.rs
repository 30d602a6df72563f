//! ws-framer: frames in a buffer that the caller gives.

use std::hint::black_box;
use ws_framer::{WsFrame, WsRxFramer, WsTxFramer};

use super::{Codec, Encode, Peer, Rank, as_str, text};
use crate::feed::Feed;
use crate::tally::{Kind, Message, Tally};
use crate::workloads::Role;

pub const CODEC: Codec = Codec {
    name: "ws-framer",
    package: "ws-framer",
    rank: Rank::Rival,
    owns: false,
    mode: "WsRxFramer; its buffer holds the workload's longest message (at least 4 KiB, which it moves after each frame)",
    unchecked: "masks; a key of zeros is sent unless a getrandom feature is on",
    decoder: Some(|feed, _| {
        let len = (feed.longest() + 14).max(4096);
        Box::new(Reading { feed, buffer: vec![0; len] })
    }),
    encoder: Some(|_, role, message| {
        let frame = vec![0; message.payload.len() + 14];
        Box::new(Writing { masked: role == Role::Client, message, frame, out: Vec::new() })
    }),
};

struct Reading {
    feed: Feed,
    buffer: Vec<u8>,
}

impl Peer for Reading {
    fn run(&mut self, tally: &mut Tally) -> Result<(), String> {
        // It borrows its buffer, so it is made anew for each run, between two messages.
        let mut framer = WsRxFramer::new(&mut self.buffer);
        loop {
            let len = self.feed.read(framer.read_buf());
            if len == 0 {
                return Ok(());
            }
            framer.advance(len);
            while let Some(frame) = framer.next_frame() {
                match frame.map_err(text)? {
                    WsFrame::Text(payload) => tally.message(Kind::Text, payload.as_bytes()),
                    WsFrame::Binary(payload) => tally.message(Kind::Binary, payload),
                    WsFrame::Ping(payload) => tally.ping(payload),
                    _ => {}
                }
            }
        }
    }
}

struct Writing {
    masked: bool,
    message: Message,
    /// It writes one frame at a time, to the front of its buffer.
    frame: Vec<u8>,
    out: Vec<u8>,
}

impl Encode for Writing {
    fn batch(&mut self, count: usize) -> Result<(), String> {
        self.out.clear();
        for _ in 0..count {
            let this = black_box(&mut *self);
            let mut framer = WsTxFramer::new(this.masked, &mut this.frame);
            let frame = match this.message.kind {
                Kind::Text => framer.text(as_str(&this.message.payload)),
                Kind::Binary => framer.binary(&this.message.payload),
            };
            this.out.extend_from_slice(frame.ok_or("the frame does not fit")?);
        }
        Ok(())
    }

    fn output(&mut self) -> Vec<u8> {
        self.out.clone()
    }
}
