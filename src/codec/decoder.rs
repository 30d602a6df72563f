//! A read buffer to owned messages: split off in the place where they were received.

#[cfg(feature = "deflate")]
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::mem;
use core::ops::Range;
use core::slice;

use bytes::buf::UninitSlice;
use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::message::Message;
#[cfg(feature = "deflate")]
use crate::assembler::is_marked;
use crate::close_frame::CloseFrame;
use crate::config::Config;
#[cfg(feature = "deflate")]
use crate::deflate::{Inflate, Inflater, Inflating};
use crate::error::DecodeError;
use crate::header::Header;
use crate::machine::{Control, ControlKind, Machine, Next, State, Taken};
#[cfg(feature = "deflate")]
use crate::opcode::Rsv;
use crate::role::Role;

/// How large a buffer an idle connection keeps by default, in bytes: a message of 64 KiB, and room for its header and for the
/// beginning of the next.
pub(crate) const MAX_IDLE_BUFFER: usize = 66 * 1024;

/// The room that a new read buffer offers by default, in bytes.
const READ_SIZE: usize = 8 * 1024;

/// The least room that a read finds, in bytes. Room that is left in a buffer is used down to this size: small messages that
/// are kept must not keep a buffer each.
const MIN_ROOM: usize = 1024;

/// The room for what comes after a long message, in bytes. With it, the next message of that length fits into the same buffer,
/// after its header.
const TAIL: usize = MIN_ROOM + Header::MAX_LEN;

/// The least and the most room that is made for the next read after the beginning of a message, in bytes. Between them, it
/// is as large as the last read.
const ROOM: (usize, usize) = (4 * 1024, 64 * 1024);

/// From this length on, in bytes, moving the beginning of a message costs more than reading its end by itself.
const HEAVY: usize = 16 * 1024;

/// Below this length, in bytes, the beginning of a message is copied out of a buffer that was lent, when the connection has to wait:
/// it would keep more than eight times as much.
#[cfg(feature = "tokio")]
const LIGHT: usize = 8 * 1024;

/// How many times the room after the message under way is left to a caller that does not read into it.
#[cfg(feature = "tokio-util")]
const TRIES: u8 = 2;

/// Room for the payloads of several control frames, in bytes.
const CONTROLS: usize = 256;

/// A [`Decoder`](crate::Decoder) that owns its read buffer and gives owned [`Message`]s.
///
/// It is a [`BufMut`]: read into it, then take messages out of it until there are no more. A runtime reads into it as into any
/// buffer (with tokio, `socket.read_buf(&mut decoder).await`); there is always room. A socket that wants initialized bytes
/// reads into [`spare_mut`](MessageDecoder::spare_mut), followed by [`commit`](MessageDecoder::commit).
///
/// Each byte is unmasked and validated once, as it arrives, in the place where it was received. A message that came in one
/// frame is split off the buffer without a copy. Fragments are joined in the buffer: the pass that unmasks a fragment moves it
/// to the end of the one before. Payloads of control frames are copied (at most 125 bytes). The buffer grows with the bytes
/// that came, not with the length that was declared.
///
/// After a Close frame or a violation, what is read is discarded.
///
/// ```
/// use wsframe::Role;
/// use wsframe::codec::{BufMut, Message, MessageDecoder};
///
/// let mut decoder = MessageDecoder::new(Role::Client);
/// // "Hello" in two fragments, with a Ping between them, in two reads.
/// decoder.put_slice(b"\x01\x03Hel\x89\x02hi\x80");
/// assert_eq!(decoder.decode()?, Some(Message::Ping("hi".into())));
/// assert_eq!(decoder.decode()?, None);
/// decoder.put_slice(b"\x02lo");
/// assert_eq!(decoder.decode()?, Some(Message::from("Hello")));
/// # Ok::<(), wsframe::DecodeError>(())
/// ```
pub struct MessageDecoder {
    machine: Machine,
    /// The message under way, a gap that headers and control frames left, and the bytes that have not been decoded.
    buffer: BytesMut,
    /// The length of the message under way, as far as it came. If it is 0, so is the gap.
    len: usize,
    gap: usize,
    /// Room for the payloads of control frames.
    controls: BytesMut,
    /// The position when all input had been taken last, and how many bytes had come since the time before.
    dry: u64,
    read: usize,
    /// The length of the last message that was gathered.
    last: usize,
    max_idle_buffer: usize,
    read_size: usize,
    /// The addresses between which the memory of the buffer is initialized: all that it holds, and perhaps room after that.
    initialized: Range<usize>,
    /// Where permessage-deflate was agreed; dropped with the buffer. A message that is inflated leaves nothing in the buffer.
    #[cfg(feature = "deflate")]
    inflating: Option<Box<Inflating>>,
    /// How many times the message under way went on in another buffer than in the room after it.
    #[cfg(feature = "tokio-util")]
    apart: u8,
    /// Whether the buffer is one that connections share.
    #[cfg(feature = "tokio")]
    is_lent: bool,
}

