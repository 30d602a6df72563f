//! Events to whole messages: borrowed from the input if a message came whole, gathered if it came in pieces.

#[cfg(feature = "deflate")]
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::mem;

use crate::close_frame::CloseFrame;
use crate::config::Config;
#[cfg(feature = "deflate")]
use crate::deflate::{Inflate, Inflater, Inflating};
use crate::error::DecodeError;
use crate::event::{Message, MessageEvent};
use crate::machine::{Machine, Next, Payload, State, Taken, split};
#[cfg(feature = "deflate")]
use crate::opcode::Rsv;
use crate::payload::{PassError, make_room};
use crate::role::Role;

/// How large a buffer an idle assembler keeps by default, in bytes.
const MAX_IDLE_BUFFER: usize = 64 * 1024;

/// A [`Decoder`](crate::Decoder) that gives whole messages.
///
/// A message that is whole in the input is borrowed from it, without a copy. A message that was cut by a read or sent in
/// fragments is gathered in a buffer, unmasked and validated on the way. The buffer grows with the bytes that came, not with
/// the length that was declared, and never above [`Config::max_message_len`]; later messages use it again. A buffer of more
/// than 64 KiB, or of more than [`Assembler::with_max_idle_buffer`] allows, is freed as soon as all input was taken with
/// nothing gathered, or when a message comes that does not need it. After a Close frame or a violation there is no buffer,
/// and a connection that never saw a cut message has none either.
///
/// ```
/// use wsframe::{Assembler, MessageEvent, Role};
///
/// let mut assembler = Assembler::new(Role::Client);
/// // "Hello" in two fragments, with a Ping between them.
/// let mut input = *b"\x01\x03Hel\x89\x00\x80\x02lo";
/// let mut rest = &mut input[..];
/// let mut seen = Vec::new();
/// while let Some(event) = assembler.decode(&mut rest)? {
///     match event {
///         MessageEvent::Message(message) => seen.push(message.text().unwrap().to_owned()),
///         MessageEvent::Ping(payload) => seen.push(format!("ping of {} bytes", payload.len())),
///         MessageEvent::Pong(_) | MessageEvent::Close(_) => {}
///     }
/// }
/// assert_eq!(seen, ["ping of 0 bytes", "Hello"]);
/// # Ok::<(), wsframe::DecodeError>(())
/// ```
pub struct Assembler {
    machine: Machine,
    /// The message under way, as far as it came, or the one that was returned last.
    buffer: Vec<u8>,
    /// The message in the buffer that was returned last; the next call empties the buffer.
    gathered: Option<Taken>,
    /// The offset of the message under way, or of the one that was returned last.
    offset: u64,
    max_idle_buffer: usize,
    /// Where permessage-deflate was agreed; dropped with the buffer.
    #[cfg(feature = "deflate")]
    inflating: Option<Box<Inflating>>,
}

impl Assembler {
    /// For the end with this role, with the limits of [`Config::preset`].
    pub const fn new(role: Role) -> Assembler {
        Assembler::with_config(role, Config::preset(role))
    }

    /// For the end with this role, with these limits.
    pub const fn with_config(role: Role, config: Config) -> Assembler {
        Assembler {
            machine: Machine::new(role, config),
            buffer: Vec::new(),
            gathered: None,
            offset: 0,
            max_idle_buffer: MAX_IDLE_BUFFER,
            #[cfg(feature = "deflate")]
            inflating: None,
        }
    }

