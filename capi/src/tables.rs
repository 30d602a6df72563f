//! What is known of close codes and of rules: texts for C, each ended by a NUL.

use core::ffi::c_char;
use core::ptr;

use codec::{CloseCode, Reconnect, SentBy, Violation};

use crate::{WSFRAME_ERROR_ARGUMENT, WSFRAME_ERROR_CLOSE_CODE, WSFRAME_OK, handle, status, wsframe_status};

/// A rule of the protocol that a peer can break, or a limit that it can exceed.
pub type wsframe_rule = u8;

/// No rule.
pub const WSFRAME_RULE_NONE: wsframe_rule = 0;
/// A reserved bit is set that no agreed extension defines.
pub const WSFRAME_RULE_RESERVED_BITS: wsframe_rule = 1;
/// The opcode is reserved.
pub const WSFRAME_RULE_RESERVED_OPCODE: wsframe_rule = 2;
/// A control frame is fragmented.
pub const WSFRAME_RULE_CONTROL_FRAGMENTED: wsframe_rule = 3;
/// A continuation frame without a message to continue.
pub const WSFRAME_RULE_CONTINUATION_UNEXPECTED: wsframe_rule = 4;
/// A new message inside a fragmented message.
pub const WSFRAME_RULE_CONTINUATION_EXPECTED: wsframe_rule = 5;
/// More fragments than the limit.
pub const WSFRAME_RULE_TOO_MANY_FRAGMENTS: wsframe_rule = 6;
/// A client's frame is not masked.
pub const WSFRAME_RULE_MASK_MISSING: wsframe_rule = 7;
/// A server's frame is masked.
pub const WSFRAME_RULE_MASK_UNEXPECTED: wsframe_rule = 8;
/// A control frame has more than 125 bytes of payload.
pub const WSFRAME_RULE_CONTROL_TOO_LONG: wsframe_rule = 9;
/// The body of a Close has one byte.
pub const WSFRAME_RULE_CLOSE_BODY_ONE_BYTE: wsframe_rule = 10;
/// The top bit of a 64-bit length is set.
pub const WSFRAME_RULE_LENGTH_TOP_BIT_SET: wsframe_rule = 11;
/// A length is not in its shortest form.
pub const WSFRAME_RULE_LENGTH_NOT_MINIMAL: wsframe_rule = 12;
/// A frame is longer than the limit.
pub const WSFRAME_RULE_FRAME_TOO_LONG: wsframe_rule = 13;
/// A message is longer than the limit.
pub const WSFRAME_RULE_MESSAGE_TOO_LONG: wsframe_rule = 14;
/// A message inflates to more than the limit. This library does not inflate.
pub const WSFRAME_RULE_INFLATED_TOO_LONG: wsframe_rule = 15;
/// A close code that may not be sent.
pub const WSFRAME_RULE_CLOSE_CODE_FORBIDDEN: wsframe_rule = 16;
/// The reason of a Close is not UTF-8.
pub const WSFRAME_RULE_CLOSE_REASON_NOT_UTF8: wsframe_rule = 17;
/// A compressed message does not inflate. This library does not inflate.
pub const WSFRAME_RULE_DEFLATE_CORRUPT: wsframe_rule = 18;
/// A text message is not UTF-8.
pub const WSFRAME_RULE_TEXT_NOT_UTF8: wsframe_rule = 19;

/// Each rule with its number, which never changes.
const RULES: [(wsframe_rule, Violation); 19] = [
    (WSFRAME_RULE_RESERVED_BITS, Violation::ReservedBits),
    (WSFRAME_RULE_RESERVED_OPCODE, Violation::ReservedOpcode),
    (WSFRAME_RULE_CONTROL_FRAGMENTED, Violation::ControlFragmented),
    (WSFRAME_RULE_CONTINUATION_UNEXPECTED, Violation::ContinuationUnexpected),
    (WSFRAME_RULE_CONTINUATION_EXPECTED, Violation::ContinuationExpected),
    (WSFRAME_RULE_TOO_MANY_FRAGMENTS, Violation::TooManyFragments),
    (WSFRAME_RULE_MASK_MISSING, Violation::MaskMissing),
    (WSFRAME_RULE_MASK_UNEXPECTED, Violation::MaskUnexpected),
    (WSFRAME_RULE_CONTROL_TOO_LONG, Violation::ControlTooLong),
    (WSFRAME_RULE_CLOSE_BODY_ONE_BYTE, Violation::CloseBodyOneByte),
    (WSFRAME_RULE_LENGTH_TOP_BIT_SET, Violation::LengthTopBitSet),
    (WSFRAME_RULE_LENGTH_NOT_MINIMAL, Violation::LengthNotMinimal),
    (WSFRAME_RULE_FRAME_TOO_LONG, Violation::FrameTooLong),
    (WSFRAME_RULE_MESSAGE_TOO_LONG, Violation::MessageTooLong),
    (WSFRAME_RULE_INFLATED_TOO_LONG, Violation::InflatedTooLong),
    (WSFRAME_RULE_CLOSE_CODE_FORBIDDEN, Violation::CloseCodeForbidden),
    (WSFRAME_RULE_CLOSE_REASON_NOT_UTF8, Violation::CloseReasonNotUtf8),
    (WSFRAME_RULE_DEFLATE_CORRUPT, Violation::DeflateCorrupt),
    (WSFRAME_RULE_TEXT_NOT_UTF8, Violation::TextNotUtf8),
];

