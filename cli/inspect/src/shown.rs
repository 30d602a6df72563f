//! Records as people are shown them: rows with an offset, a name and a content, and notes below them. How wide that is, and in
//! which colours, is the caller's.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};

use wsframe::CloseCode;

use crate::dump::Dump;
use crate::head::Kind;
use crate::record::{Broken, Frame, HeadRecord, Record};
use crate::value::opcode_name;

/// A part of what is shown of a record.
#[derive(Debug)]
pub enum Shown<'a> {
    /// A row of the table.
    Row(Row<'a>),
    /// A label, and a paragraph beside it.
    Note(Note),
    /// The bytes around a violation.
    Dump(&'a Dump),
    /// A line of counts.
    Count(String),
}

/// A row of the table. Its columns are named offset, event, bytes, frames and content.
#[derive(Debug)]
pub struct Row<'a> {
    /// Of the first byte, in bytes.
    pub offset: u64,
    /// The name of the event.
    pub event: &'a str,
    /// The length of the payload.
    pub bytes: Option<u64>,
    /// How many frames it came in.
    pub frames: Option<u32>,
    /// What it says.
    pub content: Content<'a>,
}

/// What a row says. Text and bytes come from the stream: they may be long, and have any character.
#[derive(Debug)]
pub enum Content<'a> {
    /// Words of ours.
    Words(String),
    /// Words of ours, then a text of the stream, in quotes.
    Text(String, &'a str),
    /// Words of ours, then bytes of the stream.
    Bytes(String, &'a [u8]),
    /// A line of the stream.
    Line(&'a str),
}

/// A label, and a paragraph.
#[derive(Debug)]
pub struct Note {
    /// What it is about, in a word or two.
    pub label: &'static str,
    /// The part of the paragraph that comes from the stream, and may have any character.
    pub foreign: String,
    /// The rest of it.
    pub text: String,
}

impl<'a> Shown<'a> {
    fn row(offset: u64, event: &'a str, bytes: Option<u64>, content: Content<'a>) -> Shown<'a> {
        Shown::Row(Row { offset, event, bytes, frames: None, content })
    }

    fn note(label: &'static str, text: impl Into<String>) -> Shown<'a> {
        Shown::Note(Note { label, foreign: String::new(), text: text.into() })
    }

    fn foreign(label: &'static str, foreign: String, text: String) -> Shown<'a> {
        Shown::Note(Note { label, foreign, text })
    }
}

/// Passes the parts of a record to `to`, in their order.
///
/// # Errors
/// The first error of `to`.
pub fn show<'a, E>(record: &'a Record<'_>, to: &mut impl FnMut(Shown<'a>) -> Result<(), E>) -> Result<(), E> {
    match record {
        Record::Head(head) => show_head(head, to),
        Record::Body { offset, length } => {
            to(Shown::row(*offset, "body", Some(*length), Content::Words("of the HTTP message".to_owned())))
        }
        Record::Frame(frame) => {
            to(Shown::row(frame.offset, "  frame", Some(frame.length), Content::Words(describe(frame))))
        }
        Record::Message { kind, offset, length, fragments, payload, compressed_length, text } => {
            let before = compressed_length.map_or(String::new(), |bytes| format!("(compressed: {bytes}) "));
            let content = match text {
                Some(text) => Content::Text(before, text),
                None => Content::Bytes(before, payload.0),
            };
            let (bytes, frames) = (Some(*length), Some(*fragments));
            to(Shown::Row(Row { offset: *offset, event: kind, bytes, frames, content }))
        }
        Record::Ping { offset, payload } | Record::Pong { offset, payload } => {
            let event = if matches!(record, Record::Ping { .. }) { "ping" } else { "pong" };
            let content = match str::from_utf8(payload.0) {
                Ok("") => Content::Words(String::new()),
                Ok(text) => Content::Text(String::new(), text),
                Err(_) => Content::Bytes(String::new(), payload.0),
            };
            to(Shown::row(*offset, event, Some(payload.0.len() as u64), content))
        }
        Record::Close { offset, code, reason } => {
            let code = code.and_then(|code| CloseCode::new(code).ok());
            let content = match code {
                None => Content::Words("without a code: the application sees 1005 No Status Received".to_owned()),
                Some(code) if reason.is_empty() => Content::Words(code.to_string()),
                Some(code) => Content::Text(format!("{code} "), reason),
            };
            let bytes = if code.is_some() { 2 + reason.len() as u64 } else { 0 };
            to(Shown::row(*offset, "close", Some(bytes), content))
        }
        Record::Violation(broken) => show_violation(broken, to),
        Record::Hint(hint) => to(Shown::note("hint", &*hint.message)),
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
            to(Shown::row(*offset, "gap", Some(*length), Content::Words(content)))
        }
        Record::Stats(stats) => stats.lines().into_iter().try_for_each(|line| to(Shown::Count(line))),
        Record::End { offset, state, after_close } => {
            if let Some(bytes) = after_close {
                let content = "behind the Close frame: ignored (RFC 6455 section 5.5.1)".to_owned();
                to(Shown::row(offset - bytes, "rest", Some(*bytes), Content::Words(content)))?;
            }
            to(Shown::row(*offset, "end", None, Content::Words((*state).to_owned())))
        }
    }
}

