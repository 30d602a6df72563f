//! A slow, naive decoder of a whole stream: one byte after the other, with nothing shared with the crate. What it does not
//! do (cuts, blocks, registers) is what it cannot get wrong.

use wsframe::State;
use wsframe_dev::{Event, mask};

/// A decoder's configuration.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Whether it receives masked frames.
    pub server: bool,
    /// In bytes, inclusive.
    pub max_frame_len: u64,
    /// In bytes, inclusive.
    pub max_message_len: u64,
    /// Inclusive.
    pub max_fragments: u32,
    /// As they stand in a first byte.
    pub allowed_rsv: u8,
}

/// The first byte after which `text` cannot become valid, and whether it is valid as it stands: every code point is
/// computed, and compared with what its length may hold.
pub fn utf8(text: &[u8]) -> (Option<usize>, bool) {
    let mut i = 0;
    while i < text.len() {
        let lead = u32::from(text[i]);
        let (len, bits) = match lead {
            0..0x80 => (1, lead),
            0xc0..0xe0 => (2, lead & 0x1f),
            0xe0..0xf0 => (3, lead & 0x0f),
            0xf0..0xf8 => (4, lead & 0x07),
            _ => return (Some(i), false),
        };
        let lowest = [0, 0, 0x80, 0x800, 0x1_0000][len];
        // After each byte: can any continuation still give a code point in range?
        let mut value = bits;
        for k in 1..=len {
            let rest = 6 * (len - k) as u32;
            let (least, most) = (value << rest, (value << rest) + ((1 << rest) - 1));
            let possible = most >= lowest && least <= 0x10_ffff && !(least >= 0xd800 && most <= 0xdfff);
            if !possible {
                return (Some(i + k - 1), false);
            }
            if k == len {
                break;
            }
            let Some(next) = text.get(i + k) else { return (None, false) };
            if !(0x80..0xc0).contains(next) {
                return (Some(i + k), false);
            }
            value = value << 6 | u32::from(next & 0x3f);
        }
        i += len;
    }
    (None, true)
}

/// The header of a frame.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    /// The last frame of its message.
    pub fin: bool,
    /// As they stand in the first byte.
    pub rsv: u8,
    /// The low nibble of the first byte.
    pub opcode: u8,
    /// The masking key, if the frame is masked.
    pub key: Option<[u8; 4]>,
    /// The length of the payload, in bytes.
    pub len: u64,
    /// The length of the header itself, in bytes.
    pub header_len: usize,
}

/// An open message.
#[derive(Debug)]
pub struct Open {
    text: bool,
    rsv: u8,
    offset: u64,
    fragments: u32,
    declared: u64,
    payload: Vec<u8>,
}

/// What comes out of the whole stream, and where it ends.
pub fn decode(limits: &Limits, stream: &[u8]) -> (Vec<Event>, State) {
    let mut events = Vec::new();
    let state = run(limits, stream, &mut events);
    let state = state.unwrap_or_else(|(rule, close_code, offset)| {
        events.push(Event::Violation { offset: offset as u64, close_code, rule: rule.to_owned() });
        State::Failed
    });
    (events, state)
}

