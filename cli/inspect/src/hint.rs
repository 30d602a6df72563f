//! What bytes are that are no frames of this protocol: said beside a violation, so that the right one is blamed.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;

use wsframe::{Header, Mask, Opcode, Role, Rsv};

use crate::head::{self, Front};
use crate::record::Hint;
use crate::text;

/// How far a hint looks, in bytes.
pub(crate) const WINDOW: usize = 64 * 1024;

/// Longer frames do not count as such.
const MAX_FRAME: u64 = 64 * 1024 * 1024;

/// What is known of the place of a violation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'s> {
    /// The offset of the first byte of the window.
    pub(crate) window: u64,
    /// That of the frame that broke a rule, or of the window if the frame began before.
    pub(crate) frame: u64,
    /// That of the byte that decided.
    pub(crate) violation: u64,
    /// Whether the frame is the first behind an HTTP head.
    pub(crate) is_behind_head: bool,
    /// Whether the window is the beginning of the stream, and the frames before may be no frames either.
    pub(crate) may_be_chance: bool,
    /// Where the decoder saw frames begin, at the beginning of the stream.
    pub(crate) starts: &'s [u64],
    /// Whether a header broke the rule, and not a payload.
    pub(crate) in_header: bool,
    /// Whether bytes that are no frames may break it by chance; not the order of good frames, and not a limit.
    pub(crate) may_be_noise: bool,
    pub(crate) role: Role,
    pub(crate) allowed_rsv: Rsv,
    /// Whether the window ends with the stream.
    pub(crate) is_end: bool,
}

/// What the bytes of the window are, as far as that can be told.
pub(crate) fn look(window: &[u8], place: Place<'_>) -> Option<Hint> {
    let at = (place.frame - place.window) as usize;
    let bytes = window.get(at..)?;
    let hint = |kind, message: String| Some(Hint { offset: place.frame, kind, message, frames_offset: None });
    if place.in_header {
        if let Some((kind, message)) = kind_of(bytes, place.is_behind_head) {
            return hint(kind, message.to_owned());
        }
        if let Some(message) = chunk(bytes) {
            return hint("chunked", message);
        }
        if let Some(len) = rest_of_head(bytes).filter(|_| !place.is_behind_head) {
            let end = place.frame + len as u64;
            let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
            let what = match memchr::memmem::find(line, b" HTTP/1.") {
                Some(_) => "an HTTP head whose first line is not as it should be",
                None => "the rest of an HTTP head, whose beginning is missing",
            };
            let message = format!("These bytes are {what}; it ends before byte {end}.");
            let frames_offset = Some(place.frame + len as u64);
            return Some(Hint { offset: place.frame, kind: "head", message, frames_offset });
        }
        if let Some((kind, message)) = text_of(bytes, place.is_end) {
            return hint(kind, message.to_owned());
        }
        let other = place.role.peer();
        if !place.is_behind_head
            && place.violation == place.frame + 1
            && fits(bytes, other, place.allowed_rsv, place.is_end)
        {
            let message = format!(
                "As frames that a {other} receives, these bytes are in order: decode them with --role {other}."
            );
            return hint("role", message);
        }
    }
    if !place.may_be_noise || (!place.in_header && !place.may_be_chance) {
        return None;
    }
    // Frames of which the beginning, or a piece in the middle, is missing; not those that follow whole frames of which the first
    // breaks a rule.
    let first = if place.may_be_chance { 1 } else { at + 1 };
    let found = (first..window.len()).find(|at| fits(&window[*at..], place.role, place.allowed_rsv, place.is_end))?;
    let offset = place.window + found as u64;
    let mut next = at;
    while next < found
        && let Some(len) = window.get(next..).and_then(frame_len)
    {
        next = next.saturating_add(len);
    }
    (next != found && !place.starts.contains(&offset)).then(|| {
        let why = if place.may_be_chance {
            "what stands before may be the end of a frame whose beginning is missing"
        } else {
            "bytes before may be missing or too many, or an earlier length is wrong"
        };
        let message = format!("Frames seem to begin at byte {offset}: {why}.");
        Hint { offset: place.frame, kind: "middle", message, frames_offset: Some(offset) }
    })
}

