//! Streams of real, independent clients and servers: what is decoded is what their applications sent.

use serde::Deserialize;
use wsframe::{Assembler, CloseCode, Incoming, Kind, Role, State};

/// What an application passed to its library.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    text: Option<String>,
    hex: Option<String>,
    #[serde(default = "once")]
    times: usize,
    fragments: Option<Vec<String>>,
    ping: Option<String>,
    pong: Option<String>,
    close: Option<u16>,
    reason: Option<String>,
}

fn once() -> usize {
    1
}

#[derive(Debug, Deserialize)]
struct Session {
    role: String,
    events: Vec<Sent>,
}

#[derive(Debug, PartialEq)]
enum Event {
    Message { kind: Kind, payload: Vec<u8>, fragmented: bool },
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, String),
}

impl Sent {
    fn event(&self) -> Event {
        let message = |kind, payload, fragmented| Event::Message { kind, payload, fragmented };
        if let Some(text) = &self.text {
            message(Kind::Text, text.repeat(self.times).into_bytes(), false)
        } else if let Some(fragments) = &self.fragments {
            message(Kind::Text, fragments.concat().into_bytes(), true)
        } else if let Some(hex) = &self.hex {
            let once: Vec<u8> =
                (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect();
            message(Kind::Binary, once.repeat(self.times), false)
        } else if let Some(ping) = &self.ping {
            Event::Ping(ping.clone().into_bytes())
        } else if let Some(pong) = &self.pong {
            Event::Pong(pong.clone().into_bytes())
        } else {
            Event::Close(self.close, self.reason.clone().unwrap())
        }
    }
}

fn decode(role: Role, stream: &[u8], size: usize) -> Vec<Event> {
    let mut assembler = Assembler::new(role);
    let mut events = Vec::new();
    for piece in stream.to_vec().chunks_mut(size) {
        assembler
            .for_each(piece, |incoming| {
                events.push(match incoming {
                    Incoming::Message(message) => Event::Message {
                        kind: message.kind(),
                        payload: message.payload().to_vec(),
                        fragmented: message.fragments() > 1,
                    },
                    Incoming::Ping(ping) => Event::Ping(ping.payload().to_vec()),
                    Incoming::Pong(pong) => Event::Pong(pong.payload().to_vec()),
                    Incoming::Close(close) => Event::Close(close.code().map(CloseCode::get), close.reason().to_owned()),
                });
            })
            .unwrap();
    }
    let closed = matches!(events.last(), Some(Event::Close(..)));
    assert_eq!(assembler.state(), if closed { State::Closed } else { State::Idle });
    events
}

#[test]
fn captures_decode_to_what_was_sent() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures");
    let mut captures = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "bin") {
            continue;
        }
        captures += 1;
        let bytes = std::fs::read(&path).unwrap();
        let head = bytes.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
        let session = std::fs::read_to_string(path.with_extension("json")).unwrap();
        let session: Session = serde_json::from_str(&session).unwrap();
        let role = if session.role == "server" { Role::Server } else { Role::Client };
        let expected: Vec<_> = session.events.iter().map(Sent::event).collect();
        for size in [bytes.len(), 1460, 13, 1] {
            assert!(decode(role, &bytes[head..], size) == expected, "{path:?} in pieces of {size}");
        }
    }
    assert_eq!(captures, 12);
}
