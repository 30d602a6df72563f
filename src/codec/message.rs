//! Messages that own their payload.

use alloc::string::String;
use alloc::vec::Vec;

use bytes::{Bytes, BytesMut};

use super::text::Text;
use crate::close_code::{CloseCode, CloseCodeError};
use crate::close_frame::CloseFrame;
use crate::frame::Frame;
use crate::machine::Taken;
use crate::opcode::{MessageKind, Rsv};

/// A whole message or a control frame, which owns its payload and can be cloned without copying it.
///
/// The payload of a received message is a part of the buffer that it was read into, and keeps all of that buffer in memory. A
/// small message that is stored for long, while those beside it are dropped, is better [detached](Message::detach).
///
/// The protocol has these five kinds, and extensions can only transform messages, so a `match` over these can be complete.
///
/// ```
/// use wsframe::codec::Message;
///
/// assert_eq!(Message::from("Hello").text(), Some("Hello"));
/// assert_eq!(Message::from(vec![1, 2, 3]).payload(), [1, 2, 3]);
/// ```
#[allow(clippy::exhaustive_enums, reason = "the protocol closes the set, and every loop matches on it")]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// A text message.
    Text(Text),
    /// A binary message.
    Binary(Bytes),
    /// A Ping, with at most 125 bytes: answer it with a Pong that has the same payload, unless a Close was sent (RFC 6455
    /// §5.5.2).
    Ping(Bytes),
    /// A Pong, with at most 125 bytes.
    Pong(Bytes),
    /// A Close: answer it with [`OwnedCloseFrame::reply`] unless a Close was sent, then stop reading and close the connection
    /// (§5.5.1): nothing comes after it.
    Close(OwnedCloseFrame),
    /// A message whose first frame carried a bit of an extension that the decoder does not know. It comes only if
    /// [`Config::with_allowed_rsv`] lets it.
    ///
    /// [`Config::with_allowed_rsv`]: crate::Config::with_allowed_rsv
    Opaque(Opaque),
}

/// A message of an extension: its payload is what the extension made of it, and text was not validated.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Opaque {
    kind: MessageKind,
    rsv: Rsv,
    payload: Bytes,
}

impl Opaque {
    /// A message of this kind, with these bits of an extension. Without a bit, it is an ordinary message, and the encoder
    /// validates text.
    pub const fn new(kind: MessageKind, rsv: Rsv, payload: Bytes) -> Opaque {
        Opaque { kind, rsv, payload }
    }

    /// The kind of the message.
    pub const fn kind(&self) -> MessageKind {
        self.kind
    }

    /// The bits of the extension.
    pub const fn rsv(&self) -> Rsv {
        self.rsv
    }

    /// The payload, unmasked.
    pub const fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// The payload, unmasked.
    pub fn into_payload(self) -> Bytes {
        self.payload
    }
}

/// A [`CloseFrame`] that owns its reason. Every value of this type may be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct OwnedCloseFrame {
    code: Option<CloseCode>,
    /// Empty without a code, and at most 123 bytes: it came out of a `CloseFrame`.
    reason: Text,
}

impl OwnedCloseFrame {
    /// A code and a reason, which is cut as by [`CloseFrame::new`]. (`OwnedCloseFrame::default()` has neither.)
    ///
    /// # Errors
    /// [`CloseCodeError::NotOnWire`] for 1004, 1005, 1006 and 1015.
    pub fn new(code: CloseCode, reason: &str) -> Result<OwnedCloseFrame, CloseCodeError> {
        CloseFrame::new(code, reason).map(OwnedCloseFrame::from)
    }

    /// The code; `None` for an empty body, which an endpoint reports to its application as 1005.
    pub const fn code(&self) -> Option<CloseCode> {
        self.code
    }

    /// The reason: at most 123 bytes, and often empty.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The same, borrowed.
    pub fn as_frame(&self) -> CloseFrame<'_> {
        CloseFrame::from_parts(self.code, &self.reason)
    }

    /// The frame to answer this one with: the same code, without a reason (RFC 6455 §5.5.1).
    pub fn reply(&self) -> OwnedCloseFrame {
        self.as_frame().reply().into()
    }
}