/// The length of a frame by its own header, whatever rule it breaks.
fn frame_len(bytes: &[u8]) -> Option<usize> {
    let second = *bytes.get(1)?;
    let (len_bytes, len) = match second & 0x7f {
        126 => (2, u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?).into()),
        127 => (8, u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?)),
        len => (0, len.into()),
    };
    let key = if second & 0x80 == 0 { 0 } else { 4 };
    usize::try_from(len).ok()?.checked_add(2 + len_bytes + key)
}

/// Whether a record of TLS seems to stand at the front: its type and version (RFC 8446 §5.1).
pub fn is_tls(bytes: &[u8]) -> bool {
    matches!(bytes, [0x14..=0x17, 3, 0..=4, ..])
}

/// Whether a record of TLS stands at the front, with a length that one may have.
pub(crate) fn is_tls_record(bytes: &[u8]) -> bool {
    is_tls(bytes) && matches!(bytes, [_, _, _, 0..=0x41, ..])
}

/// Whether these few bytes can become [`is_tls_record`].
pub(crate) fn begins_tls_record(bytes: &[u8]) -> bool {
    matches!(bytes, [0x14..=0x17] | [0x14..=0x17, 3] | [0x14..=0x17, 3, 0..=4])
}

/// Formats that are known by their first bytes.
fn kind_of(bytes: &[u8], is_behind_head: bool) -> Option<(&'static str, &'static str)> {
    Some(match bytes {
        _ if is_tls_record(bytes) => (
            "tls",
            "These bytes are TLS records: the frames are inside, encrypted. Capture behind what ends TLS, or decrypt with the \
             session's keys (SSLKEYLOGFILE) in Wireshark and export the stream.",
        ),
        [b'P', b'R', b'I', b' ', b'*', b' ', b'H', b'T', b'T', b'P', b'/', b'2', ..]
        | [0, 0, _, 4, 0 | 1, 0, 0, 0, 0, ..] => (
            "http2",
            "These bytes are HTTP/2, whose own frames carry those of the WebSocket (RFC 8441): decode the DATA of one stream.",
        ),
        [0x1f, 0x8b, 8, ..] => (
            "gzip",
            "These bytes are compressed by gzip: decompress the file first, or turn off Content-Encoding, which has no place \
             behind an answer 101.",
        ),
        [b'\r' | b'\n', ..] if is_behind_head => (
            "head",
            "This line end is left over from the HTTP head: a head ends with one empty line, and the frames follow it at once.",
        ),
        _ if matches!(head::begins(bytes), Front::Head(_) | Front::Partial { is_head: true }) => (
            "http",
            "These bytes are an HTTP head, not a frame: the sender talks HTTP here, as a proxy does that reports an error.",
        ),
        _ => return None,
    })
}

/// The size of a chunk (RFC 9112 §7.1).
fn chunk(bytes: &[u8]) -> Option<String> {
    let digits = bytes.iter().take(8).take_while(|byte| byte.is_ascii_hexdigit()).count();
    let size = str::from_utf8(&bytes[..digits]).ok().and_then(|digits| u32::from_str_radix(digits, 16).ok())?;
    let rest = &bytes[digits..];
    let line_ends =
        rest.starts_with(b"\r\n") || (rest.starts_with(b";") && rest.iter().take(200).any(|byte| *byte == b'\n'));
    line_ends.then(|| {
        format!(
            "These bytes are the size of a chunk: {size} bytes of Transfer-Encoding: chunked follow. Frames are not sent in \
             chunks; turn that off for answers 101, in the server or in the proxy."
        )
    })
}

