//! sockudo-ws: its `Protocol`, which does no I/O.

use bytes::BytesMut;
use sockudo_ws::protocol::Protocol;
use sockudo_ws::{Message, Role};

use super::{Seen, Verdict};

pub(super) fn run(server: bool, stream: &[u8]) -> Verdict {
    let role = if server { Role::Server } else { Role::Client };
    let mut protocol = Protocol::new(role, 16 << 20, 16 << 20);
    let mut messages = Vec::new();
    let refused = protocol.process_into(&mut BytesMut::from(stream), &mut messages).is_err();
    let seen = messages.into_iter().map(|message| match message {
        Message::Text(payload) => Seen::Message { text: true, payload: payload.to_vec() },
        Message::Binary(payload) => Seen::Message { text: false, payload: payload.to_vec() },
        Message::Ping(payload) => Seen::Ping(payload.to_vec()),
        Message::Pong(payload) => Seen::Pong(payload.to_vec()),
        Message::Close(close) => Seen::Close(close.map(|close| close.code)),
    });
    Verdict { seen: seen.collect(), refused }
}
