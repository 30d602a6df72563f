//! What broke a rule: the value that stood there, and the limit or the text around it.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::Serialize;
use wsframe::{CloseCode, Config, Rsv, Violation};

use crate::dump::{Recent, letters};
use crate::frames::Frames;
use crate::head::is_deflate;
use crate::record::Hex;

/// How many bytes of a payload are shown before and behind the one that decided.
const AROUND: u64 = 8;

/// How much of a text is shown before the byte that decided, in bytes.
pub(crate) const TEXT_BEFORE: usize = 64;

/// The value that broke a rule. Which fields there are depends on the rule.
#[derive(Debug, Default, Serialize)]
pub struct Value {
    /// The reserved bits that were set, as a number: RSV1 is 4.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserved_bits: Option<u8>,
    /// The opcode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opcode: Option<u8>,
    /// The length that the frame declares; for a message, that of its frames together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declared_length: Option<u64>,
    /// The bits that the length is written in, if these are too many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length_form: Option<u8>,
    /// The limit that was exceeded, inclusive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// The close code that came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received_code: Option<u16>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received_name: Option<&'static str>,
    /// The reason that came with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received_reason: Option<String>,
    /// The text before the byte that decided, or the end of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_before: Option<String>,
    /// The unmasked bytes around it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<Around>,
}

/// Some bytes of a payload, unmasked.
#[derive(Debug, Serialize)]
pub struct Around {
    /// Of the first of them.
    pub offset: u64,
    #[serde(serialize_with = "as_hex")]
    /// The bytes.
    pub hex: Vec<u8>,
    /// The index of the one that decided.
    #[serde(skip)]
    pub marked: usize,
}

fn as_hex<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&Hex(bytes))
}

impl Value {
    /// How many bytes behind the one that decided belong to the value.
    pub(crate) fn needs(violation: Violation, offset: u64, frames: &Frames, recent: &Recent) -> u64 {
        let rest = frames.payload().map_or(0, |(_, end)| end.saturating_sub(offset + 1));
        match violation {
            Violation::ControlTooLong => match recent.range(offset, offset + 1) {
                [second] if second & 0x7f == 126 => 2,
                [second] if second & 0x7f == 127 => 8,
                _ => 0,
            },
            Violation::LengthTopBitSet => 7,
            Violation::CloseCodeForbidden => rest,
            Violation::TextNotUtf8 if frames.message().is_compressed => 0,
            Violation::TextNotUtf8 | Violation::CloseReasonNotUtf8 => rest.min(AROUND),
            _ => 0,
        }
    }

    /// The value at `offset`. `text` is the end of the message before what is remembered of the current frame.
    pub(crate) fn new(
        violation: Violation,
        offset: u64,
        frames: &Frames,
        recent: &Recent,
        config: &Config,
        text: &Text,
    ) -> Value {
        let mut value = Value::default();
        let header = recent.range(frames.start(), frames.start() + 10);
        let first = header.first().copied().unwrap_or_default();
        let declared = declared_length(header);
        match violation {
            Violation::ReservedBits => {
                value.reserved_bits = Some(first >> 4 & 7);
                value.opcode = Some(first & 15);
            }
            Violation::ReservedOpcode
            | Violation::ControlFragmented
            | Violation::ContinuationUnexpected
            | Violation::ContinuationExpected
            | Violation::MaskMissing
            | Violation::MaskUnexpected => value.opcode = Some(first & 15),
            Violation::TooManyFragments => value.limit = Some(config.max_fragments().into()),
            Violation::ControlTooLong => {
                (value.declared_length, value.limit) = (declared, Some(125));
                if declared.is_some_and(|declared| declared <= 125) {
                    value.length_form = header.get(1).map(|second| if second & 0x7f == 126 { 16 } else { 64 });
                }
            }
            Violation::CloseBodyOneByte | Violation::LengthTopBitSet | Violation::LengthNotMinimal => {
                value.declared_length = declared;
            }
            Violation::FrameTooLong => {
                (value.declared_length, value.limit) = (declared, Some(config.max_frame_len()));
            }
            Violation::MessageTooLong => {
                // The header of a frame that is refused may be counted already.
                let before =
                    frames.message().declared.saturating_sub(frames.header().map_or(0, |header| header.payload_len()));
                value.declared_length = declared.map(|declared| before.saturating_add(declared));
                value.limit = Some(config.max_message_len());
            }
            Violation::InflatedTooLong => value.limit = Some(config.max_message_len()),
            Violation::CloseCodeForbidden | Violation::CloseReasonNotUtf8 => {
                value.close(violation, offset, frames, recent);
            }
            Violation::TextNotUtf8 if !frames.message().is_compressed => {
                value.around(offset, frames, recent);
                value.text_before = Some(text.before(offset, frames, recent));
            }
            _ => {}
        }
        value
    }