impl From<CloseFrame<'_>> for OwnedCloseFrame {
    fn from(frame: CloseFrame<'_>) -> OwnedCloseFrame {
        OwnedCloseFrame { code: frame.code(), reason: frame.reason().into() }
    }
}

impl<'a> From<&'a OwnedCloseFrame> for Frame<'a> {
    fn from(close: &'a OwnedCloseFrame) -> Frame<'a> {
        Frame::close(close.as_frame())
    }
}

impl Message {
    /// A Close with a code and a reason, which is cut as by [`CloseFrame::new`].
    ///
    /// # Errors
    /// [`CloseCodeError::NotOnWire`] for 1004, 1005, 1006 and 1015.
    pub fn close(code: CloseCode, reason: &str) -> Result<Message, CloseCodeError> {
        OwnedCloseFrame::new(code, reason).map(Message::Close)
    }

    /// The message that `taken` ends; `payload` must be all of it, as the machine's passes left it.
    #[inline]
    #[allow(unsafe_code, reason = "the payload was validated while it was unmasked")]
    pub(crate) fn data(payload: Bytes, taken: &Taken) -> Message {
        match taken.kind {
            // SAFETY: the validator of the message saw every byte of checked text, as it came or as it was inflated, and the
            // machine or the inflater fails if the validator refuses one or a code point is open where the message ends. Nobody
            // else could write to the bytes since then: the decoder owns what it has validated, and `Bytes` cannot be written to.
            MessageKind::Text if taken.is_checked_text() => Message::Text(unsafe { Text::from_validated(payload) }),
            MessageKind::Binary if taken.rsv.is_empty() => Message::Binary(payload),
            kind => Message::Opaque(Opaque { kind, rsv: taken.rsv, payload }),
        }
    }

    /// The text of a text message.
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

    /// The same message with a copy of its payload, which is all that it then keeps in memory.
    #[must_use]
    pub fn detach(self) -> Message {
        let copied = |payload: Bytes| Bytes::copy_from_slice(&payload);
        match self {
            Message::Text(text) => Message::Text(Text::from(text.as_str())),
            Message::Binary(payload) => Message::Binary(copied(payload)),
            Message::Ping(payload) => Message::Ping(copied(payload)),
            Message::Pong(payload) => Message::Pong(copied(payload)),
            // A Close was copied when it was received.
            Message::Close(close) => Message::Close(close),
            Message::Opaque(opaque) => Message::Opaque(Opaque { payload: copied(opaque.payload), ..opaque }),
        }
    }
}

/// The message in one frame.
impl<'a> From<&'a Message> for Frame<'a> {
    #[inline]
    fn from(message: &'a Message) -> Frame<'a> {
        match message {
            Message::Text(text) => Frame::text(text),
            Message::Binary(payload) => Frame::binary(payload),
            Message::Ping(payload) => Frame::ping(payload),
            Message::Pong(payload) => Frame::pong(payload),
            Message::Close(close) => Frame::from(close),
            Message::Opaque(opaque) => Frame::opaque(opaque.kind, opaque.rsv, &opaque.payload),
        }
    }
}

impl From<Text> for Message {
    fn from(text: Text) -> Message {
        Message::Text(text)
    }
}

/// Copies the text.
impl From<&str> for Message {
    fn from(text: &str) -> Message {
        Message::Text(text.into())
    }
}

impl From<String> for Message {
    fn from(text: String) -> Message {
        Message::Text(text.into())
    }
}

impl From<Bytes> for Message {
    fn from(payload: Bytes) -> Message {
        Message::Binary(payload)
    }
}

/// Copies the payload.
impl From<&[u8]> for Message {
    fn from(payload: &[u8]) -> Message {
        Message::Binary(Bytes::copy_from_slice(payload))
    }
}

impl From<BytesMut> for Message {
    fn from(payload: BytesMut) -> Message {
        Message::Binary(payload.freeze())
    }
}

impl From<Vec<u8>> for Message {
    fn from(payload: Vec<u8>) -> Message {
        Message::Binary(payload.into())
    }
}

impl From<CloseFrame<'_>> for Message {
    fn from(frame: CloseFrame<'_>) -> Message {
        Message::Close(frame.into())
    }
}

impl From<OwnedCloseFrame> for Message {
    fn from(close: OwnedCloseFrame) -> Message {
        Message::Close(close)
    }
}
