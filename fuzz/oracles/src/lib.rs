//! What the fuzz targets check: a naive reference that is written apart from the crate, independent implementations as
//! witnesses, and an oracle for each target. `cargo test` runs each oracle over the seeds and the regressions.

mod alloc;
pub mod reference;
pub mod targets;
pub mod vectors;
pub mod witness;

use arbitrary::{Arbitrary, Unstructured};
use wsframe::{Assembler, Config, Decoder, Event as Found, Incoming, Kind, Role, Rsv, State};

use crate::reference::Limits;

/// What comes out of a stream. Offsets are in bytes from its beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A whole message.
    #[allow(missing_docs, reason = "the fields are those of the crate")]
    Message { text: bool, rsv: u8, offset: u64, fragments: u32, payload: Vec<u8> },
    /// A Ping: its offset and payload.
    Ping(u64, Vec<u8>),
    /// A Pong: its offset and payload.
    Pong(u64, Vec<u8>),
    /// A Close: its offset, code and reason.
    Close(u64, Option<u16>, String),
    /// The end of a stream that broke the protocol.
    #[allow(missing_docs, reason = "the fields are those of the crate")]
    Violation { offset: u64, close_code: u16, rule: String },
}

/// What an input of the fuzzer spells; `None` if it is too short for that.
fn input<'a, T: Arbitrary<'a>>(data: &'a [u8]) -> Option<T> {
    T::arbitrary_take_rest(Unstructured::new(data)).ok()
}

/// A decoder's configuration that an input chooses: small limits, so that they are met.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Setup {
    /// Whether this end is the server.
    pub server: bool,
    max_frame_len: Option<u16>,
    max_message_len: Option<u16>,
    max_fragments: Option<u8>,
    allowed_rsv: u8,
}

impl Setup {
    /// The end that decodes.
    pub fn role(&self) -> Role {
        if self.server { Role::Server } else { Role::Client }
    }

    /// The configuration as the reference takes it.
    pub fn limits(&self) -> Limits {
        Limits {
            server: self.server,
            max_frame_len: self.max_frame_len.map_or(16 << 20, u64::from),
            max_message_len: self.max_message_len.map_or(16 << 20, u64::from),
            max_fragments: self.max_fragments.map_or(65_536, u32::from),
            allowed_rsv: self.allowed_rsv & 0x70,
        }
    }

    /// The configuration as the crate takes it.
    pub fn config(&self) -> Config {
        let limits = self.limits();
        Config::preset(self.role())
            .max_frame_len(limits.max_frame_len)
            .max_message_len(limits.max_message_len)
            .max_fragments(limits.max_fragments)
            .allowed_rsv(Rsv::from_first_byte(limits.allowed_rsv))
    }
}

fn violation(error: wsframe::Error) -> Event {
    Event::Violation {
        offset: error.offset(),
        close_code: error.close_code().get(),
        rule: error.violation().name().to_owned(),
    }
}

/// What a decoder makes of these pieces, put together.
pub fn decode<'a>(setup: &Setup, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Event>, State) {
    let mut decoder = Decoder::with_config(setup.role(), setup.config());
    let mut events = Vec::new();
    let (mut message, mut start) = (Vec::new(), 0);
    for piece in pieces {
        let mut buffer = piece.to_vec();
        let result = decoder.for_each(&mut buffer, |event| match event {
            Found::Data(data) => {
                if data.starts_message() {
                    start = data.offset();
                }
                message.extend_from_slice(data.payload());
                let whole = data.starts_message() && data.ends_message();
                if whole && data.kind() == Kind::Text && data.rsv().is_empty() {
                    assert_eq!(data.text().map(str::as_bytes), Some(&message[..]));
                    assert!(std::str::from_utf8(data.payload()).is_ok());
                } else {
                    assert_eq!(data.text(), None);
                }
                if data.ends_message() {
                    events.push(Event::Message {
                        text: data.kind() == Kind::Text,
                        rsv: data.rsv().bits(),
                        offset: start,
                        fragments: data.fragments(),
                        payload: std::mem::take(&mut message),
                    });
                }
            }
            Found::Ping(ping) => events.push(Event::Ping(ping.offset(), ping.payload().to_vec())),
            Found::Pong(pong) => events.push(Event::Pong(pong.offset(), pong.payload().to_vec())),
            Found::Close(close) => {
                events.push(Event::Close(close.offset(), close.code().map(u16::from), close.reason().to_owned()))
            }
        });
        if let Err(error) = result {
            assert_eq!(decoder.position(), error.offset() + 1);
            assert_eq!(decoder.decode(&mut &mut [0x81][..]).unwrap_err(), error);
            events.push(violation(error));
            break;
        }
    }
    (events, decoder.state())
}

/// What an assembler makes of these pieces.
pub fn assemble<'a>(setup: &Setup, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Event>, State) {
    let mut assembler = Assembler::with_config(setup.role(), setup.config());
    let mut events = Vec::new();
    for piece in pieces {
        let mut buffer = piece.to_vec();
        let result = assembler.for_each(&mut buffer, |incoming| {
            events.push(match incoming {
                Incoming::Message(message) => {
                    let is_text = message.kind() == Kind::Text && message.rsv().is_empty();
                    assert_eq!(message.text().is_some(), is_text);
                    assert!(!is_text || std::str::from_utf8(message.payload()).is_ok());
                    Event::Message {
                        text: message.kind() == Kind::Text,
                        rsv: message.rsv().bits(),
                        offset: message.offset(),
                        fragments: message.fragments(),
                        payload: message.payload().to_vec(),
                    }
                }
                Incoming::Ping(ping) => Event::Ping(ping.offset(), ping.payload().to_vec()),
                Incoming::Pong(pong) => Event::Pong(pong.offset(), pong.payload().to_vec()),
                Incoming::Close(close) => {
                    Event::Close(close.offset(), close.code().map(u16::from), close.reason().to_owned())
                }
            });
        });
        if let Err(error) = result {
            events.push(violation(error));
            break;
        }
    }
    (events, assembler.state())
}

/// The pieces of `stream` between cuts that an input chooses.
pub fn pieces<'a>(stream: &'a [u8], cuts: &[u16]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| usize::from(*cut) % (stream.len() + 1)).collect();
    cuts.extend([0, stream.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]]).collect()
}
