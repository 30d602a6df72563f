//! Where records go: as a JSON object a line, or as lines for people.

use std::io::{self, Write};

use anstyle::AnsiColor;
use serde::Serialize;
use unicode_width::UnicodeWidthStr;
use wsframe::{CloseCode, Role};
use wsframe_inspect::head::Kind;
use wsframe_inspect::record::{Broken, Frame, HeadRecord, Record};
use wsframe_inspect::value::opcode_name;

use crate::terminal::{Terminal, hex, paragraph, plain, quoted};

/// What the records belong to.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Context {
    /// The number of the connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stream: Option<u64>,
    /// Who sent the bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) direction: Option<&'static str>,
    /// When they came.
    #[serde(rename = "time", skip_serializing_if = "Option::is_none", serialize_with = "epoch_seconds")]
    pub(crate) at: Option<At>,
}

/// A time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At {
    /// Since the beginning of 1970, in microseconds.
    pub(crate) epoch: i64,
    /// Since the first packet or the start of the program, in microseconds.
    pub(crate) elapsed: i64,
}

fn epoch_seconds<S: serde::Serializer>(at: &Option<At>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(at.map_or(0.0, |at| at.epoch as f64 / 1e6))
}

impl Context {
    /// What the end with this role sent.
    pub(crate) fn sent_by(self, sender: Role) -> Context {
        Context { direction: Some(name(sender)), ..self }
    }
}

/// For messages and records.
pub(crate) fn name(sender: Role) -> &'static str {
    if sender == Role::Client { "client" } else { "server" }
}

#[derive(Serialize)]
struct InContext<'a, R> {
    #[serde(flatten)]
    context: Context,
    #[serde(flatten)]
    record: &'a R,
}

/// How records are written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Format {
    Json,
    Lines { terminal: Terminal, full: bool },
}

impl Format {
    pub(crate) fn new(json: bool, full: bool) -> Format {
        if json { Format::Json } else { Format::Lines { terminal: Terminal::stdout(), full } }
    }

    pub(crate) fn is_json(&self) -> bool {
        matches!(self, Format::Json)
    }

    /// The names of the columns; with time, connection and sender if there are several.
    pub(crate) fn columns(&self, out: &mut dyn Write, has_context: bool) -> io::Result<()> {
        match self {
            Format::Json => Ok(()),
            Format::Lines { .. } => {
                let context =
                    if has_context { format!("{:>12} {:>3}  {:<6} ", "time", "#", "from") } else { String::new() };
                writeln!(out, "{context}{:>10}  {:<9} {:>9} {:>6}  content", "offset", "event", "bytes", "frames")
            }
        }
    }

    /// A record of any kind as JSON, in its context.
    pub(crate) fn json(out: &mut dyn Write, context: Context, record: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut *out, &InContext { context, record })?;
        out.write_all(b"\n")
    }

    pub(crate) fn write(&self, out: &mut dyn Write, context: Context, record: &Record<'_>) -> io::Result<()> {
        match self {
            Format::Json => Format::json(out, context, record),
            Format::Lines { terminal, full } => {
                Lines { out, terminal, full: *full, prefix: prefix(context) }.write(record)
            }
        }
    }
}

/// What stands before each line of a connection among several.
fn prefix(context: Context) -> String {
    let (Some(stream), Some(at)) = (context.stream, context.at) else { return String::new() };
    let seconds = at.elapsed as f64 / 1e6;
    format!("{seconds:>12.6} {stream:>3}  {:<6} ", context.direction.unwrap_or_default())
}

/// Lines for people.
struct Lines<'o> {
    out: &'o mut dyn Write,
    terminal: &'o Terminal,
    full: bool,
    prefix: String,
}

