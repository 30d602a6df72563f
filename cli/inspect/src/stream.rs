//! One direction of a connection: heads, frames, and what stands where they should be.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::mem;
use core::time::Duration;

use wsframe::deflate::Agreement;
use wsframe::{
    Assembler, CloseCode, Config, DecodeError, Header, MessageEvent, MessageKind, Opcode, Role, Rsv, State, Violation,
};

use crate::body::Body;
use crate::dump::{ROW, Recent};
use crate::frames::Frames;
use crate::head::{self, Asked, Finder, Front, Head, Kind, MAX_HEAD, Offer, WIDEST};
use crate::hint::{self, Place};
use crate::record::{Broken, Frame, HeadRecord, Payload, Record};
use crate::stats::Stats;
use crate::value::{Text, Value};

/// The beginning of the frames that is kept for a hint, in bytes.
const BEGINNING: usize = 16 * 1024;

/// The most requests that wait for an answer.
const MAX_REQUESTS: usize = 1024;

/// So many frames at the beginning of a stream may be chance.
const FEW: usize = 3;

/// Adds an engine to an assembler: `None` if the caller has none.
pub type Inflate = fn(Assembler, Agreement, Role) -> Assembler;

/// The engine of the crate.
#[cfg(feature = "zlib-rs")]
pub fn zlib(assembler: Assembler, agreed: Agreement, role: Role) -> Assembler {
    assembler.with_inflater(wsframe::deflate::Inflater::zlib(agreed, role))
}

/// What the end with this role accepts, with the limits that are given. That of frames is that of messages too, if none is given.
pub fn config(role: Role, max_frame: Option<u64>, max_message: Option<u64>, max_fragments: Option<u32>) -> Config {
    let mut config = Config::preset(role);
    if let Some(bytes) = max_frame {
        config = config.with_max_frame_len(bytes);
    }
    if let Some(bytes) = max_message.or(max_frame) {
        config = config.with_max_message_len(bytes);
    }
    if let Some(frames) = max_fragments {
        config = config.with_max_fragments(frames);
    }
    config
}

/// What to say of a stream.
#[derive(Clone, Debug)]
pub struct Options {
    /// The header of each frame before its event.
    pub frames: bool,
    /// Counts at the end.
    pub stats: bool,
    /// The bytes around a violation.
    pub dump: bool,
    /// It is said once the bytes behind it are there that are shown.
    pub waits: bool,
    /// Compressed messages are inflated though no head names permessage-deflate.
    pub deflate: Option<Agreement>,
    /// What inflates.
    pub inflate: Option<Inflate>,
}

/// How a stream ended.
#[derive(Debug, Default)]
pub struct Ending {
    /// It broke the protocol.
    pub is_violation: bool,
    /// It could not be used, and why: a line that follows the name of the input.
    pub unusable: Option<String>,
    /// It stops where it should not: a line.
    pub warning: Option<&'static str>,
}

/// One direction of a connection.
#[derive(Debug)]
pub struct Stream {
    options: Options,
    role: Role,
    config: Config,
    phase: Phase,
    /// Bytes of the front that do not tell yet what stands there.
    held: Vec<u8>,
    finder: Finder,
    /// Of the next byte that is looked at.
    offset: u64,
    handshake: Handshake,
    /// The last request or answer.
    head: Option<HeadFacts>,
    /// The first head of this direction, if one came.
    first_head: Option<Kind>,
    /// Whether a head asked for a WebSocket or opened one.
    is_upgraded: bool,
    has_frames: bool,
    /// Whether the last answer says where its body ends.
    has_body_len: bool,
    frames: Frames,
    assembler: Assembler,
    /// The offset where the assembler began.
    start: u64,
    recent: Recent,
    /// The beginning of the frames.
    beginning: Vec<u8>,
    /// Where the first few frames began.
    starts: Vec<u64>,
    text: Text,
    stats: Stats,
    /// Bytes behind the heads that were decoded.
    decoded: u64,
    broken: Option<Pending>,
    /// The rule that was broken.
    violation: Option<Violation>,
    /// The last Close frame: its code.
    close: Option<Option<u16>>,
    unusable: Option<String>,
}