    /// Inflates compressed messages, where permessage-deflate was agreed (feature `deflate`): they come out like all others, and
    /// RSV1 need not be allowed in the [`Config`]. A message is inflated as its payload arrives, in room that grows with what
    /// comes of it, up to [`Config::max_message_len`] or [`Inflater::with_max_message_len`]. On the wire it may be longer than the
    /// limits by one part in seven and 64 bytes, because what does not compress becomes longer. Set this before the first
    /// message: one that is under way is refused.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn with_inflater(mut self, inflater: Inflater<impl Inflate + Send + Sync + 'static>) -> Assembler {
        self.inflating = Some(Inflating::new(&mut self.machine, inflater));
        self
    }

    /// Sets how large a buffer an idle connection keeps, in bytes, instead of 64 KiB. More is worth it for few connections
    /// with many large messages, because memory that was freed costs more to get again than to fill.
    #[must_use]
    pub const fn with_max_idle_buffer(mut self, bytes: usize) -> Assembler {
        self.max_idle_buffer = bytes;
        self
    }

    /// Takes the next message or control frame off the front of `input`. `Ok(None)` means that all of `input` was taken,
    /// and more is needed.
    ///
    /// Call it until it returns `Ok(None)` or an error, then read again. After a Close frame, it discards what comes.
    ///
    /// # Errors
    /// As [`Decoder::decode`](crate::Decoder::decode); also
    /// [`MessageTooLong`](crate::Violation::MessageTooLong) if no memory can be had for a message within the limits.
    #[inline]
    pub fn decode<'m, 'b: 'm>(
        &'m mut self,
        input: &mut &'b mut [u8],
    ) -> Result<Option<MessageEvent<'m, 'b>>, DecodeError> {
        match self.decode_whole(input) {
            Some(result) => result.map(|message| Some(MessageEvent::Message(message))),
            None => {
                // By value: a reference to `input` would keep it in memory.
                let (rest, result) = self.decode_step(mem::take(input));
                *input = rest;
                result
            }
        }
    }

    /// The short way for a whole message at the front of `input`; `None` for everything else.
    #[inline(always)]
    pub(crate) fn decode_whole<'m, 'b: 'm>(
        &mut self,
        input: &mut &'b mut [u8],
    ) -> Option<Result<Message<'m, 'b>, DecodeError>> {
        if self.gathered.is_some() {
            self.gathered = None;
            self.buffer.clear();
        }
        #[cfg(feature = "deflate")]
        if self.inflating.is_some() && is_marked(input) {
            return None;
        }
        match self.machine.take_whole_message(input)? {
            Ok((payload, taken)) => Some(Ok(Message::in_input(payload, taken))),
            Err(error) => Some(Err(self.refuse(error))),
        }
    }

    /// Passes every message and control frame in `input` to `on`: the loop around [`Assembler::decode`].
    ///
    /// # Errors
    /// As [`Assembler::decode`].
    pub fn for_each(
        &mut self,
        mut input: &mut [u8],
        mut on: impl FnMut(MessageEvent<'_, '_>),
    ) -> Result<(), DecodeError> {
        self.try_for_each(&mut input, |event| {
            on(event);
            Ok(())
        })
    }

    /// Passes every message and control frame in `input` to `on`, until `on` returns an error. What follows that event stays
    /// in `input`.
    ///
    /// # Errors
    /// Those of `on`, and those of [`Assembler::decode`], converted.
    pub fn try_for_each<E: From<DecodeError>>(
        &mut self,
        input: &mut &mut [u8],
        mut on: impl FnMut(MessageEvent<'_, '_>) -> Result<(), E>,
    ) -> Result<(), E> {
        while let Some(event) = self.decode(input)? {
            on(event)?;
        }
        Ok(())
    }

    /// The gathered message that the last call of [`Assembler::decode`] returned, for a caller whose own loop could not keep
    /// the event. `None` after any other call.
    pub fn gathered<'b>(&self) -> Option<Message<'_, 'b>> {
        self.gathered.map(|taken| self.message(taken))
    }

    /// The message that was gathered.
    fn message<'b>(&self, taken: Taken) -> Message<'_, 'b> {
        #[cfg(feature = "deflate")]
        if let Some(inflating) = self.inflating.as_deref().filter(|_| taken.rsv.contains(Rsv::RSV1)) {
            return Message::inflated(inflating.message(), taken, self.offset, inflating.wire_len());
        }
        Message::gathered(&self.buffer, taken, self.offset)
    }

    /// The payload of the control frame that the last call of [`Assembler::decode`] returned, for a caller whose own loop
    /// could not keep the event. After any other call its content is unspecified.
    pub fn control_payload(&self) -> &[u8] {
        self.machine.held()
    }

    /// The offset in the stream of the first header byte of the control frame that the last call of [`Assembler::decode`]
    /// returned, in bytes. After any other call it is unspecified.
    pub const fn control_offset(&self) -> u64 {
        self.machine.frame_start()
    }

    /// The Close frame, once one was received.
    pub fn received_close(&self) -> Option<CloseFrame<'_>> {
        self.machine.received_close()
    }

    /// The number of bytes taken so far. After a violation, one more than the offset of the deciding byte; after a Close
    /// frame, the offset of its end.
    pub const fn position(&self) -> u64 {
        self.machine.position()
    }

    /// Where in the stream the assembler is. If it is anything but [`State::Closed`] when the transport ends, the connection
    /// was lost, and an endpoint reports 1006 to its application.
    pub const fn state(&self) -> State {
        self.machine.state()
    }

    pub(crate) const fn machine(&self) -> &Machine {
        &self.machine
    }

    /// From now on, what comes is discarded.
    pub(crate) fn stop(&mut self) {
        self.machine.stop();
        self.drop_buffers();
    }

    /// Nothing will be gathered or inflated any more.
    fn drop_buffers(&mut self) {
        self.buffer = Vec::new();
        #[cfg(feature = "deflate")]
        {
            self.inflating = None;
        }
    }

    /// Everything but a whole message. Returns the rest of `input`.
    #[inline(never)]
    pub(crate) fn decode_step<'m, 'b: 'm>(
        &'m mut self,
        mut input: &'b mut [u8],
    ) -> (&'b mut [u8], Result<Option<MessageEvent<'m, 'b>>, DecodeError>) {
        loop {
            let (taken, next) = match self.machine.step(input) {
                Ok(next) => next,
                Err(error) => return (&mut [], Err(self.refuse(error))),
            };
            let (_, rest) = split(input, taken);
            match next {
                Next::Nothing => {
                    free_idle(&mut self.buffer, self.max_idle_buffer, 0);
                    #[cfg(feature = "deflate")]
                    if let Some(inflating) = &mut self.inflating {
                        inflating.rest(self.max_idle_buffer);
                    }
                    return (&mut [], Ok(None));
                }
                Next::Control(kind) => {
                    if self.machine.state() == State::Closed {
                        // The message under way will not be completed.
                        self.drop_buffers();
                    }
                    return (rest, Ok(self.machine.control(kind).map(MessageEvent::from)));
                }
                Next::Payload(next) => {
                    let (payload, rest) = split(rest, next.len);
                    #[cfg_attr(not(feature = "deflate"), allow(unused_labels, reason = "nothing is inflated"))]
                    let result = 'piece: {
                        #[cfg(feature = "deflate")]
                        if let Some(inflating) = self.inflating.as_deref_mut() {
                            if next.has_rsv1() {
                                let result = next.take(|pass| pass.in_place(payload));
                                break 'piece result.and_then(|taken| {
                                    inflating.inflate(&mut self.machine, payload, &taken).map(|()| taken)
                                });
                            }
                            inflating.rest(self.max_idle_buffer);
                        }
                        if next.is_whole_message() {
                            // Only its header was cut.
                            return match next.take(|pass| pass.in_place(payload)) {
                                Ok(taken) => (rest, Ok(Some(MessageEvent::Message(Message::in_input(payload, taken))))),
                                Err(error) => (&mut [], Err(self.refuse(error))),
                            };
                        }
                        gather(&mut self.buffer, self.max_idle_buffer, next, payload)
                    };
                    match result {
                        Err(error) => return (&mut [], Err(self.refuse(error))),
                        Ok(taken) => {
                            if taken.starts_message {
                                self.offset = taken.offset;
                            }
                            if taken.ends_message {
                                self.gathered = Some(taken);
                                return (rest, Ok(Some(MessageEvent::Message(self.message(taken)))));
                            }
                            if rest.is_empty() {
                                return (rest, Ok(None));
                            }
                            input = rest;
                        }
                    }
                }
            }
        }
    }

    /// After a violation, nothing is gathered any more.
    #[cold]
    fn refuse(&mut self, error: DecodeError) -> DecodeError {
        self.drop_buffers();
        error
    }
}