fn show_head<'a, E>(head: &'a HeadRecord, to: &mut impl FnMut(Shown<'a>) -> Result<(), E>) -> Result<(), E> {
    let event = match (head.kind, head.status) {
        (Kind::Proxy, _) => "address",
        (Kind::Response, Some(101)) | (Kind::Request, _) => "head",
        (Kind::Response, _) => "answer",
    };
    to(Shown::row(head.offset, event, Some(head.length), Content::Line(&head.line)))?;
    if !head.extensions.is_empty() {
        to(Shown::foreign("extensions", head.extensions.join(", "), String::new()))?;
    }
    for problem in &head.problems {
        to(Shown::foreign("invalid", problem.message.clone(), format!(" ({})", problem.rule)))?;
    }
    if head.permessage_deflate {
        to(Shown::note("note", "permessage-deflate is in the handshake: compressed messages are inflated"))?;
    }
    if let Some(role) = head.other_role {
        let note = format!("the {} sent this head: what follows it wants --role {role}", role.peer());
        to(Shown::note("note", note))?;
    }
    Ok(())
}

fn show_violation<'a, E>(broken: &'a Broken, to: &mut impl FnMut(Shown<'a>) -> Result<(), E>) -> Result<(), E> {
    let Broken { offset, violation, frame, frame_offset, dump, byte, mask, value, remedy, .. } = broken;
    to(Shown::row(*offset, "violation", None, Content::Words(violation.name().to_owned())))?;
    let unmasked = mask.map_or(String::new(), |mask| format!(", unmasked {:#04x}", byte ^ mask));
    let index = offset - frame_offset;
    let place = format!(
        "byte {offset}, which is {byte:#04x}{unmasked}: byte {index} of frame {frame}, which begins at byte {frame_offset}"
    );
    to(Shown::note("where", place))?;
    if let Some(dump) = dump {
        to(Shown::Dump(dump))?;
    }
    for (label, text) in value.lines() {
        to(Shown::note(label, text))?;
    }
    let code = violation.close_code();
    to(Shown::note("rule", format!("{} (RFC 6455 section {})", violation.meaning(), violation.section())))?;
    to(Shown::note("close with", format!("{code}: {}", code.meaning())))?;
    to(Shown::note("fix", &**remedy))
}

fn describe(frame: &Frame) -> String {
    let fin = if frame.fin { "fin" } else { "" };
    let key = frame.mask_key.as_deref().unwrap_or("unmasked");
    format!("{:<12} {fin:<3} rsv{:03b} {key} {}-bit", opcode_name(frame.opcode), frame.rsv, frame.length_form)
}
