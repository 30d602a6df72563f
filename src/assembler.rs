//! Events to whole messages: borrowed from the input when a message came whole, gathered when it came in pieces.

use alloc::vec::Vec;
use core::fmt;
use core::mem;

use crate::config::Config;
use crate::decoder::{split, take_whole_message};
use crate::event::{Close, Control, Message};
use crate::machine::{Found, Machine, Part, Piece, State};
use crate::opcode::Opcode;
use crate::payload;
use crate::role::Role;
use crate::violation::{Error, Violation};

/// The most that the buffer keeps while nothing is gathered, in bytes, if nothing else was said.
const KEPT: usize = 64 * 1024;

/// A [`Decoder`](crate::Decoder) that gives whole messages.
///
/// A message that is whole in the input is borrowed from it, without a copy. A message cut by a read or by fragmentation
/// is gathered in a buffer, unmasked and validated on the way. The buffer grows with the bytes that came, not with the
/// length that was declared, and never above [`Config::max_message_len`]; it is used again for later messages. A buffer of
/// more than 64 KiB, or what [`Assembler::keep`] says, is given back as soon as all input is taken with nothing gathered, or a
/// message comes that does not need it. An idle connection that never saw a cut message has no buffer.
///
/// ```
/// use wsframe::{Assembler, Incoming, Role};
///
/// let mut assembler = Assembler::new(Role::Client);
/// // "Hello" in two fragments, with a Ping between them.
/// let mut input = *b"\x01\x03Hel\x89\x00\x80\x02lo";
/// let mut rest = &mut input[..];
/// let mut seen = Vec::new();
/// while let Some(incoming) = assembler.next(&mut rest)? {
///     match incoming {
///         Incoming::Message(message) => seen.push(message.text().unwrap().to_owned()),
///         Incoming::Ping(ping) => seen.push(format!("ping at {}", ping.offset())),
///         Incoming::Pong(_) | Incoming::Close(_) => {}
///     }
/// }
/// assert_eq!(seen, ["ping at 5", "Hello"]);
/// # Ok::<(), wsframe::Error>(())
/// ```
#[derive(Clone)]
pub struct Assembler {
    machine: Machine,
    /// The message under way, as far as it came; after it was returned, empty with the next call.
    buffer: Vec<u8>,
    returned: bool,
    /// The offset of the message under way.
    offset: u64,
    /// The most that the buffer keeps while nothing is gathered, in bytes.
    kept: usize,
}

