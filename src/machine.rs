//! The receiving state machine, blind to where payload lives: it reads headers and control frames, holds to order and
//! limits, counts offsets, and says "the next n bytes are payload of this kind".

use crate::close_frame::received_code;
use crate::config::Config;
use crate::header::{Header, HeaderError, MAX_HEADER};
use crate::mask::{self, MaskKey};
use crate::opcode::{Kind, Opcode, Rsv};
use crate::payload::Pass;
use crate::role::Role;
use crate::sequence::Sequence;
use crate::utf8::Utf8Validator;
use crate::violation::{Error, Violation};

/// The longest payload of a control frame, in bytes (RFC 6455 §5.5).
const MAX_CONTROL: usize = 125;

/// First bytes of messages in one frame.
const FIN_TEXT: u8 = 0x80 | Opcode::Text as u8;
const FIN_BINARY: u8 = 0x80 | Opcode::Binary as u8;

/// Where a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Between two messages.
    Idle,
    /// Between two frames of a message.
    InMessage,
    /// Inside a frame: part of its header or payload has been taken.
    InFrame,
    /// Behind a Close frame: what follows is swallowed.
    Closed,
    /// Behind a violation.
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
    /// Inside the payload of a data frame that its message goes on after.
    Fragment,
    /// Inside the payload of the last frame of a message.
    LastFrame,
    /// Inside the payload of a control frame, whose beginning is held.
    Close,
    Ping,
    Pong,
    /// Behind a Close frame.
    Closed,
    Failed(Violation),
}

/// What stands at the front of the input, behind a header that was taken.
pub(crate) enum Found {
    /// Nothing: all was taken.
    Nothing,
    /// A control frame, whole; its payload is in [`Machine::control`].
    Control(Opcode),
    /// Payload of a data frame, perhaps empty; [`Machine::payload`] must be called next.
    Data(Piece),
}

/// A piece of the payload of a data frame.
pub(crate) struct Piece {
    /// In bytes, all of them in the input.
    pub(crate) len: usize,
    starts_message: bool,
}

/// A message in one frame, all of it in the input.
pub(crate) struct WholeMessage {
    kind: Kind,
    rsv: Rsv,
    key: Option<MaskKey>,
    /// In bytes.
    pub(crate) header_len: usize,
    /// The length of the payload, in bytes.
    pub(crate) len: usize,
}

/// What is known of a piece of payload that was taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    /// The offset of the first byte of the frame's header.
    pub(crate) offset: u64,
    /// The declared bytes of the frame that are still to come.
    pub(crate) remaining: u64,
    /// The frames of the message so far.
    pub(crate) fragments: u32,
    pub(crate) kind: Kind,
    pub(crate) rsv: Rsv,
    pub(crate) starts_message: bool,
    pub(crate) ends_message: bool,
}

impl Part {
    /// Whether the piece is a whole message by itself.
    pub(crate) const fn is_whole(&self) -> bool {
        self.starts_message && self.ends_message
    }

    /// Whether the payload was checked as text.
    pub(crate) const fn is_checked_text(&self) -> bool {
        matches!(self.kind, Kind::Text) && self.rsv.is_empty()
    }
}

/// Three cache lines. What a message that comes whole touches is in the first.
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
    role: Role,
    allowed_rsv: Rsv,
    stage: Stage,
    /// The validator of the open text message; of the reason, inside a Close frame.
    text: Utf8Validator,
    /// What the open message is.
    kind: Kind,
    rsv: Rsv,
    /// How many bytes are held.
    filled: u8,
    /// The beginning of a header, or the payload of a control frame.
    held: [u8; MAX_CONTROL],
}

const _: () = assert!(core::mem::offset_of!(Machine, kind) == 64);
const _: () = assert!(size_of::<Machine>() <= 192);