#[derive(Debug)]
enum Phase {
    /// A head may stand here.
    Front(Before),
    Body {
        body: Body,
        start: u64,
    },
    /// A request is done, and what follows it depends on the answer.
    Waiting,
    Frames,
    /// A violation was found, and what is said of it depends on the bytes behind it.
    Failed,
    /// What comes is counted.
    Over(Over),
}

/// What came before a place where a head may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Nothing,
    Request,
    Response,
    Close,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    /// Behind a Close frame that ended at this offset.
    Closed {
        at: u64,
    },
    Failed,
    Unusable,
    Gap,
}

/// What both directions know of the opening handshake.
#[derive(Debug, Default)]
struct Handshake {
    /// The other direction will tell the answers to the requests of this one.
    waits: bool,
    /// Nothing behind an answer is decoded until it is taken.
    pauses: bool,
    /// From the client: requests that were not taken. From the server: those that are not answered yet.
    requests: VecDeque<Request>,
    /// From the server: answers that were not taken. From the client: those that belong to later requests.
    answers: VecDeque<Answer>,
    /// How many requests of this direction have no answer.
    unanswered: u64,
    /// What the answer to the last request agreed to, if it is known.
    agreed: Option<Option<Agreement>>,
}

/// What a request says that its answer depends on.
#[derive(Clone, Debug)]
pub struct Request {
    offer: Offer,
    asked: Asked,
}

/// What an answer says that the frames behind a request depend on: what was agreed to, if it opens a WebSocket.
#[derive(Clone, Copy, Debug)]
pub struct Answer(Option<Option<Agreement>>);

/// What matters of a head later.
#[derive(Debug)]
struct HeadFacts {
    extensions: Vec<String>,
    deflate: Option<Agreement>,
}

/// A violation of which not all is known.
#[derive(Debug)]
struct Pending {
    error: DecodeError,
    offset: u64,
    /// Said once the stream has got so far.
    said_at: u64,
    is_said: bool,
    /// What the hint is told by, from this offset on.
    window: Vec<u8>,
    window_start: u64,
}

impl Handshake {
    /// Matches answers to requests.
    fn settle(&mut self) {
        while self.unanswered > 0
            && let Some(Answer(answer)) = self.answers.pop_front()
        {
            self.unanswered -= 1;
            self.agreed = Some(answer.flatten()).filter(|_| self.unanswered == 0);
        }
    }
}

