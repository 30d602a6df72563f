//! What comes out of a decoder.

use core::fmt;
#[cfg(feature = "alloc")]
use core::marker::PhantomData;

use crate::close_frame::CloseFrame;
use crate::machine::{Control, Taken};
use crate::opcode::{MessageKind, Rsv};

/// What a [`Decoder`](crate::Decoder) found next. Payload of messages borrows the input (`'b`), control frames borrow the
/// decoder (`'d`).
///
/// The protocol has no fifth kind of event, so a `match` over these can be complete.
#[allow(clippy::exhaustive_enums, reason = "the protocol closes the set, and every loop matches on it")]
#[derive(Debug)]
pub enum Event<'d, 'b> {
    /// Payload of a text or binary message: all of it, or a piece.
    Chunk(Chunk<'b>),
    /// A Ping, with at most 125 bytes: answer it with a Pong that has the same payload, unless a Close was sent (RFC 6455
    /// §5.5.2).
    Ping(&'d [u8]),
    /// A Pong, with at most 125 bytes.
    Pong(&'d [u8]),
    /// A Close: answer it with [`CloseFrame::reply`] unless a Close was sent, then close the connection (§5.5.1).
    Close(CloseFrame<'d>),
}

impl<'d> From<Control<'d>> for Event<'d, '_> {
    fn from(control: Control<'d>) -> Self {
        match control {
            Control::Ping(payload) => Event::Ping(payload),
            Control::Pong(payload) => Event::Pong(payload),
            Control::Close(close) => Event::Close(close),
        }
    }
}

/// A piece of a message's payload, unmasked, in the place where it was received.
///
/// A message that is whole in the input is one chunk. Otherwise there is a chunk for each part of each frame that came in
/// one call; their boundaries carry no meaning. If the input ends right after a header, there is one empty chunk, so that a
/// message can be refused by its declared length; an empty frame is an empty chunk too.
pub struct Chunk<'b> {
    // Checked as the continuation of its message, if `taken.is_checked_text()`.
    payload: &'b mut [u8],
    taken: Taken,
}

impl<'b> Chunk<'b> {
    /// `payload` must be the bytes that the machine's pass was made over when it returned `taken`.
    #[inline]
    pub(crate) fn new(payload: &'b mut [u8], taken: Taken) -> Chunk<'b> {
        Chunk { payload, taken }
    }

    #[cfg(feature = "deflate")]
    pub(crate) const fn taken(&self) -> &Taken {
        &self.taken
    }

    /// The kind of the message that the chunk belongs to.
    pub const fn kind(&self) -> MessageKind {
        self.taken.kind
    }

    /// The bits of extensions on the first frame of the message; the same on each of its chunks. If any is set, the message
    /// is opaque: its payload is what an extension made of it, and text was not validated.
    pub const fn rsv(&self) -> Rsv {
        self.taken.rsv
    }

    /// The payload.
    pub const fn payload(&self) -> &[u8] {
        self.payload
    }

    /// The payload, writable, for as long as the input lives.
    pub fn into_payload(self) -> &'b mut [u8] {
        self.payload
    }

    /// The text, if this chunk is a whole text message that is not opaque.
    #[inline]
    pub fn text(&self) -> Option<&str> {
        if self.taken.is_whole() { checked_text(self.payload, &self.taken) } else { None }
    }

    /// [`Chunk::text`], for as long as the input lives.
    #[inline]
    pub fn into_text(self) -> Option<&'b str> {
        if self.taken.is_whole() { checked_text(self.payload, &self.taken) } else { None }
    }

    /// The offset in the stream of the first header byte of the frame, in bytes.
    pub const fn offset(&self) -> u64 {
        self.taken.offset
    }

    /// Whether this is the first chunk of its message.
    pub const fn starts_message(&self) -> bool {
        self.taken.starts_message
    }

    /// Whether this is the last chunk of its frame.
    pub const fn ends_frame(&self) -> bool {
        self.taken.frame_remaining == 0
    }

    /// Whether this is the last chunk of its message.
    pub const fn ends_message(&self) -> bool {
        self.taken.ends_message
    }

    /// How many bytes of payload the frame declares beyond this chunk.
    pub const fn frame_remaining(&self) -> u64 {
        self.taken.frame_remaining
    }

    /// The number of frames of the message so far, this one included.
    pub const fn fragments(&self) -> u32 {
        self.taken.fragments
    }
}

/// The text of `payload`, which is all of a message whose last piece is `taken`; `None` if it was not checked as text.
#[inline]
#[allow(unsafe_code, reason = "the payload was validated while it was unmasked")]
fn checked_text<'a>(payload: &'a [u8], taken: &Taken) -> Option<&'a str> {
    // SAFETY: `Chunk` and `Message` are made of the bytes that the machine made its passes over, or of what an inflater made of
    // these, and they give them out for writing only when they can no longer be asked for text. Where `is_checked_text`, the
    // validator of the message saw every byte, and the machine or the inflater fails if the validator refuses one or a code
    // point is open where the message ends.
    taken.is_checked_text().then(|| unsafe { core::str::from_utf8_unchecked(payload) })
}

/// Shows the length of the payload, and not its content.
impl fmt::Debug for Chunk<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.taken.debug(&mut f.debug_struct("Chunk"), self.payload.len()).finish()
    }
}