    fn close(&mut self, violation: Violation, offset: u64, frames: &Frames, recent: &Recent) {
        let Some((start, end)) = frames.payload() else { return };
        let payload = unmasked(start, end.min(recent.end()), frames, recent);
        let Some((code, reason)) = payload.split_first_chunk::<2>() else { return };
        let code = u16::from_be_bytes(*code);
        self.received_code = Some(code);
        self.received_name = Some(CloseCode::new(code).map_or("not defined", CloseCode::name));
        if violation == Violation::CloseReasonNotUtf8 {
            let before = reason.get(..((offset - start) as usize).saturating_sub(2)).unwrap_or_default();
            self.text_before = Some(valid_end(before));
            self.around(offset, frames, recent);
        } else if !reason.is_empty() {
            self.received_reason = Some(String::from_utf8_lossy(reason).into_owned());
        }
    }

    fn around(&mut self, offset: u64, frames: &Frames, recent: &Recent) {
        // The last byte of an empty frame is in its header.
        let Some((start, end)) = frames.payload().filter(|(start, _)| *start <= offset) else { return };
        let from = offset.saturating_sub(AROUND).max(start).max(recent.start());
        let hex = unmasked(from, end.min(offset + 1 + AROUND).min(recent.end()), frames, recent);
        self.payload = Some(Around { offset: from, hex, marked: (offset - from) as usize });
    }

    /// For people; empty if there is nothing to say.
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines = Vec::new();
        if let Some(bits) = self.reserved_bits {
            let opcode = self.opcode.unwrap_or_default();
            lines.push(("bits", format!("{} set, opcode {opcode:#x} ({})", bit_names(bits), opcode_name(opcode))));
        } else if let Some(opcode) = self.opcode {
            lines.push(("opcode", format!("{opcode:#x} ({})", opcode_name(opcode))));
        }
        match (self.declared_length, self.limit) {
            (Some(len), _) if self.length_form.is_some() => {
                let bits = self.length_form.unwrap_or_default();
                lines.push(("length", format!("{len} bytes declared in {bits} bits, where a control frame has 7")));
            }
            (Some(len), Some(limit)) => lines.push(("length", format!("{len} bytes declared, {limit} allowed"))),
            (Some(len), None) if len >> 63 == 1 => {
                lines.push(("length", format!("{len:#x} declared, which as a signed number is {}", len as i64)));
            }
            (Some(len), None) => lines.push(("length", format!("{len} declared"))),
            (None, Some(limit)) => lines.push(("limit", limit.to_string())),
            (None, None) => {}
        }
        if let Some(code) = self.received_code {
            lines.push(("code", format!("{code} {}", self.received_name.unwrap_or_default())));
        }
        if let Some(reason) = &self.received_reason {
            lines.push(("reason", format!("\"{}\"", reason.escape_debug())));
        }
        if let Some(text) = &self.text_before {
            lines.push(("text before", format!("\"{}\"", text.escape_debug())));
        }
        if let Some(around) = &self.payload {
            let byte =
                |i: usize, byte: &u8| if i == around.marked { format!("[{byte:02x}]") } else { format!("{byte:02x}") };
            let bytes: Vec<_> = around.hex.iter().enumerate().map(|(i, b)| byte(i, b)).collect();
            lines.push(("unmasked", format!("{}  {}", bytes.join(" "), letters(&around.hex))));
        }
        lines
    }

    /// How to fix the sender, which for reserved bits depends on the bits; `extensions` are those that the head names, if there is one.
    pub(crate) fn remedy(&self, violation: Violation, extensions: Option<&[String]>) -> String {
        if self.length_form.is_some() {
            return "Write the length of a control frame in 7 bits, whatever it is.".to_owned();
        }
        let Some(bits) = self.reserved_bits.filter(|_| violation == Violation::ReservedBits) else {
            return violation.remedy().to_owned();
        };
        let names = bit_names(bits);
        let has_head = extensions.is_some();
        let unknown: Vec<_> =
            extensions.unwrap_or_default().iter().filter(|name| !is_deflate(name)).map(String::as_str).collect();
        if !unknown.is_empty() {
            return format!(
                "{names} may belong to {}, which the handshake names and wsframe does not know; turn that extension off, or \
                 decode the frames with what implements it.",
                unknown.join(", ")
            );
        }
        if bits << 4 == Rsv::RSV1.bits() {
            let remedy = violation.remedy();
            let is_data = matches!(self.opcode, Some(1 | 2));
            return if has_head || !is_data {
                remedy.to_owned()
            } else {
                format!(
                    "If the opening handshake, which is not in this input, agreed to permessage-deflate, give --deflate. {remedy}"
                )
            };
        }
        format!(
            "{names}: no registered extension uses these bits. The bytes are probably not the beginning of a frame: look for an \
             earlier length that was wrong, and for what else was sent here."
        )
    }
}