/// Where records go; an error ends the run.
pub type Sink<'s, E> = &'s mut dyn FnMut(&Record<'_>) -> Result<(), E>;

impl Stream {
    /// What the end with this role received.
    pub fn new(role: Role, config: Config, options: Options) -> Stream {
        Stream {
            options,
            role,
            config,
            phase: Phase::Front(Before::Nothing),
            held: Vec::new(),
            finder: Finder::default(),
            offset: 0,
            handshake: Handshake::default(),
            head: None,
            first_head: None,
            is_upgraded: false,
            has_frames: false,
            has_body_len: false,
            frames: Frames::new(role, Rsv::NONE, 0),
            assembler: Assembler::with_config(role, config),
            start: 0,
            recent: Recent::default(),
            beginning: Vec::new(),
            starts: Vec::new(),
            text: Text::default(),
            stats: Stats::default(),
            decoded: 0,
            broken: None,
            violation: None,
            close: None,
            unusable: None,
        }
    }

    /// The answers to the requests of this direction will be told: until then, nothing behind a request is decoded.
    pub fn wait_for_answers(&mut self) {
        self.handshake.waits = true;
    }

    /// Nothing behind an answer of this direction is decoded until it is [taken](Stream::take_answers) and more is pushed.
    pub fn pause_at_answers(&mut self) {
        self.handshake.pauses = true;
    }

    /// The requests of this direction, each once.
    pub fn take_requests(&mut self) -> impl Iterator<Item = Request> + use<> {
        mem::take(&mut self.handshake.requests).into_iter()
    }

    /// Further requests, which this direction answers.
    pub fn add_requests(&mut self, requests: impl IntoIterator<Item = Request>) {
        self.handshake.requests.extend(requests);
    }

    /// The final answers of this direction, each once.
    pub fn take_answers(&mut self) -> impl ExactSizeIterator<Item = Answer> + use<> {
        mem::take(&mut self.handshake.answers).into_iter()
    }

    /// Further answers to the requests of this direction, in their order. Bytes that waited for them are decoded.
    ///
    /// # Errors
    /// Those of `sink`.
    pub fn add_answers<E>(&mut self, answers: impl IntoIterator<Item = Answer>, sink: Sink<'_, E>) -> Result<(), E> {
        self.handshake.answers.extend(answers);
        self.handshake.settle();
        self.push(&mut [], sink)
    }

    /// How many bytes were looked at, and how many are held because they do not tell yet what they are.
    pub fn offset(&self) -> u64 {
        self.offset + self.held.len() as u64
    }

    /// Whether a head asked for a WebSocket, or opened one.
    pub fn is_upgraded(&self) -> bool {
        self.is_upgraded
    }

    /// Whether it has a head.
    pub fn has_head(&self) -> bool {
        self.first_head.is_some()
    }

    /// What its first head is.
    pub fn first_head(&self) -> Option<Kind> {
        self.first_head
    }

    /// What its last head offers or agrees to.
    pub fn deflate(&self) -> Option<Agreement> {
        self.head.as_ref().and_then(|head| head.deflate)
    }

    /// Whether there is nothing more to decode.
    fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over(_) | Phase::Failed)
    }

    /// How many messages were whole.
    pub fn messages(&self) -> u64 {
        self.stats.messages()
    }

    /// Whether frames, or what stands in their place, were looked at.
    pub fn has_frames(&self) -> bool {
        self.has_frames
    }

    /// How the stream ended, in a few words.
    pub fn ended(&self) -> String {
        match (self.violation, self.close, self.state()) {
            (Some(violation), ..) => format!("violation {}", violation.name()),
            (_, _, "gap") => "gap in the capture".into(),
            (_, _, "in_frame" | "in_message" | "in_head" | "in_body") => "cut".into(),
            (None, Some(None), "closed") => "Close without a code".into(),
            (None, Some(Some(code)), "closed") => {
                format!("Close {code} {}", CloseCode::new(code).map_or("", CloseCode::name))
            }
            _ if self.is_upgraded || self.has_frames => "no Close".into(),
            _ => String::new(),
        }
    }

    /// How the stream stands, in a word.
    pub fn state(&self) -> &'static str {
        match &self.phase {
            Phase::Over(Over::Closed { .. }) | Phase::Front(Before::Close) => "closed",
            Phase::Over(Over::Failed) | Phase::Failed => "failed",
            Phase::Over(Over::Unusable) => "unusable",
            Phase::Over(Over::Gap) => "gap",
            Phase::Body { .. } => "in_body",
            Phase::Front(_) if !self.held.is_empty() => "in_head",
            Phase::Front(_) | Phase::Waiting => "idle",
            Phase::Frames => match self.assembler.state() {
                State::Idle => "idle",
                State::InMessage => "in_message",
                State::InFrame => "in_frame",
                State::Closed => "closed",
                State::Failed => "failed",
                _ => "unknown",
            },
        }
    }

    /// Takes the next bytes, which are unmasked in place.
    ///
    /// # Errors
    /// Those of `sink`.
    pub fn push<E>(&mut self, bytes: &mut [u8], sink: Sink<'_, E>) -> Result<(), E> {
        if self.held.is_empty() {
            let taken = self.advance(bytes, false, sink)?;
            self.held.extend_from_slice(&bytes[taken..]);
            return Ok(());
        }
        self.held.extend_from_slice(bytes);
        self.advance_held(false, sink)
    }

    fn advance_held<E>(&mut self, is_end: bool, sink: Sink<'_, E>) -> Result<(), E> {
        let mut held = mem::take(&mut self.held);
        let taken = self.advance(&mut held, is_end, sink)?;
        held.drain(..taken);
        self.held = held;
        Ok(())
    }

    /// Takes bytes until it is not clear what stands there; returns how many.
    fn advance<E>(&mut self, bytes: &mut [u8], is_end: bool, sink: Sink<'_, E>) -> Result<usize, E> {
        let mut at = 0;
        loop {
            let rest = &mut bytes[at..];
            if rest.is_empty() {
                return Ok(at);
            }
            let taken = match &mut self.phase {
                Phase::Front(before) => {
                    let before = *before;
                    match self.front(rest, before, is_end, sink)? {
                        Some(taken) => taken,
                        None => return Ok(at),
                    }
                }
                Phase::Waiting => {
                    // Another request may follow one that was refused.
                    let is_request = match Finder::default().front(rest) {
                        Front::Other => false,
                        Front::Partial { is_head: false } => !is_end,
                        Front::Partial { is_head: true } | Front::Head(_) | Front::TooLong => true,
                    };
                    if !is_request && self.handshake.agreed.is_none() && !is_end && rest.len() < MAX_HEAD {
                        return Ok(at);
                    }
                    self.phase = if is_request { Phase::Front(Before::Request) } else { Phase::Frames };
                    if !is_request {
                        self.begin_frames(self.offset);
                    }
                    0
                }
                Phase::Body { body, start } => {
                    let taken = body.take(rest);
                    if body.is_over() {
                        let record = Record::Body { offset: *start, length: body.len() };
                        self.phase = Phase::Front(self.after_head());
                        sink(&record)?;
                    }
                    taken
                }
                Phase::Frames => self.feed(rest, sink)?,
                Phase::Failed => {
                    self.after_violation(rest, sink)?;
                    rest.len()
                }
                Phase::Over(_) => rest.len(),
            };
            at += taken;
            self.offset += taken as u64;
            let is_opened = matches!(self.handshake.answers.back(), Some(Answer(Some(_))));
            if self.handshake.pauses && is_opened && !is_end {
                return Ok(at);
            }
        }
    }

    /// What a place behind a head or a body is.
    fn after_head(&self) -> Before {
        if self.role == Role::Server { Before::Request } else { Before::Response }
    }

    /// Looks for a head at the front of `bytes`. Returns how many bytes it took, or `None` if there are too few to tell.
    fn front<E>(&mut self, bytes: &[u8], before: Before, is_end: bool, sink: Sink<'_, E>) -> Result<Option<usize>, E> {
        match self.finder.front(bytes) {
            Front::Head(len) => {
                self.finder = Finder::default();
                self.take_head(&bytes[..len], sink)?;
                Ok(Some(len))
            }
            Front::Partial { .. } if !is_end => Ok(None),
            Front::Partial { is_head: true } => {
                self.endless_head("before the end of the input");
                Ok(Some(bytes.len()))
            }
            Front::TooLong => {
                self.endless_head("within 64 KiB");
                Ok(Some(bytes.len()))
            }
            Front::Other | Front::Partial { .. } => {
                self.finder = Finder::default();
                match before {
                    Before::Response if !self.has_body_len && !is_end && hint::begins_tls_record(bytes) => {
                        return Ok(None);
                    }
                    Before::Close => self.phase = Phase::Over(Over::Closed { at: self.offset }),
                    Before::Request if self.handshake.waits && self.is_upgraded => self.phase = Phase::Waiting,
                    // Behind a whole answer, or in a tunnel, something else is spoken.
                    Before::Response if self.has_body_len || hint::is_tls_record(bytes) => {
                        self.begin_frames(self.offset)
                    }
                    // An answer that does not say how long its body is: to the end.
                    Before::Response => self.phase = Phase::Body { body: Body::to_close(), start: self.offset },
                    Before::Nothing | Before::Request => self.begin_frames(self.offset),
                }
                Ok(Some(0))
            }
        }
    }

    fn endless_head(&mut self, limit: &str) {
        self.unusable = Some(format!(
            "has an HTTP head at byte {} that does not end {limit}; cut the head off, or capture the whole of it",
            self.offset
        ));
        self.phase = Phase::Over(Over::Unusable);
    }

    fn take_head<E>(&mut self, bytes: &[u8], sink: Sink<'_, E>) -> Result<(), E> {
        let is_final = !matches!(head::status(bytes), Some(100 | 102..200));
        let is_response = bytes.starts_with(b"HTTP/");
        let request = if is_response && is_final { self.handshake.requests.pop_front() } else { None };
        let head = Head::read(bytes, request.as_ref().map(|request| &request.offer));
        let receiver = match head.kind {
            Kind::Request => Role::Server,
            Kind::Response => Role::Client,
            Kind::Proxy => self.role,
        };
        let is_upgrade = head.is_upgrade;
        let asked = request.map(|request| request.asked);
        let body = head.body(asked);
        // What the server answered counts; without its answer, what the client offered.
        let deflate = head.deflate;
        let handshake = &mut self.handshake;
        match head.kind {
            Kind::Request => {
                handshake.requests.push_back(Request { offer: head.offer.clone(), asked: head.asked() });
                // Only another direction takes them.
                handshake.requests.truncate(MAX_REQUESTS);
                handshake.unanswered += 1;
                handshake.agreed = None;
                handshake.settle();
            }
            Kind::Response if is_final => {
                handshake.answers.push_back(Answer(is_upgrade.then_some(deflate)));
                if handshake.answers.len() > MAX_REQUESTS {
                    handshake.answers.pop_front();
                }
            }
            Kind::Response | Kind::Proxy => {}
        }
        let inflated = match (head.kind, handshake.agreed) {
            (Kind::Request, Some(agreed)) => agreed.is_some(),
            (Kind::Request, None) if handshake.waits => false,
            _ => deflate.is_some(),
        };
        sink(&Record::Head(HeadRecord {
            offset: self.offset,
            length: bytes.len() as u64,
            kind: head.kind,
            line: head.line,
            status: head.status,
            extensions: head.extensions.clone(),
            permessage_deflate: inflated,
            problems: head.problems,
            other_role: Some(receiver).filter(|receiver| *receiver != self.role),
        }))?;
        let after = self.offset + bytes.len() as u64;
        if head.kind == Kind::Proxy {
            self.phase = Phase::Front(Before::Nothing);
            return Ok(());
        }
        self.first_head.get_or_insert(head.kind);
        self.has_body_len = !body.is_to_close() && head.status.is_some_and(|status| status >= 200);
        self.head = Some(HeadFacts { extensions: head.extensions, deflate });
        self.is_upgraded |= is_upgrade;
        if head.kind == Kind::Response && !is_upgrade {
            let line = shown_line(bytes);
            self.unusable = Some(format!(
                "has the HTTP response \"{line}\": no WebSocket frames follow it; only 101 opens a connection"
            ));
        } else if is_upgrade {
            self.unusable = None;
        }
        self.phase = match (head.kind, is_upgrade) {
            (Kind::Response, true) => Phase::Frames,
            _ if !body.is_over() && !matches!(head.kind, Kind::Response if body.is_to_close()) => {
                Phase::Body { body, start: after }
            }
            // Behind the answer to a CONNECT, something else is spoken.
            (Kind::Response, false) if asked == Some(Asked::Connect) => Phase::Front(Before::Nothing),
            (Kind::Response, false) => Phase::Front(Before::Response),
            _ => Phase::Front(Before::Request),
        };
        if matches!(self.phase, Phase::Frames) {
            self.begin_frames(after);
        }
        Ok(())
    }

    /// Frames begin at this offset.
    fn begin_frames(&mut self, at: u64) {
        self.has_frames = true;
        let from_head = self.head.as_ref().and_then(|head| head.deflate);
        let told = self.handshake.agreed.filter(|_| self.role == Role::Server);
        // Parameters that are given say more than an offer, or than no head.
        let given = self.options.deflate.filter(|given| *given != WIDEST);
        let agreed = given.or(told.unwrap_or(from_head)).or(self.options.deflate);
        let allowed_rsv = if agreed.is_some() { Rsv::RSV1 } else { Rsv::NONE };
        let assembler = Assembler::with_config(self.role, self.config);
        self.assembler = match agreed.zip(self.options.inflate) {
            Some((agreed, inflate)) => inflate(assembler, agreed, self.role),
            None => assembler,
        };
        self.frames = Frames::new(self.role, allowed_rsv, self.frames.number());
        self.start = at;
        self.recent = Recent::new(at);
        self.beginning.clear();
        self.starts.clear();
        self.text.clear();
        self.phase = Phase::Frames;
    }

    /// Decodes bytes up to a Close frame or a violation; returns how many it took.
    fn feed<E>(&mut self, bytes: &mut [u8], sink: Sink<'_, E>) -> Result<usize, E> {
        let len = bytes.len();
        self.recent.push(bytes);
        let room = BEGINNING.saturating_sub(self.beginning.len());
        self.beginning.extend(bytes.iter().take(room));
        let mut rest = bytes;
        let mut at = self.offset;
        while !rest.is_empty() && !matches!(self.assembler.state(), State::Closed | State::Failed) {
            let step = self.frames.step(rest, at);
            if self.starts.len() <= FEW && self.starts.last() != Some(&self.frames.start()) {
                self.starts.push(self.frames.start());
            }
            if let Some(header) = &step.header {
                self.stats.frame();
                if matches!(header.opcode(), Opcode::Text | Opcode::Binary) {
                    self.text.clear();
                }
            }
            // A header is shown before the event that its last byte may bring.
            let lengths = match step.header.filter(|_| self.options.frames) {
                Some(_) => [step.before, step.after],
                None => [0, step.before + step.after],
            };
            for (len, header) in lengths.into_iter().zip([None, step.header]) {
                let shown = header.filter(|_| self.options.frames && self.assembler.state() != State::Failed);
                if let Some(header) = shown {
                    sink(&Record::Frame(Frame::new(self.frames.start(), &header)))?;
                }
                let (now, after) = rest.split_at_mut(len);
                rest = after;
                at += len as u64;
                self.events(now, sink)?;
            }
            // The text before what comes next.
            let message = self.frames.message();
            let is_open = matches!(self.assembler.state(), State::InMessage | State::InFrame);
            let is_data = self.frames.header().is_some_and(|header| !header.opcode().is_control());
            if is_open && is_data && message.is_text && !message.is_compressed {
                self.text.push(at, &self.frames, &self.recent);
            }
        }
        match self.assembler.state() {
            State::Closed => {
                let taken = (self.start + self.assembler.position() - self.offset) as usize;
                self.decoded += taken as u64;
                self.phase = Phase::Front(Before::Close);
                Ok(taken)
            }
            State::Failed => {
                self.decoded += self.start + self.assembler.position() - self.offset;
                self.phase = Phase::Failed;
                // All of these bytes were pushed already.
                self.settle_violation(false, sink)?;
                Ok(len)
            }
            _ => {
                self.decoded += len as u64;
                Ok(len)
            }
        }
    }

    /// Writes the events of a few bytes.
    fn events<E>(&mut self, mut bytes: &mut [u8], sink: Sink<'_, E>) -> Result<(), E> {
        // What is wrong with a compressed message is found at its byte, however the input was cut, only byte by byte.
        let is_data = self.frames.header().is_some_and(|header| !header.opcode().is_control());
        if bytes.len() > 1 && is_data && self.frames.message().is_compressed {
            return bytes.chunks_mut(1).try_for_each(|byte| self.events(byte, sink));
        }
        // Bytes are fed frame by frame, so a control frame is the current one.
        let (start, frame) = (self.start, self.frames.start());
        // The error of a stream that failed was kept when it failed.
        while self.assembler.state() != State::Failed {
            let event = match self.assembler.decode(&mut bytes) {
                Ok(Some(event)) => event,
                Ok(None) => break,
                Err(error) => {
                    self.violation(error);
                    break;
                }
            };
            sink(&match event {
                MessageEvent::Message(message) => {
                    let length = message.payload().len() as u64;
                    let wire_len = if message.was_compressed() { message.wire_len() } else { length };
                    self.stats.message(message.kind() == MessageKind::Text, length, wire_len, message.fragments());
                    Record::Message {
                        kind: if message.kind() == MessageKind::Text { "text" } else { "binary" },
                        offset: start + message.offset(),
                        length,
                        fragments: message.fragments(),
                        payload: Payload(message.payload()),
                        compressed_length: message.was_compressed().then_some(wire_len),
                        text: message.text(),
                    }
                }
                MessageEvent::Ping(ping) => {
                    self.stats.ping();
                    Record::Ping { offset: frame, payload: Payload(ping) }
                }
                MessageEvent::Pong(pong) => {
                    self.stats.pong();
                    Record::Pong { offset: frame, payload: Payload(pong) }
                }
                MessageEvent::Close(close) => {
                    self.stats.close();
                    let code = close.code().map(u16::from);
                    self.close = Some(code);
                    Record::Close { offset: frame, code, reason: close.reason() }
                }
            })?;
        }
        Ok(())
    }

    /// The stream broke the protocol: what is said of it depends on bytes behind the one that decided.
    fn violation(&mut self, error: DecodeError) {
        let offset = self.start + error.offset();
        let needed = Value::needs(error.violation(), offset, &self.frames, &self.recent);
        let shown = if self.options.dump && self.options.waits { ROW as u64 - 1 } else { 0 };
        // An accident early in the stream may be the end of a chain of them.
        let (window, window_start) = if offset - self.start < self.beginning.len() as u64 {
            (self.beginning.clone(), self.start)
        } else {
            (Vec::new(), self.frames.start().max(self.recent.start()))
        };
        let mut pending =
            Pending { error, offset, said_at: offset + 1 + needed.max(shown), is_said: false, window, window_start };
        let seen = pending.window_start + pending.window.len() as u64;
        pending.extend(self.recent.range(seen, self.recent.end()));
        self.violation = Some(error.violation());
        self.broken = Some(pending);
    }

    /// Takes bytes behind a violation.
    fn after_violation<E>(&mut self, bytes: &[u8], sink: Sink<'_, E>) -> Result<(), E> {
        self.recent.push(bytes);
        if let Some(pending) = &mut self.broken {
            pending.extend(bytes);
        }
        self.settle_violation(false, sink)
    }

    /// Says what is known of a violation.
    fn settle_violation<E>(&mut self, is_end: bool, sink: Sink<'_, E>) -> Result<(), E> {
        let Some(mut pending) = self.broken.take() else { return Ok(()) };
        if !pending.is_said && (is_end || self.recent.end() >= pending.said_at) {
            pending.is_said = true;
            let broken = self.broken_record(&pending);
            sink(&Record::Violation(&broken))?;
        }
        if pending.is_said && (is_end || pending.window.len() >= hint::WINDOW) {
            let place = Place {
                window: pending.window_start,
                frame: self.frames.start().max(pending.window_start),
                violation: pending.offset,
                is_behind_head: self.frames.start() == self.start && self.has_head(),
                may_be_chance: pending.window_start == self.start && !self.has_head() && self.starts.len() <= FEW,
                in_header: self.frames.payload().is_none_or(|(start, _)| pending.offset < start),
                may_be_noise: may_be_noise(pending.error.violation()),
                starts: &self.starts,
                role: self.role,
                allowed_rsv: self.frames.allowed_rsv(),
                is_end: is_end && pending.window.len() < hint::WINDOW,
            };
            self.phase = Phase::Over(Over::Failed);
            if let Some(hint) = hint::look(&pending.window, place) {
                sink(&Record::Hint(hint))?;
            }
            return Ok(());
        }
        self.broken = Some(pending);
        Ok(())
    }

    fn broken_record(&self, pending: &Pending) -> Broken {
        let Pending { error, offset, .. } = pending;
        let violation = error.violation();
        let value = Value::new(violation, *offset, &self.frames, &self.recent, &self.config, &self.text);
        let extensions = self.head.as_ref().map(|head| &head.extensions[..]);
        Broken {
            offset: *offset,
            close_code: error.close_code().get(),
            rule: violation.name(),
            section: violation.section(),
            message: violation.reason(),
            frame: self.frames.number(),
            frame_offset: self.frames.start(),
            remedy: value.remedy(violation, extensions),
            value,
            dump: self.options.dump.then(|| self.recent.dump(*offset, ROW - 1)),
            byte: self.recent.range(*offset, offset + 1).first().copied().unwrap_or_default(),
            mask: self.frames.mask_at(*offset),
            violation,
        }
    }

    /// So many bytes are missing here: nothing behind them can be decoded.
    ///
    /// # Errors
    /// Those of `sink`.
    pub fn gap<E>(&mut self, length: u64, reason: &str, sink: Sink<'_, E>) -> Result<(), E> {
        self.settle(sink)?;
        let offset = self.offset();
        sink(&Record::Gap { offset, length, reason, state: self.state() })?;
        if !self.is_over() {
            self.phase = Phase::Over(Over::Gap);
            self.held.clear();
        }
        Ok(())
    }

    /// Says what waited for more bytes.
    fn settle<E>(&mut self, sink: Sink<'_, E>) -> Result<(), E> {
        if !self.held.is_empty() {
            self.advance_held(true, sink)?;
        }
        self.settle_violation(true, sink)
    }

    /// The stream is over; it was decoded in this time, if that is known.
    ///
    /// # Errors
    /// Those of `sink`.
    pub fn finish<E>(&mut self, time: Option<Duration>, sink: Sink<'_, E>) -> Result<Ending, E> {
        self.settle(sink)?;
        let state = self.state();
        let warning = match (&self.phase, state) {
            (Phase::Frames, "in_frame") => {
                Some("the stream stops inside a frame: it was cut, or the connection was lost (1006)")
            }
            (Phase::Frames, "in_message") => {
                Some("the stream stops inside a message: it was cut, or the connection was lost (1006)")
            }
            _ => None,
        };
        if let Phase::Body { body, start } = &self.phase {
            sink(&Record::Body { offset: *start, length: body.len() })?;
        }
        let after_close = match self.phase {
            Phase::Over(Over::Closed { at }) if self.offset > at => Some(self.offset - at),
            _ => None,
        };
        if self.options.stats {
            self.stats.finish(self.decoded, time);
            sink(&Record::Stats(&self.stats))?;
        }
        sink(&Record::End { offset: self.offset, state, after_close })?;
        Ok(Ending { is_violation: state == "failed", unusable: self.unusable.take(), warning })
    }
}