/// Where the rest of a head ends: lines of text, one of them a field, and an empty line.
fn rest_of_head(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    let mut has_field = false;
    loop {
        let end = memchr::memchr(b'\n', rest.get(..rest.len().min(head::MAX_HEAD))?)?;
        let line = &rest[..end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        rest = &rest[end + 1..];
        if line.is_empty() {
            return has_field.then(|| bytes.len() - rest.len());
        }
        if !line.iter().all(|byte| byte.is_ascii_graphic() || matches!(byte, b' ' | b'\t')) {
            return None;
        }
        has_field |= memchr::memchr(b':', line).is_some();
    }
}

/// Text, and what it seems to be.
fn text_of(bytes: &[u8], is_end: bool) -> Option<(&'static str, &'static str)> {
    // Few letters may be chance, unless there is nothing else.
    let few = if is_end { 2 } else { 8 };
    let bytes = &bytes[..bytes.len().min(4096)];
    let text = match str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => str::from_utf8(&bytes[..error.valid_up_to()]).ok()?,
        Err(_) => return None,
    };
    // SignalR ends its messages with a record separator, STOMP with a NUL.
    let is_text = |letter: char| !letter.is_control() || matches!(letter, '\t' | '\n' | '\r' | '\x1e');
    let text = text.trim_end_matches('\0');
    let has_letters = text.chars().any(char::is_alphanumeric);
    if text.len() < few || !has_letters || !text.chars().all(is_text) {
        return None;
    }
    let encoded = text::of_frames(text.as_bytes(), is_end);
    if encoded == Some("base64") {
        return Some((
            "base64",
            "These bytes are base64 of frames: decode them from it first; a WebSocket sends bytes as they are.",
        ));
    }
    if encoded.is_some() {
        return Some((
            "hex",
            "These bytes are hex digits of frames: decode them from it first; a WebSocket sends bytes as they are.",
        ));
    }
    let trimmed = text.trim_start();
    let is_json = trimmed.starts_with(['{', '[']) && trimmed.contains(['"', ':', ',', '}', ']']);
    Some(if is_json {
        (
            "json",
            "These bytes are JSON as it is, without a frame around it: something writes to the connection past the WebSocket.",
        )
    } else {
        (
            "text",
            "These bytes are plain text, without a frame around it: something writes to the connection past the WebSocket.",
        )
    })
}

/// Whether enough frames fit from the front on: three, or two if they end with the stream.
fn fits(bytes: &[u8], role: Role, allowed_rsv: Rsv, is_end: bool) -> bool {
    let mut rest = bytes;
    let mut frames = 0;
    let mut is_open = false;
    loop {
        let Ok(header) = Header::parse(rest, role, allowed_rsv) else { return false };
        let Some(header) = header else { return !is_end && frames >= 3 };
        let opcode = header.opcode();
        // In order, but for a message that began before.
        if (opcode == Opcode::Continuation && !is_open)
            || (!opcode.is_control() && opcode != Opcode::Continuation && is_open)
        {
            return false;
        }
        if !opcode.is_control() {
            is_open = !header.fin();
        }
        if header.payload_len() > MAX_FRAME {
            return false;
        }
        let payload = rest.get(header.encoded_len()..).unwrap_or_default();
        let len = usize::try_from(header.payload_len()).unwrap_or(usize::MAX);
        let is_whole = len <= payload.len();
        if opcode == Opcode::Text && header.fin() && is_whole && header.rsv().is_empty() {
            let mut text = payload[..len].to_vec();
            if let Some(key) = header.mask_key() {
                Mask::new(key).apply(&mut text);
            }
            if str::from_utf8(&text).is_err() {
                return false;
            }
        }
        frames += 1;
        if !is_whole {
            return frames >= if is_end { 4 } else { 3 };
        }
        rest = &payload[len..];
        if rest.is_empty() {
            return frames >= if is_end { 2 } else { 3 };
        }
        if frames >= 8 {
            return true;
        }
    }
}

/// Whether a legal frame or a head stands at the front.
pub(crate) fn is_legal_start(bytes: &[u8]) -> bool {
    if matches!(head::begins(bytes), Front::Head(_) | Front::Partial { is_head: true } | Front::TooLong) {
        return true;
    }
    [Role::Server, Role::Client].into_iter().any(|role| {
        let header = Header::parse(bytes, role, Rsv::NONE);
        // The first frame begins a message, or is a control frame.
        matches!(header, Ok(header) if bytes.len() > 1 && header.is_none_or(|header| header.opcode() != Opcode::Continuation))
            && bytes[0] & 15 != 0
    })
}
