//! The body of a Close frame, parsed and written (RFC 6455 §5.5.1).

use core::fmt;

use crate::close::{CloseCode, CloseCodeError};
use crate::mask::{self, MaskKey};
use crate::opcode::Opcode;
use crate::violation::{MAX_REASON, Violation};

/// Why a connection is closed: a code and a reason, or neither.
///
/// Every value of this type may be sent.
///
/// ```
/// use wsframe::{CloseCode, CloseFrame};
///
/// let close = CloseFrame::new(CloseCode::GOING_AWAY, "bye")?;
/// // A server's frame is not masked.
/// assert_eq!(close.encode(None).as_ref(), b"\x88\x05\x03\xe9bye");
/// // 1005 says that there was no code; it cannot be sent as one.
/// assert!(CloseFrame::new(CloseCode::NO_STATUS_RECEIVED, "").is_err());
/// # Ok::<(), wsframe::CloseCodeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CloseFrame<'a> {
    code: Option<CloseCode>,
    reason: &'a str,
}

impl<'a> CloseFrame<'a> {
    /// Neither code nor reason: the peer will report 1005.
    pub const EMPTY: CloseFrame<'static> = CloseFrame { code: None, reason: "" };

    /// A code and a reason. Of a reason longer than 123 bytes, the longest beginning is kept that fits and ends on a
    /// character.
    ///
    /// # Errors
    /// [`CloseCodeError::NotOnWire`] for 1004, 1005, 1006 and 1015.
    pub fn new(code: CloseCode, reason: &'a str) -> Result<CloseFrame<'a>, CloseCodeError> {
        if !code.on_wire() {
            return Err(CloseCodeError::NotOnWire);
        }
        let mut end = reason.len().min(MAX_REASON);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        Ok(CloseFrame { code: Some(code), reason: reason.get(..end).unwrap_or_default() })
    }

    /// Reads the body of a received Close frame, unmasked.
    ///
    /// # Errors
    /// The rule that the body breaks: [`CloseBodyOneByte`](Violation::CloseBodyOneByte),
    /// [`ControlTooLong`](Violation::ControlTooLong), [`CloseCodeForbidden`](Violation::CloseCodeForbidden) or
    /// [`CloseReasonNotUtf8`](Violation::CloseReasonNotUtf8).
    pub fn parse(body: &'a [u8]) -> Result<CloseFrame<'a>, Violation> {
        if body.len() > 2 + MAX_REASON {
            return Err(Violation::ControlTooLong);
        }
        let Some((code, reason)) = body.split_first_chunk() else {
            return if body.is_empty() { Ok(CloseFrame::EMPTY) } else { Err(Violation::CloseBodyOneByte) };
        };
        let code = received_code(*code)?;
        let reason = core::str::from_utf8(reason).map_err(|_| Violation::CloseReasonNotUtf8)?;
        Ok(CloseFrame { code: Some(code), reason })
    }

    /// The code, if there is one.
    pub const fn code(&self) -> Option<CloseCode> {
        self.code
    }

    /// The reason: at most 123 bytes, perhaps none.
    pub const fn reason(&self) -> &'a str {
        self.reason
    }

    /// The frame to answer this one with: the same code, without a reason (§5.5.1).
    pub const fn reply(&self) -> CloseFrame<'static> {
        CloseFrame { code: self.code, reason: "" }
    }

    /// The whole frame as it goes over the wire. A client gives a fresh random key (§5.3), a server `None`.
    pub fn encode(&self, mask_key: Option<MaskKey>) -> ControlFrame {
        let mut frame = ControlFrame { bytes: [0; MAX_CONTROL_FRAME], len: 0 };
        let mask_bit = if mask_key.is_some() { 0x80 } else { 0 };
        frame.push(&[0x80 | Opcode::Close as u8, mask_bit | self.body_len()]);
        frame.push(mask_key.as_ref().map_or(&[], MaskKey::as_slice));
        let body_at = frame.len;
        if let Some(code) = self.code {
            frame.push(&code.get().to_be_bytes());
            frame.push(self.reason.as_bytes());
        }
        if let (Some(key), Some(body)) = (mask_key, frame.bytes.get_mut(body_at..frame.len)) {
            mask::xor(body, key);
        }
        frame
    }

    /// The length of the body, in bytes: 0, or 2 to 125.
    pub(crate) const fn body_len(&self) -> u8 {
        match self.code {
            Some(_) => 2 + self.reason.len() as u8,
            None => 0,
        }
    }
}

/// The code at the front of a received body, if the peer may send it.
pub(crate) fn received_code(code: [u8; 2]) -> Result<CloseCode, Violation> {
    match CloseCode::new(u16::from_be_bytes(code)) {
        Ok(code) if code.on_wire() => Ok(code),
        _ => Err(Violation::CloseCodeForbidden),
    }
}

impl Violation {
    /// The Close frame that tells the peer about this violation.
    pub const fn close_frame(self) -> CloseFrame<'static> {
        CloseFrame { code: Some(self.close_code()), reason: self.reason() }
    }
}

/// The longest control frame, in bytes: 2 of header, 4 of key, 125 of payload.
const MAX_CONTROL_FRAME: usize = 131;

/// A whole control frame as it goes over the wire: at most 131 bytes, held in place.
#[derive(Clone, Copy)]
pub struct ControlFrame {
    bytes: [u8; MAX_CONTROL_FRAME],
    len: usize,
}

impl ControlFrame {
    /// Appends what fits.
    fn push(&mut self, part: &[u8]) {
        for (to, from) in self.bytes.iter_mut().skip(self.len).zip(part) {
            *to = *from;
        }
        self.len = MAX_CONTROL_FRAME.min(self.len + part.len());
    }
}

impl AsRef<[u8]> for ControlFrame {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&self.bytes)
    }
}

impl fmt::Debug for ControlFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ControlFrame").field(&self.as_ref()).finish()
    }
}