/// Whether the frame at the front carries RSV1.
#[cfg(feature = "deflate")]
#[inline(always)]
pub(crate) fn is_marked(input: &[u8]) -> bool {
    input.first().is_some_and(|first| first & Rsv::RSV1.bits() != 0)
}

/// Appends payload to the message under way.
fn gather(
    buffer: &mut Vec<u8>,
    max_idle_buffer: usize,
    next: Payload<'_>,
    payload: &[u8],
) -> Result<Taken, DecodeError> {
    let most = next.most_message_len();
    if buffer.is_empty() {
        free_idle(buffer, max_idle_buffer, most);
    }
    next.take(|pass| {
        if buffer.capacity() - buffer.len() < payload.len() {
            make_room(buffer, payload.len(), most).map_err(|_| PassError::NoRoom)?;
        }
        pass.append(payload, buffer)
    })
}

/// Frees a buffer that is larger than what an idle connection keeps, if it is empty and at most `most` bytes will come.
#[inline]
fn free_idle(buffer: &mut Vec<u8>, max_idle_buffer: usize, most: u64) {
    if buffer.is_empty() && buffer.capacity() > max_idle_buffer && most <= max_idle_buffer as u64 {
        // Not by shrinking it: the allocator can hand out again a block that is freed whole.
        *buffer = Vec::new();
    }
}

impl fmt::Debug for Assembler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Assembler")
            .field("position", &self.position())
            .field("state", &self.state())
            .field("gathered", &self.buffer.len())
            .finish_non_exhaustive()
    }
}
