//! What the tests share: vectors, and decoders run over a stream that is cut into pieces.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use serde::Deserialize;
use wsframe::{Assembler, Config, Decoder, Event as Found, Incoming, Kind, Role, State};

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub(crate) enum Event {
    Message { kind: String, offset: u64, length: u64, fragments: u32, payload_hex: String },
    Ping { offset: u64, payload_hex: String },
    Pong { offset: u64, payload_hex: String },
    Close { offset: u64, code: Option<u16>, reason: String },
    Violation { offset: u64, close_code: u16, rule: String },
}

impl Event {
    pub(crate) fn violation(error: wsframe::Error) -> Event {
        Event::Violation {
            offset: error.offset(),
            close_code: error.close_code().get(),
            rule: error.violation().name().to_owned(),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    pub(crate) max_frame: Option<u64>,
    pub(crate) max_message: Option<u64>,
    pub(crate) max_fragments: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Vector {
    pub(crate) name: String,
    role: String,
    #[serde(default)]
    config: Limits,
    stream: String,
    pub(crate) events: Vec<Event>,
    state: String,
}

impl Vector {
    pub(crate) fn role(&self) -> Role {
        match self.role.as_str() {
            "server" => Role::Server,
            "client" => Role::Client,
            role => panic!("{}: role {role}", self.name),
        }
    }

    pub(crate) fn config(&self) -> Config {
        let mut config = Config::preset(self.role());
        if let Some(bytes) = self.config.max_frame {
            config = config.max_frame_len(bytes);
        }
        if let Some(bytes) = self.config.max_message {
            config = config.max_message_len(bytes);
        }
        if let Some(frames) = self.config.max_fragments {
            config = config.max_fragments(frames);
        }
        config
    }

    pub(crate) fn stream(&self) -> Vec<u8> {
        unhex(&self.stream)
    }

    pub(crate) fn state(&self) -> State {
        match self.state.as_str() {
            "idle" => State::Idle,
            "in_message" => State::InMessage,
            "in_frame" => State::InFrame,
            "closed" => State::Closed,
            "failed" => State::Failed,
            state => panic!("{}: state {state}", self.name),
        }
    }
}

/// Every record of every file.
pub(crate) fn vectors() -> Vec<Vector> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors");
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let text = std::fs::read_to_string(&path).unwrap();
            let records: Vec<Vector> = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path:?}: {error}"));
            all.extend(records);
        }
    }
    assert!(all.len() > 1600, "only {} vectors were found", all.len());
    all
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "{text}");
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

fn kind_name(kind: Kind) -> String {
    kind.to_string()
}

/// A decoder, with the messages put together from its pieces.
pub(crate) struct Run {
    pub(crate) decoder: Decoder,
    pub(crate) events: Vec<Event>,
    message: Vec<u8>,
    start: u64,
}

impl Run {
    pub(crate) fn new(role: Role, config: Config) -> Run {
        Run { decoder: Decoder::with_config(role, config), events: Vec::new(), message: Vec::new(), start: 0 }
    }

    /// Feeds a piece, and checks what holds for any piece.
    pub(crate) fn feed(&mut self, piece: &[u8]) {
        if matches!(self.events.last(), Some(Event::Violation { .. })) {
            return;
        }
        let mut buffer = piece.to_vec();
        let mut input = &mut buffer[..];
        loop {
            let before = (self.decoder.position(), input.len() as u64);
            let event = match self.decoder.decode(&mut input) {
                Ok(Some(event)) => event,
                Ok(None) => {
                    assert!(input.is_empty(), "C1: bytes were left");
                    if self.decoder.state() != State::Closed {
                        assert_eq!(self.decoder.position(), before.0 + before.1, "C1: position");
                    }
                    return;
                }
                Err(error) => {
                    assert!(input.is_empty(), "C6: input is left empty");
                    assert_eq!(self.decoder.position(), error.offset() + 1, "C6: position behind the deciding byte");
                    self.events.push(Event::violation(error));
                    return;
                }
            };
            match event {
                Found::Data(data) => {
                    if data.starts_message() {
                        assert!(self.message.is_empty());
                        self.start = data.offset();
                    }
                    if data.payload().is_empty() {
                        let whole_frame_is_empty = data.ends_frame();
                        let nothing_behind_header = input.is_empty() && data.remaining() > 0;
                        assert!(whole_frame_is_empty || nothing_behind_header, "an empty piece for no reason");
                    }
                    self.message.extend_from_slice(data.payload());
                    let whole = data.starts_message() && data.ends_message();
                    if whole && data.kind() == Kind::Text && data.rsv().is_empty() {
                        assert_eq!(data.text().map(str::as_bytes), Some(&self.message[..]));
                    } else {
                        assert_eq!(data.text(), None, "text without proof");
                    }
                    if data.ends_message() {
                        self.events.push(Event::Message {
                            kind: kind_name(data.kind()),
                            offset: self.start,
                            length: self.message.len() as u64,
                            fragments: data.fragments(),
                            payload_hex: hex(&self.message),
                        });
                        self.message.clear();
                    }
                }
                Found::Ping(ping) => {
                    let (offset, payload) = (ping.offset(), ping.payload().to_vec());
                    assert_eq!(self.decoder.control_payload(), payload);
                    self.events.push(Event::Ping { offset, payload_hex: hex(&payload) });
                }
                Found::Pong(pong) => {
                    self.events.push(Event::Pong { offset: pong.offset(), payload_hex: hex(pong.payload()) });
                }
                Found::Close(close) => self.events.push(Event::Close {
                    offset: close.offset(),
                    code: close.code().map(u16::from),
                    reason: close.reason().to_owned(),
                }),
            }
        }
    }
}

/// What a decoder makes of a stream in these pieces.
pub(crate) fn decode<'a>(
    role: Role,
    config: Config,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Event>, State) {
    let mut run = Run::new(role, config);
    pieces.into_iter().for_each(|piece| run.feed(piece));
    (run.events, run.decoder.state())
}

/// What an assembler makes of a stream in these pieces.
pub(crate) fn assemble<'a>(
    role: Role,
    config: Config,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Event>, State) {
    let mut assembler = Assembler::with_config(role, config);
    let mut events = Vec::new();
    for piece in pieces {
        let mut buffer = piece.to_vec();
        let result = assembler.for_each(&mut buffer, |incoming| {
            events.push(match incoming {
                Incoming::Message(message) => {
                    let is_text = message.kind() == Kind::Text && message.rsv().is_empty();
                    let text = is_text.then_some(message.payload());
                    assert_eq!(message.text().map(str::as_bytes), text);
                    Event::Message {
                        kind: kind_name(message.kind()),
                        offset: message.offset(),
                        length: message.payload().len() as u64,
                        fragments: message.fragments(),
                        payload_hex: hex(message.payload()),
                    }
                }
                Incoming::Ping(ping) => Event::Ping { offset: ping.offset(), payload_hex: hex(ping.payload()) },
                Incoming::Pong(pong) => Event::Pong { offset: pong.offset(), payload_hex: hex(pong.payload()) },
                Incoming::Close(close) => Event::Close {
                    offset: close.offset(),
                    code: close.code().map(u16::from),
                    reason: close.reason().to_owned(),
                },
            });
        });
        if let Err(error) = result {
            events.push(Event::violation(error));
            break;
        }
    }
    (events, assembler.state())
}