impl Lines<'_> {
    /// An event with its columns.
    fn line(
        &mut self,
        offset: u64,
        what: &str,
        color: AnsiColor,
        bytes: Option<u64>,
        frames: Option<u32>,
        content: &str,
    ) -> io::Result<()> {
        let what = self.terminal.paint(color, format!("{what:<9}"));
        let bytes = bytes.map_or(String::new(), |bytes| bytes.to_string());
        let frames = frames.map_or(String::new(), |frames| frames.to_string());
        let line = format!("{}{offset:>10}  {what} {bytes:>9} {frames:>6}  {content}", self.prefix);
        writeln!(self.out, "{}", line.trim_end())
    }

    /// The width of the content, in columns.
    fn columns(&self) -> usize {
        const BEFORE_CONTENT: usize = 41;
        const LEAST: usize = 20;
        if self.full {
            return usize::MAX;
        }
        self.terminal.width.saturating_sub(BEFORE_CONTENT + self.prefix.width()).max(LEAST)
    }

    fn note(&mut self, label: &str, text: &str) -> io::Result<()> {
        self.out.write_all(paragraph(self.terminal, label, text).as_bytes())
    }

    fn write(&mut self, record: &Record<'_>) -> io::Result<()> {
        let columns = self.columns();
        match record {
            Record::Head(head) => self.head(head),
            Record::Body { offset, length } => {
                self.line(*offset, "body", AnsiColor::BrightBlack, Some(*length), None, "of the HTTP message")
            }
            Record::Frame(frame) => {
                self.line(frame.offset, "  frame", AnsiColor::BrightBlack, Some(frame.length), None, &describe(frame))
            }
            Record::Message { kind, offset, length, fragments, payload, compressed_length, text } => {
                let color = if *kind == "text" { AnsiColor::Green } else { AnsiColor::Cyan };
                let note = compressed_length.map_or(String::new(), |bytes| format!("(compressed: {bytes}) "));
                let columns = columns.saturating_sub(note.len());
                let content = match text {
                    Some(text) => quoted(text, columns),
                    None => hex(payload.0, columns),
                };
                self.line(*offset, kind, color, Some(*length), Some(*fragments), &(note + &content))
            }
            Record::Ping { offset, payload } | Record::Pong { offset, payload } => {
                let what = if matches!(record, Record::Ping { .. }) { "ping" } else { "pong" };
                let content = match str::from_utf8(payload.0) {
                    Ok("") => String::new(),
                    Ok(text) => quoted(text, columns),
                    Err(_) => hex(payload.0, columns),
                };
                self.line(*offset, what, AnsiColor::Blue, Some(payload.0.len() as u64), None, &content)
            }
            Record::Close { offset, code, reason } => {
                let code = code.and_then(|code| CloseCode::new(code).ok());
                let content = match code {
                    None => "without a code: the application sees 1005 No Status Received".to_owned(),
                    Some(code) if reason.is_empty() => code.to_string(),
                    Some(code) => {
                        let code = code.to_string();
                        let reason = quoted(reason, columns.saturating_sub(code.len() + 1));
                        format!("{code} {reason}")
                    }
                };
                let bytes = if code.is_some() { 2 + reason.len() as u64 } else { 0 };
                self.line(*offset, "close", AnsiColor::Yellow, Some(bytes), None, &content)
            }
            Record::Violation(broken) => self.violation(broken),
            Record::Hint(hint) => {
                // Something else may have been said of other connections since the violation.
                if !self.prefix.is_empty() {
                    self.line(hint.offset, "hint", AnsiColor::BrightBlack, None, None, hint.kind)?;
                }
                self.note("hint", &hint.message)
            }
            Record::Gap { offset, length, reason, state } => {
                let inside = match *state {
                    "in_frame" => "inside a frame: ",
                    "in_message" => "inside a message: ",
                    "in_head" => "inside a head: ",
                    _ => "",
                };
                let what = match *reason {
                    "snap length" => "cut by the snap length of the capture",
                    "lost" => "missing in the capture",
                    reason => reason,
                };
                let content = format!("{inside}{what}; nothing behind it is decoded");
                self.line(*offset, "gap", AnsiColor::Red, Some(*length), None, &content)
            }
            Record::Stats(stats) => {
                let Lines { out, prefix, .. } = self;
                stats.lines().iter().try_for_each(|line| writeln!(out, "{prefix}  {line}"))
            }
            Record::End { offset, state, after_close } => {
                if let Some(bytes) = after_close {
                    let content = "behind the Close frame: ignored (RFC 6455 section 5.5.1)";
                    self.line(offset - bytes, "rest", AnsiColor::BrightBlack, Some(*bytes), None, content)?;
                }
                self.line(*offset, "end", AnsiColor::BrightBlack, None, None, state)
            }
        }
    }

    fn head(&mut self, head: &HeadRecord) -> io::Result<()> {
        let columns = self.columns();
        let what = match (head.kind, head.status) {
            (Kind::Proxy, _) => "address",
            (Kind::Response, Some(101)) | (Kind::Request, _) => "head",
            (Kind::Response, _) => "answer",
        };
        let line = plain(&head.line, columns);
        self.line(head.offset, what, AnsiColor::BrightBlack, Some(head.length), None, &line)?;
        if !head.extensions.is_empty() {
            self.note("extensions", &plain(&head.extensions.join(", "), 400))?;
        }
        for problem in &head.problems {
            self.note("invalid", &format!("{} ({})", plain(&problem.message, 400), problem.rule))?;
        }
        if head.permessage_deflate {
            self.note("note", "permessage-deflate is in the handshake: compressed messages are inflated")?;
        }
        if let Some(role) = head.other_role {
            self.note("note", &format!("the {} sent this head: what follows it wants --role {role}", role.peer()))?;
        }
        Ok(())
    }

    fn violation(&mut self, broken: &Broken) -> io::Result<()> {
        let Broken { offset, violation, frame, frame_offset, dump, byte, mask, value, remedy, .. } = broken;
        let what = self.terminal.alarm("violation");
        writeln!(self.out, "{}{offset:>10}  {what}  {}", self.prefix, self.terminal.alarm(violation.name()))?;
        let unmasked = mask.map_or(String::new(), |mask| format!(", unmasked {:#04x}", byte ^ mask));
        let index = offset - frame_offset;
        let place = format!(
            "byte {offset}, which is {byte:#04x}{unmasked}: byte {index} of frame {frame}, which begins at byte {frame_offset}"
        );
        let code = violation.close_code();
        let rule = format!("{} (RFC 6455 section {})", violation.meaning(), violation.section());
        self.note("where", &place)?;
        // Offset, hex and letters of 16 bytes take 90 columns.
        let row_len = if self.terminal.width >= 90 { 16 } else { 8 };
        for row in dump.iter().flat_map(|dump| dump.rows(row_len)) {
            writeln!(self.out, "              {}", row.trim_end())?;
        }
        for (label, text) in value.lines() {
            self.note(label, &text)?;
        }
        self.note("rule", &rule)?;
        self.note("close with", &format!("{code}: {}", code.meaning()))?;
        self.note("fix", remedy)
    }
}

fn describe(frame: &Frame) -> String {
    let fin = if frame.fin { "fin" } else { "" };
    let key = frame.mask_key.as_deref().unwrap_or("unmasked");
    format!("{:<12} {fin:<3} rsv{:03b} {key} {}-bit", opcode_name(frame.opcode), frame.rsv, frame.length_form)
}
