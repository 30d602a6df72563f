//! Messages that own their payload.

use bytes::Bytes;
use bytestring::ByteString;

use crate::close::{CloseCode, CloseCodeError};
use crate::close_frame::CloseFrame;
use crate::machine::Part;
use crate::opcode::{Kind, Opcode, Rsv};

/// A whole message or control frame, which owns its payload and can be cloned without copying it.
///
/// The payload of a received message is a part of the buffer that it was read into, and keeps all of that from being freed:
/// what is to be stored for long, beside others that are dropped, is better copied out.
///
/// ```
/// use wsframe::codec::Message;
///
/// assert_eq!(Message::from("Hello").text(), Some("Hello"));
/// assert_eq!(Message::from(vec![1, 2, 3]).payload(), [1, 2, 3]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A text message.
    Text(ByteString),
    /// A binary message.
    Binary(Bytes),
    /// A Ping, with at most 125 bytes: answer it with a Pong of the same payload (RFC 6455 §5.5.2).
    Ping(Bytes),
    /// A Pong, with at most 125 bytes.
    Pong(Bytes),
    /// A Close: answer it with [`Close::reply`], unless one was sent, then stop reading and close the connection (§5.5.1):
    /// nothing comes behind it.
    Close(Close),
    /// A message whose first frame carried a bit of an extension. Comes only where [`Config::allowed_rsv`] lets it.
    ///
    /// [`Config::allowed_rsv`]: crate::Config::allowed_rsv
    Opaque(Opaque),
}

/// A message of an extension: its payload is what the extension made of it, and text was not checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opaque {
    /// The kind of the message.
    pub kind: Kind,
    /// The bits of the extension.
    pub rsv: Rsv,
    /// The payload, unmasked.
    pub payload: Bytes,
}

/// Why a connection is closed: a [`CloseFrame`] that owns its reason. Every value of this type may be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Close {
    code: Option<CloseCode>,
    reason: ByteString,
}

impl Close {
    /// A code and a reason, cut as by [`CloseFrame::new`]. (`Close::default()` has neither.)
    ///
    /// # Errors
    /// [`CloseCodeError::NotOnWire`] for 1004, 1005, 1006 and 1015.
    pub fn new(code: CloseCode, reason: &str) -> Result<Close, CloseCodeError> {
        CloseFrame::new(code, reason).map(Close::from)
    }

    /// The code; `None` for an empty body, which an endpoint reports to its application as 1005.
    pub const fn code(&self) -> Option<CloseCode> {
        self.code
    }

    /// The reason: at most 123 bytes, perhaps none.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The same, borrowed.
    pub fn as_frame(&self) -> CloseFrame<'_> {
        let frame = self.code.and_then(|code| CloseFrame::new(code, &self.reason).ok());
        frame.unwrap_or(CloseFrame::EMPTY)
    }

    /// What to answer with: the same code, without a reason (RFC 6455 §5.5.1).
    pub fn reply(&self) -> Close {
        Close { code: self.code, reason: ByteString::new() }
    }
}

impl From<CloseFrame<'_>> for Close {
    fn from(frame: CloseFrame<'_>) -> Close {
        Close { code: frame.code(), reason: frame.reason().into() }
    }
}

impl Message {
    /// The message that `part` ends; `payload` must be all of it, as the machine's passes left it.
    #[inline]
    #[allow(unsafe_code, reason = "the payload was validated while it was unmasked")]
    pub(crate) fn data(payload: Bytes, part: &Part) -> Message {
        match part.kind {
            _ if !part.rsv.is_empty() => Message::Opaque(Opaque { kind: part.kind, rsv: part.rsv, payload }),
            Kind::Binary => Message::Binary(payload),
            // SAFETY: text without bits of an extension goes through the validator of the message, byte for byte; the machine
            // fails where it refuses one, or is inside a code point where the message ends. Nobody else could write to the
            // bytes since: the decoder holds what it has validated, and `Bytes` cannot be written to.
            Kind::Text => Message::Text(unsafe { ByteString::from_bytes_unchecked(payload) }),
        }
    }

    /// A control frame, of a payload that was checked.
    pub(crate) fn control(opcode: Opcode, payload: Bytes) -> Message {
        match opcode {
            Opcode::Ping => Message::Ping(payload),
            Opcode::Pong => Message::Pong(payload),
            _ => Message::Close(CloseFrame::parse(&payload).unwrap_or(CloseFrame::EMPTY).into()),
        }
    }

    /// The text, of a text message.
    pub fn text(&self) -> Option<&str> {
        match self {
            Message::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The payload; of a Close, its reason.
    pub fn payload(&self) -> &[u8] {
        match self {
            Message::Text(text) => text.as_bytes(),
            Message::Binary(payload) | Message::Ping(payload) | Message::Pong(payload) => payload,
            Message::Close(close) => close.reason.as_bytes(),
            Message::Opaque(opaque) => &opaque.payload,
        }
    }

    /// The payload; of a Close, its reason.
    pub fn into_payload(self) -> Bytes {
        match self {
            Message::Text(text) => text.into_bytes(),
            Message::Binary(payload) | Message::Ping(payload) | Message::Pong(payload) => payload,
            Message::Close(close) => close.reason.into_bytes(),
            Message::Opaque(opaque) => opaque.payload,
        }
    }
}

impl From<ByteString> for Message {
    fn from(text: ByteString) -> Message {
        Message::Text(text)
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Message {
        Message::Text(text.into())
    }
}

impl From<alloc::string::String> for Message {
    fn from(text: alloc::string::String) -> Message {
        Message::Text(text.into())
    }
}

impl From<Bytes> for Message {
    fn from(payload: Bytes) -> Message {
        Message::Binary(payload)
    }
}

impl From<alloc::vec::Vec<u8>> for Message {
    fn from(payload: alloc::vec::Vec<u8>) -> Message {
        Message::Binary(payload.into())
    }
}

impl From<CloseFrame<'_>> for Message {
    fn from(frame: CloseFrame<'_>) -> Message {
        Message::Close(frame.into())
    }
}
