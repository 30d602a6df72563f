//! What goes into an encoder.

use crate::close_frame::CloseFrame;
use crate::event::Chunk;
#[cfg(feature = "alloc")]
use crate::event::Message;
use crate::opcode::{MessageKind, Opcode, Rsv};

/// A frame to send, without its mask: a whole message, a fragment of one, or a control frame.
///
/// What converts into a frame can be passed to the encoder as it is, by reference:
///
/// | | as |
/// |---|---|
/// | `&str`, `&String`, `&codec::Text` | a text message |
/// | `&[u8]`, `&[u8; N]`, `&Vec<u8>`, `&Bytes` | a binary message |
/// | `&`[`Chunk`] | the next fragment of the message that it belongs to |
/// | `&`[`Message`], `&codec::Message` | the message in one frame; a control frame as it is |
/// | `&`[`CloseFrame`], `&codec::OwnedCloseFrame` | a Close |
///
/// ```
/// use wsframe::{CloseCode, CloseFrame, Encoder, Frame};
///
/// let mut encoder = Encoder::server();
/// let mut out = Vec::new();
/// encoder.append(&mut out, "Hello")?;
/// encoder.append(&mut out, Frame::text_fragment("Hel", false))?;
/// encoder.append(&mut out, Frame::ping(b"!"))?;
/// encoder.append(&mut out, Frame::text_fragment("lo", true))?;
/// encoder.append(&mut out, CloseFrame::new(CloseCode::NORMAL, "")?)?;
/// assert_eq!(out, b"\x81\x05Hello\x01\x03Hel\x89\x01!\x80\x02lo\x88\x02\x03\xe8");
/// # Ok::<(), wsframe::EncodeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Frame<'a> {
    pub(crate) content: Content<'a>,
    /// The bits of the message that the frame belongs to.
    pub(crate) rsv: Rsv,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Content<'a> {
    Text(&'a str),
    /// A whole message.
    Message(MessageKind, &'a [u8]),
    /// Whether it is the last one comes last.
    TextFragment(&'a str, bool),
    Fragment(MessageKind, &'a [u8], bool),
    /// A Ping or a Pong.
    Control(Opcode, &'a [u8]),
    Close(CloseFrame<'a>),
}

impl<'a> Frame<'a> {
    const fn new(content: Content<'a>) -> Frame<'a> {
        Frame { content, rsv: Rsv::NONE }
    }

    /// The length of its payload, in bytes.
    #[cfg(feature = "alloc")]
    pub(crate) fn payload_len(&self) -> usize {
        match self.content {
            Content::Text(text) | Content::TextFragment(text, _) => text.len(),
            Content::Message(_, payload) | Content::Fragment(_, payload, _) | Content::Control(_, payload) => {
                payload.len()
            }
            Content::Close(close) => close.encode(None).unmasked_body().len(),
        }
    }

    /// A whole text message.
    #[inline]
    pub const fn text(text: &'a str) -> Frame<'a> {
        Frame::new(Content::Text(text))
    }

    /// A whole binary message.
    #[inline]
    pub const fn binary(payload: &'a [u8]) -> Frame<'a> {
        Frame::new(Content::Message(MessageKind::Binary, payload))
    }

    /// A whole message whose payload an extension has transformed, with the bits of that extension. Without a bit, it is an
    /// ordinary message, and the encoder validates text.
    #[inline]
    pub const fn opaque(kind: MessageKind, rsv: Rsv, payload: &'a [u8]) -> Frame<'a> {
        Frame { content: Content::Message(kind, payload), rsv }
    }

    /// The first fragment of a text message, or the next one of the text message that is open; the last one if `fin`.
    #[inline]
    pub const fn text_fragment(text: &'a str, fin: bool) -> Frame<'a> {
        Frame::new(Content::TextFragment(text, fin))
    }

    /// The first fragment of a message, or the next one of the message that is open; the last one if `fin`. Text is given as
    /// bytes and may be cut inside a code point; the encoder validates it across fragments.
    #[inline]
    pub const fn fragment(kind: MessageKind, payload: &'a [u8], fin: bool) -> Frame<'a> {
        Frame::new(Content::Fragment(kind, payload, fin))
    }

    /// A Ping, with at most 125 bytes.
    #[inline]
    pub const fn ping(payload: &'a [u8]) -> Frame<'a> {
        Frame::new(Content::Control(Opcode::Ping, payload))
    }

    /// A Pong, with at most 125 bytes: the payload of the Ping that it answers.
    #[inline]
    pub const fn pong(payload: &'a [u8]) -> Frame<'a> {
        Frame::new(Content::Control(Opcode::Pong, payload))
    }

    /// A Close. The encoder sends nothing after it.
    #[inline]
    pub const fn close(close: CloseFrame<'a>) -> Frame<'a> {
        Frame::new(Content::Close(close))
    }

    /// The bits of an extension, for a message or each of its fragments: the encoder writes them on the first frame of the
    /// message, where they belong. A message with a bit is opaque, so its text is not validated.
    #[must_use]
    pub const fn with_rsv(mut self, rsv: Rsv) -> Frame<'a> {
        self.rsv = rsv;
        self
    }
}

impl<'a> From<&'a str> for Frame<'a> {
    #[inline]
    fn from(text: &'a str) -> Frame<'a> {
        Frame::text(text)
    }
}

impl<'a> From<&'a [u8]> for Frame<'a> {
    #[inline]
    fn from(payload: &'a [u8]) -> Frame<'a> {
        Frame::binary(payload)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Frame<'a> {
    #[inline]
    fn from(payload: &'a [u8; N]) -> Frame<'a> {
        Frame::binary(payload)
    }
}

impl<'a> From<&CloseFrame<'a>> for Frame<'a> {
    #[inline]
    fn from(close: &CloseFrame<'a>) -> Frame<'a> {
        Frame::close(*close)
    }
}

/// The message in one frame.
#[cfg(feature = "alloc")]
impl<'a> From<&Message<'a, '_>> for Frame<'a> {
    #[inline]
    fn from(message: &Message<'a, '_>) -> Frame<'a> {
        Frame::from(*message)
    }
}

#[cfg(feature = "alloc")]
impl<'a> From<&'a alloc::string::String> for Frame<'a> {
    #[inline]
    fn from(text: &'a alloc::string::String) -> Frame<'a> {
        Frame::text(text)
    }
}

#[cfg(feature = "alloc")]
impl<'a> From<&'a alloc::vec::Vec<u8>> for Frame<'a> {
    #[inline]
    fn from(payload: &'a alloc::vec::Vec<u8>) -> Frame<'a> {
        Frame::binary(payload)
    }
}

#[cfg(feature = "bytes")]
impl<'a> From<&'a bytes::Bytes> for Frame<'a> {
    #[inline]
    fn from(payload: &'a bytes::Bytes) -> Frame<'a> {
        Frame::binary(payload)
    }
}

impl<'a> From<CloseFrame<'a>> for Frame<'a> {
    #[inline]
    fn from(close: CloseFrame<'a>) -> Frame<'a> {
        Frame::close(close)
    }
}

/// The chunk as a fragment: how a message is forwarded while it arrives.
impl<'a> From<&'a Chunk<'_>> for Frame<'a> {
    #[inline]
    fn from(chunk: &'a Chunk<'_>) -> Frame<'a> {
        Frame::fragment(chunk.kind(), chunk.payload(), chunk.ends_message()).with_rsv(chunk.rsv())
    }
}

/// The message in one frame.
#[cfg(feature = "alloc")]
impl<'a> From<Message<'a, '_>> for Frame<'a> {
    #[inline]
    fn from(message: Message<'a, '_>) -> Frame<'a> {
        match message.text() {
            Some(text) => Frame::text(text),
            None => Frame::opaque(message.kind(), message.rsv(), message.payload()),
        }
    }
}
