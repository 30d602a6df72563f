//! The receiving state machine, which does not know where payload is stored: it reads headers and control frames, checks
//! their order and the limits, counts offsets, and announces how many of the next bytes are payload.

use core::{fmt, mem};

use crate::close_frame::{CloseFrame, received_code};
use crate::config::Config;
use crate::error::DecodeError;
use crate::header::{Header, HeaderError};
use crate::kernels::xor;
use crate::mask::MaskKey;
use crate::opcode::{MAX_CONTROL, MessageKind, Opcode, Rsv, is_checked_text};
use crate::payload::{Pass, PassError, text_in_place};
use crate::role::Role;
use crate::sequence::Sequence;
use crate::utf8::Utf8Validator;
use crate::violation::Violation;

/// First bytes of messages in one frame.
const FIN_TEXT: u8 = 0x80 | Opcode::Text as u8;
const FIN_BINARY: u8 = 0x80 | Opcode::Binary as u8;

/// Where in the stream a decoder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// Between two messages.
    Idle,
    /// Between two frames of a message.
    InMessage,
    /// Inside a frame: part of its header or payload has been taken.
    InFrame,
    /// After a Close frame: what follows is discarded.
    Closed,
    /// After a violation, or after [`Connection::fail`](crate::Connection::fail).
    Failed,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Between two messages, and a message may come in one frame.
    Idle,
    /// Between two frames, otherwise.
    Boundary,
    /// Inside a header, whose beginning is held.
    Header,
    /// Inside the payload of a data frame that is not the last of its message.
    Fragment,
    /// Inside the payload of the last frame of a message.
    LastFrame,
    /// Inside the payload of a control frame, whose beginning is held.
    Close,
    Ping,
    Pong,
    /// After a Close frame, whose body is held.
    Closed,
    /// After [`Machine::stop`].
    Stopped,
    Failed(Violation),
}

/// What comes next in the input.
pub(crate) enum Next<'m> {
    /// Nothing: all of it was taken.
    Nothing,
    /// A control frame that is complete now: [`Machine::control`] has it.
    Control(ControlKind),
    /// Payload of a data frame, perhaps empty.
    Payload(Payload<'m>),
}

/// Payload that has been announced and is taken by [`Payload::take`]. If this is dropped instead, the machine announces the
/// same payload again.
#[must_use]
pub(crate) struct Payload<'m> {
    machine: &'m mut Machine,
    /// In bytes, all of them in the input.
    pub(crate) len: usize,
    starts_message: bool,
}

/// A control frame.
pub(crate) enum Control<'m> {
    Ping(&'m [u8]),
    Pong(&'m [u8]),
    Close(CloseFrame<'m>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ControlKind {
    Ping,
    Pong,
    Close,
}

/// A message in one frame, all of it in the input.
struct WholeMessage {
    kind: MessageKind,
    rsv: Rsv,
    key: Option<MaskKey>,
    /// In bytes.
    header_len: usize,
    /// The length of the payload, in bytes.
    len: usize,
}

/// The facts about a piece of payload that was taken.
#[derive(Clone, Copy)]
pub(crate) struct Taken {
    /// The offset of the first byte of the frame's header.
    pub(crate) offset: u64,
    /// The declared bytes of the frame that are still to come.
    pub(crate) frame_remaining: u64,
    /// The frames of the message so far.
    pub(crate) fragments: u32,
    pub(crate) kind: MessageKind,
    pub(crate) rsv: Rsv,
    pub(crate) starts_message: bool,
    pub(crate) ends_message: bool,
    /// The offset of the end of the piece.
    #[cfg(feature = "deflate")]
    pub(crate) end: u64,
}

impl Taken {
    /// The offset of the last of the first `taken` bytes of the piece, whose length is `len`.
    #[cfg(feature = "deflate")]
    pub(crate) const fn offset_after(&self, len: usize, taken: usize) -> u64 {
        (self.end - len as u64 + taken as u64).saturating_sub(1)
    }

    /// Whether the piece is a whole message by itself.
    pub(crate) const fn is_whole(&self) -> bool {
        self.starts_message && self.ends_message
    }

    /// Whether the payload was checked as text.
    pub(crate) const fn is_checked_text(&self) -> bool {
        is_checked_text(self.kind, self.rsv)
    }

    /// Shows it with a payload of this length, for debugging.
    pub(crate) fn debug<'a, 'f, 'g>(
        &self,
        to: &'a mut fmt::DebugStruct<'f, 'g>,
        len: usize,
    ) -> &'a mut fmt::DebugStruct<'f, 'g> {
        to.field("kind", &self.kind).field("rsv", &self.rsv).field("len", &len).field("offset", &self.offset);
        to.field("fragments", &self.fragments).field("frame_remaining", &self.frame_remaining);
        to.field("starts_message", &self.starts_message).field("ends_message", &self.ends_message)
    }
}