impl MessageDecoder {
    /// For the end with this role, with the limits of [`Config::preset`].
    pub fn new(role: Role) -> MessageDecoder {
        MessageDecoder::with_config(role, Config::preset(role))
    }

    /// For the end with this role, with these limits.
    pub fn with_config(role: Role, config: Config) -> MessageDecoder {
        MessageDecoder {
            machine: Machine::new(role, config),
            buffer: BytesMut::new(),
            len: 0,
            gap: 0,
            controls: BytesMut::new(),
            dry: 0,
            read: 0,
            last: 0,
            max_idle_buffer: MAX_IDLE_BUFFER,
            read_size: READ_SIZE,
            initialized: 0..0,
            #[cfg(feature = "deflate")]
            inflating: None,
            #[cfg(feature = "tokio-util")]
            apart: 0,
            #[cfg(feature = "tokio")]
            is_lent: false,
        }
    }

    /// Inflates compressed messages, where permessage-deflate was agreed (feature `deflate`): they come out like all others, and
    /// RSV1 need not be allowed in the [`Config`]. A message is inflated as its payload arrives, in room that grows with what
    /// comes of it, up to [`Config::max_message_len`] or [`Inflater::with_max_message_len`]. On the wire it may be longer than the
    /// limits by one part in seven and 64 bytes, because what does not compress becomes longer. Set this before the first
    /// message: one that is under way is refused. The payload of an inflated message keeps no other memory than its own.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn with_inflater(mut self, inflater: Inflater<impl Inflate + Send + Sync + 'static>) -> MessageDecoder {
        self.inflating = Some(Inflating::new(&mut self.machine, inflater));
        self
    }

    /// Sets how large a buffer an idle connection keeps, in bytes, instead of 66 KiB (a message of 64 KiB, its header,
    /// and the beginning of the next). A larger one is freed as soon as all input was taken with no message under way.
    ///
    /// If that is less than [`with_read_size`](MessageDecoder::with_read_size), each read needs a new buffer.
    #[must_use]
    pub fn with_max_idle_buffer(mut self, bytes: usize) -> MessageDecoder {
        self.max_idle_buffer = bytes;
        self
    }

    /// Sets the room that a new read buffer offers, in bytes, instead of 8 KiB; at least 1 KiB. More of it means fewer reads
    /// on a busy connection, and more memory on an idle one that waits in a read.
    #[must_use]
    pub fn with_read_size(mut self, bytes: usize) -> MessageDecoder {
        self.read_size = bytes.max(MIN_ROOM);
        self
    }

    /// Adds bytes that were received before the decoder was made, such as those after the head of an HTTP request. They are
    /// not copied if the decoder holds none yet.
    #[must_use]
    pub fn with_received(mut self, bytes: BytesMut) -> MessageDecoder {
        if self.buffer.is_empty() {
            self.replace(bytes);
        } else {
            self.put_slice(&bytes);
        }
        self
    }

    /// Takes the next message or control frame out of the bytes that were received. `Ok(None)` means that more are needed.
    ///
    /// Call it until it returns `Ok(None)` or an error, then read again.
    ///
    /// # Errors
    /// As [`Decoder::decode`](crate::Decoder::decode).
    #[inline]
    pub fn decode(&mut self) -> Result<Option<Message>, DecodeError> {
        match self.decode_whole() {
            Some(result) => result.map(Some),
            None => self.decode_step(),
        }
    }

    /// The short way for a whole message at the front of the buffer; `None` for everything else.
    #[inline(always)]
    pub(crate) fn decode_whole(&mut self) -> Option<Result<Message, DecodeError>> {
        if self.len != 0 {
            return None;
        }
        #[cfg(feature = "deflate")]
        if self.inflating.is_some() && is_marked(&self.buffer) {
            return None;
        }
        let received = self.buffer.len();
        let mut rest = &mut self.buffer[..];
        match self.machine.take_whole_message(&mut rest)? {
            Ok((payload, taken)) => {
                let (len, frame_len) = (payload.len(), received - rest.len());
                Some(Ok(self.split_off(frame_len - len, len, &taken)))
            }
            Err(error) => Some(Err(self.refuse(error))),
        }
    }

    /// Passes every message and control frame that was received to `on`: the loop around [`MessageDecoder::decode`].
    ///
    /// # Errors
    /// As [`MessageDecoder::decode`].
    pub fn for_each(&mut self, mut on: impl FnMut(Message)) -> Result<(), DecodeError> {
        self.try_for_each(|message| {
            on(message);
            Ok(())
        })
    }

    /// Passes every message and control frame that was received to `on`, until `on` returns an error. What follows that
    /// message stays in the decoder.
    ///
    /// # Errors
    /// Those of `on`, and those of [`MessageDecoder::decode`], converted.
    pub fn try_for_each<E: From<DecodeError>>(
        &mut self,
        mut on: impl FnMut(Message) -> Result<(), E>,
    ) -> Result<(), E> {
        while let Some(message) = self.decode()? {
            on(message)?;
        }
        Ok(())
    }

    /// Initialized room for the next read, at least 1 KiB, for sockets that do not take uninitialized memory. The same memory
    /// is initialized only once. Call [`commit`](MessageDecoder::commit) with what was read.
    ///
    /// ```
    /// use std::io::{self, Read};
    /// use wsframe::Role;
    /// use wsframe::codec::{Message, MessageDecoder};
    ///
    /// fn read(socket: &mut impl Read, decoder: &mut MessageDecoder) -> io::Result<usize> {
    ///     let len = socket.read(decoder.spare_mut())?;
    ///     decoder.commit(len);
    ///     Ok(len)
    /// }
    ///
    /// let mut decoder = MessageDecoder::new(Role::Client);
    /// assert_eq!(read(&mut &b"\x81\x05Hello"[..], &mut decoder)?, 7);
    /// assert_eq!(decoder.decode(), Ok(Some(Message::from("Hello"))));
    /// # Ok::<(), io::Error>(())
    /// ```
    #[allow(unsafe_code, reason = "the room is handed out after it was initialized")]
    pub fn spare_mut(&mut self) -> &mut [u8] {
        self.make_room();
        // All of it, so that what is initialized goes up to the end of the buffer.
        let ready = self.spare_initialized();
        let spare = self.buffer.spare_capacity_mut();
        if let Some(rest) = spare.get_mut(ready..) {
            rest.fill(mem::MaybeUninit::new(0));
        }
        let room = spare.as_ptr_range();
        let (start, end) = (room.start.addr(), room.end.addr());
        if start > self.initialized.end || end < self.initialized.start {
            // Between the two, nothing is known.
            self.initialized = start..end;
        } else {
            self.initialized = self.initialized.start.min(start)..self.initialized.end.max(end);
        }
        // SAFETY: the first `ready` bytes were initialized before, and the others have just been.
        unsafe { slice::from_raw_parts_mut(spare.as_mut_ptr().cast(), spare.len()) }
    }

    /// Adds the first `len` bytes of the room that [`spare_mut`](MessageDecoder::spare_mut) gave to what was received. A `len`
    /// beyond that room adds the room.
    #[allow(unsafe_code, reason = "the buffer is made longer by bytes that are initialized")]
    pub fn commit(&mut self, len: usize) {
        let len = len.min(self.spare_initialized());
        // SAFETY: `spare_initialized` is at most the spare capacity, and that many bytes of it are initialized.
        unsafe { self.advance_mut(len) };
    }

    /// Takes out the bytes that were received and not decoded, for another protocol or another owner of the connection. `None`
    /// inside a frame, whose beginning was decoded already, and after a violation.
    pub fn take_undecoded(&mut self) -> Option<BytesMut> {
        if matches!(self.state(), State::InFrame | State::Failed) {
            return None;
        }
        let undecoded = if self.len == 0 {
            mem::take(&mut self.buffer)
        } else {
            let undecoded = self.buffer.split_off(self.len + self.gap);
            self.buffer.truncate(self.len);
            undecoded
        };
        self.gap = 0;
        self.note_buffer();
        Some(undecoded)
    }

    /// The Close frame, once one was received. Its reason is in the decoder for as long as that lives.
    pub fn received_close(&self) -> Option<CloseFrame<'_>> {
        self.machine.received_close()
    }

    /// The number of bytes decoded so far. After a violation, one more than the offset of the deciding byte; after a Close
    /// frame, the offset of its end.
    pub const fn position(&self) -> u64 {
        self.machine.position()
    }

    /// Where in the stream the decoder is. If it is anything but [`State::Closed`] when the transport ends, the connection was
    /// lost, and an endpoint reports 1006 to its application.
    pub const fn state(&self) -> State {
        self.machine.state()
    }

    /// Whether nothing can come any more: after a Close frame or a violation.
    const fn is_over(&self) -> bool {
        matches!(self.state(), State::Closed | State::Failed)
    }

    /// A message of `len` bytes after a header at the front of the buffer.
    #[inline(always)]
    fn split_off(&mut self, header_len: usize, len: usize, taken: &Taken) -> Message {
        let payload = if len == 0 {
            self.buffer.advance(header_len);
            Bytes::new()
        } else {
            let mut frame = self.buffer.split_to(header_len + len).freeze();
            frame.advance(header_len);
            frame
        };
        if len > self.max_idle_buffer && self.buffer.len() <= len {
            // The large buffer goes with its message.
            self.replace(BytesMut::from(&self.buffer[..]));
        }
        Message::data(payload, taken)
    }

    pub(crate) const fn machine(&self) -> &Machine {
        &self.machine
    }

    /// From now on, what comes is discarded.
    pub(crate) fn stop(&mut self) {
        self.machine.stop();
        self.forget();
    }

    /// Everything but a whole message at the front of the buffer.
    #[inline(never)]
    pub(crate) fn decode_step(&mut self) -> Result<Option<Message>, DecodeError> {
        loop {
            let at = self.len + self.gap;
            let (taken, next) = match self.machine.step(&self.buffer[at..]) {
                Ok(next) => next,
                Err(error) => return Err(self.refuse(error)),
            };
            match next {
                Next::Nothing => {
                    self.ran_dry();
                    return Ok(None);
                }
                Next::Control(kind) => {
                    self.skip(taken);
                    return Ok(self.control(kind));
                }
                Next::Payload(next) => {
                    let len = next.len;
                    #[cfg(feature = "deflate")]
                    if let Some(inflating) = self.inflating.as_deref_mut().filter(|_| next.has_rsv1()) {
                        self.buffer.advance(taken);
                        let payload = &mut self.buffer[..len];
                        let result = next
                            .take(|pass| pass.in_place(payload))
                            .and_then(|taken| inflating.inflate(&mut self.machine, payload, &taken).map(|()| taken));
                        let taken = match result {
                            Ok(taken) => taken,
                            Err(error) => return Err(self.refuse(error)),
                        };
                        self.buffer.advance(len);
                        if taken.ends_message {
                            let taken = Taken { rsv: taken.rsv.difference(Rsv::RSV1), ..taken };
                            return Ok(Some(Message::data(inflating.take_message(), &taken)));
                        }
                        if self.buffer.is_empty() {
                            self.ran_dry();
                            return Ok(None);
                        }
                        continue;
                    }
                    let result = if self.len == 0 {
                        self.buffer.advance(taken);
                        next.take(|pass| pass.in_place(&mut self.buffer[..len]))
                    } else {
                        self.gap += taken;
                        next.take(|pass| pass.shift(&mut self.buffer, at + taken, self.len, len))
                    };
                    let taken = match result {
                        Ok(taken) => taken,
                        Err(error) => return Err(self.refuse(error)),
                    };
                    self.len += len;
                    if taken.ends_message {
                        let message = self.split_off(0, self.len, &taken);
                        self.buffer.advance(self.gap);
                        self.last = self.len;
                        (self.len, self.gap) = (0, 0);
                        return Ok(Some(message));
                    }
                    if self.buffer.len() == self.len + self.gap {
                        self.ran_dry();
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// `len` bytes at the front of what is not decoded were taken, and are not part of a message.
    fn skip(&mut self, len: usize) {
        if self.len == 0 {
            self.buffer.advance(len);
        } else {
            self.gap += len;
        }
    }

    /// The control frame that the machine announced.
    fn control(&mut self, kind: ControlKind) -> Option<Message> {
        match self.machine.control(kind)? {
            Control::Ping(payload) => Some(Message::Ping(share(&mut self.controls, payload))),
            Control::Pong(payload) => Some(Message::Pong(share(&mut self.controls, payload))),
            Control::Close(close) => {
                let close = Message::from(close);
                #[cfg(feature = "deflate")]
                {
                    self.inflating = None;
                }
                if self.len != 0 {
                    // The message under way will not be completed.
                    let undecoded = BytesMut::from(&self.buffer[self.len + self.gap..]);
                    self.forget();
                    self.replace(undecoded);
                }
                Some(close)
            }
        }
    }

    /// All that was received was taken.
    fn ran_dry(&mut self) {
        self.buffer.truncate(self.len);
        self.gap = 0;
        self.read = (self.position() - self.dry) as usize;
        self.dry = self.position();
        if self.len == 0 && free_idle(&mut self.buffer, self.max_idle_buffer, 0) {
            self.note_buffer();
        }
        #[cfg(feature = "deflate")]
        if let Some(inflating) = &mut self.inflating {
            inflating.rest(self.max_idle_buffer);
        }
    }

    /// Makes room for the next read, at least `MIN_ROOM`, and returns how much of the spare capacity that is.
    fn make_room(&mut self) -> usize {
        if self.is_over() {
            self.buffer.clear();
        }
        // The messages in it may have been dropped since the last call of `decode`.
        if self.buffer.is_empty() && free_idle(&mut self.buffer, self.max_idle_buffer, 0) {
            self.note_buffer();
        }
        let spare = self.spare();
        if self.len != 0 {
            return self.make_room_in_message(spare);
        }
        if spare < self.read_size && !self.buffer.try_reclaim(self.read_size) && spare < MIN_ROOM {
            let room = if self.is_over() { MIN_ROOM } else { self.read_size };
            self.grow(room.max(self.buffer.len()));
        }
        self.spare()
    }

    /// [`MessageDecoder::make_room`] after the beginning of a message.
    fn make_room_in_message(&mut self, spare: usize) -> usize {
        let (held, missing) = (self.buffer.len(), self.missing());
        let (enough, usual) = (self.read.clamp(MIN_ROOM, ROOM.1), self.read.clamp(ROOM.0, ROOM.1));
        // What came so far justifies as much again, and what came before justifies what an idle connection may keep.
        let justified = held.max(self.last.min(self.max_idle_buffer));
        if held < HEAVY {
            // It is moved to a place in the buffer where all of it may fit, if there is one. A message of unknown length is
            // expected to be as long as the last one.
            let expected =
                if self.machine.is_last_frame() { missing } else { missing.min(self.last.saturating_sub(self.len)) };
            // What comes after a long message is not worth room of its own.
            let after = if expected < HEAVY { usual } else { TAIL };
            if !self.buffer.try_reclaim(expected.saturating_add(after)) && spare < enough {
                self.grow((missing.min(justified.max(usual)) + after).max(held - self.len));
            }
            return self.spare();
        }
        // No more than the message lacks: the beginning of the next one would have to be moved, or read after a gap.
        let undecoded = held - self.len;
        let missing = missing.saturating_sub(undecoded).max(MIN_ROOM);
        // Not more than a part of what came: messages that are kept keep the room that is left.
        if spare < enough.min(missing).min(held / 4).max(MIN_ROOM)
            && !(held <= ROOM.1 && self.buffer.try_reclaim(missing))
        {
            self.grow((missing.min(justified) + TAIL).max(undecoded));
        }
        self.spare().min(missing)
    }

    /// The room after the buffer, in bytes.
    fn spare(&self) -> usize {
        self.buffer.capacity() - self.buffer.len()
    }

    /// Gets `room` bytes of spare capacity. (`BytesMut::reserve` would at least double the whole allocation, including what comes
    /// before the message.)
    fn grow(&mut self, room: usize) {
        let buffer = if self.buffer.len() < HEAVY {
            let mut buffer = BytesMut::with_capacity(self.buffer.len() + room);
            buffer.extend_from_slice(&self.buffer);
            buffer
        } else {
            // The allocator can often extend a large block without copying it.
            let mut buffer = Vec::from(mem::take(&mut self.buffer));
            buffer.reserve_exact(room);
            BytesMut::from(Bytes::from(buffer))
        };
        self.replace(buffer);
    }

    /// How many bytes of the room after the buffer are initialized.
    fn spare_initialized(&mut self) -> usize {
        let spare = self.buffer.spare_capacity_mut();
        let start = spare.as_ptr().addr();
        if start < self.initialized.start { 0 } else { self.initialized.end.saturating_sub(start).min(spare.len()) }
    }

    /// The most that can still come of the message under way, in bytes.
    fn missing(&self) -> usize {
        usize::try_from(self.machine.most_message_len()).unwrap_or(usize::MAX).saturating_sub(self.len)
    }

    /// From now on, this is the buffer.
    fn replace(&mut self, buffer: BytesMut) {
        self.buffer = buffer;
        self.note_buffer();
    }

    /// The buffer is another one: only what it holds is known to be initialized.
    fn note_buffer(&mut self) {
        let held = self.buffer.as_ptr_range();
        self.initialized = held.start.addr()..held.end.addr();
    }

    /// Drops the message under way and everything after it.
    fn forget(&mut self) {
        (self.len, self.gap) = (0, 0);
        self.replace(BytesMut::new());
        #[cfg(feature = "deflate")]
        {
            self.inflating = None;
        }
    }

    /// Drops everything.
    #[cold]
    fn refuse(&mut self, error: DecodeError) -> DecodeError {
        self.forget();
        error
    }
}

/// For a caller who owns the read buffer, and whom others may give access to it: [`MessageCodec`](super::MessageCodec).
#[cfg(feature = "tokio-util")]
impl MessageDecoder {
    /// [`MessageDecoder::decode`], with `input` as what was received. The beginning of a message stays in the decoder, and the
    /// room after it in `input`: what is read there joins it without a copy.
    pub(super) fn decode_lent(&mut self, input: &mut BytesMut) -> Result<Option<Message>, DecodeError> {
        if self.buffer.is_empty() {
            (self.buffer, self.apart) = (mem::take(input), 0);
        } else if let Err(apart) = self.buffer.try_unsplit(mem::take(input)) {
            self.apart = self.apart.saturating_add(1);
            if self.buffer.capacity() - self.buffer.len() < apart.len() {
                self.grow(apart.len().max(self.missing().min(self.buffer.len())));
            }
            self.buffer.extend_from_slice(&apart);
        }
        self.note_buffer();
        let result = self.decode();
        let is_dry = matches!(result, Ok(None));
        if is_dry && self.len != 0 && self.apart >= TRIES {
            input.reserve(ROOM.0);
            return result;
        }
        if is_dry {
            self.make_room();
        }
        if self.len == 0 {
            *input = mem::take(&mut self.buffer);
        } else {
            // What is not decoded, or room.
            *input = self.buffer.split_off(self.len + self.gap);
        }
        result
    }
}

/// For connections that share read buffers: each has one only while there is something in it.
#[cfg(feature = "tokio")]
impl MessageDecoder {
    /// Whether a buffer is to be lent before the next read.
    pub(crate) fn wants_buffer(&self) -> bool {
        self.buffer.len() < LIGHT && !self.is_lent
    }

    /// Reads from now on go into `buffer`, behind the beginning of a message that may be there.
    pub(crate) fn lend(&mut self, mut buffer: BytesMut) {
        buffer.extend_from_slice(&self.buffer);
        self.replace(buffer);
        self.is_lent = true;
    }

    /// Gives back the buffer that was lent, if nothing is left in it.
    pub(crate) fn give_back_empty(&mut self) -> Option<BytesMut> {
        if self.buffer.is_empty() { self.give_back() } else { None }
    }

    /// Gives back the buffer that was lent, if all that was received is decoded and only a short beginning of a message has to be
    /// kept. A longer one keeps the buffer.
    pub(crate) fn give_back(&mut self) -> Option<BytesMut> {
        if !self.is_lent || self.buffer.len() >= LIGHT {
            return None;
        }
        self.is_lent = false;
        let kept = BytesMut::from(&self.buffer[..]);
        let lent = mem::replace(&mut self.buffer, kept);
        self.note_buffer();
        Some(lent)
    }
}

/// Room for reads, which always is at least 1 KiB. After a Close frame or a violation, what is written is discarded.
#[allow(unsafe_code, reason = "the trait is unsafe to implement")]
// SAFETY: `chunk_mut` gives the spare capacity of a buffer that `advance_mut` makes longer, or, after the end of the stream,
// leaves as it is.
unsafe impl BufMut for MessageDecoder {
    fn remaining_mut(&self) -> usize {
        // The buffer grows, so there is always room.
        usize::MAX - self.buffer.len()
    }

    unsafe fn advance_mut(&mut self, len: usize) {
        if self.is_over() {
            return;
        }
        // SAFETY: the caller initialized `len` bytes of the spare capacity.
        unsafe { self.buffer.advance_mut(len) };
        let end = self.buffer.as_ptr_range().end.addr();
        if self.initialized.end >= end - len {
            self.initialized.end = self.initialized.end.max(end);
        }
    }

    fn chunk_mut(&mut self) -> &mut UninitSlice {
        let len = self.make_room();
        UninitSlice::uninit(&mut self.buffer.spare_capacity_mut()[..len])
    }
}

/// A copy of a control frame's payload, in room that several share.
fn share(room: &mut BytesMut, payload: &[u8]) -> Bytes {
    if payload.is_empty() {
        return Bytes::new();
    }
    if payload.len() > room.capacity() {
        room.reserve(CONTROLS);
    }
    room.extend_from_slice(payload);
    room.split().freeze()
}

/// Frees an empty buffer that is larger than what an idle connection keeps, unless it is needed for the `next` bytes; returns
/// whether it did.
pub(super) fn free_idle(buffer: &mut BytesMut, max_idle_buffer: usize, next: usize) -> bool {
    let needed = !buffer.is_empty() || next > max_idle_buffer;
    let free = !needed && max_idle_buffer < usize::MAX && buffer.try_reclaim(max_idle_buffer + 1);
    if free {
        *buffer = BytesMut::new();
    }
    free
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
