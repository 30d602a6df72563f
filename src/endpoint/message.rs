//! What an application sends and receives.

use alloc::string::String;
use alloc::vec::Vec;

use bytes::{Bytes, BytesMut};

use crate::codec::message::Message;
use crate::codec::text::Text;
use crate::frame::Frame;

/// A text or binary message, which owns its payload and can be cloned without copying it.
///
/// Control frames are the endpoint's own concern, so a `match` over these two is complete. The payload of a received message is a
/// part of the buffer that it was read into (66 KiB at most for a message that is shorter), and keeps that in memory; a small
/// message that is stored for long is better [detached](Data::detach).
///
/// ```
/// use wsframe::endpoint::Data;
///
/// assert_eq!(Data::from("Hello").text(), Some("Hello"));
/// assert_eq!(Data::from(vec![1, 2, 3]).payload(), [1, 2, 3]);
/// ```
#[allow(clippy::exhaustive_enums, reason = "the protocol closes the set, and every loop matches on it")]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Data {
    /// A text message.
    Text(Text),
    /// A binary message.
    Binary(Bytes),
}

impl Data {
    /// The text of a text message.
    pub fn text(&self) -> Option<&str> {
        match self {
            Data::Text(text) => Some(text),
            Data::Binary(_) => None,
        }
    }

    /// The payload.
    pub fn payload(&self) -> &[u8] {
        match self {
            Data::Text(text) => text.as_bytes(),
            Data::Binary(payload) => payload,
        }
    }

    /// The payload.
    pub fn into_payload(self) -> Bytes {
        match self {
            Data::Text(text) => text.into_bytes(),
            Data::Binary(payload) => payload,
        }
    }

    /// The same message with a copy of its payload, which is all that it then keeps in memory.
    #[must_use]
    pub fn detach(self) -> Data {
        match self {
            Data::Text(text) => Data::Text(Text::from(text.as_str())),
            Data::Binary(payload) => Data::Binary(Bytes::copy_from_slice(&payload)),
        }
    }
}

/// The message in one frame.
impl<'a> From<&'a Data> for Frame<'a> {
    #[inline]
    fn from(data: &'a Data) -> Frame<'a> {
        match data {
            Data::Text(text) => Frame::text(text),
            Data::Binary(payload) => Frame::binary(payload),
        }
    }
}

impl From<Data> for Message {
    fn from(data: Data) -> Message {
        match data {
            Data::Text(text) => Message::Text(text),
            Data::Binary(payload) => Message::Binary(payload),
        }
    }
}

impl From<Text> for Data {
    fn from(text: Text) -> Data {
        Data::Text(text)
    }
}

/// Copies the text.
impl From<&str> for Data {
    fn from(text: &str) -> Data {
        Data::Text(text.into())
    }
}

impl From<String> for Data {
    fn from(text: String) -> Data {
        Data::Text(text.into())
    }
}

impl From<Bytes> for Data {
    fn from(payload: Bytes) -> Data {
        Data::Binary(payload)
    }
}

/// Copies the payload.
impl From<&[u8]> for Data {
    fn from(payload: &[u8]) -> Data {
        Data::Binary(Bytes::copy_from_slice(payload))
    }
}

impl From<BytesMut> for Data {
    fn from(payload: BytesMut) -> Data {
        Data::Binary(payload.freeze())
    }
}

impl From<Vec<u8>> for Data {
    fn from(payload: Vec<u8>) -> Data {
        Data::Binary(payload.into())
    }
}