const _: () = assert!(RULES.len() == Violation::ALL.len());

/// The number of a rule.
#[cold]
pub(crate) fn rule(violation: Violation) -> wsframe_rule {
    RULES.iter().find(|rule| rule.1 == violation).map_or(WSFRAME_RULE_NONE, |rule| rule.0)
}

/// What is known of a rule. All texts are static.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wsframe_rule_info {
    /// The rule.
    pub rule: wsframe_rule,
    /// The code to close the connection with: 1002, 1007, 1008 or 1009.
    pub close_code: u16,
    /// The name, such as "ReservedBits".
    pub name: *const c_char,
    /// The section of RFC 6455 that has the rule, such as "5.2".
    pub section: *const c_char,
    /// A few words for the peer: at most 123 bytes, so that they fit a Close frame.
    pub reason: *const c_char,
    /// What the rule is, in a sentence.
    pub meaning: *const c_char,
    /// Which byte of the stream decides that it is broken.
    pub deciding_byte: *const c_char,
    /// How to fix the sender.
    pub remedy: *const c_char,
    /// A minimal stream that breaks it, in hex with white space.
    pub example: *const c_char,
}

/// Who sends a close code.
pub type wsframe_sent_by = u8;

/// Either end.
pub const WSFRAME_SENT_BY_EITHER: wsframe_sent_by = 0;
/// The client.
pub const WSFRAME_SENT_BY_CLIENT: wsframe_sent_by = 1;
/// The server, or a proxy in its place.
pub const WSFRAME_SENT_BY_SERVER: wsframe_sent_by = 2;
/// Nobody: it is not written in a Close frame.
pub const WSFRAME_SENT_BY_NOBODY: wsframe_sent_by = 3;

/// Whether a client should connect again after a close code.
pub type wsframe_reconnect = u8;

/// When there is new work.
pub const WSFRAME_RECONNECT_WHEN_NEEDED: wsframe_reconnect = 0;
/// After a pause that is partly random and grows with each failure (RFC 6455 section 7.2.3).
pub const WSFRAME_RECONNECT_WITH_BACKOFF: wsframe_reconnect = 1;
/// Not before something has changed.
pub const WSFRAME_RECONNECT_AFTER_CHANGE: wsframe_reconnect = 2;
/// As the application's protocol decides.
pub const WSFRAME_RECONNECT_APPLICATION_DECIDES: wsframe_reconnect = 3;

/// What is known of a close code. All texts are static.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wsframe_close_code_info {
    /// The number.
    pub code: u16,
    /// 1 if it may be written in a Close frame, or 0.
    pub on_wire: u8,
    /// Who sends it: WSFRAME_SENT_BY_EITHER and so on.
    pub sent_by: wsframe_sent_by,
    /// Whether a client should connect again: WSFRAME_RECONNECT_WHEN_NEEDED and so on.
    pub reconnect: wsframe_reconnect,
    /// The name in the IANA registry; "Registered Code" and "Private Code" for numbers of 3000 to 4999 without one.
    pub name: *const c_char,
    /// What it means, in a sentence.
    pub meaning: *const c_char,
    /// What usually causes it.
    pub cause: *const c_char,
    /// What the client's side can do about it.
    pub client_remedy: *const c_char,
    /// What the server's side can do about it.
    pub server_remedy: *const c_char,
    /// How, when or why not to connect again.
    pub reconnect_advice: *const c_char,
}

/// The codes whose texts there are: those with a name of their own, then one of 3000 to 3999 and one of 4000 to 4999 without.
const CODES: usize = CloseCode::NAMED.len() + 2;
const CODE_TEXTS: usize = 6;
const RULE_TEXTS: usize = 7;
const TEXTS: usize = CODES * CODE_TEXTS + RULES.len() * RULE_TEXTS;