/// The length that a header declares, as far as its bytes are there.
fn declared_length(header: &[u8]) -> Option<u64> {
    match (header.get(1)? & 0x7f, header.get(2..)?) {
        (126, rest) => rest.first_chunk().map(|len| u16::from_be_bytes(*len).into()),
        (127, rest) => rest.first_chunk().map(|len| u64::from_be_bytes(*len)),
        (len, _) => Some(len.into()),
    }
}

/// Payload of the current frame, as far as it is remembered.
fn unmasked(from: u64, to: u64, frames: &Frames, recent: &Recent) -> Vec<u8> {
    let from = from.max(recent.start());
    let bytes = recent.range(from, to).iter().zip(from..);
    bytes.map(|(byte, offset)| byte ^ frames.mask_at(offset).unwrap_or_default()).collect()
}

/// The end of a text message that is not whole.
#[derive(Debug, Default)]
pub(crate) struct Text {
    bytes: Vec<u8>,
    /// The offset behind the last of them.
    end: u64,
}

impl Text {
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Takes the payload of the current frame up to `end`.
    pub(crate) fn push(&mut self, end: u64, frames: &Frames, recent: &Recent) {
        let Some((start, _)) = frames.payload() else { return };
        let from = start.max(end.saturating_sub(TEXT_BEFORE as u64)).max(self.end);
        self.bytes.extend(unmasked(from, end, frames, recent));
        self.bytes.drain(..self.bytes.len().saturating_sub(TEXT_BEFORE));
        self.end = end;
    }

    /// The text before `offset`, which is payload of the current frame.
    fn before(&self, offset: u64, frames: &Frames, recent: &Recent) -> String {
        let start = frames.payload().map_or(offset, |(start, _)| start);
        let mut bytes = self.bytes.clone();
        bytes.extend(unmasked(start.max(self.end), offset, frames, recent));
        valid_end(&bytes[bytes.len().saturating_sub(TEXT_BEFORE)..])
    }
}

/// Text whose first character may be cut, and whose end may be broken.
fn valid_end(bytes: &[u8]) -> String {
    let start = bytes.iter().take(3).take_while(|byte| (0x80..0xc0).contains(*byte)).count();
    let bytes = &bytes[start..];
    match str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(error) => String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned(),
    }
}

/// The names of reserved bits, of which RSV1 is 4.
fn bit_names(bits: u8) -> String {
    let names = [(4, "RSV1"), (2, "RSV2"), (1, "RSV3")];
    let names: Vec<_> = names.into_iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| name).collect();
    match &names[..] {
        [first, rest @ .., last] => {
            let between: String = rest.iter().map(|name| format!(", {name}")).collect();
            format!("{first}{between} and {last}")
        }
        names => names.concat(),
    }
}

/// The name of an opcode.
pub fn opcode_name(opcode: u8) -> &'static str {
    match opcode {
        0x0 => "continuation",
        0x1 => "text",
        0x2 => "binary",
        0x8 => "close",
        0x9 => "ping",
        0xa => "pong",
        _ => "reserved",
    }
}
