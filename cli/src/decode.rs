//! `wsframe decode`: captured streams to records.

use std::io::{self, BufWriter, Read, Write};
use std::time::Instant;

use wsframe::deflate::{Agreement, Direction, Inflater, WindowBits};
use wsframe::{Assembler, DecodeError, MessageEvent, MessageKind, Role, Rsv, State};

use crate::args::DecodeArgs;
use crate::dump::Recent;
use crate::frames::Frames;
use crate::input::{Head, Input, READ};
use crate::progress::Progress;
use crate::record::{Broken, Format, Frame, Output, Payload, Record};
use crate::stats::Stats;
use crate::terminal::Terminal;
use crate::{Failure, Outcome, Process};

/// The most that `--chunk` feeds at once, in bytes.
const MAX_CHUNK: usize = 1024 * 1024;

pub(crate) fn run(args: &DecodeArgs, process: &mut Process<'_>) -> Result<Outcome, Failure> {
    let format = if args.json { Format::Json } else { Format::Lines { terminal: Terminal::stdout(), full: args.full } };
    let mut out = Output::new(BufWriter::new(&mut *process.stdout), format);
    let result = decode_all(args, &mut process.stdin, &mut out, process.stderr);
    // What was decoded before a failure is not lost with it.
    let flushed = out.flush();
    let outcome = result?;
    flushed?;
    Ok(outcome)
}

fn decode_all(
    args: &DecodeArgs,
    stdin: &mut Option<Box<dyn Read>>,
    out: &mut Output<impl Write>,
    err: &mut dyn Write,
) -> Result<Outcome, Failure> {
    let mut inputs = Vec::new();
    for (path, role) in args.streams() {
        let mut input = Input::open(path, args.hex, stdin)?;
        let head = input.take_head()?;
        inputs.push((input, head, role));
    }
    // What the server answered counts; without its answer, what the client offered.
    let heads: Vec<&Head> = inputs.iter().filter_map(|(_, head, _)| head.as_ref()).collect();
    let compressed = heads.iter().find(|head| head.is_response).or(heads.first()).is_some_and(|head| head.deflate);

    let two = inputs.len() == 2;
    let mut outcome = Outcome::Good;
    for (input, head, role) in inputs {
        if two {
            out.begin_direction(if role == Role::Server { "client" } else { "server" })?;
        }
        let mut stream = Stream::new(args, role, head.as_ref(), compressed);
        if let Outcome::Violation = stream.decode(input, out, err)? {
            outcome = Outcome::Violation;
        }
    }
    Ok(outcome)
}

/// The frames of one direction.
struct Stream {
    assembler: Assembler,
    frames: Frames,
    recent: Recent,
    stats: Stats,
    /// A violation whose surroundings have not all been read.
    broken: Option<Broken>,
    /// The length of the HTTP head before the frames.
    start: u64,
    compressed: bool,
    role: Role,
    /// The end that received the HTTP head, if there is one.
    head_receiver: Option<Role>,
    show_frames: bool,
    show_stats: bool,
    chunk: Option<usize>,
}

impl Stream {
    fn new(args: &DecodeArgs, role: Role, head: Option<&Head>, compressed: bool) -> Stream {
        let compressed = compressed || args.deflate;
        let allowed_rsv = if compressed { Rsv::RSV1 } else { Rsv::NONE };
        let mut assembler = Assembler::with_config(role, args.config(role));
        if compressed {
            // What a sender may do at most, whatever was agreed.
            let direction = Direction::new(WindowBits::MAX, true);
            assembler = assembler.with_inflater(Inflater::zlib(Agreement::new(direction, direction), role));
        }
        let start = head.map_or(0, |head| head.len as u64);
        Stream {
            assembler,
            frames: Frames::new(role, allowed_rsv),
            recent: Recent::new(start),
            stats: Stats::default(),
            broken: None,
            start,
            compressed,
            role,
            head_receiver: head.map(|head| if head.is_response { Role::Client } else { Role::Server }),
            show_frames: args.frames,
            show_stats: args.stats,
            chunk: args.chunk.map(|bytes| bytes.get().min(MAX_CHUNK)),
        }
    }

