//! embedded-websocket: copies from the caller's read buffer into the caller's message buffer.

use embedded_websocket::{
    Client, EmptyRng, Error, Server, WebSocket, WebSocketClient, WebSocketReadResult, WebSocketReceiveMessageType,
    WebSocketSendMessageType, WebSocketServer, WebSocketState,
};
use rand_core::RngCore;
use std::hint::black_box;

use super::{Codec, Encode, Peer, Rank, text};
use crate::feed::{Feed, READ};
use crate::tally::{Kind, Message, Tally};
use crate::workloads::Role;
use wsframe_dev::Rng;

pub const CODEC: Codec = Codec {
    name: "embedded-websocket",
    package: "embedded-websocket",
    rank: Rank::Rival,
    owns: false,
    mode: "WebSocket::read from one buffer into another, which the harness keeps",
    unchecked: "UTF-8 (done by the harness with simdutf8), reserved bits, masks, fragmented control frames",
    decoder: Some(|feed, role| {
        Box::new(Reading {
            feed,
            socket: socket(role),
            buffer: vec![0; READ + 14],
            kept: 0,
            message: Vec::new(),
            len: 0,
        })
    }),
    encoder: Some(|_, role, message| Box::new(Writing { socket: socket(role), message, out: Vec::new(), len: 0 })),
};

/// The harness' generator as this codec takes it.
struct Keys(Rng);

impl RngCore for Keys {
    fn next_u32(&mut self) -> u32 {
        self.0.next() as u32
    }

    fn next_u64(&mut self) -> u64 {
        self.0.next()
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        self.0.fill(bytes);
        Ok(())
    }
}

enum Socket {
    Server(WebSocket<EmptyRng, Server>),
    Client(WebSocket<Keys, Client>),
}

fn socket(role: Role) -> Socket {
    // As after the handshake.
    match role {
        Role::Server => {
            let mut socket = WebSocketServer::new_server();
            socket.state = WebSocketState::Open;
            Socket::Server(socket)
        }
        Role::Client => {
            let mut socket = WebSocketClient::new_client(Keys(Rng(3)));
            socket.state = WebSocketState::Open;
            Socket::Client(socket)
        }
    }
}

impl Socket {
    fn read(&mut self, from: &[u8], to: &mut [u8]) -> embedded_websocket::Result<WebSocketReadResult> {
        match self {
            Socket::Server(socket) => socket.read(from, to),
            Socket::Client(socket) => socket.read(from, to),
        }
    }

    fn write(
        &mut self,
        kind: WebSocketSendMessageType,
        payload: &[u8],
        to: &mut [u8],
    ) -> embedded_websocket::Result<usize> {
        match self {
            Socket::Server(socket) => socket.write(kind, true, payload, to),
            Socket::Client(socket) => socket.write(kind, true, payload, to),
        }
    }
}

struct Reading {
    feed: Feed,
    socket: Socket,
    buffer: Vec<u8>,
    /// How many bytes of an incomplete header are kept at the front of the buffer.
    kept: usize,
    message: Vec<u8>,
    /// How long the message under way is.
    len: usize,
}

impl Peer for Reading {
    fn run(&mut self, tally: &mut Tally) -> Result<(), String> {
        self.message.resize(self.feed.longest() + 128, 0);
        loop {
            let len = self.feed.read(&mut self.buffer[self.kept..]);
            if len == 0 {
                return Ok(());
            }
            let (mut at, end) = (0, self.kept + len);
            self.kept = 0;
            while at < end {
                let read = match self.socket.read(&self.buffer[at..end], &mut self.message[self.len..]) {
                    Ok(read) => read,
                    Err(Error::ReadFrameIncomplete) => {
                        self.buffer.copy_within(at..end, 0);
                        self.kept = end - at;
                        break;
                    }
                    Err(error) => return Err(text(error)),
                };
                if read.len_from == 0 {
                    return Err("it takes no more input".to_owned());
                }
                at += read.len_from;
                let kind = match read.message_type {
                    WebSocketReceiveMessageType::Text => Kind::Text,
                    WebSocketReceiveMessageType::Binary => Kind::Binary,
                    WebSocketReceiveMessageType::Ping => {
                        tally.ping(&self.message[self.len..self.len + read.len_to]);
                        continue;
                    }
                    _ => continue,
                };
                self.len += read.len_to;
                if read.end_of_message {
                    tally.message_to_validate(kind, &self.message[..self.len])?;
                    self.len = 0;
                }
            }
        }
    }
}

struct Writing {
    socket: Socket,
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
            let kind = match this.message.kind {
                Kind::Text => WebSocketSendMessageType::Text,
                Kind::Binary => WebSocketSendMessageType::Binary,
            };
            let out = &mut this.out[this.len..];
            this.len += this.socket.write(kind, &this.message.payload, out).map_err(text)?;
        }
        Ok(())
    }

    fn output(&mut self) -> Vec<u8> {
        self.out[..self.len].to_vec()
    }
}
