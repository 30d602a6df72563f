//! Received bytes to events, in place.

use core::fmt;
use core::mem;

use crate::config::Config;
use crate::event::{Close, Control, Data, Event};
use crate::machine::{Found, Machine, Part, State};
use crate::opcode::Opcode;
use crate::role::Role;
use crate::violation::Error;

/// Decodes the frames that one end of a connection receives, in the buffer that they were read into.
///
/// It takes all that it is given: what it needs of an unfinished header or control frame it keeps inside, so the buffer
/// is free for the next read, of this connection or another. It holds 192 bytes and never allocates.
///
/// A clone is a snapshot: it goes on from the same place in the stream.
#[derive(Clone)]
pub struct Decoder {
    machine: Machine,
}

const _: () = assert!(size_of::<Decoder>() <= 192);

impl Decoder {
    /// For the end of this role, with the limits of [`Config::preset`].
    pub const fn new(role: Role) -> Decoder {
        Decoder::with_config(role, Config::preset(role))
    }

    /// For the end of this role, with these limits.
    pub const fn with_config(role: Role, config: Config) -> Decoder {
        Decoder { machine: Machine::new(role, config) }
    }

    /// Takes the next event off the front of `input`, unmasking payload where it lies. `Ok(None)` means that all of
    /// `input` was taken, and more is needed.
    ///
    /// Call it until it returns `Ok(None)` or an error; then read again. After a Close frame it swallows what comes.
    ///
    /// # Errors
    /// [`Error`] at the first byte that breaks a rule, as soon as that byte is in; everything that was complete before it
    /// has been returned. `input` is left empty, and each further call returns the same error.
    #[inline]
    pub fn decode<'d, 'b>(&'d mut self, input: &mut &'b mut [u8]) -> Result<Option<Event<'d, 'b>>, Error> {
        match take_whole_message(&mut self.machine, input) {
            Some(message) => message.map(|(payload, part)| Some(Event::Data(Data::new(payload, part)))),
            None => {
                // By value: a reference to `input` would keep it in memory.
                let (rest, result) = self.decode_step(mem::take(input));
                *input = rest;
                result
            }
        }
    }

    /// Gives every event in `input` to `on`: the loop around [`Decoder::decode`].
    ///
    /// # Errors
    /// As [`Decoder::decode`].
    pub fn for_each(&mut self, mut input: &mut [u8], mut on: impl FnMut(Event<'_, '_>)) -> Result<(), Error> {
        while let Some(event) = self.decode(&mut input)? {
            on(event);
            // What the next call would find out.
            if input.is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// The payload of the control frame that the last call of [`Decoder::decode`] returned, once more, for a caller whose
    /// own loop could not keep the event. Behind any other call its content means nothing.
    pub fn control_payload(&self) -> &[u8] {
        self.machine.control()
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

    /// Whatever is not a whole message. Gives back what is left of `input`.
    #[inline(never)]
    fn decode_step<'d, 'b>(&'d mut self, input: &'b mut [u8]) -> (&'b mut [u8], Result<Option<Event<'d, 'b>>, Error>) {
        let (taken, found) = match self.machine.step(input) {
            Ok(found) => found,
            Err(error) => return (&mut [], Err(error)),
        };
        let (_, rest) = split(input, taken);
        let piece = match found {
            Found::Nothing => return (&mut [], Ok(None)),
            Found::Control(opcode) => {
                let (offset, payload) = (self.machine.frame_start(), self.machine.control());
                let event = match opcode {
                    Opcode::Ping => Event::Ping(Control::new(offset, payload)),
                    Opcode::Pong => Event::Pong(Control::new(offset, payload)),
                    _ => Event::Close(Close::new(offset, payload)),
                };
                return (rest, Ok(Some(event)));
            }
            Found::Data(piece) => piece,
        };
        let (payload, rest) = split(rest, piece.len);
        match self.machine.payload(&piece, |pass| pass.in_place(payload)) {
            Ok(part) => (rest, Ok(Some(Event::Data(Data::new(payload, part))))),
            Err(error) => (&mut [], Err(error)),
        }
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("position", &self.position())
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

/// Takes a whole message off the front of `input`, if one is there: its payload, unmasked and validated.
#[inline(always)]
pub(crate) fn take_whole_message<'b>(
    machine: &mut Machine,
    input: &mut &'b mut [u8],
) -> Option<Result<(&'b mut [u8], Part), Error>> {
    let message = machine.whole_message(input)?;
    let (header_len, len) = (message.header_len, message.len);
    // Neither can fail: the message was seen there. A branch that is never taken costs less than a bound.
    let (_, rest) = mem::take(input).split_at_mut_checked(header_len)?;
    let (payload, rest) = rest.split_at_mut_checked(len)?;
    let part = match machine.take_whole_message(message, payload) {
        Ok(part) => part,
        Err(error) => return Some(Err(error)),
    };
    *input = rest;
    Some(Ok((payload, part)))
}

/// The first `at` bytes, and the rest. `at` is at most the length, which the linker need not be able to see.
#[inline(always)]
pub(crate) fn split(bytes: &mut [u8], at: usize) -> (&mut [u8], &mut [u8]) {
    bytes.split_at_mut(at.min(bytes.len()))
}