/// What an [`Assembler`] found next. It borrows the input or the assembler.
#[derive(Clone, Copy, Debug)]
pub enum Incoming<'m> {
    /// A whole message.
    Message(Message<'m>),
    /// A Ping: answer it with a Pong of the same payload (RFC 6455 §5.5.2).
    Ping(Control<'m>),
    /// A Pong.
    Pong(Control<'m>),
    /// A Close: answer it with a Close, unless one was sent, then close the connection (§5.5.1).
    Close(Close<'m>),
}

impl Assembler {
    /// For the end of this role, with the limits of [`Config::preset`].
    pub const fn new(role: Role) -> Assembler {
        Assembler::with_config(role, Config::preset(role))
    }

    /// For the end of this role, with these limits.
    pub const fn with_config(role: Role, config: Config) -> Assembler {
        Assembler { machine: Machine::new(role, config), buffer: Vec::new(), returned: false, offset: 0, kept: KEPT }
    }

    /// The same, but an idle connection keeps a buffer of up to so many bytes instead of 64 KiB. For few connections with many
    /// large messages: memory that is given back costs more to get again than to fill.
    pub const fn keep(mut self, bytes: usize) -> Assembler {
        self.kept = bytes;
        self
    }

    /// Takes the next message or control frame off the front of `input`. `Ok(None)` means that all of `input` was taken,
    /// and more is needed.
    ///
    /// Call it until it returns `Ok(None)` or an error; then read again. After a Close frame it swallows what comes.
    ///
    /// # Errors
    /// As [`Decoder::decode`](crate::Decoder::decode); also [`Violation::MessageTooLong`] when no memory can be had for a
    /// message within the limits.
    #[inline]
    pub fn next<'m, 'b: 'm>(&'m mut self, input: &mut &'b mut [u8]) -> Result<Option<Incoming<'m>>, Error> {
        if mem::take(&mut self.returned) {
            self.buffer.clear();
        }
        match take_whole_message(&mut self.machine, input) {
            Some(message) => message.map(|(payload, part)| Some(Incoming::Message(Message::new(payload, part)))),
            None => {
                // By value: a reference to `input` would keep it in memory.
                let (rest, result) = self.next_step(mem::take(input));
                *input = rest;
                result
            }
        }
    }

    /// Gives every message and control frame in `input` to `on`: the loop around [`Assembler::next`].
    ///
    /// # Errors
    /// As [`Assembler::next`].
    pub fn for_each(&mut self, mut input: &mut [u8], mut on: impl FnMut(Incoming<'_>)) -> Result<(), Error> {
        while let Some(incoming) = self.next(&mut input)? {
            on(incoming);
        }
        Ok(())
    }

    /// The bytes taken so far. Behind a violation, one past the byte that decided it; behind a Close frame, its end.
    pub const fn position(&self) -> u64 {
        self.machine.position()
    }

    /// Where in the stream the assembler is.
    pub const fn state(&self) -> State {
        self.machine.state()
    }

    /// Whatever is not a whole message. Gives back what is left of `input`.
    #[inline(never)]
    fn next_step<'m, 'b: 'm>(
        &'m mut self,
        mut input: &'b mut [u8],
    ) -> (&'b mut [u8], Result<Option<Incoming<'m>>, Error>) {
        loop {
            let (taken, found) = match self.machine.step(input) {
                Ok(found) => found,
                Err(error) => return (&mut [], Err(error)),
            };
            let (_, rest) = split(input, taken);
            let piece = match found {
                Found::Nothing => {
                    self.give_back(0);
                    return (&mut [], Ok(None));
                }
                Found::Control(opcode) => {
                    let (offset, payload) = (self.machine.frame_start(), self.machine.control());
                    let incoming = match opcode {
                        Opcode::Ping => Incoming::Ping(Control::new(offset, payload)),
                        Opcode::Pong => Incoming::Pong(Control::new(offset, payload)),
                        _ => {
                            // What is under way will not be completed.
                            self.buffer = Vec::new();
                            Incoming::Close(Close::new(offset, payload))
                        }
                    };
                    return (rest, Ok(Some(incoming)));
                }
                Found::Data(piece) => piece,
            };
            let (payload, rest) = split(rest, piece.len);
            match self.gather(&piece, payload) {
                Err(error) => return (&mut [], Err(error)),
                Ok(part) if part.ends_message => {
                    self.returned = true;
                    let part = Part { offset: self.offset, ..part };
                    return (rest, Ok(Some(Incoming::Message(Message::new(&self.buffer, part)))));
                }
                Ok(_) if rest.is_empty() => return (rest, Ok(None)),
                Ok(_) => input = rest,
            }
        }
    }

    /// Appends the piece that was found to the message under way.
    fn gather(&mut self, piece: &Piece, payload: &[u8]) -> Result<Part, Error> {
        if self.buffer.is_empty() {
            self.give_back(self.machine.most_message_len());
        }
        if self.buffer.capacity() - self.buffer.len() < payload.len() {
            let most = self.machine.most_message_len();
            if payload::make_room(&mut self.buffer, payload.len(), most).is_err() {
                let last = self.machine.position().saturating_sub(1);
                return Err(self.machine.fail(Violation::MessageTooLong, last));
            }
        }
        let part = self.machine.payload(piece, |pass| pass.append(payload, &mut self.buffer))?;
        if part.starts_message {
            self.offset = part.offset;
        }
        Ok(part)
    }

    /// Gives back what an idle connection need not keep, if nothing is gathered and no more than `most` bytes will be.
    #[inline]
    fn give_back(&mut self, most: u64) {
        if self.buffer.is_empty() && self.buffer.capacity() > self.kept && most <= self.kept as u64 {
            // Not by shrinking it: what is freed whole, the allocator can hand out again as it is.
            self.buffer = Vec::new();
        }
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