/// Three cache lines, of which a message that comes whole touches the first.
#[derive(Clone)]
#[repr(C)]
pub(crate) struct Machine {
    /// The bytes taken so far.
    position: u64,
    /// The bytes of the current payload still to come.
    remaining: u64,
    /// The offset of the first byte of the current frame's header.
    frame_start: u64,
    sequence: Sequence,
    /// As it falls on the next byte of payload; unused when frames come unmasked.
    key: MaskKey,
    /// The mask bit of frames from the peer, which tells the role too.
    mask_bit: u8,
    allowed_rsv: Rsv,
    stage: Stage,
    /// The validator of the open text message; of the reason, inside a Close frame.
    text: Utf8Validator,
    /// What the open message is: the first byte of its first frame.
    open: u8,
    /// Whether messages with RSV1 are inflated, so that what they may inflate to is limited apart.
    inflates: bool,
    /// How many bytes are held.
    filled: u8,
    /// The beginning of a header, or the payload of a control frame.
    held: [u8; MAX_CONTROL],
}

const _: () = assert!(core::mem::offset_of!(Machine, open) == 64);
const _: () = assert!(size_of::<Machine>() <= 192);

impl Machine {
    pub(crate) const fn new(role: Role, config: Config) -> Machine {
        Machine {
            position: 0,
            remaining: 0,
            frame_start: 0,
            sequence: Sequence::new(config.limits),
            key: [0; 4],
            mask_bit: if role.receives_masked() { 0x80 } else { 0 },
            allowed_rsv: config.allowed_rsv,
            stage: if config.limits.max_fragments == 0 { Stage::Boundary } else { Stage::Idle },
            text: Utf8Validator::new(),
            open: Opcode::Binary as u8,
            inflates: false,
            filled: 0,
            held: [0; MAX_CONTROL],
        }
    }

    /// Whether frames from the peer are masked.
    #[inline]
    const fn receives_masked(&self) -> bool {
        self.mask_bit != 0
    }

    #[inline]
    pub(crate) const fn position(&self) -> u64 {
        self.position
    }

    pub(crate) const fn state(&self) -> State {
        match self.stage {
            Stage::Boundary if self.sequence.is_open() => State::InMessage,
            Stage::Idle | Stage::Boundary => State::Idle,
            Stage::Closed => State::Closed,
            Stage::Failed(_) | Stage::Stopped => State::Failed,
            _ => State::InFrame,
        }
    }

    /// Lets messages carry RSV1 from now on. They may be somewhat longer on the wire than the limits say, because what does not
    /// compress becomes longer.
    #[cfg(feature = "deflate")]
    pub(crate) fn expect_compressed(&mut self) {
        self.allowed_rsv = self.allowed_rsv | Rsv::RSV1;
        self.inflates = true;
    }

    const fn kind(&self) -> MessageKind {
        if self.open & 0x0f == Opcode::Text as u8 { MessageKind::Text } else { MessageKind::Binary }
    }

    const fn rsv(&self) -> Rsv {
        Rsv::from_first_byte(self.open)
    }

    /// The bytes that are held: the payload of the last control frame, or the beginning of a header.
    pub(crate) fn held(&self) -> &[u8] {
        self.held.get(..self.filled.into()).unwrap_or_default()
    }

