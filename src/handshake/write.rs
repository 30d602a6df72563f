//! Heads that we write.

use core::fmt;

use super::tokens::is_field_value;
use crate::extension::is_token;

/// A field to send: its name and its value.
pub type Field<'a> = (&'a str, &'a str);

/// Why a head was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WriteError {
    /// The output has no room for it.
    BufferTooSmall {
        /// The length of the head, in bytes.
        needed: usize,
    },
    /// The name of an extra field is not a token, or its value has a control character, which could end the field.
    Field,
    /// An extra field is one that this crate writes itself: `Upgrade`, `Connection`, `Host`, `Content-Length`,
    /// `Content-Type`, `Transfer-Encoding`, `Origin` and the names that begin with `Sec-WebSocket-`.
    OwnField,
    /// The target or the host of a request, or its origin, has a character that cannot be there.
    Target,
    /// A subprotocol is not a token or stands twice, or the extensions break their grammar.
    Offer,
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WriteError::BufferTooSmall { needed } => write!(f, "the output has no room for a head of {needed} bytes"),
            WriteError::Field => {
                f.write_str("a field has a name that is no token, or a value with a control character")
            }
            WriteError::OwnField => f.write_str("a field is one that the handshake writes itself"),
            WriteError::Target => {
                f.write_str("the target, the host or the origin has a character that cannot be there")
            }
            WriteError::Offer => f.write_str("a subprotocol or an extension is not written as its grammar says"),
        }
    }
}

impl core::error::Error for WriteError {}

/// Checks the caller's fields (RFC 9110 §5.5).
pub(super) fn check_fields(fields: &[Field<'_>]) -> Result<(), WriteError> {
    for (name, value) in fields {
        if !is_token(name.as_bytes()) || !is_field_value(value) {
            return Err(WriteError::Field);
        }
        let is = |own: &str| name.eq_ignore_ascii_case(own);
        let is_own = ["Upgrade", "Connection", "Host", "Content-Length", "Content-Type", "Transfer-Encoding", "Origin"]
            .into_iter()
            .any(is);
        let prefix = "sec-websocket-";
        if is_own || name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix)) {
            return Err(WriteError::OwnField);
        }
    }
    Ok(())
}

/// A slice that is filled from its front, and counts what it would need.
pub(super) struct Output<'o> {
    out: &'o mut [u8],
    len: usize,
}

impl<'o> Output<'o> {
    pub(super) const fn new(out: &'o mut [u8]) -> Output<'o> {
        Output { out, len: 0 }
    }

    pub(super) fn push_all(&mut self, parts: &[&str]) {
        for part in parts {
            let end = self.len.saturating_add(part.len());
            if let Some(room) = self.out.get_mut(self.len..end) {
                // `copy_from_slice` keeps a panic for lengths that differ.
                room.iter_mut().zip(part.as_bytes()).for_each(|(to, from)| *to = *from);
            }
            self.len = end;
        }
    }

    pub(super) fn push_field(&mut self, name: &str, value: &str) {
        self.push_all(&[name, ": ", value, "\r\n"]);
    }

    pub(super) fn push_number(&mut self, number: usize) {
        let mut digits = [0_u8; 20];
        let mut rest = number;
        let mut first = digits.len();
        for (i, digit) in digits.iter_mut().enumerate().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
            first = i;
            if rest == 0 {
                break;
            }
        }
        let text = digits.get(first..).and_then(|digits| core::str::from_utf8(digits).ok());
        self.push_all(&[text.unwrap_or_default()]);
    }

    /// The length of what was written, if it fit.
    pub(super) const fn finish(self) -> Result<usize, WriteError> {
        if self.len <= self.out.len() { Ok(self.len) } else { Err(WriteError::BufferTooSmall { needed: self.len }) }
    }
}
