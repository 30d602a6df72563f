//! Streams of real, independent clients and servers: what is decoded is what their applications sent.

use serde::Deserialize;
use wsframe::deflate::{Inflater, Policy};
use wsframe::handshake::RequestHead;
use wsframe::{Assembler, Config, Role, State};
use wsframe_dev::{Event, assemble, assemble_with, unhex};

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
    /// Whether permessage-deflate was agreed.
    #[serde(default)]
    deflate: bool,
    events: Vec<Sent>,
}

impl Sent {
    fn event(&self) -> Event {
        let message = |text, payload, fragments| Event::Message { text, rsv: 0, offset: 0, fragments, payload };
        if let Some(text) = &self.text {
            message(true, text.repeat(self.times).into_bytes(), 1)
        } else if let Some(fragments) = &self.fragments {
            message(true, fragments.concat().into_bytes(), 2)
        } else if let Some(hex) = &self.hex {
            message(false, unhex(hex).repeat(self.times), 1)
        } else if let Some(ping) = &self.ping {
            Event::Ping { offset: 0, payload: ping.clone().into_bytes() }
        } else if let Some(pong) = &self.pong {
            Event::Pong { offset: 0, payload: pong.clone().into_bytes() }
        } else {
            Event::Close { offset: 0, code: self.close, reason: self.reason.clone().unwrap() }
        }
    }
}

/// What one end received in a session of real, independent implementations.
pub(crate) struct Capture {
    pub(crate) name: String,
    pub(crate) role: Role,
    head: Vec<u8>,
    /// What follows the opening handshake.
    pub(crate) stream: Vec<u8>,
    session: Session,
}

/// Every capture without compression.
pub(crate) fn all() -> Vec<Capture> {
    let mut captures = read();
    captures.retain(|capture| !capture.session.deflate);
    assert_eq!(captures.len(), 12);
    captures
}

fn read() -> Vec<Capture> {
    let mut captures = Vec::new();
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "bin") {
            continue;
        }
        let mut stream = std::fs::read(&path).unwrap();
        let head = stream.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
        let head: Vec<_> = stream.drain(..head).collect();
        let session = std::fs::read_to_string(path.with_extension("json")).unwrap();
        let session: Session = serde_json::from_str(&session).unwrap();
        let role = if session.role == "server" { Role::Server } else { Role::Client };
        captures.push(Capture { name: path.display().to_string(), role, head, stream, session });
    }
    captures
}

/// Chromium and Python's websockets, with compression agreed: each message comes twice, the second time as a reference to the
/// first.
#[test]
fn compressed_captures_inflate_to_what_was_sent() {
    let captures: Vec<_> = read().into_iter().filter(|capture| capture.session.deflate).collect();
    assert_eq!(captures.len(), 2);
    // What the server answered.
    let response = captures.iter().find(|capture| capture.role == Role::Client).unwrap();
    let head = String::from_utf8(response.head.clone()).unwrap();
    let field = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: ")).unwrap();
    let agreed = Policy::BALANCED.check([field.as_bytes()]).unwrap().unwrap();
    // And ours to the same offer.
    let request = captures.iter().find(|capture| capture.role == Role::Server).unwrap();
    let request = RequestHead::parse(&request.head).unwrap().check().unwrap();
    let (ours, value) = request.deflate(&Policy::BALANCED).unwrap();
    assert_eq!((ours, value.as_str()), (agreed, field));
    for capture in &captures {
        let expected: Vec<_> = capture.session.events.iter().map(Sent::event).collect();
        for size in [capture.stream.len(), 13, 1] {
            let assembler = Assembler::new(capture.role).with_inflater(Inflater::zlib(agreed, capture.role));
            let (events, state) = assemble_with(assembler, capture.stream.chunks(size));
            assert_eq!(state, State::Closed);
            let events: Vec<_> = events.into_iter().map(in_no_place).collect();
            assert!(events == expected, "{} in pieces of {size}", capture.name);
        }
    }
}

#[test]
fn captures_decode_to_what_was_sent() {
    for capture in all() {
        let expected: Vec<_> = capture.session.events.iter().map(Sent::event).collect();
        for size in [capture.stream.len(), 1460, 13, 1] {
            let pieces = capture.stream.chunks(size);
            let (events, state) = assemble(capture.role, Config::preset(capture.role), pieces);
            let closed = matches!(events.last(), Some(Event::Close { .. }));
            assert_eq!(state, if closed { State::Closed } else { State::Idle });
            let events: Vec<_> = events.into_iter().map(in_no_place).collect();
            assert!(events == expected, "{} in pieces of {size}", capture.name);
        }
    }
}

/// How many fragments a message comes in is the sender's choice, but for whether it is fragmented.
fn in_no_place(event: Event) -> Event {
    let is_fragmented = matches!(&event, Event::Message { fragments, .. } if *fragments > 1);
    let mut event = event.without_place();
    if let Event::Message { fragments, .. } = &mut event {
        *fragments = if is_fragmented { 2 } else { 1 };
    }
    event
}
