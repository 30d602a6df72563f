//! What is said of a stream: a record an event. As JSON, each is an object whose `event` tells which.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde::{Serialize, Serializer};
use wsframe::{Header, Role, Violation};

use crate::dump::Dump;
use crate::frames::length_form;
use crate::head::{Kind, Problem};
use crate::stats::Stats;
use crate::value::Value;

/// One event of a stream. Offsets count from the first byte of its direction, in bytes.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Record<'a> {
    /// An HTTP head, or what a proxy puts in front of one.
    Head(HeadRecord),
    /// The body of an HTTP message before the frames.
    Body {
        /// Of its first byte.
        offset: u64,
        /// With the framing of chunks.
        length: u64,
    },
    /// The header of a frame.
    Frame(Frame),
    /// A whole message.
    Message {
        /// `"text"` or `"binary"`.
        kind: &'a str,
        /// Of the first byte of its first frame.
        offset: u64,
        /// Of the payload.
        length: u64,
        /// How many frames it came in.
        fragments: u32,
        /// The payload.
        #[serde(rename = "payload_hex")]
        payload: Payload<'a>,
        /// The length of the payload as it came, if it was compressed.
        #[serde(skip_serializing_if = "Option::is_none")]
        compressed_length: Option<u64>,
        /// The payload of a text message.
        #[serde(skip)]
        text: Option<&'a str>,
    },
    /// A Ping.
    Ping {
        /// Of the first byte of the frame.
        offset: u64,
        /// The payload.
        #[serde(rename = "payload_hex")]
        payload: Payload<'a>,
    },
    /// A Pong.
    Pong {
        /// Of the first byte of the frame.
        offset: u64,
        /// The payload.
        #[serde(rename = "payload_hex")]
        payload: Payload<'a>,
    },
    /// A Close frame.
    Close {
        /// Of the first byte of the frame.
        offset: u64,
        /// The code, if it has one.
        code: Option<u16>,
        /// The reason.
        reason: &'a str,
    },
    /// The stream broke the protocol.
    Violation(&'a Broken),
    /// What the bytes are, if they are not the frames of this protocol.
    Hint(Hint),
    /// Bytes of this direction are missing in the capture: nothing is decoded behind them.
    Gap {
        /// Of the first missing byte.
        offset: u64,
        /// How many are missing.
        length: u64,
        /// `"lost"` or `"snap length"`; for a proxy, `"not decoded in time"`.
        reason: &'a str,
        /// Where the decoder was.
        state: &'a str,
    },
    /// What the stream consisted of.
    Stats(&'a Stats),
    /// The end of the stream.
    End {
        /// Behind the last byte.
        offset: u64,
        /// Where the decoder was.
        state: &'a str,
        /// How many bytes came behind a Close frame, which the receiver ignores (RFC 6455 §5.5.1).
        #[serde(skip_serializing_if = "Option::is_none")]
        after_close: Option<u64>,
    },
}

/// An HTTP head, or what a proxy puts in front of one.
#[derive(Debug, Serialize)]
pub struct HeadRecord {
    /// Of its first byte.
    pub offset: u64,
    /// Of the head, with its empty line.
    pub length: u64,
    /// What it is.
    pub kind: Kind,
    /// Its first line.
    pub line: String,
    /// The status of an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The extensions that it offers or accepts, with their parameters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<String>,
    /// Whether compressed messages are inflated because of it.
    #[serde(skip_serializing_if = "is_false")]
    pub permessage_deflate: bool,
    /// What makes the opening handshake invalid.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
    /// The role of the end that receives such a head, if it is another than the stream's.
    #[serde(skip)]
    pub other_role: Option<Role>,
}

fn is_false(value: &bool) -> bool {
    !value
}

/// Bytes that JSON has as hex.
#[derive(Debug)]
pub struct Payload<'a>(pub &'a [u8]);

impl Serialize for Payload<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Hex(self.0))
    }
}

/// Bytes as hex, without a copy of all of them.
#[derive(Debug)]
pub struct Hex<'a>(pub &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const BYTES: usize = 512;
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut digits = [0; 2 * BYTES];
        for bytes in self.0.chunks(BYTES) {
            for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
                pair[0] = DIGITS[usize::from(byte >> 4)];
                pair[1] = DIGITS[usize::from(byte & 15)];
            }
            f.write_str(str::from_utf8(&digits[..2 * bytes.len()]).map_err(|_| fmt::Error)?)?;
        }
        Ok(())
    }
}

/// The header of a frame.
#[derive(Debug, Serialize)]
pub struct Frame {
    /// Of its first byte.
    pub offset: u64,
    /// The last of its message.
    pub fin: bool,
    /// The three reserved bits as a number: RSV1 is 4.
    pub rsv: u8,
    /// The opcode.
    pub opcode: u8,
    /// The masking key as hex.
    pub mask_key: Option<String>,
    /// Of the payload.
    pub length: u64,
    /// The bits that hold the length.
    pub length_form: u8,
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
}

/// A violation, and what is around it.
#[derive(Debug, Serialize)]
pub struct Broken {
    /// Of the byte that decided.
    pub offset: u64,
    /// The code to close with.
    pub close_code: u16,
    /// The name of the rule.
    pub rule: &'static str,
    /// The section of RFC 6455.
    pub section: &'static str,
    /// A few words for the peer.
    pub message: &'static str,
    /// The number of the frame; the first is 1.
    pub frame: u64,
    /// The offset of the frame's first byte.
    pub frame_offset: u64,
    /// What broke the rule.
    #[serde(flatten)]
    pub value: Value,
    /// How to fix the sender.
    pub remedy: String,
    /// The bytes around the one that decided, if they are shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dump: Option<Dump>,
    /// The byte that decided, as it came.
    #[serde(skip)]
    pub byte: u8,
    /// The byte of the key that falls on it.
    #[serde(skip)]
    pub mask: Option<u8>,
    /// The rule.
    #[serde(skip)]
    pub violation: Violation,
}

/// What bytes are, if they are not the frames of this protocol.
#[derive(Debug, Serialize)]
pub struct Hint {
    /// Of the first of these bytes.
    pub offset: u64,
    /// What they are, in a word.
    pub kind: &'static str,
    /// What they are, and what to do.
    pub message: String,
    /// Where frames seem to begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frames_offset: Option<u64>,
}
