//! Receiving: an engine, and what it may not do to us.

use core::fmt;

use super::negotiation::Agreement;
use crate::config::Config;
use crate::error::DecodeError;
use crate::event::Chunk;
use crate::kernels::xor;
use crate::machine::Taken;
use crate::opcode::{MessageKind, Rsv, is_checked_text};
use crate::role::Role;
use crate::utf8::Utf8Validator;
use crate::violation::Violation;

/// An engine that inflates the messages of one connection (RFC 1951). It is told only about bytes.
///
/// It is safe to implement: what it returns is checked, and an engine that counts wrong makes the connection fail with
/// [`Violation::DeflateCorrupt`].
pub trait Inflate {
    /// Inflates the front of `input` to `out[at..]`, and continues where the last call stopped. It stops when `input` is used up,
    /// when `out` is full, or after a final block; otherwise it must make progress. Blocks may follow a final one: they begin
    /// with the next byte, and may refer to what came before it.
    ///
    /// `out[..at]` is what the message gave before, as far as it still is there: at least the last
    /// [`look_back`](Inflate::look_back) bytes of it. An engine that looks back 0 bytes finds nothing there: `at` is 0.
    ///
    /// # Errors
    /// [`InflateError`], with what was taken and written before.
    fn inflate(&mut self, input: &[u8], out: &mut [u8], at: usize) -> Result<Step, InflateError>;

    /// Ends a message, of which [`inflate`](Inflate::inflate) has taken all that was received: takes the four bytes
    /// `00 00 ff ff` that its sender left out (RFC 7692 §7.2.2), and returns how many more bytes the message has, in
    /// `out[at..]`. If these fill `out`, it is called again with more room.
    ///
    /// After a final block that ended with the message, nothing was left out.
    ///
    /// # Errors
    /// [`InflateError`], if the message does not end between two blocks with no bit left.
    fn finish(&mut self, out: &mut [u8], at: usize) -> Result<usize, InflateError>;

    /// Ends whatever is under way, and forgets it: the next message refers to nothing before it.
    fn forget(&mut self);

    /// How many bytes of the message the engine must find in front of `at`: 0 if it has a window of its own, which it needs for
    /// context takeover. It is asked once.
    fn look_back(&self) -> usize {
        0
    }
}

/// How far an engine came in one call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs, reason = "engines make it, and these are all the facts about a step")]
pub struct Step {
    /// The bytes that were taken off the front of the input.
    pub taken: usize,
    /// The bytes that were written to the output.
    pub written: usize,
}

/// Why an engine stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InflateError {
    step: Step,
    is_corrupt: bool,
}

impl InflateError {
    /// The input is not deflated data, which the last byte that was taken decides.
    pub const fn corrupt(step: Step) -> InflateError {
        InflateError { step, is_corrupt: true }
    }

    /// The engine got no memory.
    pub const fn no_memory() -> InflateError {
        InflateError { step: Step { taken: 0, written: 0 }, is_corrupt: false }
    }
}

impl fmt::Display for InflateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_corrupt { "not deflated data" } else { "no memory to inflate" })
    }
}

impl core::error::Error for InflateError {}

/// Inflates the compressed messages of a connection, validates their text, and holds them to a limit.
///
/// Give it to an `Assembler`, a `codec::MessageDecoder` or a `codec::MessageCodec`; then their messages come out inflated.
/// A [`Decoder`](crate::Decoder) that is [told so](crate::Decoder::expecting_compressed) gives pieces of compressed messages: pass
/// them to [`Inflater::inflate`].
///
/// A message that does not inflate breaks [`Violation::DeflateCorrupt`], at the byte at which the engine finds it, and one that
/// becomes too long [`Violation::InflatedTooLong`], before more than the limit exists. The offset of the latter, and of text that
/// is not UTF-8, can lie after the byte that decides, but within the same read.
///
/// A message that refers to more than the agreed window is not refused by [`ZlibInflate`](crate::deflate): zlib-rs looks back
/// up to 32 KiB, whatever was agreed.
pub struct Inflater<I: ?Sized> {
    takeover: bool,
    /// As the engine said when it came.
    look_back: usize,
    /// In bytes; by default that of the role's preset, or of the decoder.
    max_message_len: u64,
    is_default: bool,
    /// Whether a message is under way, and the rule that was broken, after which there is none.
    is_open: bool,
    broken: Option<Violation>,
    /// The message under way: its length so far, inflated and on the wire, and its text.
    pub(super) len: u64,
    pub(super) wire_len: u64,
    is_text: bool,
    text: Utf8Validator,
    /// Whether the engine gave all that came of what it took.
    is_drained: bool,
    /// For pieces: where the next one goes, and whether one of this message was given.
    scratch_at: usize,
    has_given: bool,
    engine: I,
}

