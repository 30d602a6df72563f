//! What `decode` says: a record an event, as a line for people or as a JSON object.

use std::fmt;
use std::io::{self, Write};

use serde::{Serialize, Serializer};

/// How much of a payload a line shows: characters of text, bytes of anything else.
const PREVIEW: usize = 48;

/// One event of a stream. Offsets count from the first byte of the input.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub(crate) enum Record<'a> {
    Head { offset: u64, length: u64 },
    Message { kind: &'a str, offset: u64, length: u64, fragments: u32, payload_hex: Payload<'a> },
    Ping { offset: u64, payload_hex: Payload<'a> },
    Pong { offset: u64, payload_hex: Payload<'a> },
    Close { offset: u64, code: Option<u16>, reason: &'a str },
    Violation { offset: u64, close_code: u16, rule: &'a str, section: &'a str, message: &'a str },
    End { offset: u64, state: &'a str },
}

impl Record<'_> {
    pub(crate) fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer(&mut *out, self)?;
        out.write_all(b"\n")
    }

    pub(crate) fn write_line(&self, out: &mut impl Write) -> io::Result<()> {
        match self {
            Record::Head { offset, length } => line(out, offset, "head", format_args!("{length} bytes of HTTP")),
            Record::Message { kind, offset, length, fragments: 1, payload_hex } => {
                line(out, offset, kind, format_args!("{length} bytes  {payload_hex}"))
            }
            Record::Message { kind, offset, length, fragments, payload_hex } => {
                line(out, offset, kind, format_args!("{length} bytes in {fragments} fragments  {payload_hex}"))
            }
            Record::Ping { offset, payload_hex: payload } => {
                line(out, offset, "ping", format_args!("{} bytes  {payload}", payload.bytes.len()))
            }
            Record::Pong { offset, payload_hex: payload } => {
                line(out, offset, "pong", format_args!("{} bytes  {payload}", payload.bytes.len()))
            }
            Record::Close { offset, code: Some(code), reason } => {
                line(out, offset, "close", format_args!("{code}  {reason:?}"))
            }
            Record::Close { offset, code: None, .. } => line(out, offset, "close", format_args!("without a code")),
            Record::Violation { offset, close_code, rule, section, message } => {
                let rest = format_args!("{rule}: {message} (RFC 6455 section {section}); close with {close_code}");
                line(out, offset, "violation", rest)
            }
            Record::End { offset, state } => line(out, offset, "end", format_args!("{state}")),
        }
    }
}

fn line(out: &mut impl Write, offset: &u64, what: &str, rest: fmt::Arguments<'_>) -> io::Result<()> {
    writeln!(out, "{offset:>10}  {what:<9}  {rest}")
}

/// A payload: all of it as hex for JSON; its beginning, as text if it is text, for people.
#[derive(Debug)]
pub(crate) struct Payload<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) text: Option<&'a str>,
}

impl Serialize for Payload<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Hex(self.bytes))
    }
}

impl fmt::Display for Payload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = |more| if more { "..." } else { "" };
        match self.text {
            Some(text) => {
                let end = text.char_indices().nth(PREVIEW).map_or(text.len(), |(end, _)| end);
                write!(f, "{:?}{}", &text[..end], more(end < text.len()))
            }
            None => {
                let end = PREVIEW.min(self.bytes.len());
                write!(f, "{}{}", Hex(&self.bytes[..end]), more(end < self.bytes.len()))
            }
        }
    }
}

/// Bytes as hex digits, without a copy of all of them.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const BYTES: usize = 512;
        let mut digits = [0; 2 * BYTES];
        for bytes in self.0.chunks(BYTES) {
            let digits = &mut digits[..2 * bytes.len()];
            hex::encode_to_slice(bytes, digits).map_err(|_| fmt::Error)?;
            f.write_str(str::from_utf8(digits).map_err(|_| fmt::Error)?)?;
        }
        Ok(())
    }
}