/// What an [`Assembler`](crate::Assembler) found next. A message borrows the input (`'b`) if it lay there whole, else the
/// assembler (`'m`); control frames borrow the assembler.
///
/// The protocol has no fifth kind of event, so a `match` over these can be complete.
#[cfg(feature = "alloc")]
#[allow(clippy::exhaustive_enums, reason = "the protocol closes the set, and every loop matches on it")]
#[derive(Clone, Copy, Debug)]
pub enum MessageEvent<'m, 'b> {
    /// A whole message.
    Message(Message<'m, 'b>),
    /// A Ping, with at most 125 bytes: answer it with a Pong that has the same payload, unless a Close was sent (RFC 6455
    /// §5.5.2).
    Ping(&'m [u8]),
    /// A Pong, with at most 125 bytes.
    Pong(&'m [u8]),
    /// A Close: answer it with [`CloseFrame::reply`] unless a Close was sent, then close the connection (§5.5.1).
    Close(CloseFrame<'m>),
}

#[cfg(feature = "alloc")]
impl<'m> From<Control<'m>> for MessageEvent<'m, '_> {
    fn from(control: Control<'m>) -> Self {
        match control {
            Control::Ping(payload) => MessageEvent::Ping(payload),
            Control::Pong(payload) => MessageEvent::Pong(payload),
            Control::Close(close) => MessageEvent::Close(close),
        }
    }
}

/// No length of a message. (An `Option` would take two more instructions a message.)
#[cfg(all(feature = "alloc", feature = "deflate"))]
const PLAIN: u64 = u64::MAX;

/// A whole message: in the place where it was received (`'b`), or gathered from its pieces in the assembler (`'m`).
#[cfg(feature = "alloc")]
#[derive(Clone, Copy)]
pub struct Message<'m, 'b> {
    // Borrowed for `'b`, if `taken.is_whole()`.
    payload: &'m [u8],
    taken: Taken,
    /// Its length on the wire if it was inflated, else [`PLAIN`].
    #[cfg(feature = "deflate")]
    wire_len: u64,
    input: PhantomData<&'b [u8]>,
}

#[cfg(feature = "alloc")]
impl<'m, 'b> Message<'m, 'b> {
    /// A message that was not inflated.
    #[inline(always)]
    fn plain(payload: &'m [u8], taken: Taken) -> Message<'m, 'b> {
        Message {
            payload,
            taken,
            #[cfg(feature = "deflate")]
            wire_len: PLAIN,
            input: PhantomData,
        }
    }

    /// `payload` must be the bytes that the machine's pass was made over when it returned `taken`, which is a whole message.
    #[inline]
    pub(crate) fn in_input(payload: &'b [u8], taken: Taken) -> Message<'m, 'b>
    where
        'b: 'm,
    {
        debug_assert!(taken.is_whole());
        Message::plain(payload, taken)
    }

    /// `payload` must be all of the message that `taken` ends and does not begin, as the machine's passes left it. `offset` is
    /// that of the message's first frame.
    #[inline]
    pub(crate) fn gathered(payload: &'m [u8], taken: Taken, offset: u64) -> Message<'m, 'b> {
        // Fail closed: whatever the caller passed, this is not the only piece of its message.
        let taken = Taken { offset, starts_message: false, ..taken };
        Message::plain(payload, taken)
    }

    /// [`Message::gathered`], of a message that was inflated, and validated if it is text.
    #[cfg(feature = "deflate")]
    pub(crate) fn inflated(payload: &'m [u8], taken: Taken, offset: u64, wire_len: u64) -> Message<'m, 'b> {
        let taken = Taken { rsv: taken.rsv.difference(Rsv::RSV1), ..taken };
        Message { wire_len, ..Message::gathered(payload, taken, offset) }
    }

    /// The message, if it lay whole in the input: then it borrows nothing else. `None` if it was gathered;
    /// [`Assembler::gathered`](crate::Assembler::gathered) has it then.
    #[inline]
    #[allow(unsafe_code, reason = "what the payload borrows is known only at run time")]
    pub fn into_input(self) -> Option<Message<'b, 'b>> {
        // SAFETY: `in_input`, which takes a payload that is borrowed for `'b`, is the only way to a `taken` that is whole.
        let payload = self
            .taken
            .is_whole()
            .then(|| unsafe { core::slice::from_raw_parts(self.payload.as_ptr(), self.payload.len()) })?;
        Some(Message::plain(payload, self.taken))
    }

    /// The kind of the message.
    pub const fn kind(&self) -> MessageKind {
        self.taken.kind
    }

    /// The bits of extensions on the first frame. If any is set, the message is opaque: its payload is what an extension
    /// made of it, and text was not validated.
    pub const fn rsv(&self) -> Rsv {
        self.taken.rsv
    }

    /// The payload, unmasked.
    pub const fn payload(&self) -> &'m [u8] {
        self.payload
    }

    /// The text, if this is a text message that is not opaque.
    #[inline]
    pub fn text(&self) -> Option<&'m str> {
        checked_text(self.payload, &self.taken)
    }

    /// The offset in the stream of the first header byte of the first frame, in bytes.
    pub const fn offset(&self) -> u64 {
        self.taken.offset
    }

    /// The number of frames that the message came in.
    pub const fn fragments(&self) -> u32 {
        self.taken.fragments
    }

    /// Whether the message came compressed, and was inflated (feature `deflate`).
    #[cfg(feature = "deflate")]
    pub const fn was_compressed(&self) -> bool {
        self.wire_len != PLAIN
    }

    /// The length of the payload as it came, in bytes: compressed, if it was (feature `deflate`).
    #[cfg(feature = "deflate")]
    pub const fn wire_len(&self) -> u64 {
        if self.was_compressed() { self.wire_len } else { self.payload.len() as u64 }
    }
}

/// Shows the length of the payload, and not its content.
#[cfg(feature = "alloc")]
impl fmt::Debug for Message<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.taken.debug(&mut f.debug_struct("Message"), self.payload.len()).finish()
    }
}