/// The text with this number: those of the codes, then those of the rules.
const fn text(index: usize) -> &'static str {
    if index < CODES * CODE_TEXTS {
        let at = index / CODE_TEXTS;
        let code = if at < CloseCode::NAMED.len() {
            CloseCode::NAMED[at]
        } else if at == CloseCode::NAMED.len() {
            CloseCode::from_static(3001)
        } else {
            CloseCode::from_static(4000)
        };
        return match index % CODE_TEXTS {
            0 => code.name(),
            1 => code.meaning(),
            2 => code.cause(),
            3 => code.client_remedy(),
            4 => code.server_remedy(),
            _ => code.reconnect_advice(),
        };
    }
    let index = index - CODES * CODE_TEXTS;
    let rule = RULES[index / RULE_TEXTS].1;
    match index % RULE_TEXTS {
        0 => rule.name(),
        1 => rule.section(),
        2 => rule.reason(),
        3 => rule.meaning(),
        4 => rule.deciding_byte(),
        5 => rule.remedy(),
        _ => rule.example(),
    }
}

const fn len_of_all() -> usize {
    let (mut len, mut index) = (0, 0);
    while index < TEXTS {
        len += text(index).len() + 1;
        index += 1;
    }
    len
}

const LEN: usize = len_of_all();

/// All texts one after another, each ended by a NUL, and where each begins.
static ALL: ([u8; LEN], [u16; TEXTS]) = {
    assert!(LEN <= u16::MAX as usize);
    let (mut bytes, mut starts) = ([0; LEN], [0; TEXTS]);
    let (mut at, mut index) = (0, 0);
    while index < TEXTS {
        starts[index] = at as u16;
        let text = text(index).as_bytes();
        let mut i = 0;
        while i < text.len() {
            assert!(text[i] != 0);
            bytes[at] = text[i];
            at += 1;
            i += 1;
        }
        at += 1;
        index += 1;
    }
    (bytes, starts)
};

fn c_text(index: usize) -> *const c_char {
    let start = ALL.1.get(index).copied().unwrap_or_default();
    ALL.0.get(start.into()..).map_or(ptr::null(), <[u8]>::as_ptr).cast()
}

/// What is known of a rule.
#[cold]
pub(crate) fn info(violation: Violation) -> wsframe_rule_info {
    let index = RULES.iter().position(|rule| rule.1 == violation).unwrap_or_default();
    let first = CODES * CODE_TEXTS + index * RULE_TEXTS;
    wsframe_rule_info {
        rule: rule(violation),
        close_code: violation.close_code().get(),
        name: c_text(first),
        section: c_text(first + 1),
        reason: c_text(first + 2),
        meaning: c_text(first + 3),
        deciding_byte: c_text(first + 4),
        remedy: c_text(first + 5),
        example: c_text(first + 6),
    }
}

/// Fills in what is known of a rule. WSFRAME_ERROR_ARGUMENT if there is no such rule.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsframe_describe_rule(rule: wsframe_rule, info: *mut wsframe_rule_info) -> wsframe_status {
    status(|| {
        // SAFETY: the caller passes an info to write to, or null.
        let to = unsafe { handle::out(info) }?;
        let (_, violation) = RULES.iter().find(|known| known.0 == rule).ok_or(WSFRAME_ERROR_ARGUMENT)?;
        to.write(self::info(*violation));
        Ok(WSFRAME_OK)
    })
}

/// Fills in what is known of a close code: 1000 to 1015 and 3000 to 4999. WSFRAME_ERROR_CLOSE_CODE for other numbers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsframe_describe_close_code(code: u16, info: *mut wsframe_close_code_info) -> wsframe_status {
    status(|| {
        // SAFETY: the caller passes an info to write to, or null.
        let to = unsafe { handle::out(info) }?;
        let code = CloseCode::new(code).map_err(|_| WSFRAME_ERROR_CLOSE_CODE)?;
        let unnamed = CODES - if code.get() < 4000 { 2 } else { 1 };
        let first = CloseCode::NAMED.iter().position(|named| *named == code).unwrap_or(unnamed) * CODE_TEXTS;
        to.write(wsframe_close_code_info {
            code: code.get(),
            on_wire: code.on_wire().into(),
            sent_by: match code.sent_by() {
                SentBy::Client => WSFRAME_SENT_BY_CLIENT,
                SentBy::Server => WSFRAME_SENT_BY_SERVER,
                SentBy::Nobody => WSFRAME_SENT_BY_NOBODY,
                _ => WSFRAME_SENT_BY_EITHER,
            },
            reconnect: match code.reconnect() {
                Reconnect::WhenNeeded => WSFRAME_RECONNECT_WHEN_NEEDED,
                Reconnect::WithBackoff => WSFRAME_RECONNECT_WITH_BACKOFF,
                Reconnect::AfterChange => WSFRAME_RECONNECT_AFTER_CHANGE,
                _ => WSFRAME_RECONNECT_APPLICATION_DECIDES,
            },
            name: c_text(first),
            meaning: c_text(first + 1),
            cause: c_text(first + 2),
            client_remedy: c_text(first + 3),
            server_remedy: c_text(first + 4),
            reconnect_advice: c_text(first + 5),
        });
        Ok(WSFRAME_OK)
    })
}