impl Machine {
    pub(crate) const fn new(role: Role, config: Config) -> Machine {
        Machine {
            position: 0,
            remaining: 0,
            frame_start: 0,
            sequence: Sequence::new(&config),
            key: [0; 4],
            role,
            allowed_rsv: config.allowed_rsv,
            stage: if config.max_fragments == 0 { Stage::Boundary } else { Stage::Idle },
            text: Utf8Validator::new(),
            kind: Kind::Binary,
            rsv: Rsv::NONE,
            filled: 0,
            held: [0; MAX_CONTROL],
        }
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
            Stage::Failed(_) => State::Failed,
            _ => State::InFrame,
        }
    }

    /// The payload of the control frame that was found last.
    pub(crate) fn control(&self) -> &[u8] {
        self.held.get(..self.filled.into()).unwrap_or_default()
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

    /// Whether the last frame of the open message has begun.
    #[cfg(feature = "bytes")]
    pub(crate) fn is_last_frame(&self) -> bool {
        self.stage == Stage::LastFrame
    }

    /// A message in one frame, all of it at the front of `input`, with nothing open before it. Everything else, violations
    /// included, is left to [`Machine::step`].
    #[inline(always)]
    pub(crate) fn whole_message(&self, input: &[u8]) -> Option<WholeMessage> {
        if self.stage != Stage::Idle {
            return None;
        }
        let (&[first, second], rest) = input.split_first_chunk()?;
        let plain = first & !self.allowed_rsv.bits();
        if plain != FIN_TEXT && plain != FIN_BINARY {
            return None;
        }
        let kind = if plain == FIN_TEXT { Kind::Text } else { Kind::Binary };
        let masked = self.role.receives_masked();
        // Without the mask bit that must be there; a wrong one makes it larger than any length.
        let (len, rest) = match second ^ (u8::from(masked) << 7) {
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
        let (key, rest) = match masked {
            true => rest.split_first_chunk().map(|(key, rest)| (Some(*key), rest))?,
            false => (None, rest),
        };
        if len > rest.len() as u64 || !self.sequence.admits_whole(len) {
            return None;
        }
        let rsv = Rsv::from_first_byte(first);
        Some(WholeMessage { kind, rsv, key, header_len: input.len() - rest.len(), len: len as usize })
    }

    /// Takes the message that [`Machine::whole_message`] saw, and unmasks its payload where it lies.
    #[inline(always)]
    pub(crate) fn take_whole_message(&mut self, message: WholeMessage, payload: &mut [u8]) -> Result<Part, Error> {
        let WholeMessage { kind, rsv, key, header_len, len } = message;
        let offset = self.position;
        let mut text = Utf8Validator::new();
        let is_text = kind == Kind::Text && rsv.is_empty();
        let result = Pass { key, text: is_text.then_some(&mut text) }.in_place(payload);
        self.position = offset + (header_len + len) as u64;
        if let Err(index) = result {
            return Err(self.fail(Violation::TextNotUtf8, offset + (header_len + index) as u64));
        }
        if !text.is_complete() {
            return Err(self.fail(Violation::TextNotUtf8, self.position - 1));
        }
        Ok(Part { offset, remaining: 0, fragments: 1, kind, rsv, starts_message: true, ends_message: true })
    }

    /// Takes what is not data payload off the front of `input`: tells how many bytes that were, and what it found.
    #[inline]
    pub(crate) fn step(&mut self, input: &[u8]) -> Result<(usize, Found), Error> {
        match self.stage {
            // Most of what is cut is cut here.
            Stage::Fragment | Stage::LastFrame if !input.is_empty() => {
                Ok((0, Found::Data(Piece { len: self.next_len(input), starts_message: false })))
            }
            _ => self.step_to_payload(input),
        }
    }

    /// [`Machine::step`] from anywhere but inside the payload of a data frame.
    fn step_to_payload(&mut self, input: &[u8]) -> Result<(usize, Found), Error> {
        match self.stage {
            Stage::Failed(violation) => return Err(Error::new(violation, self.position.saturating_sub(1))),
            Stage::Closed => return Ok((input.len(), Found::Nothing)),
            _ if input.is_empty() => return Ok((0, Found::Nothing)),
            _ => {}
        }
        let mut taken = 0;
        if matches!(self.stage, Stage::Idle | Stage::Boundary | Stage::Header) {
            match self.header(input)? {
                Some(header_len) => taken = header_len,
                None => return Ok((input.len(), Found::Nothing)),
            }
        }
        let input = input.get(taken..).unwrap_or_default();
        match self.stage {
            Stage::Close => self.control_payload(input, taken, Opcode::Close),
            Stage::Ping => self.control_payload(input, taken, Opcode::Ping),
            Stage::Pong => self.control_payload(input, taken, Opcode::Pong),
            _ => {
                let starts_message = self.sequence.fragments() == 1;
                Ok((taken, Found::Data(Piece { len: self.next_len(input), starts_message })))
            }
        }
    }

    /// Takes the piece that was found; `unmask` is given the pass to do over it.
    #[inline]
    pub(crate) fn payload(
        &mut self,
        piece: &Piece,
        unmask: impl FnOnce(Pass<'_>) -> Result<(), usize>,
    ) -> Result<Part, Error> {
        let key = self.role.receives_masked().then_some(self.key);
        let is_text = self.kind == Kind::Text && self.rsv.is_empty();
        if let Err(index) = unmask(Pass { key, text: is_text.then_some(&mut self.text) }) {
            return Err(self.fail(Violation::TextNotUtf8, self.position + index as u64));
        }
        self.advance(piece.len);
        let part = Part {
            offset: self.frame_start,
            remaining: self.remaining,
            fragments: self.sequence.fragments(),
            kind: self.kind,
            rsv: self.rsv,
            starts_message: piece.starts_message,
            ends_message: self.remaining == 0 && self.stage == Stage::LastFrame,
        };
        if part.ends_message {
            if is_text && !self.text.is_complete() {
                return Err(self.fail(Violation::TextNotUtf8, self.position - 1));
            }
            self.sequence.end_message();
        }
        if self.remaining == 0 {
            self.stage = self.between_frames();
        }
        Ok(part)
    }

    /// From now on, everything fails with this.
    #[cold]
    pub(crate) fn fail(&mut self, violation: Violation, offset: u64) -> Error {
        self.stage = Stage::Failed(violation);
        self.position = offset + 1;
        Error::new(violation, offset)
    }

    /// Takes the header at the front of `input`, or the rest of it: tells how many bytes that were. `None` when it is
    /// not complete; all of `input` is held then.
    fn header(&mut self, input: &[u8]) -> Result<Option<usize>, Error> {
        if self.stage != Stage::Header {
            self.frame_start = self.position;
            self.filled = 0;
        }
        let held = usize::from(self.filled);
        let parsed = if held == 0 {
            self.parse(input)
        } else {
            self.hold(input, MAX_HEADER);
            self.parse(self.control())
        };
        match parsed {
            Err(error) => Err(self.fail(error.violation(), self.frame_start + error.index() as u64)),
            Ok(Some((header, len))) => {
                self.begin(header);
                self.position = self.frame_start + len as u64;
                Ok(Some(len - held))
            }
            Ok(None) => {
                if held == 0 {
                    self.hold(input, MAX_HEADER);
                }
                self.stage = Stage::Header;
                self.position += input.len() as u64;
                Ok(None)
            }
        }
    }

    #[inline]
    fn parse(&self, bytes: &[u8]) -> Result<Option<(Header, usize)>, HeaderError> {
        Header::parse_checked(
            bytes,
            self.role,
            self.allowed_rsv,
            |opcode| self.sequence.check_order(opcode),
            |opcode, len| self.sequence.check_len(opcode, len),
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
            Opcode::Text => (Some(Kind::Text), header.fin()),
            Opcode::Binary => (Some(Kind::Binary), header.fin()),
            Opcode::Continuation => (None, header.fin()),
        };
        if let Some(kind) = kind {
            self.kind = kind;
            self.rsv = header.rsv();
        }
        self.stage = if data_stage { Stage::LastFrame } else { Stage::Fragment };
        self.sequence.begin_frame(header.payload_len());
    }

    /// Takes the payload of a control frame, or a piece of it, behind a header of `taken` bytes.
    fn control_payload(&mut self, input: &[u8], taken: usize, opcode: Opcode) -> Result<(usize, Found), Error> {
        let held = usize::from(self.filled);
        let len = self.next_len(input);
        self.hold(input.get(..len).unwrap_or_default(), MAX_CONTROL);
        if let Some(piece) = self.held.get_mut(held..held + len) {
            mask::xor(piece, self.key);
        }
        self.advance(len);
        if opcode == Opcode::Close {
            self.check_close(held)?;
        }
        if self.remaining != 0 {
            return Ok((taken + len, Found::Nothing));
        }
        self.stage = if opcode == Opcode::Close { Stage::Closed } else { self.between_frames() };
        Ok((taken + len, Found::Control(opcode)))
    }

    /// Checks what came of a Close frame's payload after its first `before` bytes.
    fn check_close(&mut self, before: usize) -> Result<(), Error> {
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

    /// The stage behind a frame.
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
        self.key = mask::advance(self.key, len);
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
