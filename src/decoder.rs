//! Received bytes to events, in place.

use core::fmt;
use core::mem;

use crate::close_frame::CloseFrame;
use crate::config::Config;
use crate::error::DecodeError;
use crate::event::{Chunk, Event};
use crate::header::Header;
use crate::machine::{Machine, Next, State, split};
use crate::role::Role;

/// Decodes the frames that one end of a connection receives, in the buffer that they were read into.
///
/// It takes all the bytes it is given. The beginning of an unfinished header or control frame is kept inside, so the buffer
/// is free for the next read, of this connection or another. It has 192 bytes and never allocates.
///
/// The stream begins after the opening handshake, with the byte that follows the HTTP head.
///
/// A clone is a snapshot: it continues from the same place in the stream.
#[derive(Clone)]
pub struct Decoder {
    machine: Machine,
}

const _: () = assert!(size_of::<Decoder>() <= 192);

impl Decoder {
    /// For the end with this role, with the limits of [`Config::preset`].
    pub const fn new(role: Role) -> Decoder {
        Decoder::with_config(role, Config::preset(role))
    }

    /// For the end with this role, with these limits.
    pub const fn with_config(role: Role, config: Config) -> Decoder {
        Decoder { machine: Machine::new(role, config) }
    }

    /// Lets messages carry RSV1, where permessage-deflate was agreed (feature `deflate`): their chunks are to be passed to
    /// [`Inflater::inflate`](crate::deflate::Inflater::inflate), which limits what they inflate to. On the wire they may be longer
    /// than the limits by one part in seven and 64 bytes, because what does not compress becomes longer.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn expecting_compressed(mut self) -> Decoder {
        self.machine.expect_compressed();
        self
    }

    /// Takes the next event off the front of `input`, unmasking payload in place. `Ok(None)` means that all of `input` was
    /// taken, and more is needed. `input` is a cursor: it is advanced past what was taken.
    ///
    /// Call it until it returns `Ok(None)` or an error, then read again. After a Close frame, it discards what comes. Bind the
    /// slice outside of the loop, as `let mut input = &mut buffer[..len];`: `decode(&mut &mut buffer[..len])` in a loop would
    /// begin with the same bytes each time.
    ///
    /// # Errors
    /// [`DecodeError`] at the first byte that breaks a rule, as soon as that byte is in; everything that was complete before
    /// it has been returned. `input` is left empty, and each further call returns the same error.
    #[inline]
    pub fn decode<'d, 'b>(&'d mut self, input: &mut &'b mut [u8]) -> Result<Option<Event<'d, 'b>>, DecodeError> {
        match self.decode_whole(input) {
            Some(result) => result.map(|chunk| Some(Event::Chunk(chunk))),
            None => {
                // By value: a reference to `input` would keep it in memory.
                let (rest, result) = self.decode_step(mem::take(input));
                *input = rest;
                result
            }
        }
    }

    /// The short way for a whole message at the front of `input`; `None` for everything else. (Public for libwsframe, which keeps
    /// the two ways apart.)
    #[doc(hidden)]
    #[inline(always)]
    pub fn decode_whole<'b>(&mut self, input: &mut &'b mut [u8]) -> Option<Result<Chunk<'b>, DecodeError>> {
        let message = self.machine.take_whole_message(input)?;
        Some(message.map(|(payload, taken)| Chunk::new(payload, taken)))
    }

    /// Passes every event in `input` to `on`: the loop around [`Decoder::decode`].
    ///
    /// # Errors
    /// As [`Decoder::decode`].
    pub fn for_each(&mut self, mut input: &mut [u8], mut on: impl FnMut(Event<'_, '_>)) -> Result<(), DecodeError> {
        self.try_for_each(&mut input, |event| {
            on(event);
            Ok(())
        })
    }

    /// Passes every event in `input` to `on`, until `on` returns an error. What follows that event stays in `input`.
    ///
    /// # Errors
    /// Those of `on`, and those of [`Decoder::decode`], converted.
    pub fn try_for_each<E: From<DecodeError>>(
        &mut self,
        input: &mut &mut [u8],
        mut on: impl FnMut(Event<'_, '_>) -> Result<(), E>,
    ) -> Result<(), E> {
        while let Some(event) = self.decode(input)? {
            on(event)?;
            // What the next call would find out.
            if input.is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// The payload of the control frame that the last call of [`Decoder::decode`] returned, for a caller whose own loop could
    /// not keep the event. After any other call its content is unspecified.
    pub fn control_payload(&self) -> &[u8] {
        self.machine.held()
    }

    /// The offset in the stream of the first header byte of the control frame that the last call of [`Decoder::decode`]
    /// returned, in bytes. After any other call it is unspecified.
    pub const fn control_offset(&self) -> u64 {
        self.machine.frame_start()
    }

    /// The violation that [`Decoder::decode`] returned and returns from then on, for a caller that did not keep it.
    pub const fn error(&self) -> Option<DecodeError> {
        self.machine.error()
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

    /// Where in the stream the decoder is. If it is anything but [`State::Closed`] when the transport ends, the connection was
    /// lost, and an endpoint reports 1006 to its application.
    pub const fn state(&self) -> State {
        self.machine.state()
    }

    pub(crate) const fn machine(&self) -> &Machine {
        &self.machine
    }

    /// From now on, what comes is discarded.
    pub(crate) fn stop(&mut self) {
        self.machine.stop();
    }

    /// Everything but a whole message. Returns the rest of `input`.
    #[doc(hidden)]
    #[inline(never)]
    pub fn decode_step<'d, 'b>(
        &'d mut self,
        input: &'b mut [u8],
    ) -> (&'b mut [u8], Result<Option<Event<'d, 'b>>, DecodeError>) {
        step(&mut self.machine, input, |_| {})
    }
}

/// Takes one event off the front of `input`, whatever it is, and passes each accepted header to `observe`. Returns the rest
/// of `input`.
#[inline(always)]
fn step<'d, 'b>(
    machine: &'d mut Machine,
    input: &'b mut [u8],
    observe: impl FnOnce(&Header),
) -> (&'b mut [u8], Result<Option<Event<'d, 'b>>, DecodeError>) {
    let (taken, next) = match machine.step_observed(input, observe) {
        Ok(next) => next,
        Err(error) => return (&mut [], Err(error)),
    };
    let (_, rest) = split(input, taken);
    match next {
        Next::Nothing => (&mut [], Ok(None)),
        Next::Control(kind) => (rest, Ok(machine.control(kind).map(Event::from))),
        Next::Payload(next) => {
            let (payload, rest) = split(rest, next.len);
            match next.take(|pass| pass.in_place(payload)) {
                Ok(taken) => (rest, Ok(Some(Event::Chunk(Chunk::new(payload, taken))))),
                Err(error) => (&mut [], Err(error)),
            }
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

/// A [`Decoder`] that also keeps the header of each frame, for tools that show a stream frame by frame. It is slower for
/// small messages.
///
/// ```
/// use wsframe::{Event, Inspector, Role};
///
/// let mut inspector = Inspector::new(Role::Server);
/// let mut input = &mut b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58".to_vec()[..];
/// assert!(matches!(inspector.decode(&mut input)?, Some(Event::Chunk(chunk)) if chunk.payload() == b"Hello"));
/// let header = inspector.header().unwrap();
/// assert_eq!((header.payload_len(), header.mask_key()), (5, Some([0x37, 0xfa, 0x21, 0x3d])));
/// # Ok::<(), wsframe::DecodeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Inspector {
    decoder: Decoder,
    header: Option<Header>,
}

impl Inspector {
    /// For the end with this role, with the limits of [`Config::preset`].
    pub const fn new(role: Role) -> Inspector {
        Inspector::with_config(role, Config::preset(role))
    }

    /// For the end with this role, with these limits.
    pub const fn with_config(role: Role, config: Config) -> Inspector {
        Inspector { decoder: Decoder::with_config(role, config), header: None }
    }

    /// As [`Decoder::decode`].
    ///
    /// # Errors
    /// As [`Decoder::decode`].
    pub fn decode<'d, 'b>(&'d mut self, input: &mut &'b mut [u8]) -> Result<Option<Event<'d, 'b>>, DecodeError> {
        let header = &mut self.header;
        let (rest, result) = step(&mut self.decoder.machine, mem::take(input), |parsed| *header = Some(*parsed));
        *input = rest;
        result
    }

    /// The header that was accepted last: that of the last event's frame, or, after an error, of the frame before the one that
    /// was refused, unless its payload was refused. `None` before the first one. An event borrows the inspector, so take out of
    /// it what you need before you ask.
    pub const fn header(&self) -> Option<&Header> {
        self.header.as_ref()
    }

    /// The offset in the stream of the first byte of that header, in bytes.
    pub const fn frame_offset(&self) -> u64 {
        self.decoder.machine.frame_start()
    }

    /// The decoder inside, for its position, its state and the last control frame.
    pub const fn decoder(&self) -> &Decoder {
        &self.decoder
    }
}
