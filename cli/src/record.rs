//! What `decode` says: a record an event, as a JSON object a line or as lines for people.

use std::io::{self, Write};

use anstyle::AnsiColor;
use serde::{Serialize, Serializer};
use wsframe::{CloseCode, Header, Role, Violation};

use crate::dump::Dump;
use crate::frames::length_form;
use crate::stats::Stats;
use crate::terminal::{Hex, Terminal, hex, paragraph, quoted};

/// One event of a stream. Offsets count from the first byte of the input.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub(crate) enum Record<'a> {
    Head {
        offset: u64,
        length: u64,
        #[serde(skip_serializing_if = "is_false")]
        permessage_deflate: bool,
        /// The role that the head speaks for, if it is another than was given.
        #[serde(skip)]
        other_role: Option<Role>,
    },
    Frame(Frame),
    Message {
        kind: &'a str,
        offset: u64,
        length: u64,
        fragments: u32,
        #[serde(rename = "payload_hex")]
        payload: Payload<'a>,
        /// The length of the payload as it came, if it was compressed.
        #[serde(skip_serializing_if = "Option::is_none")]
        compressed_length: Option<u64>,
        #[serde(skip)]
        text: Option<&'a str>,
    },
    Ping {
        offset: u64,
        #[serde(rename = "payload_hex")]
        payload: Payload<'a>,
    },
    Pong {
        offset: u64,
        #[serde(rename = "payload_hex")]
        payload: Payload<'a>,
    },
    Close {
        offset: u64,
        code: Option<u16>,
        reason: &'a str,
    },
    Violation(Broken),
    Stats(&'a Stats),
    End {
        offset: u64,
        state: &'a str,
    },
}

fn is_false(value: &bool) -> bool {
    !value
}

/// Bytes that JSON has as hex.
pub(crate) struct Payload<'a>(pub(crate) &'a [u8]);

impl Serialize for Payload<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Hex(self.0))
    }
}

/// The header of a frame.
#[derive(Serialize)]
pub(crate) struct Frame {
    offset: u64,
    fin: bool,
    rsv: u8,
    opcode: u8,
    mask_key: Option<String>,
    length: u64,
    /// The bits that hold the length.
    length_form: u8,
}

impl Frame {
    pub(crate) fn new(offset: u64, header: &Header) -> Frame {
        Frame {
            offset,
            fin: header.fin(),
            rsv: header.rsv().bits() >> 4,
            opcode: header.opcode() as u8,
            mask_key: header.mask_key().map(|key| Hex(&key).to_string()),
            length: header.payload_len(),
            length_form: length_form(header),
        }
    }

    fn describe(&self) -> String {
        let opcode = match self.opcode {
            0x0 => "continuation",
            0x1 => "text",
            0x2 => "binary",
            0x8 => "close",
            0x9 => "ping",
            _ => "pong",
        };
        let fin = if self.fin { "fin" } else { "" };
        let key = self.mask_key.as_deref().unwrap_or("unmasked");
        format!("{opcode:<12} {fin:<3} rsv{:03b} {key} {}-bit", self.rsv, self.length_form)
    }
}

/// A violation, and what is around it.
#[derive(Serialize)]
pub(crate) struct Broken {
    pub(crate) offset: u64,
    pub(crate) close_code: u16,
    pub(crate) rule: &'static str,
    pub(crate) section: &'static str,
    pub(crate) message: &'static str,
    /// The number of the frame; the first is 1.
    pub(crate) frame: u64,
    /// The offset of the frame's first byte.
    pub(crate) frame_offset: u64,
    #[serde(skip)]
    pub(crate) violation: Violation,
    #[serde(skip)]
    pub(crate) dump: Dump,
    /// The byte of the key that falls on the byte that decided.
    #[serde(skip)]
    pub(crate) mask: Option<u8>,
}

/// Where records go.
pub(crate) struct Output<W: Write> {
    out: W,
    format: Format,
    /// Which direction of a connection they belong to, if there are two.
    direction: Option<&'static str>,
}

#[derive(Clone, Copy)]
pub(crate) enum Format {
    Json,
    Lines { terminal: Terminal, full: bool },
}

#[derive(Serialize)]
struct Directed<'a> {
    direction: &'static str,
    #[serde(flatten)]
    record: &'a Record<'a>,
}

impl<W: Write> Output<W> {
    pub(crate) fn new(out: W, format: Format) -> Output<W> {
        Output { out, format, direction: None }
    }

    /// What follows belongs to one direction of a connection: what this end sent.
    pub(crate) fn begin_direction(&mut self, sender: &'static str) -> io::Result<()> {
        if let Format::Lines { .. } = self.format {
            let blank = if self.direction.is_some() { "\n" } else { "" };
            writeln!(self.out, "{blank}From the {sender}:")?;
        }
        self.direction = Some(sender);
        Ok(())
    }

    /// The names of the columns.
    pub(crate) fn begin_stream(&mut self) -> io::Result<()> {
        match self.format {
            Format::Json => Ok(()),
            Format::Lines { .. } => {
                writeln!(self.out, "{:>10}  {:<9} {:>9} {:>6}  content", "offset", "event", "bytes", "frames")
            }
        }
    }

