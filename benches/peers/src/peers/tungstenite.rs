//! tungstenite: blocking, over any `Read + Write`.

use std::hint::black_box;
use std::io::ErrorKind;

use bytes::Bytes;
use tungstenite::protocol::{Role as TRole, WebSocketConfig};
use tungstenite::{Error, Message as TMessage, Utf8Bytes, WebSocket};

use super::{Codec, Encode, Peer, Rank, as_str, text};
use crate::feed::{Feed, READ};
use crate::tally::{Kind, Tally};
use crate::workloads::Role;

pub const CODEC: Codec = Codec {
    name: "tungstenite",
    package: "tungstenite",
    rank: Rank::Rival,
    owns: true,
    mode: "WebSocket::read over a Read, 64 KiB read buffer, no limits; pongs go to a sink",
    unchecked: "nothing that was noticed",
    decoder: Some(|feed, role| Box::new(Reading(socket(feed, role)))),
    encoder: Some(|feed, role, message| {
        let item = match message.kind {
            Kind::Text => TMessage::Text(Utf8Bytes::from(as_str(&message.payload))),
            Kind::Binary => TMessage::Binary(Bytes::from(message.payload)),
        };
        Box::new(Writing { socket: socket(feed, role), item })
    }),
};

fn socket(feed: Feed, role: Role) -> WebSocket<Feed> {
    let role = match role {
        Role::Server => TRole::Server,
        Role::Client => TRole::Client,
    };
    let config = WebSocketConfig::default().read_buffer_size(READ).max_message_size(None).max_frame_size(None);
    WebSocket::from_raw_socket(feed, role, Some(config))
}

struct Reading(WebSocket<Feed>);

impl Peer for Reading {
    fn run(&mut self, tally: &mut Tally) -> Result<(), String> {
        loop {
            match self.0.read() {
                Ok(TMessage::Text(payload)) => tally.message(Kind::Text, payload.as_bytes()),
                Ok(TMessage::Binary(payload)) => tally.message(Kind::Binary, &payload),
                Ok(TMessage::Ping(payload)) => tally.ping(&payload),
                Ok(_) => {}
                Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(text(error)),
            }
        }
        self.0.get_ref().written().borrow_mut().clear();
        Ok(())
    }
}

struct Writing {
    socket: WebSocket<Feed>,
    item: TMessage,
}

impl Encode for Writing {
    fn batch(&mut self, count: usize) -> Result<(), String> {
        self.socket.get_ref().written().borrow_mut().clear();
        for _ in 0..count {
            let this = black_box(&mut *self);
            this.socket.write(this.item.clone()).map_err(text)?;
        }
        self.socket.flush().map_err(text)
    }

    fn output(&mut self) -> Vec<u8> {
        self.socket.get_ref().written().borrow().clone()
    }
}