/// Whether bytes that are no frames may break this rule by chance.
fn may_be_noise(violation: Violation) -> bool {
    matches!(
        violation,
        Violation::ReservedBits
            | Violation::ReservedOpcode
            | Violation::ControlFragmented
            | Violation::ContinuationUnexpected
            | Violation::MaskMissing
            | Violation::MaskUnexpected
            | Violation::ControlTooLong
            | Violation::LengthTopBitSet
            | Violation::LengthNotMinimal
            | Violation::FrameTooLong
            | Violation::TextNotUtf8
    )
}

/// The first line of a head for a message.
fn shown_line(head: &[u8]) -> String {
    const MOST: usize = 80;
    let line = head.split(|byte| matches!(byte, b'\r' | b'\n')).find(|line| !line.is_empty()).unwrap_or_default();
    let text = String::from_utf8_lossy(line);
    let shown: String = text.escape_debug().take(MOST).collect();
    if text.escape_debug().count() > MOST { shown + "..." } else { shown }
}

impl Pending {
    fn extend(&mut self, bytes: &[u8]) {
        let room = hint::WINDOW.saturating_sub(self.window.len());
        self.window.extend(bytes.iter().take(room));
    }
}

/// Whether the bytes begin with a frame that the end with this role may receive, compressed or not.
pub fn is_frame_for(role: Role, bytes: &[u8]) -> bool {
    matches!(Header::parse(bytes, role, Rsv::RSV1), Ok(Some(_)))
}
