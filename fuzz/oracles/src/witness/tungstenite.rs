//! tungstenite: blocking, over a `Read + Write`.

use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

use super::{Pipe, Seen, Verdict};

pub(super) fn run(server: bool, stream: &[u8]) -> Verdict {
    let role = if server { Role::Server } else { Role::Client };
    let config = WebSocketConfig::default().max_message_size(Some(16 << 20)).max_frame_size(Some(16 << 20));
    let mut socket = WebSocket::from_raw_socket(Pipe::new(stream), role, Some(config));
    let mut seen = Vec::new();
    let refused = loop {
        seen.push(match socket.read() {
            Ok(Message::Text(text)) => Seen::Message { text: true, payload: text.as_bytes().to_vec() },
            Ok(Message::Binary(payload)) => Seen::Message { text: false, payload: payload.to_vec() },
            Ok(Message::Ping(payload)) => Seen::Ping(payload.to_vec()),
            Ok(Message::Pong(payload)) => Seen::Pong(payload.to_vec()),
            Ok(Message::Close(close)) => Seen::Close(close.map(|close| close.code.into())),
            Ok(Message::Frame(_)) => continue,
            Err(Error::Io(_) | Error::ConnectionClosed | Error::AlreadyClosed) => break false,
            Err(_) => break true,
        });
    };
    Verdict { seen, refused }
}
