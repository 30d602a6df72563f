//! What comes out of a stream, in a form that can be compared.

use serde::Deserialize;
use wsframe::codec::Message;
use wsframe::{CloseFrame, DecodeError, MessageKind};

use crate::hex::unhex;

/// What comes out of a stream. Offsets are in bytes from its beginning.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Record")]
#[allow(missing_docs, reason = "the fields are those of the crate")]
pub enum Event {
    Message { text: bool, rsv: u8, offset: u64, fragments: u32, payload: Vec<u8> },
    Ping { offset: u64, payload: Vec<u8> },
    Pong { offset: u64, payload: Vec<u8> },
    Close { offset: u64, code: Option<u16>, reason: String },
    Violation { offset: u64, close_code: u16, rule: String },
}

impl Event {
    /// The end of a stream that broke the protocol.
    pub fn violation(error: DecodeError) -> Event {
        Event::Violation {
            offset: error.offset(),
            close_code: error.close_code().get(),
            rule: error.violation().name().to_owned(),
        }
    }

    /// A Close frame at this offset.
    pub fn close(offset: u64, close: CloseFrame<'_>) -> Event {
        Event::Close { offset, code: close.code().map(u16::from), reason: close.reason().to_owned() }
    }

    /// An owned message, which does not tell its place.
    pub fn owned(message: &Message) -> Event {
        let data = |text, rsv, payload: &[u8]| Event::Message {
            text,
            rsv,
            offset: 0,
            fragments: 0,
            payload: payload.to_owned(),
        };
        match message {
            Message::Text(text) => {
                assert!(core::str::from_utf8(text.as_bytes()).is_ok());
                data(true, 0, text.as_bytes())
            }
            Message::Binary(payload) => data(false, 0, payload),
            Message::Opaque(opaque) => data(opaque.kind() == MessageKind::Text, opaque.rsv().bits(), opaque.payload()),
            Message::Ping(payload) => Event::Ping { offset: 0, payload: payload.to_vec() },
            Message::Pong(payload) => Event::Pong { offset: 0, payload: payload.to_vec() },
            Message::Close(close) => Event::close(0, close.as_frame()),
        }
    }

    /// The event without what owned messages do not tell.
    #[must_use]
    pub fn without_place(mut self) -> Event {
        match &mut self {
            Event::Message { offset, fragments, .. } => (*offset, *fragments) = (0, 0),
            Event::Ping { offset, .. } | Event::Pong { offset, .. } | Event::Close { offset, .. } => *offset = 0,
            Event::Violation { .. } => {}
        }
        self
    }
}

/// An event as the files have it.
#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Record {
    Message { kind: String, offset: u64, length: u64, fragments: u32, payload_hex: String },
    Ping { offset: u64, payload_hex: String },
    Pong { offset: u64, payload_hex: String },
    Close { offset: u64, code: Option<u16>, reason: String },
    Violation { offset: u64, close_code: u16, rule: String },
}

impl TryFrom<Record> for Event {
    type Error = String;

    fn try_from(record: Record) -> Result<Event, String> {
        Ok(match record {
            Record::Message { kind, offset, length, fragments, payload_hex } => {
                let payload = unhex(&payload_hex);
                if payload.len() as u64 != length {
                    return Err(format!("a payload of {} bytes is said to have {length}", payload.len()));
                }
                let text = match kind.as_str() {
                    "text" => true,
                    "binary" => false,
                    kind => return Err(format!("there is no kind {kind}")),
                };
                Event::Message { text, rsv: 0, offset, fragments, payload }
            }
            Record::Ping { offset, payload_hex } => Event::Ping { offset, payload: unhex(&payload_hex) },
            Record::Pong { offset, payload_hex } => Event::Pong { offset, payload: unhex(&payload_hex) },
            Record::Close { offset, code, reason } => Event::Close { offset, code, reason },
            Record::Violation { offset, close_code, rule } => Event::Violation { offset, close_code, rule },
        })
    }
}
