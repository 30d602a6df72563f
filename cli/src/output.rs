//! Where records go: as a JSON object a line, or as lines for people.

use std::io::{self, Write};

use anstyle::AnsiColor;
use serde::Serialize;
use unicode_width::UnicodeWidthStr;
use wsframe::Role;
use wsframe_inspect::record::Record;
use wsframe_inspect::shown::{self, Content, Row, Shown};

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
    fn write(&mut self, record: &Record<'_>) -> io::Result<()> {
        // Something else may have been said of other connections since the violation.
        if let Record::Hint(hint) = record
            && !self.prefix.is_empty()
        {
            let content = Content::Words(hint.kind.to_owned());
            self.row(&Row { offset: hint.offset, event: "hint", bytes: None, frames: None, content })?;
        }
        shown::show(record, &mut |shown| match shown {
            Shown::Row(row) if row.event == "violation" => self.violation(&row),
            Shown::Row(row) => self.row(&row),
            Shown::Note(note) => {
                // No more of a head than fits a few lines.
                let text = plain(&note.foreign, 400) + &note.text;
                self.out.write_all(paragraph(self.terminal, note.label, &text).as_bytes())
            }
            Shown::Dump(dump) => {
                // Offset, hex and letters of 16 bytes take 90 columns.
                let row_len = if self.terminal.width >= 90 { 16 } else { 8 };
                let mut rows = dump.rows(row_len).into_iter();
                rows.try_for_each(|row| writeln!(self.out, "              {}", row.trim_end()))
            }
            Shown::Count(line) => writeln!(self.out, "{}  {line}", self.prefix),
        })
    }

    /// An event with its columns.
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        let color = match row.event {
            "text" => AnsiColor::Green,
            "binary" => AnsiColor::Cyan,
            "ping" | "pong" => AnsiColor::Blue,
            "close" => AnsiColor::Yellow,
            "gap" => AnsiColor::Red,
            _ => AnsiColor::BrightBlack,
        };
        let event = self.terminal.paint(color, format!("{:<9}", row.event));
        let bytes = row.bytes.map_or(String::new(), |bytes| bytes.to_string());
        let frames = row.frames.map_or(String::new(), |frames| frames.to_string());
        let content = self.content(&row.content);
        let line = format!("{}{:>10}  {event} {bytes:>9} {frames:>6}  {content}", self.prefix, row.offset);
        writeln!(self.out, "{}", line.trim_end())
    }

    fn content(&self, content: &Content<'_>) -> String {
        let columns = self.columns();
        match content {
            Content::Words(words) => words.clone(),
            Content::Text(before, text) => format!("{before}{}", quoted(text, columns.saturating_sub(before.len()))),
            Content::Bytes(before, bytes) => format!("{before}{}", hex(bytes, columns.saturating_sub(before.len()))),
            Content::Line(line) => plain(line, columns),
        }
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

    fn violation(&mut self, row: &Row<'_>) -> io::Result<()> {
        let (event, rule) = (self.terminal.alarm(row.event), self.content(&row.content));
        writeln!(self.out, "{}{:>10}  {event}  {}", self.prefix, row.offset, self.terminal.alarm(rule))
    }
}
