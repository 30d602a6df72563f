//! A read buffer to owned messages: split off where they were received.

use alloc::vec::Vec;
use core::fmt;
use core::mem;

use bytes::{Buf, Bytes, BytesMut};

use crate::config::Config;
use crate::decoder::take_whole_message;
use crate::machine::{Found, Machine, Part, Piece, State};
use crate::message::Message;
use crate::opcode::Opcode;
use crate::role::Role;
use crate::violation::Error;

/// The most that a buffer keeps while nothing is under way, in bytes, if nothing else was said.
const KEPT: usize = 64 * 1024;

/// The least room that is got for the next read behind the beginning of a message, and the most that the last read can make
/// it, in bytes.
const ROOM: (usize, usize) = (4 * 1024, 64 * 1024);

/// Room that is left is used up to this many bytes, or as many as the last read: others may hold the messages before it, and
/// with them all of the buffer.
const LEAST: usize = 1024;

/// So often, the room behind the message under way is left to a caller that does not read into it.
const TRIES: u8 = 2;

/// From here on, in bytes, moving the beginning of a message costs more than reading its end by itself.
const HEAVY: usize = 16 * 1024;

/// Room for the payloads of control frames, in bytes: it is got once for many.
const CONTROLS: usize = 256;

/// A [`Decoder`](crate::Decoder) that takes a [`BytesMut`] and gives owned [`Message`]s.
///
/// Each byte is unmasked and validated once, as it arrives, where it was received. A message that lies in one frame is split
/// off the buffer without a copy; fragments are joined in the buffer, shifted left over the headers between them in the pass
/// that unmasks them. Payloads of control frames are copied (at most 125 bytes).
///
/// The beginning of a message that is not complete moves into the decoder, and the room behind it back into the buffer:
/// what is read there joins it without a copy. What is put into another buffer is copied on the way of unmasking. The room grows
/// with the bytes that came, not with the length that was declared.
///
/// ```
/// use bytes::BytesMut;
/// use wsframe::Role;
/// use wsframe::codec::{Message, MessageDecoder};
///
/// let mut decoder = MessageDecoder::new(Role::Client);
/// // "Hello" in two fragments, with a Ping between them, in two reads.
/// let mut buffer = BytesMut::from(&b"\x01\x03Hel\x89\x02hi\x80"[..]);
/// assert_eq!(decoder.decode(&mut buffer)?, Some(Message::Ping("hi".into())));
/// assert_eq!(decoder.decode(&mut buffer)?, None);
/// buffer.extend_from_slice(b"\x02lo");
/// assert_eq!(decoder.decode(&mut buffer)?, Some(Message::from("Hello")));
/// # Ok::<(), wsframe::Error>(())
/// ```
pub struct MessageDecoder {
    machine: Machine,
    /// The message under way, a gap, and what has not been looked at; empty between messages.
    held: BytesMut,
    /// The length of the message under way, as far as it came.
    len: usize,
    gap: usize,
    /// Room for the payloads of control frames.
    controls: BytesMut,
    /// The position when the input last ran dry.
    dry: u64,
    /// The length of the last message that was held.
    last: usize,
    /// The most that the buffer keeps while nothing is under way, in bytes.
    kept: usize,
    /// How often the message under way went on in another buffer than in the room behind it.
    elsewhere: u8,
}

impl MessageDecoder {
    /// For the end of this role, with the limits of [`Config::preset`].
    pub fn new(role: Role) -> MessageDecoder {
        MessageDecoder::with_config(role, Config::preset(role))
    }

    /// For the end of this role, with these limits.
    pub fn with_config(role: Role, config: Config) -> MessageDecoder {
        MessageDecoder {
            machine: Machine::new(role, config),
            held: BytesMut::new(),
            len: 0,
            gap: 0,
            controls: BytesMut::new(),
            dry: 0,
            last: 0,
            kept: KEPT,
            elsewhere: 0,
        }
    }

    /// The same, but an idle connection keeps a buffer of up to so many bytes instead of 64 KiB. A larger one is given back
    /// when all input was taken with no message under way.
    ///
    /// If that is less than the buffers that are read into, each read needs a new one, and so does each message that is kept.
    pub fn keep(mut self, bytes: usize) -> MessageDecoder {
        self.kept = bytes;
        self
    }

