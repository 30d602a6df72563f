//! The body of a Close frame, parsed and written (RFC 6455 §5.5.1).

use core::fmt;

use crate::close_code::{CloseCode, CloseCodeError};
use crate::kernels::xor;
use crate::mask::MaskKey;
use crate::opcode::{MAX_CONTROL, Opcode};
use crate::violation::{MAX_REASON, Violation};

/// Why a connection is closed: a code and a reason, or neither. Both for a Close frame that was received and for one that
/// is to be sent: every value of this type may be sent.
///
/// ```
/// use wsframe::{CloseCode, CloseFrame};
///
/// const BYE: CloseFrame<'static> = CloseFrame::from_static(CloseCode::GOING_AWAY, "bye");
/// // A server's frame is not masked.
/// assert_eq!(BYE.encode(None).as_ref(), b"\x88\x05\x03\xe9bye");
///
/// // 1005 says that there was no code, so it cannot be sent as one.
/// assert!(CloseFrame::new(CloseCode::NO_STATUS_RECEIVED, "").is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CloseFrame<'a> {
    code: Option<CloseCode>,
    reason: &'a str,
}

impl<'a> CloseFrame<'a> {
    /// Neither code nor reason: the peer reports 1005 to its application.
    pub const EMPTY: CloseFrame<'static> = CloseFrame { code: None, reason: "" };

    /// A code and a reason. A reason of more than 123 bytes is cut at the last character that fits.
    ///
    /// # Errors
    /// [`CloseCodeError::NotOnWire`] for 1004, 1005, 1006 and 1015.
    pub const fn new(code: CloseCode, reason: &'a str) -> Result<CloseFrame<'a>, CloseCodeError> {
        if !code.on_wire() {
            return Err(CloseCodeError::NotOnWire);
        }
        let mut end = if reason.len() < MAX_REASON { reason.len() } else { MAX_REASON };
        loop {
            // Index 0 is always the boundary of a character.
            if let Some((reason, _)) = reason.split_at_checked(end) {
                return Ok(CloseFrame { code: Some(code), reason });
            }
            end = end.saturating_sub(1);
        }
    }

    /// A code and a reason, for constants.
    ///
    /// # Panics
    /// If the code may not be sent (1004, 1005, 1006 and 1015), or the reason is longer than 123 bytes. In a `const`, the
    /// program does not compile then.
    pub const fn from_static(code: CloseCode, reason: &'static str) -> CloseFrame<'static> {
        assert!(reason.len() <= MAX_REASON, "a close reason has at most 123 bytes");
        match CloseFrame::new(code, reason) {
            Ok(frame) => frame,
            Err(_) => panic!("close codes 1004, 1005, 1006 and 1015 are never sent"),
        }
    }

    /// Reads the body of a received Close frame, unmasked.
    ///
    /// # Errors
    /// The rule that the body breaks: [`CloseBodyOneByte`](Violation::CloseBodyOneByte),
    /// [`ControlTooLong`](Violation::ControlTooLong), [`CloseCodeForbidden`](Violation::CloseCodeForbidden) or
    /// [`CloseReasonNotUtf8`](Violation::CloseReasonNotUtf8).
    pub fn parse(body: &'a [u8]) -> Result<CloseFrame<'a>, Violation> {
        if body.len() > MAX_CONTROL {
            return Err(Violation::ControlTooLong);
        }
        let Some((code, reason)) = body.split_first_chunk() else {
            return if body.is_empty() { Ok(CloseFrame::EMPTY) } else { Err(Violation::CloseBodyOneByte) };
        };
        let code = received_code(*code)?;
        let reason = core::str::from_utf8(reason).map_err(|_| Violation::CloseReasonNotUtf8)?;
        Ok(CloseFrame { code: Some(code), reason })
    }

    /// The frame whose body is `body`.
    ///
    /// # Safety
    /// [`CloseFrame::parse`] must accept `body`.
    #[allow(unsafe_code, reason = "the reason was validated while it was received")]
    pub(crate) unsafe fn from_checked_body(body: &'a [u8]) -> CloseFrame<'a> {
        debug_assert!(CloseFrame::parse(body).is_ok());
        match body.split_first_chunk() {
            // SAFETY: `parse` accepts the body, so what follows the code is UTF-8.
            Some((code, reason)) => unsafe {
                let code = CloseCode::from_checked(u16::from_be_bytes(*code));
                CloseFrame { code: Some(code), reason: core::str::from_utf8_unchecked(reason) }
            },
            None => CloseFrame::EMPTY,
        }
    }

    /// The frame of its parts, which came out of a frame.
    pub(crate) const fn from_parts(code: Option<CloseCode>, reason: &'a str) -> CloseFrame<'a> {
        CloseFrame { code, reason }
    }

    /// The code; `None` for an empty body, which an endpoint reports to its application as 1005.
    pub const fn code(&self) -> Option<CloseCode> {
        self.code
    }

    /// The reason: at most 123 bytes, and often empty.
    pub const fn reason(&self) -> &'a str {
        self.reason
    }

    /// The frame to answer this one with: the same code, without a reason (§5.5.1).
    pub const fn reply(&self) -> CloseFrame<'static> {
        CloseFrame { code: self.code, reason: "" }
    }

    /// The whole frame as it goes over the wire. A client passes a fresh random key (§5.3), a server `None`.
    pub fn encode(&self, mask_key: Option<MaskKey>) -> CloseBytes {
        let mut frame = CloseBytes { bytes: [0; MAX_CLOSE], len: 0 };
        let mask_bit = if mask_key.is_some() { 0x80 } else { 0 };
        frame.push(&[0x80 | Opcode::Close as u8, mask_bit | self.body_len()]);
        frame.push(mask_key.as_ref().map_or(&[], MaskKey::as_slice));
        let body_at = frame.len;
        if let Some(code) = self.code {
            frame.push(&code.get().to_be_bytes());
            frame.push(self.reason.as_bytes());
        }
        if let (Some(key), Some(body)) = (mask_key, frame.bytes.get_mut(body_at..frame.len)) {
            xor::in_place(body, key);
        }
        frame
    }

    /// The length of the body, in bytes: 0, or 2 to 125.
    const fn body_len(&self) -> u8 {
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

/// The longest Close frame, in bytes: 2 of header, 4 of key, 125 of payload.
const MAX_CLOSE: usize = 6 + MAX_CONTROL;

/// A whole Close frame as it goes over the wire: at most 131 bytes, held in place.
#[derive(Clone, Copy)]
pub struct CloseBytes {
    bytes: [u8; MAX_CLOSE],
    len: usize,
}

impl CloseBytes {
    /// The body of a frame that is not masked.
    pub(crate) fn unmasked_body(&self) -> &[u8] {
        self.as_ref().get(2..).unwrap_or_default()
    }

    /// Appends `part`, for which there is room: a body has at most 125 bytes.
    fn push(&mut self, part: &[u8]) {
        debug_assert!(part.len() <= MAX_CLOSE - self.len);
        for (to, from) in self.bytes.iter_mut().skip(self.len).zip(part) {
            *to = *from;
        }
        self.len = MAX_CLOSE.min(self.len + part.len());
    }
}

impl AsRef<[u8]> for CloseBytes {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&self.bytes)
    }
}

impl fmt::Debug for CloseBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CloseBytes").field(&self.as_ref()).finish()
    }
}
