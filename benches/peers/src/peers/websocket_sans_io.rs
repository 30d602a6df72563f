//! websocket-sans-io: a push parser that unmasks in place and gives pieces.

use std::hint::black_box;
use websocket_sans_io::{FrameInfo, Opcode, WebsocketFrameDecoder, WebsocketFrameEncoder, WebsocketFrameEvent};

use super::{Codec, Encode, Peer, Rank, text};
use crate::feed::Feed;
use crate::tally::{Kind, Message, Tally};
use crate::workloads::Role;
use wsframe_dev::Rng;

pub const CODEC: Codec = Codec {
    name: "websocket-sans-io",
    package: "websocket-sans-io",
    rank: Rank::Rival,
    owns: false,
    mode: "WebsocketFrameDecoder::add_data in place; messages are assembled by the harness",
    unchecked: "nearly everything: UTF-8 (done by the harness with simdutf8), masks, reserved bits, the order of frames",
    decoder: Some(|feed, _| Box::new(Reading { feed, decoder: WebsocketFrameDecoder::new(), message: Vec::new() })),
    encoder: Some(|_, role, message| {
        let masked = role == Role::Client;
        Box::new(Writing { encoder: WebsocketFrameEncoder::new(), rng: Rng(3), masked, message, out: Vec::new() })
    }),
};

struct Reading {
    feed: Feed,
    decoder: WebsocketFrameDecoder,
    message: Vec<u8>,
}

impl Reading {
    fn take(&mut self, mut input: &mut [u8], tally: &mut Tally) -> Result<(), String> {
        // The piece that may be a whole message, where it was received.
        let mut whole: &[u8] = &[];
        loop {
            let taken = self.decoder.add_data(input).map_err(text)?;
            let (piece, rest) = std::mem::take(&mut input).split_at_mut(taken.consumed_bytes);
            input = rest;
            match taken.event {
                None if taken.consumed_bytes == 0 => break,
                None => {}
                Some(WebsocketFrameEvent::Start { .. }) => whole = &[],
                Some(WebsocketFrameEvent::PayloadChunk { original_opcode }) if original_opcode.is_data() => {
                    if self.message.is_empty() && whole.is_empty() {
                        whole = piece;
                    } else {
                        self.message.extend_from_slice(std::mem::take(&mut whole));
                        self.message.extend_from_slice(piece);
                    }
                }
                Some(WebsocketFrameEvent::PayloadChunk { .. }) => tally.ping(piece),
                Some(WebsocketFrameEvent::End { frame_info, original_opcode }) if original_opcode.is_data() => {
                    let kind = if original_opcode == Opcode::Text { Kind::Text } else { Kind::Binary };
                    if !frame_info.fin {
                        self.message.extend_from_slice(std::mem::take(&mut whole));
                    } else if self.message.is_empty() {
                        tally.message_to_validate(kind, std::mem::take(&mut whole))?;
                    } else {
                        self.message.extend_from_slice(std::mem::take(&mut whole));
                        tally.message_to_validate(kind, &self.message)?;
                        self.message.clear();
                    }
                }
                Some(WebsocketFrameEvent::End { .. }) => {}
            }
        }
        self.message.extend_from_slice(whole);
        Ok(())
    }
}

impl Peer for Reading {
    fn run(&mut self, tally: &mut Tally) -> Result<(), String> {
        let mut scratch = self.feed.take_scratch();
        loop {
            let len = self.feed.read(&mut scratch);
            if len == 0 {
                break;
            }
            self.take(&mut scratch[..len], tally)?;
        }
        self.feed.put_scratch(scratch);
        Ok(())
    }
}

struct Writing {
    encoder: WebsocketFrameEncoder,
    rng: Rng,
    masked: bool,
    message: Message,
    out: Vec<u8>,
}

impl Encode for Writing {
    fn batch(&mut self, count: usize) -> Result<(), String> {
        self.out.clear();
        for _ in 0..count {
            let this = black_box(&mut *self);
            let header = this.encoder.start_frame(&FrameInfo {
                opcode: if this.message.kind == Kind::Text { Opcode::Text } else { Opcode::Binary },
                payload_length: this.message.payload.len() as _,
                mask: this.masked.then(|| this.rng.key()),
                fin: true,
                reserved: 0,
            });
            this.out.extend_from_slice(&header);
            let at = this.out.len();
            this.out.extend_from_slice(&this.message.payload);
            if this.encoder.transform_needed() {
                this.encoder.transform_frame_payload(&mut this.out[at..]);
            }
        }
        Ok(())
    }

    fn output(&mut self) -> Vec<u8> {
        self.out.clone()
    }
}