impl<I: Inflate> Inflater<I> {
    /// For what the end with this role receives. The engine has to be fresh, and to keep what it needs of earlier messages if
    /// that is what was agreed.
    pub fn new(engine: I, agreed: Agreement, role: Role) -> Inflater<I> {
        Inflater {
            takeover: agreed.receiving(role).takeover(),
            look_back: engine.look_back(),
            max_message_len: Config::preset(role).max_message_len(),
            is_default: true,
            is_open: false,
            broken: None,
            len: 0,
            wire_len: 0,
            is_text: false,
            text: Utf8Validator::new(),
            is_drained: true,
            scratch_at: 0,
            has_given: false,
            engine,
        }
    }

    /// Sets the most bytes that a message may have when it is inflated, instead of [`Config::max_message_len`] of the decoder
    /// that the inflater goes into, or, for pieces, of [`Config::preset`].
    #[must_use]
    pub fn with_max_message_len(mut self, bytes: u64) -> Inflater<I> {
        (self.max_message_len, self.is_default) = (bytes, false);
        self
    }
}

/// A piece of a message, as [`Inflater::inflate`] gives it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    payload: &'a [u8],
    kind: MessageKind,
    rsv: Rsv,
    starts_message: bool,
    ends_message: bool,
}

impl<'a> Piece<'a> {
    /// The kind of the message.
    pub const fn kind(&self) -> MessageKind {
        self.kind
    }

    /// The bits of other extensions on the first frame of the message.
    pub const fn rsv(&self) -> Rsv {
        self.rsv
    }

    /// The payload, inflated. Text was validated so far; a piece can end inside a code point.
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// Whether this is the first piece of its message.
    pub const fn starts_message(&self) -> bool {
        self.starts_message
    }

    /// Whether this is the last piece of its message. It can be empty.
    pub const fn ends_message(&self) -> bool {
        self.ends_message
    }
}

/// Shows the length of the payload, and not its content.
impl fmt::Debug for Piece<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Piece")
            .field("kind", &self.kind)
            .field("rsv", &self.rsv)
            .field("len", &self.payload.len())
            .field("starts_message", &self.starts_message)
            .field("ends_message", &self.ends_message)
            .finish()
    }
}

/// What comes next for the engine.
pub(super) struct Input<'a> {
    pub(super) payload: &'a [u8],
    /// How much of the payload was taken.
    pub(super) taken: usize,
    /// Whether what the sender left out comes after it, and whether that has begun.
    pub(super) has_tail: bool,
    pub(super) in_tail: bool,
}

