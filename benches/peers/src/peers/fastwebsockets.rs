//! fastwebsockets: asynchronous, over any `AsyncRead + AsyncWrite`.

use std::hint::black_box;
use std::pin::pin;

use fastwebsockets::{FragmentCollector, Frame, OpCode, Payload, Role as FRole, WebSocket};

use super::{Codec, Encode, Peer, Rank, text};
use crate::feed::{Feed, poll_once};
use crate::tally::{Kind, Message, Tally};
use crate::workloads::Role;

pub const CODEC: Codec = Codec {
    name: "fastwebsockets",
    package: "fastwebsockets",
    rank: Rank::Rival,
    owns: true,
    mode: "FragmentCollector over an AsyncRead polled by hand, no automatic answers; its buffer is 8 KiB, fixed",
    unchecked: "whether the mask bit fits the role",
    decoder: Some(|feed, role| Box::new(Reading(FragmentCollector::new(socket(feed, role))))),
    encoder: Some(|feed, role, message| Box::new(Writing { socket: socket(feed.clone(), role), feed, message })),
};

fn socket(feed: Feed, role: Role) -> WebSocket<Feed> {
    let role = match role {
        Role::Server => FRole::Server,
        Role::Client => FRole::Client,
    };
    let mut socket = WebSocket::after_handshake(feed, role);
    socket.set_auto_close(false);
    socket.set_auto_pong(false);
    socket.set_max_message_size(usize::MAX);
    socket
}

struct Reading(FragmentCollector<Feed>);

impl Peer for Reading {
    fn run(&mut self, tally: &mut Tally) -> Result<(), String> {
        while let Some(frame) = poll_once(pin!(self.0.read_frame())) {
            let frame = frame.map_err(text)?;
            match frame.opcode {
                OpCode::Text => tally.message(Kind::Text, &frame.payload),
                OpCode::Binary => tally.message(Kind::Binary, &frame.payload),
                OpCode::Ping => tally.ping(&frame.payload),
                _ => {}
            }
        }
        Ok(())
    }
}

struct Writing {
    socket: WebSocket<Feed>,
    feed: Feed,
    message: Message,
}

impl Encode for Writing {
    fn batch(&mut self, count: usize) -> Result<(), String> {
        self.feed.written().borrow_mut().clear();
        // The frame's lifetime is the socket's, so a borrowed payload will not do: owned ones are made, as its users must.
        for _ in 0..count {
            let this = black_box(&mut *self);
            let payload = Payload::Owned(this.message.payload.clone());
            let frame = match this.message.kind {
                Kind::Text => Frame::text(payload),
                Kind::Binary => Frame::binary(payload),
            };
            poll_once(pin!(this.socket.write_frame(frame))).ok_or("pending")?.map_err(text)?;
        }
        Ok(())
    }

    fn output(&mut self) -> Vec<u8> {
        self.feed.written().borrow().clone()
    }
}