    fn decode(
        &mut self,
        mut input: Input,
        out: &mut Output<impl Write>,
        err: &mut dyn Write,
    ) -> Result<Outcome, Failure> {
        let started = Instant::now();
        out.begin_stream()?;
        if let Some(receiver) = self.head_receiver {
            let other_role = Some(receiver).filter(|receiver| *receiver != self.role);
            let (length, permessage_deflate) = (self.start, self.compressed);
            out.write(&Record::Head { offset: 0, length, permessage_deflate, other_role })?;
        }
        let mut end = self.start;
        let mut progress = Progress::new(input.len());
        let mut buffer = vec![0; self.chunk.unwrap_or(READ)];
        loop {
            let len = if self.chunk.is_some() { input.read_full(&mut buffer)? } else { input.read(&mut buffer)? };
            if len == 0 {
                break;
            }
            self.feed(&mut buffer[..len], end, out)?;
            end += len as u64;
            out.flush()?;
            progress.update(end);
        }
        progress.finish();

        let failed = self.assembler.state() == State::Failed;
        self.write_violation(out)?;
        if self.show_stats {
            self.stats.finish(end - self.start, started.elapsed());
            out.write(&Record::Stats(&self.stats))?;
        }
        let state = self.assembler.state();
        out.write(&Record::End { offset: end, state: state_name(state) })?;
        out.flush()?;
        if let State::InMessage | State::InFrame = state {
            let inside = if state == State::InFrame { "frame" } else { "message" };
            let warning = format!("the stream stops inside a {inside}: it was cut, or the connection was lost (1006)");
            let _ = writeln!(err, "wsframe: warning: {warning}");
        }
        Ok(if failed { Outcome::Violation } else { Outcome::Good })
    }

    /// Takes the next bytes of the input, which stand at offset `at`.
    fn feed(&mut self, mut bytes: &mut [u8], at: u64, out: &mut Output<impl Write>) -> io::Result<()> {
        if let Some(broken) = &mut self.broken {
            broken.dump.extend(bytes);
            if broken.dump.room() == 0 {
                return self.write_violation(out);
            }
        }
        self.recent.push(bytes);
        let mut at = at;
        while !bytes.is_empty() && !matches!(self.assembler.state(), State::Closed | State::Failed) {
            let step = self.frames.step(bytes, at);
            if step.header.is_some() {
                self.stats.frame();
            }
            // A header is shown before the event that its last byte may bring.
            let lengths = match step.header.filter(|_| self.show_frames) {
                Some(_) => [step.before, step.after],
                None => [0, step.before + step.after],
            };
            for (len, header) in lengths.into_iter().zip([None, step.header]) {
                if let Some(header) = header.filter(|_| self.show_frames && self.assembler.state() != State::Failed) {
                    out.write(&Record::Frame(Frame::new(self.frames.start(), &header)))?;
                }
                let (now, rest) = bytes.split_at_mut(len);
                bytes = rest;
                at += len as u64;
                self.events(now, out)?;
            }
        }
        Ok(())
    }

    /// Writes the events of a few bytes.
    fn events(&mut self, mut bytes: &mut [u8], out: &mut Output<impl Write>) -> io::Result<()> {
        // Bytes are fed frame by frame, so a control frame is the current one.
        let (start, frame) = (self.start, self.frames.start());
        // The error of a stream that failed was written when it failed.
        while self.assembler.state() != State::Failed {
            let event = match self.assembler.decode(&mut bytes) {
                Ok(Some(event)) => event,
                Ok(None) => break,
                Err(error) => return self.violation(error, out),
            };
            out.write(&match event {
                MessageEvent::Message(message) => {
                    let length = message.payload().len() as u64;
                    self.stats.message(message.kind() == MessageKind::Text, length, message.fragments());
                    Record::Message {
                        kind: if message.kind() == MessageKind::Text { "text" } else { "binary" },
                        offset: start + message.offset(),
                        length,
                        fragments: message.fragments(),
                        payload: Payload(message.payload()),
                        compressed_length: message.was_compressed().then_some(message.wire_len()),
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
                    Record::Close { offset: frame, code, reason: close.reason() }
                }
            })?;
        }
        Ok(())
    }

    /// The stream broke the protocol: says so as soon as the bytes that are shown with it are there.
    fn violation(&mut self, error: DecodeError, out: &mut Output<impl Write>) -> io::Result<()> {
        let violation = error.violation();
        let offset = self.start + error.offset();
        let broken = Broken {
            offset,
            close_code: error.close_code().get(),
            rule: violation.name(),
            section: violation.section(),
            message: violation.reason(),
            frame: self.frames.number(),
            frame_offset: self.frames.start(),
            violation,
            dump: self.recent.dump(offset),
            mask: self.frames.mask_at(offset),
        };
        let complete = broken.dump.room() == 0 || out.is_json();
        self.broken = Some(broken);
        if complete { self.write_violation(out) } else { Ok(()) }
    }

    fn write_violation(&mut self, out: &mut Output<impl Write>) -> io::Result<()> {
        match self.broken.take() {
            Some(broken) => out.write(&Record::Violation(broken)),
            None => Ok(()),
        }
    }
}

fn state_name(state: State) -> &'static str {
    match state {
        State::Idle => "idle",
        State::InMessage => "in_message",
        State::InFrame => "in_frame",
        State::Closed => "closed",
        State::Failed => "failed",
        _ => "unknown",
    }
}