/// A rule, its close code, and the index of the byte that decides.
pub type Broken = (&'static str, u16, usize);

/// The header at the front of `bytes`; `None` when more is needed. Order and limits are checked only behind a message, open or
/// not.
pub fn header(limits: &Limits, message: Option<&Option<Open>>, bytes: &[u8]) -> Result<Option<Header>, Broken> {
    let mut at = 0;
    let Some(&first) = bytes.get(at) else { return Ok(None) };
    let (fin, rsv, opcode) = (first & 0x80 != 0, first & 0x70, first & 0x0f);
    let may_carry_rsv = (1..8).contains(&opcode);
    if rsv != 0 && (!may_carry_rsv || rsv & !limits.allowed_rsv != 0) {
        return Err(("ReservedBits", 1002, at));
    }
    if !matches!(opcode, 0 | 1 | 2 | 8 | 9 | 10) {
        return Err(("ReservedOpcode", 1002, at));
    }
    let control = opcode >= 8;
    if control && !fin {
        return Err(("ControlFragmented", 1002, at));
    }
    if let Some(open) = message.filter(|_| !control) {
        if opcode == 0 && open.is_none() {
            return Err(("ContinuationUnexpected", 1002, at));
        }
        if opcode != 0 && open.is_some() {
            return Err(("ContinuationExpected", 1002, at));
        }
        if open.as_ref().map_or(0, |open| open.fragments) >= limits.max_fragments {
            return Err(("TooManyFragments", 1008, at));
        }
    }
    at += 1;
    let Some(&second) = bytes.get(at) else { return Ok(None) };
    let masked = second & 0x80 != 0;
    if limits.server && !masked {
        return Err(("MaskMissing", 1002, at));
    }
    if !limits.server && masked {
        return Err(("MaskUnexpected", 1002, at));
    }
    let mut len = u64::from(second & 0x7f);
    if control && len > 125 {
        return Err(("ControlTooLong", 1002, at));
    }
    if opcode == 8 && len == 1 {
        return Err(("CloseBodyOneByte", 1002, at));
    }
    let extended = match len {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    if extended > 0 {
        len = 0;
        for i in 0..extended {
            at += 1;
            let Some(&byte) = bytes.get(at) else { return Ok(None) };
            if extended == 8 && i == 0 && byte & 0x80 != 0 {
                return Err(("LengthTopBitSet", 1002, at));
            }
            len = len << 8 | u64::from(byte);
        }
        if len < if extended == 2 { 126 } else { 65_536 } {
            return Err(("LengthNotMinimal", 1002, at));
        }
    }
    if let Some(open) = message.filter(|_| !control) {
        if len > limits.max_frame_len {
            return Err(("FrameTooLong", 1009, at));
        }
        let declared = u128::from(open.as_ref().map_or(0, |open| open.declared)) + u128::from(len);
        if declared > u128::from(limits.max_message_len) {
            return Err(("MessageTooLong", 1009, at));
        }
    }
    at += 1;
    let key = match (masked, bytes.get(at..at + 4)) {
        (false, _) => None,
        (true, None) => return Ok(None),
        (true, Some(key)) => {
            at += 4;
            Some([key[0], key[1], key[2], key[3]])
        }
    };
    Ok(Some(Header { fin, rsv, opcode, key, len, header_len: at }))
}

fn run(limits: &Limits, stream: &[u8], events: &mut Vec<Event>) -> Result<State, Broken> {
    let mut open: Option<Open> = None;
    let mut at = 0;
    loop {
        let start = at;
        let Some(header) =
            header(limits, Some(&open), &stream[start..]).map_err(|(rule, code, i)| (rule, code, at + i))?
        else {
            return Ok(match (stream.len() == start, &open) {
                (false, _) => State::InFrame,
                (true, Some(_)) => State::InMessage,
                (true, None) => State::Idle,
            });
        };
        at += header.header_len;
        let Header { fin, rsv, opcode, key, len, .. } = header;
        let (control, key) = (opcode >= 8, key.unwrap_or_default());
        let here = (stream.len() - at).min(usize::try_from(len).unwrap_or(usize::MAX));
        let whole = here as u64 == len;
        let mut payload = stream[at..at + here].to_vec();
        mask(&mut payload, key, 0);
        let payload_at = at;
        at += here;
        if control {
            if opcode == 8 {
                check_close(&payload, whole, payload_at)?;
            }
            if !whole {
                return Ok(State::InFrame);
            }
            match opcode {
                9 => events.push(Event::Ping { offset: start as u64, payload }),
                10 => events.push(Event::Pong { offset: start as u64, payload }),
                _ => {
                    let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                    let reason = String::from_utf8(payload.get(2..).unwrap_or_default().to_vec()).unwrap();
                    events.push(Event::Close { offset: start as u64, code, reason });
                    return Ok(State::Closed);
                }
            }
            continue;
        }
        let message = open.get_or_insert_with(|| Open {
            text: opcode == 1,
            rsv,
            offset: start as u64,
            fragments: 0,
            declared: 0,
            payload: Vec::new(),
        });
        message.fragments += 1;
        message.declared += len;
        let before = message.payload.len();
        message.payload.extend(payload);
        if message.text && message.rsv == 0 {
            let (broken, valid) = utf8(&message.payload);
            if let Some(index) = broken {
                return Err(("TextNotUtf8", 1007, payload_at + index - before));
            }
            if whole && fin && !valid {
                return Err(("TextNotUtf8", 1007, at - 1));
            }
        }
        if !whole {
            return Ok(State::InFrame);
        }
        if fin && let Some(message) = open.take() {
            let Open { text, rsv, offset, fragments, payload, .. } = message;
            events.push(Event::Message { text, rsv, offset, fragments, payload });
        }
    }
}

/// Whether all of the frame with the byte at `offset` is there.
pub fn frame_is_whole(stream: &[u8], offset: u64) -> bool {
    let mut at = 0;
    // As lenient as can be: only where frames end matters.
    while let Some((start, end)) = extent(stream, at) {
        if (start..end).contains(&(offset as usize)) {
            return end <= stream.len();
        }
        at = end;
    }
    false
}

/// Where the frame at `at` begins and ends, whatever rules it breaks; `None` without a whole header.
pub fn extent(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let second = *bytes.get(at + 1)?;
    let (extended, short) = match second & 0x7f {
        126 => (2, 0),
        127 => (8, 0),
        len => (0, usize::from(len)),
    };
    let mut len = short;
    for byte in bytes.get(at + 2..at + 2 + extended)? {
        len = len.saturating_mul(256).saturating_add((*byte).into());
    }
    let header_len = 2 + extended + if second & 0x80 != 0 { 4 } else { 0 };
    Some((at, at.saturating_add(header_len).saturating_add(len)))
}

fn check_close(body: &[u8], whole: bool, at: usize) -> Result<(), Broken> {
    if let Some(code) = body.first_chunk() {
        let code = u16::from_be_bytes(*code);
        let allowed = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
        if !allowed {
            return Err(("CloseCodeForbidden", 1002, at + 1));
        }
    }
    let (broken, valid) = utf8(body.get(2..).unwrap_or_default());
    if let Some(index) = broken {
        return Err(("CloseReasonNotUtf8", 1007, at + 2 + index));
    }
    if whole && !valid {
        return Err(("CloseReasonNotUtf8", 1007, at + body.len() - 1));
    }
    Ok(())
}
