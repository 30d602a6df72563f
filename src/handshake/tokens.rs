//! The small grammars of HTTP fields: lists, values, base64. Each walks its bytes once.

use crate::extension::trim;

/// The elements of a list of tokens; what is not a token is passed on as it is (RFC 9110 §5.6.1).
pub(super) fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    value.split(|byte| *byte == b',').map(trim)
}

/// Whether a field may have this value when we send it: no control characters, which could end the field (RFC 9110 §5.5).
pub(super) fn is_field_value(value: &str) -> bool {
    value.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f))
}

/// Whether a request may have this target: visible ASCII, and not empty (RFC 9112 §3.2).
pub(super) fn is_target(target: &str) -> bool {
    !target.is_empty() && target.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether this may be the value of `Sec-WebSocket-Key`: 16 bytes in base64 (RFC 6455 §4.2.1). The unused bits of the last
/// character are not looked at.
pub fn is_key(value: &[u8]) -> bool {
    let Some((digits, b"==")) = value.split_last_chunk::<2>() else { return false };
    digits.len() == 22 && digits.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}