    /// The control frame that [`Next::Control`] announced.
    pub(crate) fn control(&self, kind: ControlKind) -> Option<Control<'_>> {
        match kind {
            ControlKind::Ping => Some(Control::Ping(self.held())),
            ControlKind::Pong => Some(Control::Pong(self.held())),
            ControlKind::Close => {
                debug_assert!(self.stage == Stage::Closed, "a Close frame was announced");
                self.received_close().map(Control::Close)
            }
        }
    }

    /// The Close frame, if one was received.
    #[allow(unsafe_code, reason = "the reason was validated while it was received")]
    pub(crate) fn received_close(&self) -> Option<CloseFrame<'_>> {
        // SAFETY: the stage is `Closed` only after `control_payload` has held the whole body of a Close frame and
        // `check_close` has accepted its code and its reason; nothing is held after that. A body of one byte is refused with
        // its header.
        (self.stage == Stage::Closed).then(|| unsafe { CloseFrame::from_checked_body(self.held()) })
    }

    /// The violation, after one.
    pub(crate) const fn error(&self) -> Option<DecodeError> {
        match self.stage {
            Stage::Failed(violation) => Some(DecodeError::new(violation, self.position.saturating_sub(1))),
            _ => None,
        }
    }

    /// From now on, what comes is discarded. After a Close frame or a violation it already is.
    pub(crate) const fn stop(&mut self) {
        if !matches!(self.stage, Stage::Closed | Stage::Failed(_)) {
            self.stage = Stage::Stopped;
        }
    }

    /// Whether part of a message or of a frame has come, and not its end.
    pub(crate) const fn is_unfinished(&self) -> bool {
        self.sequence.is_open() || matches!(self.state(), State::InFrame)
    }

    /// The offset of the first byte of the current or last frame's header.
    pub(crate) const fn frame_start(&self) -> u64 {
        self.frame_start
    }

    /// The most payload that the open message can have, in bytes: what its frames declared, once the last is known.
    #[cfg(feature = "alloc")]
    pub(crate) fn most_message_len(&self) -> u64 {
        if self.stage == Stage::LastFrame { self.sequence.message_len() } else { self.sequence.max_message_len() }
    }

    /// The limit on the payload of a message, in bytes.
    #[cfg(all(feature = "deflate", feature = "alloc"))]
    pub(crate) const fn max_message_len(&self) -> u64 {
        self.sequence.max_message_len()
    }

    /// Whether the last frame of the open message has begun.
    #[cfg(feature = "bytes")]
    pub(crate) fn is_last_frame(&self) -> bool {
        self.stage == Stage::LastFrame
    }

    /// Takes a message in one frame off the front of `input`, if all of it is there and no message is open: its payload,
    /// unmasked and validated in place. Everything else, violations included, is left to [`Machine::step`].
    #[inline(always)]
    pub(crate) fn take_whole_message<'b>(
        &mut self,
        input: &mut &'b mut [u8],
    ) -> Option<Result<(&'b mut [u8], Taken), DecodeError>> {
        let message = self.whole_message(input)?;
        let (header_len, len) = (message.header_len, message.len);
        // Neither can fail, since the message was seen there. A branch that is never taken costs less than a bound.
        let (_, rest) = mem::take(input).split_at_mut_checked(header_len)?;
        let (payload, rest) = rest.split_at_mut_checked(len)?;
        let taken = match self.unmask_whole(message, payload) {
            Ok(taken) => taken,
            Err(error) => return Some(Err(error)),
        };
        *input = rest;
        Some(Ok((payload, taken)))
    }

    /// The message that [`Machine::take_whole_message`] takes.
    #[inline(always)]
    fn whole_message(&self, input: &[u8]) -> Option<WholeMessage> {
        if self.stage != Stage::Idle {
            return None;
        }
        let (&[first, second], rest) = input.split_first_chunk()?;
        let plain = first & !self.allowed_rsv.bits();
        if plain != FIN_TEXT && plain != FIN_BINARY {
            return None;
        }
        let kind = if plain == FIN_TEXT { MessageKind::Text } else { MessageKind::Binary };
        // Without the mask bit that must be there; a wrong one makes it larger than any length.
        let (len, rest) = match second ^ self.mask_bit {
            len @ 0..126 => (u64::from(len), rest),
            126 => {
                let (len, rest) = rest.split_first_chunk()?;
                (Some(u16::from_be_bytes(*len).into()).filter(|len| *len >= 126)?, rest)
            }
            127 => {
                let (len, rest) = rest.split_first_chunk()?;
                (Some(u64::from_be_bytes(*len)).filter(|len| *len >= 0x1_0000)?, rest)
            }
            _ => return None,
        };
        let (key, rest) = match self.receives_masked() {
            true => rest.split_first_chunk().map(|(key, rest)| (Some(*key), rest))?,
            false => (None, rest),
        };
        if len > rest.len() as u64 || !self.sequence.admits_whole(len) {
            return None;
        }
        let rsv = Rsv::from_first_byte(first);
        Some(WholeMessage { kind, rsv, key, header_len: input.len() - rest.len(), len: len as usize })
    }

    /// Unmasks and validates the payload of a message in one frame.
    #[inline(always)]
    fn unmask_whole(&mut self, message: WholeMessage, payload: &mut [u8]) -> Result<Taken, DecodeError> {
        let WholeMessage { kind, rsv, key, header_len, len } = message;
        let offset = self.position;
        let is_text = is_checked_text(kind, rsv);
        // Few bytes are done here, and need a validator only if they are not ASCII.
        let (is_done, key) = match key {
            Some(key) if !is_text || len <= xor::SHORT => (xor::in_place(payload, key) || !is_text, None),
            None if !is_text || len <= xor::SHORT => (!is_text || xor::is_ascii(payload), None),
            key => (false, key),
        };
        if !is_done {
            self.pass_whole_text(key, payload, header_len)?;
        }
        self.position = offset + (header_len + len) as u64;
        Ok(Taken {
            offset,
            frame_remaining: 0,
            fragments: 1,
            kind,
            rsv,
            starts_message: true,
            ends_message: true,
            #[cfg(feature = "deflate")]
            end: self.position,
        })
    }

    /// A pass over the payload of a text message in one frame, at whose header the machine is.
    #[inline(never)]
    fn pass_whole_text(
        &mut self,
        key: Option<MaskKey>,
        payload: &mut [u8],
        header_len: usize,
    ) -> Result<(), DecodeError> {
        let mut text = Utf8Validator::new();
        let start = self.position + header_len as u64;
        if let Err(error) = text_in_place(key, &mut text, payload) {
            self.position = start;
            return Err(self.fail_pass(error));
        }
        if !text.is_complete() {
            return Err(self.fail(Violation::TextNotUtf8, start + payload.len() as u64 - 1));
        }
        Ok(())
    }

    /// [`Machine::step_observed`], for those who do not want to see headers.
    #[cfg(feature = "alloc")]
    #[inline]
    pub(crate) fn step(&mut self, input: &[u8]) -> Result<(usize, Next<'_>), DecodeError> {
        self.step_observed(input, |_| {})
    }

    /// Takes everything but the payload of data frames off the front of `input`, up to what comes next; returns how many
    /// bytes that was. Each header is passed to `observe` as soon as it is accepted.
    #[inline]
    pub(crate) fn step_observed(
        &mut self,
        input: &[u8],
        observe: impl FnOnce(&Header),
    ) -> Result<(usize, Next<'_>), DecodeError> {
        match self.stage {
            // Most cuts are here.
            Stage::Fragment | Stage::LastFrame if !input.is_empty() => {
                let len = self.next_len(input);
                Ok((0, Next::Payload(Payload { machine: self, len, starts_message: false })))
            }
            _ => self.step_to_payload(input, observe),
        }
    }

    /// [`Machine::step_observed`] from anywhere but inside the payload of a data frame.
    fn step_to_payload(
        &mut self,
        input: &[u8],
        observe: impl FnOnce(&Header),
    ) -> Result<(usize, Next<'_>), DecodeError> {
        match self.stage {
            Stage::Failed(violation) => return Err(DecodeError::new(violation, self.position.saturating_sub(1))),
            Stage::Closed | Stage::Stopped => return Ok((input.len(), Next::Nothing)),
            _ if input.is_empty() => return Ok((0, Next::Nothing)),
            _ => {}
        }
        let mut taken = 0;
        if matches!(self.stage, Stage::Idle | Stage::Boundary | Stage::Header) {
            match self.header(input, observe)? {
                Some(header_len) => taken = header_len,
                None => return Ok((input.len(), Next::Nothing)),
            }
        }
        let input = input.get(taken..).unwrap_or_default();
        match self.stage {
            Stage::Close => self.control_payload(input, taken, ControlKind::Close),
            Stage::Ping => self.control_payload(input, taken, ControlKind::Ping),
            Stage::Pong => self.control_payload(input, taken, ControlKind::Pong),
            _ => {
                let (len, starts_message) = (self.next_len(input), self.sequence.fragments() == 1);
                Ok((taken, Next::Payload(Payload { machine: self, len, starts_message })))
            }
        }
    }

    /// From now on, everything fails with this.
    #[cold]
    pub(crate) fn fail(&mut self, violation: Violation, offset: u64) -> DecodeError {
        self.stage = Stage::Failed(violation);
        self.position = offset + 1;
        DecodeError::new(violation, offset)
    }

    /// From now on, everything fails because of a pass over the payload that begins at `position`.
    #[cold]
    fn fail_pass(&mut self, error: PassError) -> DecodeError {
        match error {
            PassError::NotUtf8(index) => self.fail(Violation::TextNotUtf8, self.position + index as u64),
            #[cfg(feature = "alloc")]
            PassError::NoRoom => self.fail(Violation::MessageTooLong, self.position.saturating_sub(1)),
        }
    }

    /// Takes the header at the front of `input`, or the rest of it, and returns how many bytes that was; `None` if it is
    /// not complete, and all of `input` is held.
    fn header(&mut self, input: &[u8], observe: impl FnOnce(&Header)) -> Result<Option<usize>, DecodeError> {
        if self.stage != Stage::Header {
            self.frame_start = self.position;
            self.filled = 0;
        }
        let held = usize::from(self.filled);
        let parsed = if held == 0 {
            self.parse(input)
        } else {
            self.hold(input, Header::MAX_LEN);
            self.parse(self.held())
        };
        match parsed {
            Err(error) => Err(self.fail(error.violation(), self.frame_start + error.index() as u64)),
            Ok(Some((header, len))) => {
                observe(&header);
                self.begin(header);
                self.position = self.frame_start + len as u64;
                Ok(Some(len - held))
            }
            Ok(None) => {
                if held == 0 {
                    self.hold(input, Header::MAX_LEN);
                }
                self.stage = Stage::Header;
                self.position += input.len() as u64;
                Ok(None)
            }
        }
    }

    #[inline]
    fn parse(&self, bytes: &[u8]) -> Result<Option<(Header, usize)>, HeaderError> {
        let is_compressed = |opcode| {
            let first = if opcode == Opcode::Continuation { self.open } else { bytes.first().copied().unwrap_or(0) };
            self.inflates && Rsv::from_first_byte(first).contains(Rsv::RSV1)
        };
        Header::parse_checked(
            bytes,
            if self.receives_masked() { Role::Server } else { Role::Client },
            self.allowed_rsv,
            |opcode| self.sequence.check_order(opcode),
            |opcode, len| self.sequence.check_len(opcode, len, is_compressed(opcode)),
        )
    }

    /// The header is complete: its payload comes next.
    fn begin(&mut self, header: Header) {
        self.remaining = header.payload_len();
        self.key = header.mask_key().unwrap_or_default();
        self.filled = 0;
        let (kind, data_stage) = match header.opcode() {
            Opcode::Close => {
                // An open message will never end, so its validator is free for the reason.
                self.text = Utf8Validator::new();
                self.stage = Stage::Close;
                return;
            }
            Opcode::Ping => return self.stage = Stage::Ping,
            Opcode::Pong => return self.stage = Stage::Pong,
            Opcode::Text => (Some(MessageKind::Text), header.fin()),
            Opcode::Binary => (Some(MessageKind::Binary), header.fin()),
            Opcode::Continuation => (None, header.fin()),
        };
        if let Some(kind) = kind {
            self.open = kind.opcode() as u8 | header.rsv().bits();
        }
        self.stage = if data_stage { Stage::LastFrame } else { Stage::Fragment };
        self.sequence.begin_frame(header.payload_len());
    }

    /// Takes the payload of a control frame, or a piece of it. `taken` bytes of header came before it in this call.
    fn control_payload(
        &mut self,
        input: &[u8],
        taken: usize,
        kind: ControlKind,
    ) -> Result<(usize, Next<'_>), DecodeError> {
        let held = usize::from(self.filled);
        let len = self.next_len(input);
        if let (Some(piece), Some(room)) = (input.get(..len), self.held.get_mut(held..held + len)) {
            xor::copy(piece, room, self.key);
            self.filled += len as u8;
        }
        self.advance(len);
        if kind == ControlKind::Close {
            self.check_close(held)?;
        }
        if self.remaining != 0 {
            return Ok((taken + len, Next::Nothing));
        }
        self.stage = if kind == ControlKind::Close { Stage::Closed } else { self.between_frames() };
        Ok((taken + len, Next::Control(kind)))
    }

    /// Checks what came of a Close frame's payload after its first `before` bytes.
    fn check_close(&mut self, before: usize) -> Result<(), DecodeError> {
        // Not `held()`: the validator is borrowed beside it.
        let body = self.held.get(..self.filled.into()).unwrap_or_default();
        let body_start = self.position - u64::from(self.filled);
        if let Some(code) = body.first_chunk()
            && before < 2
            && let Err(violation) = received_code(*code)
        {
            return Err(self.fail(violation, body_start + 1));
        }
        let reason_from = before.max(2);
        if let Err(error) = self.text.update(body.get(reason_from..).unwrap_or_default()) {
            return Err(self.fail(Violation::CloseReasonNotUtf8, body_start + (reason_from + error.index()) as u64));
        }
        if self.remaining == 0 && !self.text.is_complete() {
            return Err(self.fail(Violation::CloseReasonNotUtf8, self.position - 1));
        }
        Ok(())
    }

    /// The stage after a frame.
    fn between_frames(&self) -> Stage {
        // Whether text or binary makes no difference to the order.
        if self.sequence.check_order(Opcode::Binary).is_ok() { Stage::Idle } else { Stage::Boundary }
    }

    /// How much of `input` belongs to the current payload, in bytes.
    fn next_len(&self, input: &[u8]) -> usize {
        self.remaining.min(input.len() as u64) as usize
    }

    /// `len` bytes of the current payload were taken.
    fn advance(&mut self, len: usize) {
        self.position += len as u64;
        self.remaining -= len as u64;
        self.key = xor::advance(self.key, len);
    }

    /// Holds the front of `bytes`, until `most` bytes are held.
    fn hold(&mut self, bytes: &[u8], most: usize) {
        let room = self.held.iter_mut().take(most).skip(self.filled.into());
        for (to, from) in room.zip(bytes) {
            *to = *from;
            self.filled += 1;
        }
    }
}

