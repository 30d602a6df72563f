//! web-socket: asynchronous, reads field by field from any `AsyncRead`.

use std::hint::black_box;
use std::pin::pin;

use tokio::io::BufReader;
use web_socket::{DataType, Event, MessageType, Stream, WebSocket};

use super::{Codec, Encode, Peer, Rank, as_str, text};
use crate::feed::{Feed, READ, poll_once};
use crate::tally::{Kind, Message, Tally};
use crate::workloads::Role;

pub const CODEC: Codec = Codec {
    name: "web-socket",
    package: "web-socket",
    rank: Rank::Rival,
    owns: true,
    mode: "WebSocket::recv over a BufReader of 64 KiB, polled by hand; fragments are assembled by the harness",
    unchecked: "UTF-8 (done by the harness with simdutf8)",
    decoder: Some(|feed, role| {
        let stream = BufReader::with_capacity(READ, feed);
        let mut socket = match role {
            Role::Server => WebSocket::server(stream),
            Role::Client => WebSocket::client(stream),
        };
        socket.max_payload_len = usize::MAX;
        Box::new(Reading { socket, message: Vec::new() })
    }),
    encoder: Some(|feed, role, message| {
        let socket = match role {
            Role::Server => WebSocket::server(feed),
            Role::Client => WebSocket::client(feed),
        };
        Box::new(Writing { socket, message })
    }),
};

struct Reading {
    socket: WebSocket<BufReader<Feed>>,
    message: Vec<u8>,
}

fn kind(kind: MessageType) -> Kind {
    match kind {
        MessageType::Text => Kind::Text,
        MessageType::Binary => Kind::Binary,
    }
}

impl Peer for Reading {
    fn run(&mut self, tally: &mut Tally) -> Result<(), String> {
        while let Some(event) = poll_once(pin!(self.socket.recv())) {
            match event.map_err(text)? {
                Event::Data { ty: DataType::Complete(ty), data } => tally.message_to_validate(kind(ty), &data)?,
                Event::Data { ty: DataType::Stream(Stream::End(ty)), data } => {
                    self.message.extend_from_slice(&data);
                    tally.message_to_validate(kind(ty), &self.message)?;
                    self.message.clear();
                }
                Event::Data { data, .. } => self.message.extend_from_slice(&data),
                Event::Ping(payload) => tally.ping(&payload),
                Event::Error(error) => return Err(error.to_owned()),
                _ => {}
            }
        }
        Ok(())
    }
}

struct Writing {
    socket: WebSocket<Feed>,
    message: Message,
}

impl Encode for Writing {
    fn batch(&mut self, count: usize) -> Result<(), String> {
        self.socket.stream.written().borrow_mut().clear();
        for _ in 0..count {
            let this = black_box(&mut *self);
            let sent = match this.message.kind {
                Kind::Text => poll_once(pin!(this.socket.send(as_str(&this.message.payload)))),
                Kind::Binary => poll_once(pin!(this.socket.send(&this.message.payload[..]))),
            };
            sent.ok_or("pending")?.map_err(text)?;
        }
        Ok(())
    }

    fn output(&mut self) -> Vec<u8> {
        self.socket.stream.written().borrow().clone()
    }
}