impl<I: Inflate + ?Sized> Inflater<I> {
    /// Inflates a chunk, in `scratch`, which bounds the memory: passes the pieces that come of it to `on`. A chunk of a message
    /// that is not compressed is one piece, as it is.
    ///
    /// `scratch` may have any length but 0; from 4 KiB on it is quick. An engine that [looks back](Inflate::look_back) needs
    /// more than that, and the same `scratch` for all chunks of a message.
    ///
    /// ```
    /// # #[cfg(feature = "zlib-rs")] {
    /// use wsframe::deflate::{Inflater, Policy};
    /// use wsframe::{Decoder, Event, Role};
    ///
    /// let (agreed, _) = Policy::SMALL.answer([&b"permessage-deflate"[..]]).unwrap();
    /// let mut inflater = Inflater::zlib(agreed, Role::Client);
    /// let mut decoder = Decoder::new(Role::Client).expecting_compressed();
    ///
    /// // "Hello", RFC 7692 §7.2.3.1.
    /// let mut input = *b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00";
    /// let (mut rest, mut scratch, mut text) = (&mut input[..], [0; 4096], Vec::new());
    /// while let Some(event) = decoder.decode(&mut rest)? {
    ///     if let Event::Chunk(chunk) = event {
    ///         inflater.inflate(&chunk, &mut scratch, |piece| text.extend_from_slice(piece.payload()))?;
    ///     }
    /// }
    /// assert_eq!(text, b"Hello");
    /// # }
    /// # Ok::<(), wsframe::DecodeError>(())
    /// ```
    ///
    /// # Errors
    /// [`DeflateCorrupt`](Violation::DeflateCorrupt), [`InflatedTooLong`](Violation::InflatedTooLong) or
    /// [`TextNotUtf8`](Violation::TextNotUtf8), as soon as the chunk decides it. The connection is to be failed with it; further
    /// chunks of compressed messages break the same rule.
    pub fn inflate(
        &mut self,
        chunk: &Chunk<'_>,
        scratch: &mut [u8],
        mut on: impl FnMut(Piece<'_>),
    ) -> Result<(), DecodeError> {
        let (payload, taken) = (chunk.payload(), chunk.taken());
        let (kind, rsv) = (taken.kind, taken.rsv.difference(Rsv::RSV1));
        if rsv == taken.rsv {
            let (starts_message, ends_message) = (taken.starts_message, taken.ends_message);
            on(Piece { payload, kind, rsv, starts_message, ends_message });
            return Ok(());
        }
        let mut input = Input { payload, taken: 0, has_tail: taken.ends_message, in_tail: false };
        let error =
            |input: &Input<'_>, violation| DecodeError::new(violation, taken.offset_after(payload.len(), input.taken));
        self.begin(taken, payload.len()).map_err(|violation| error(&input, violation))?;
        loop {
            if self.scratch_at >= scratch.len() {
                let kept = self.look_back.min(scratch.len());
                xor::shift(scratch, scratch.len() - kept, kept, 0, [0; 4]);
                self.scratch_at = kept;
                if kept == scratch.len() {
                    self.broken = Some(Violation::InflatedTooLong);
                    return Err(error(&input, Violation::InflatedTooLong));
                }
            }
            let (at, before) = (self.scratch_at, self.len);
            let result = self.step(&mut input, scratch, at);
            self.scratch_at = at + (self.len - before) as usize;
            let is_done = result.map_err(|violation| error(&input, violation))?;
            let payload = scratch.get(at..self.scratch_at).unwrap_or_default();
            let ends_message = is_done && taken.ends_message;
            if !payload.is_empty() || ends_message {
                on(Piece { payload, kind, rsv, starts_message: !self.has_given, ends_message });
                self.has_given = true;
            }
            if is_done {
                break;
            }
        }
        if self.look_back == 0 {
            self.scratch_at = 0;
        }
        Ok(())
    }

    /// A piece of a compressed message comes, whose beginning came here too.
    pub(super) fn begin(&mut self, taken: &Taken, wire_len: usize) -> Result<(), Violation> {
        if let Some(violation) = self.broken {
            return Err(violation);
        }
        if taken.starts_message {
            (self.len, self.wire_len, self.text) = (0, 0, Utf8Validator::new());
            self.is_text = is_checked_text(taken.kind, taken.rsv.difference(Rsv::RSV1));
            (self.scratch_at, self.has_given, self.is_drained) = (0, false, true);
            self.is_open = true;
        }
        if !self.is_open {
            self.broken = Some(Violation::DeflateCorrupt);
            return Err(Violation::DeflateCorrupt);
        }
        self.wire_len += wire_len as u64;
        Ok(())
    }

    /// Whether a message is under way.
    #[cfg(feature = "alloc")]
    pub(super) const fn is_open(&self) -> bool {
        self.is_open
    }

    /// Whether the engine can write to what it gave before, and the message is text.
    #[cfg(feature = "alloc")]
    pub(super) const fn is_text_to_check_again(&self) -> bool {
        self.is_text && self.look_back != 0
    }

    /// Begins with the next message.
    #[cfg(feature = "alloc")]
    pub(super) fn start_over(&mut self) {
        (self.is_open, self.len) = (false, 0);
        self.engine.forget();
    }

    /// Lets the engine go one step, which ends at the latest when `out[at..]` is full or the message has one byte too many. The
    /// new bytes are counted in `len`, and validated. Returns whether the input is used up and nothing more comes of it; at the
    /// end of a message, it was complete then.
    pub(super) fn step(&mut self, input: &mut Input<'_>, out: &mut [u8], at: usize) -> Result<bool, Violation> {
        let result = self.try_step(input, out, at);
        match result {
            Ok(true) => self.is_open = !input.has_tail,
            Ok(false) => {}
            Err(violation) => (self.is_open, self.broken) = (false, Some(violation)),
        }
        result
    }

    fn try_step(&mut self, input: &mut Input<'_>, out: &mut [u8], at: usize) -> Result<bool, Violation> {
        let rest = input.payload.get(input.taken..).unwrap_or_default();
        if rest.is_empty() && self.is_drained && !input.has_tail {
            return Ok(true);
        }
        // One more byte than allowed shows that there are more. It is counted, and not looked at.
        let allowed = usize::try_from(self.max_message_len.saturating_sub(self.len)).unwrap_or(usize::MAX);
        let room = out.len().saturating_sub(at).min(allowed.saturating_add(1));
        // Only an engine that looks back sees what it gave before.
        let (before, at) = if self.look_back == 0 { (at, 0) } else { (0, at) };
        let out = out.get_mut(before..before + at + room).unwrap_or_default();
        input.in_tail |= rest.is_empty() && input.has_tail && self.is_drained;
        let result = if input.in_tail {
            self.engine.finish(out, at).map(|written| Step { taken: 0, written })
        } else {
            self.engine.inflate(rest, out, at)
        };
        let (step, error) = match result {
            Ok(step) => (step, None),
            Err(error) => (error.step, Some(error)),
        };
        if step.taken > rest.len() || step.written > room {
            return Err(Violation::DeflateCorrupt);
        }
        input.taken += step.taken;
        self.len += step.written as u64;
        if self.is_text {
            let new = out.get(at..at + step.written.min(allowed)).unwrap_or_default();
            self.text.update(new).map_err(|_| Violation::TextNotUtf8)?;
        }
        if step.written > allowed {
            return Err(Violation::InflatedTooLong);
        }
        match error {
            Some(error) if error.is_corrupt => return Err(Violation::DeflateCorrupt),
            Some(_) => return Err(Violation::InflatedTooLong),
            None => {}
        }
        self.is_drained = step.written < room;
        let is_used_up = step.taken == rest.len() && self.is_drained;
        if input.in_tail && is_used_up {
            if self.is_text && !self.text.is_complete() {
                return Err(Violation::TextNotUtf8);
            }
            if !self.takeover {
                self.engine.forget();
            }
            return Ok(true);
        }
        let is_stuck = !rest.is_empty() && step == Step::default();
        if is_stuck && room != 0 {
            return Err(Violation::DeflateCorrupt);
        }
        Ok(is_used_up && !input.has_tail)
    }

    /// The most bytes of a message.
    #[cfg(feature = "alloc")]
    pub(super) const fn max_message_len(&self) -> u64 {
        self.max_message_len
    }

    /// Sets the most bytes of a message, unless the user has.
    #[cfg(feature = "alloc")]
    pub(super) fn default_max_message_len(&mut self, bytes: u64) {
        if self.is_default {
            self.max_message_len = bytes;
        }
    }
}

impl<I: ?Sized> fmt::Debug for Inflater<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflater").field("takeover", &self.takeover).field("len", &self.len).finish_non_exhaustive()
    }
}