impl Payload<'_> {
    /// The most payload that the open message can have, in bytes.
    #[cfg(feature = "alloc")]
    pub(crate) fn most_message_len(&self) -> u64 {
        self.machine.most_message_len()
    }

    /// Whether the message carries RSV1.
    #[cfg(all(feature = "deflate", feature = "alloc"))]
    pub(crate) fn has_rsv1(&self) -> bool {
        self.machine.rsv().contains(Rsv::RSV1)
    }

    /// Whether this is all of the payload of a message in one frame.
    #[cfg(feature = "alloc")]
    pub(crate) fn is_whole_message(&self) -> bool {
        let is_last = self.machine.stage == Stage::LastFrame && self.machine.remaining == self.len as u64;
        self.starts_message && is_last
    }

    /// Takes the payload; `unmask` is given the pass to make over it.
    #[inline]
    pub(crate) fn take(self, unmask: impl FnOnce(Pass<'_>) -> Result<(), PassError>) -> Result<Taken, DecodeError> {
        let Payload { machine, len, starts_message } = self;
        let key = machine.receives_masked().then_some(machine.key);
        let (kind, rsv) = (machine.kind(), machine.rsv());
        let is_text = is_checked_text(kind, rsv);
        if let Err(error) = unmask(Pass { key, text: is_text.then_some(&mut machine.text) }) {
            return Err(machine.fail_pass(error));
        }
        machine.advance(len);
        let taken = Taken {
            offset: machine.frame_start,
            frame_remaining: machine.remaining,
            fragments: machine.sequence.fragments(),
            kind,
            rsv,
            starts_message,
            ends_message: machine.remaining == 0 && machine.stage == Stage::LastFrame,
            #[cfg(feature = "deflate")]
            end: machine.position,
        };
        if taken.ends_message {
            if is_text && !machine.text.is_complete() {
                return Err(machine.fail(Violation::TextNotUtf8, machine.position - 1));
            }
            machine.sequence.end_message();
        }
        if machine.remaining == 0 {
            machine.stage = machine.between_frames();
        }
        Ok(taken)
    }
}

/// The first `at` bytes, and the rest. `at` is at most the length, which the linker need not be able to see.
#[inline(always)]
pub(crate) fn split(bytes: &mut [u8], at: usize) -> (&mut [u8], &mut [u8]) {
    debug_assert!(at <= bytes.len());
    bytes.split_at_mut(at.min(bytes.len()))
}