    /// Takes the next message or control frame off the front of `input`. `Ok(None)` means that all was taken, and more is
    /// needed: `input` is empty then, and what is read next belongs at its end.
    ///
    /// Call it until it returns `Ok(None)` or an error; then read again. After a Close frame it swallows what comes.
    ///
    /// # Errors
    /// As [`Decoder::decode`](crate::Decoder::decode).
    #[inline]
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Message>, Error> {
        let all = input.len();
        let mut rest = &mut input[..];
        match take_whole_message(&mut self.machine, &mut rest) {
            Some(Ok((payload, part))) => {
                let (len, taken) = (payload.len(), all - rest.len());
                Ok(Some(self.split_off(input, taken - len, len, &part)))
            }
            Some(Err(error)) => Err(self.refuse(input, error)),
            None => self.step(input),
        }
    }

    /// The bytes taken so far. Behind a violation, one past the byte that decided it; behind a Close frame, its end.
    pub const fn position(&self) -> u64 {
        self.machine.position()
    }

    /// Where in the stream the decoder is. At the end of the transport, anything but [`State::Closed`] means that the
    /// connection was lost: an endpoint reports 1006 to its application.
    pub const fn state(&self) -> State {
        self.machine.state()
    }

    /// Whether no part of a message or frame has come that is not complete.
    #[cfg(feature = "tokio-util")]
    pub(crate) fn is_between_messages(&self) -> bool {
        matches!(self.state(), State::Idle | State::Closed)
    }

    /// Whether the beginning of a message is held.
    #[cfg(feature = "tokio-util")]
    pub(crate) fn holds(&self) -> bool {
        self.len != 0
    }

    /// A message of `len` bytes behind a header at the front of `from`.
    #[inline(always)]
    fn split_off(&mut self, from: &mut BytesMut, header_len: usize, len: usize, part: &Part) -> Message {
        let payload = if len == 0 {
            from.advance(header_len);
            Bytes::new()
        } else {
            let mut frame = from.split_to(header_len + len).freeze();
            frame.advance(header_len);
            frame
        };
        if len > self.kept && from.len() <= len {
            // The large buffer goes with its message.
            *from = BytesMut::from(&from[..]);
        }
        Message::data(payload, part)
    }

    /// Whatever is not a whole message at the front of `input`.
    #[inline(never)]
    fn step(&mut self, input: &mut BytesMut) -> Result<Option<Message>, Error> {
        if self.len != 0 && !input.is_empty() {
            self.join(input);
        }
        loop {
            // What has not been looked at stands behind the gap; where there is none, in `input`.
            let apart = self.held.len() == self.len;
            let unread = if apart { &input[..] } else { &self.held[self.len + self.gap..] };
            let (taken, found) = match self.machine.step(unread) {
                Ok(found) => found,
                Err(error) => return Err(self.refuse(input, error)),
            };
            if matches!(found, Found::Nothing) {
                self.ran_dry(input);
                return Ok(None);
            }
            if apart {
                input.advance(taken);
            } else {
                self.gap += taken;
            }
            match found {
                Found::Nothing => {}
                Found::Control(opcode) => return Ok(Some(self.control(opcode))),
                Found::Data(piece) => {
                    if let Some(message) = self.piece(input, &piece, apart)? {
                        return Ok(Some(message));
                    }
                }
            }
        }
    }

    /// Takes a piece of the message under way; gives the message that it ends.
    fn piece(&mut self, input: &mut BytesMut, piece: &Piece, apart: bool) -> Result<Option<Message>, Error> {
        let len = piece.len;
        let result = if self.len == 0 {
            self.machine.payload(piece, |pass| pass.in_place(&mut input[..len]))
        } else if apart {
            if self.held.capacity() - self.len < len {
                self.grow(len.max(self.missing().min(self.len)));
            }
            self.machine.payload(piece, |pass| pass.append_bytes(&input[..len], &mut self.held))
        } else {
            let unread = self.len + self.gap;
            self.machine.payload(piece, |pass| pass.shift(&mut self.held, unread, self.len, len))
        };
        let part = match result {
            Ok(part) => part,
            Err(error) => return Err(self.refuse(input, error)),
        };
        if self.len == 0 {
            if part.ends_message {
                return Ok(Some(self.split_off(input, 0, len, &part)));
            }
            if len != 0 {
                self.held = mem::take(input);
            }
        } else if apart {
            input.advance(len);
        }
        self.len += len;
        if !part.ends_message {
            return Ok(None);
        }
        let mut rest = mem::take(&mut self.held);
        let message = self.split_off(&mut rest, 0, self.len, &part);
        if !apart {
            rest.advance(self.gap);
            *input = rest;
        }
        self.last = self.len;
        (self.len, self.gap, self.elsewhere) = (0, 0, 0);
        Ok(Some(message))
    }

