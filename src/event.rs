//! What comes out of a decoder.

use core::fmt;

use crate::close::CloseCode;
use crate::close_frame::CloseFrame;
use crate::machine::Part;
use crate::opcode::{Kind, Rsv};

/// What the decoder found next. Data borrows the input (`'b`), control frames borrow the decoder (`'d`).
#[derive(Debug)]
pub enum Event<'d, 'b> {
    /// Payload of a text or binary message: all of it, or a piece.
    Data(Data<'b>),
    /// A Ping: answer it with a Pong of the same payload (RFC 6455 §5.5.2).
    Ping(Control<'d>),
    /// A Pong.
    Pong(Control<'d>),
    /// A Close: answer it with a Close, unless one was sent, then close the connection (§5.5.1).
    Close(Close<'d>),
}

impl Event<'_, '_> {
    /// The offset in the stream of the first header byte of the event's frame, in bytes.
    pub const fn offset(&self) -> u64 {
        match self {
            Event::Data(data) => data.offset(),
            Event::Ping(control) | Event::Pong(control) => control.offset(),
            Event::Close(close) => close.offset(),
        }
    }
}

/// A piece of a message's payload, unmasked, in the place where it was received.
///
/// A message that is whole in the input is one piece. Otherwise there is a piece for each part of each frame that came
/// in one call; their boundaries say nothing. When the input ends with a header, there is one empty piece, so that a
/// message can be refused by its declared length; an empty frame is an empty piece too.
pub struct Data<'b> {
    // Checked as the next piece of its message, if `part.is_checked_text()`.
    payload: &'b mut [u8],
    part: Part,
}

impl<'b> Data<'b> {
    /// `payload` must be what the machine's pass was done over, when it returned `part`.
    #[inline]
    pub(crate) fn new(payload: &'b mut [u8], part: Part) -> Data<'b> {
        Data { payload, part }
    }

    /// The kind of the message that the piece belongs to.
    pub const fn kind(&self) -> Kind {
        self.part.kind
    }

    /// The bits of extensions on the message's first frame. If any is set, the message is opaque: its payload is what an
    /// extension made of it, and text was not checked.
    pub const fn rsv(&self) -> Rsv {
        self.part.rsv
    }

    /// The payload.
    pub const fn payload(&self) -> &[u8] {
        self.payload
    }

    /// The payload, for as long as the input lives, and to write to.
    pub fn into_payload(self) -> &'b mut [u8] {
        self.payload
    }

    /// The text, if this piece is a whole text message that is not opaque.
    #[inline]
    pub fn text(&self) -> Option<&str> {
        if self.part.is_whole() { checked_text(self.payload, &self.part) } else { None }
    }

    /// [`Data::text`], for as long as the input lives.
    #[inline]
    pub fn into_text(self) -> Option<&'b str> {
        if self.part.is_whole() { checked_text(self.payload, &self.part) } else { None }
    }

    /// The offset in the stream of the first header byte of the frame, in bytes.
    pub const fn offset(&self) -> u64 {
        self.part.offset
    }

    /// Whether this is the first piece of its message.
    pub const fn starts_message(&self) -> bool {
        self.part.starts_message
    }

    /// Whether this is the last piece of its frame.
    pub const fn ends_frame(&self) -> bool {
        self.part.remaining == 0
    }

    /// Whether this is the last piece of its message.
    pub const fn ends_message(&self) -> bool {
        self.part.ends_message
    }

    /// The bytes of payload that the frame declares beyond this piece.
    pub const fn remaining(&self) -> u64 {
        self.part.remaining
    }

    /// The frames of the message so far, this one included.
    pub const fn fragments(&self) -> u32 {
        self.part.fragments
    }
}

/// The text of `payload`, which is all of a message whose last piece is `part`; `None` if it was not checked as text.
#[inline]
#[allow(unsafe_code, reason = "the payload was validated while it was unmasked")]
fn checked_text<'a>(payload: &'a [u8], part: &Part) -> Option<&'a str> {
    // SAFETY: `Data` and `Message` are made from what the machine did its passes over, and they never give out the bytes
    // to write to while they could still be asked for text. When `is_checked_text`, the validator of the message saw
    // every byte, and the machine fails when it refuses one, or is inside a code point where the message ends.
    part.is_checked_text().then(|| unsafe { core::str::from_utf8_unchecked(payload) })
}

impl fmt::Debug for Data<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Data").field("len", &self.payload.len()).field("part", &self.part).finish()
    }
}

/// A whole message: in the place where it was received, or gathered from its pieces.
#[cfg(feature = "alloc")]
#[derive(Clone, Copy)]
pub struct Message<'m> {
    payload: &'m [u8],
    part: Part,
}

#[cfg(feature = "alloc")]
impl<'m> Message<'m> {
    /// `payload` must be all of the message that `part` ends, as the machine's passes left it; the offset in `part` that
    /// of the message's first frame.
    #[inline]
    pub(crate) fn new(payload: &'m [u8], part: Part) -> Message<'m> {
        Message { payload, part }
    }

    /// The kind of the message.
    pub const fn kind(&self) -> Kind {
        self.part.kind
    }

    /// The bits of extensions on the first frame. If any is set, the message is opaque: its payload is what an extension
    /// made of it, and text was not checked.
    pub const fn rsv(&self) -> Rsv {
        self.part.rsv
    }

    /// The payload, unmasked.
    pub const fn payload(&self) -> &'m [u8] {
        self.payload
    }

    /// The text, if this is a text message that is not opaque.
    #[inline]
    pub fn text(&self) -> Option<&'m str> {
        checked_text(self.payload, &self.part)
    }

    /// The offset in the stream of the first header byte of the first frame, in bytes.
    pub const fn offset(&self) -> u64 {
        self.part.offset
    }

    /// How many frames the message came in.
    pub const fn fragments(&self) -> u32 {
        self.part.fragments
    }
}

#[cfg(feature = "alloc")]
impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("len", &self.payload.len()).field("part", &self.part).finish()
    }
}

/// A Ping or a Pong, whole.
#[derive(Clone, Copy, Debug)]
pub struct Control<'d> {
    offset: u64,
    payload: &'d [u8],
}

impl<'d> Control<'d> {
    pub(crate) const fn new(offset: u64, payload: &'d [u8]) -> Control<'d> {
        Control { offset, payload }
    }

    /// The offset in the stream of the first header byte of the frame, in bytes.
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// The payload, unmasked: at most 125 bytes.
    pub const fn payload(&self) -> &'d [u8] {
        self.payload
    }
}

/// A Close frame, whole.
#[derive(Clone, Copy, Debug)]
pub struct Close<'d> {
    offset: u64,
    frame: CloseFrame<'d>,
}

impl<'d> Close<'d> {
    /// `body` was checked while it came.
    pub(crate) fn new(offset: u64, body: &'d [u8]) -> Close<'d> {
        Close { offset, frame: CloseFrame::parse(body).unwrap_or(CloseFrame::EMPTY) }
    }

    /// The offset in the stream of the first header byte of the frame, in bytes.
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// The code; `None` for an empty body, which an endpoint reports to its application as 1005.
    pub const fn code(&self) -> Option<CloseCode> {
        self.frame.code()
    }

    /// The reason: at most 123 bytes, perhaps none.
    pub const fn reason(&self) -> &'d str {
        self.frame.reason()
    }

    /// The frame to answer with.
    pub const fn reply(&self) -> CloseFrame<'static> {
        self.frame.reply()
    }
}
