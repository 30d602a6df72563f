//! `wsframe decode`: a captured stream to records.

use std::io::{self, BufWriter, Write};

use wsframe::{Assembler, Error, Incoming, State};

use crate::args::DecodeArgs;
use crate::input::{Input, READ};
use crate::record::{Payload, Record};
use crate::{Failure, Outcome};

/// The most that `--chunk` feeds at once, in bytes.
const MAX_CHUNK: usize = 1024 * 1024;

pub(crate) fn run(args: &DecodeArgs) -> Result<Outcome, Failure> {
    let mut input = Input::open(&args.file, args.hex)?;
    let mut out = Output { out: BufWriter::new(io::stdout().lock()), json: args.json };
    let result = decode(args, &mut input, &mut out);
    // What was decoded before a failure is not lost with it.
    out.out.flush()?;
    result
}

struct Output<W: Write> {
    out: W,
    json: bool,
}

impl<W: Write> Output<W> {
    fn write(&mut self, record: &Record<'_>) -> io::Result<()> {
        if self.json { record.write_json(&mut self.out) } else { record.write_line(&mut self.out) }
    }
}

fn decode(args: &DecodeArgs, input: &mut Input, out: &mut Output<impl Write>) -> Result<Outcome, Failure> {
    let start = match input.take_head()? {
        Some(length) => {
            let length = length as u64;
            out.write(&Record::Head { offset: 0, length })?;
            length
        }
        None => 0,
    };
    let assembler = Assembler::with_config(args.role(), args.config());
    let mut stream = Stream { assembler, start, error: None };
    let mut end = start;
    let chunk = args.chunk.map(|bytes| bytes.get().min(MAX_CHUNK));
    let mut buffer = vec![0; chunk.unwrap_or(READ)];
    loop {
        let len = if chunk.is_some() { input.read_full(&mut buffer)? } else { input.read(&mut buffer)? };
        if len == 0 {
            break;
        }
        end += len as u64;
        stream.feed(&mut buffer[..len], out)?;
        out.out.flush()?;
    }

    let state = stream.assembler.state();
    out.write(&Record::End { offset: end, state: state_name(state) })?;
    out.out.flush()?;
    if let State::InMessage | State::InFrame = state {
        let inside = if state == State::InFrame { "frame" } else { "message" };
        let _ = writeln!(
            io::stderr(),
            "wsframe: warning: the stream stops inside a {inside}: it was cut, or the connection was lost (1006)"
        );
    }
    Ok(if stream.error.is_some() { Outcome::Violation } else { Outcome::Good })
}

/// The frames of one direction.
struct Stream {
    assembler: Assembler,
    /// Where in the input the frames begin.
    start: u64,
    error: Option<Error>,
}

impl Stream {
    fn feed(&mut self, mut bytes: &mut [u8], out: &mut Output<impl Write>) -> io::Result<()> {
        let start = self.start;
        while self.error.is_none() {
            let incoming = match self.assembler.next(&mut bytes) {
                Ok(Some(incoming)) => incoming,
                Ok(None) => break,
                Err(error) => {
                    self.error = Some(error);
                    let violation = error.violation();
                    return out.write(&Record::Violation {
                        offset: start + error.offset(),
                        close_code: error.close_code().get(),
                        rule: violation.name(),
                        section: violation.section(),
                        message: violation.reason(),
                    });
                }
            };
            out.write(&match incoming {
                Incoming::Message(message) => Record::Message {
                    kind: match message.kind() {
                        wsframe::Kind::Text => "text",
                        wsframe::Kind::Binary => "binary",
                    },
                    offset: start + message.offset(),
                    length: message.payload().len() as u64,
                    fragments: message.fragments(),
                    payload_hex: Payload { bytes: message.payload(), text: message.text() },
                },
                Incoming::Ping(ping) => Record::Ping {
                    offset: start + ping.offset(),
                    payload_hex: Payload { bytes: ping.payload(), text: None },
                },
                Incoming::Pong(pong) => Record::Pong {
                    offset: start + pong.offset(),
                    payload_hex: Payload { bytes: pong.payload(), text: None },
                },
                Incoming::Close(close) => Record::Close {
                    offset: start + close.offset(),
                    code: close.code().map(u16::from),
                    reason: close.reason(),
                },
            })?;
        }
        Ok(())
    }
}

fn state_name(state: State) -> &'static str {
    match state {
        State::Idle => "idle",
        State::InMessage => "in_message",
        State::InFrame => "in_frame",
        State::Closed => "closed",
        State::Failed => "failed",
    }
}