    /// Puts `input` behind what is held: for nothing, if it stands there. If not, it stays where it is, unless something is held
    /// that comes before it.
    fn join(&mut self, input: &mut BytesMut) {
        match self.held.try_unsplit(mem::take(input)) {
            Ok(()) => {}
            Err(other) if self.held.len() == self.len => {
                self.elsewhere = self.elsewhere.saturating_add(1);
                *input = other;
            }
            Err(other) => self.held.extend_from_slice(&other),
        }
    }

    /// The control frame that the machine holds.
    fn control(&mut self, opcode: Opcode) -> Message {
        let payload = self.machine.control();
        if payload.len() > self.controls.capacity() {
            self.controls.reserve(CONTROLS);
        }
        self.controls.extend_from_slice(payload);
        let payload = if payload.is_empty() { Bytes::new() } else { self.controls.split().freeze() };
        if opcode == Opcode::Close {
            // What is under way will not be completed.
            self.forget();
        }
        Message::control(opcode, payload)
    }

    /// All was taken: makes room for the next read.
    fn ran_dry(&mut self, input: &mut BytesMut) {
        if self.held.len() == self.len {
            input.clear();
        } else {
            self.held.truncate(self.len);
            self.gap = 0;
        }
        let read = (self.position() - self.dry) as usize;
        self.dry = self.position();
        if self.len == 0 {
            self.give_back(input, 0);
        } else if input.capacity() == 0 && self.elsewhere < TRIES {
            self.make_room(read);
            *input = self.held.split_off(self.len);
        }
    }

    /// Gives back a buffer that is empty and larger than what an idle connection keeps, unless that is needed for the `next` bytes.
    pub(crate) fn give_back(&self, buffer: &mut BytesMut, next: usize) {
        let needed = !buffer.is_empty() || next > self.kept;
        if !needed && self.kept < usize::MAX && buffer.try_reclaim(self.kept + 1) {
            *buffer = BytesMut::new();
        }
    }

    /// Makes room behind the message so far, if there is not enough for another read of this length.
    fn make_room(&mut self, read: usize) {
        let (enough, room) = (read.clamp(LEAST, ROOM.1), read.clamp(ROOM.0, ROOM.1));
        let missing = self.missing();
        // As long as little has come, it is moved to where all of the message may fit, if the buffer has such a place: a message
        // whose length is not known is taken to be as long as the last one.
        let expected =
            if self.machine.is_last_frame() { missing } else { missing.min(self.last.saturating_sub(self.len)) };
        if self.len <= ROOM.1 && self.held.try_reclaim(expected.saturating_add(room)) {
            return;
        }
        // The buffer of a busy connection wraps around less often if it is larger.
        let (enough, bulk) = if self.len < HEAVY { (enough, 0) } else { (enough.min(missing), 3 * room) };
        if self.held.capacity() - self.len < enough {
            // Geometrically, but not above what may come.
            self.grow(bulk.max(missing.min(bulk.max(self.len)).saturating_add(room)));
        }
    }

    /// Gets room for so many bytes behind the message so far. (`BytesMut::reserve` would at least double all of the buffer, with
    /// what stands before the message.)
    fn grow(&mut self, room: usize) {
        if self.len < HEAVY {
            let mut buffer = BytesMut::with_capacity(self.len + room);
            buffer.extend_from_slice(&self.held);
            self.held = buffer;
        } else {
            // The allocator can often extend what is large without copying it.
            let mut buffer = Vec::from(mem::take(&mut self.held));
            buffer.reserve_exact(room);
            self.held = Bytes::from(buffer).into();
        }
    }

    /// The most that can still come of the message under way, in bytes.
    fn missing(&self) -> usize {
        usize::try_from(self.machine.most_message_len()).unwrap_or(usize::MAX).saturating_sub(self.len)
    }

    /// Lets go of the message under way.
    fn forget(&mut self) {
        self.held = BytesMut::new();
        (self.len, self.gap, self.elsewhere) = (0, 0, 0);
    }

    /// Lets go of everything.
    #[cold]
    fn refuse(&mut self, input: &mut BytesMut, error: Error) -> Error {
        self.forget();
        *input = BytesMut::new();
        error
    }
}

impl fmt::Debug for MessageDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageDecoder")
            .field("position", &self.position())
            .field("state", &self.state())
            .field("gathered", &self.len)
            .finish_non_exhaustive()
    }
}