    pub(crate) fn write(&mut self, record: &Record<'_>) -> io::Result<()> {
        match (self.format, self.direction) {
            (Format::Json, None) => serde_json::to_writer(&mut self.out, record)?,
            (Format::Json, Some(direction)) => serde_json::to_writer(&mut self.out, &Directed { direction, record })?,
            (Format::Lines { terminal, full }, _) => return self.write_lines(record, &terminal, full),
        }
        self.out.write_all(b"\n")
    }

    /// Whether records are JSON, which has no bytes around a violation.
    pub(crate) fn is_json(&self) -> bool {
        matches!(self.format, Format::Json)
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn write_lines(&mut self, record: &Record<'_>, terminal: &Terminal, full: bool) -> io::Result<()> {
        const BEFORE_CONTENT: usize = 41;
        let columns = if full { usize::MAX } else { terminal.width.saturating_sub(BEFORE_CONTENT) };
        let none = String::new;
        let mut line = |offset: &u64, what: &str, color, bytes: String, frames: String, content: &str| {
            let what = terminal.paint(color, format!("{what:<9}"));
            let line = format!("{offset:>10}  {what} {bytes:>9} {frames:>6}  {content}");
            writeln!(self.out, "{}", line.trim_end())
        };
        match record {
            Record::Head { offset, length, permessage_deflate, other_role } => {
                line(offset, "head", AnsiColor::BrightBlack, length.to_string(), none(), "opening handshake")?;
                let mut notes = String::new();
                if *permessage_deflate {
                    let note = "permessage-deflate is in the handshake: compressed messages are inflated";
                    notes.push_str(&paragraph(terminal, "note", note));
                }
                if let Some(role) = other_role {
                    let note = format!("the {} sent this head: what follows it wants --role {role}", role.peer());
                    notes.push_str(&paragraph(terminal, "note", &note));
                }
                self.out.write_all(notes.as_bytes())
            }
            Record::Frame(frame) => {
                let bytes = frame.length.to_string();
                line(&frame.offset, "  frame", AnsiColor::BrightBlack, bytes, none(), &frame.describe())
            }
            Record::Message { kind, offset, length, fragments, payload, compressed_length, text } => {
                let color = if *kind == "text" { AnsiColor::Green } else { AnsiColor::Cyan };
                let note = compressed_length.map_or(String::new(), |bytes| format!("(compressed: {bytes}) "));
                let columns = columns.saturating_sub(note.len());
                let content = match text {
                    Some(text) => quoted(text, columns),
                    None => hex(payload.0, columns),
                };
                let content = note + &content;
                line(offset, kind, color, length.to_string(), fragments.to_string(), &content)
            }
            Record::Ping { offset, payload } | Record::Pong { offset, payload } => {
                let what = if matches!(record, Record::Ping { .. }) { "ping" } else { "pong" };
                let content = match str::from_utf8(payload.0) {
                    Ok("") => String::new(),
                    Ok(text) => quoted(text, columns),
                    Err(_) => hex(payload.0, columns),
                };
                line(offset, what, AnsiColor::Blue, payload.0.len().to_string(), none(), &content)
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
                let bytes = if code.is_some() { 2 + reason.len() } else { 0 };
                line(offset, "close", AnsiColor::Yellow, bytes.to_string(), none(), &content)
            }
            Record::Violation(broken) => self.write_violation(broken, terminal),
            Record::Stats(stats) => stats.lines().iter().try_for_each(|line| writeln!(self.out, "  {line}")),
            Record::End { offset, state } => line(offset, "end", AnsiColor::BrightBlack, none(), none(), state),
        }
    }

    fn write_violation(&mut self, broken: &Broken, terminal: &Terminal) -> io::Result<()> {
        let Broken { offset, violation, frame, frame_offset, dump, mask, .. } = broken;
        let what = terminal.alarm("violation");
        writeln!(self.out, "{offset:>10}  {what}  {}", terminal.alarm(violation.name()))?;
        let byte = dump.byte();
        let unmasked = mask.map_or(String::new(), |mask| format!(", unmasked {:#04x}", byte ^ mask));
        let index = offset - frame_offset;
        let place = format!(
            "byte {offset}, which is {byte:#04x}{unmasked}: byte {index} of frame {frame}, which begins at byte {frame_offset}"
        );
        let code = violation.close_code();
        let rule = format!("{} (RFC 6455 section {})", violation.meaning(), violation.section());
        let mut block = paragraph(terminal, "where", &place);
        for row in dump.rows() {
            block.push_str(&format!("              {}\n", row.trim_end()));
        }
        block.push_str(&paragraph(terminal, "rule", &rule));
        block.push_str(&paragraph(terminal, "close with", &format!("{code}: {}", code.meaning())));
        block.push_str(&paragraph(terminal, "fix", violation.remedy()));
        self.out.write_all(block.as_bytes())
    }
}
