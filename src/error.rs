//! What decoders and encoders return instead of a result.

use core::fmt;

use crate::close_code::{CloseCode, CloseCodeError};
use crate::close_frame::CloseFrame;
use crate::keys::NoKey;
use crate::violation::Violation;

/// The peer broke the protocol: which [`Violation`] it was, and where in the stream it was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DecodeError {
    violation: Violation,
    offset: u64,
}

impl DecodeError {
    pub(crate) const fn new(violation: Violation, offset: u64) -> DecodeError {
        DecodeError { violation, offset }
    }

    /// The rule that was broken.
    pub const fn violation(&self) -> Violation {
        self.violation
    }

    /// The code to close the connection with.
    pub const fn close_code(&self) -> CloseCode {
        self.violation.close_code()
    }

    /// The Close frame that tells the peer about it.
    pub const fn close_frame(&self) -> CloseFrame<'static> {
        self.violation.close_frame()
    }

    /// The offset in the stream of the deciding byte, in bytes. The first byte that the decoder took has offset 0.
    pub const fn offset(&self) -> u64 {
        self.offset
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.violation, self.offset)?;
        // "GET /" and "HTTP/1.1" begin with bits that no frame may have.
        if self.offset == 0 && self.violation == Violation::ReservedBits {
            f.write_str("; the opening handshake must be taken off the stream before the decoder")?;
        }
        Ok(())
    }
}

impl core::error::Error for DecodeError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&self.violation)
    }
}

/// Why the encoder refused a frame. Nothing was written, and the encoder is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EncodeError {
    /// The output has no room for the frame, or no memory could be had for it.
    BufferTooSmall {
        /// The length of the frame, in bytes.
        needed: usize,
    },
    /// A Close frame was sent, and nothing may follow it (RFC 6455 §5.5.1).
    Closed,
    /// The protocol forbids the frame: every peer would refuse it with this violation.
    Forbidden(Violation),
    /// The frame exceeds a limit of this encoder's own [`EncoderConfig`](crate::EncoderConfig): `FrameTooLong`,
    /// `MessageTooLong` or `TooManyFragments`.
    OverLimit(Violation),
    /// A Close frame or a fragment cannot be prepared for many connections, because sending it changes the state of the connection.
    NotPreparable,
    /// The close code cannot be sent.
    CloseCode(CloseCodeError),
    /// The key source gave no key, so the frame could not be masked.
    NoKey,
}

impl From<Violation> for EncodeError {
    #[inline]
    fn from(violation: Violation) -> EncodeError {
        if violation.is_limit() { EncodeError::OverLimit(violation) } else { EncodeError::Forbidden(violation) }
    }
}

impl From<CloseCodeError> for EncodeError {
    fn from(error: CloseCodeError) -> EncodeError {
        EncodeError::CloseCode(error)
    }
}

impl From<NoKey> for EncodeError {
    fn from(_: NoKey) -> EncodeError {
        EncodeError::NoKey
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EncodeError::BufferTooSmall { needed } => write!(f, "the output has no room for a frame of {needed} bytes"),
            EncodeError::Closed => f.write_str("a Close frame was sent, and nothing may follow it"),
            EncodeError::Forbidden(violation) => write!(f, "the protocol forbids this frame: {violation}"),
            EncodeError::OverLimit(violation) => write!(f, "over the encoder's own limit: {}", violation.reason()),
            EncodeError::NotPreparable => f.write_str(
                "a Close frame or a fragment cannot be prepared for many connections: it changes the one that sends it",
            ),
            EncodeError::CloseCode(error) => error.fmt(f),
            EncodeError::NoKey => f.write_str("no masking key: the source of random bytes failed"),
        }
    }
}

impl core::error::Error for EncodeError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            EncodeError::Forbidden(violation) | EncodeError::OverLimit(violation) => Some(violation),
            EncodeError::CloseCode(error) => Some(error),
            _ => None,
        }
    }
}

/// As [`InvalidData`](std::io::ErrorKind::InvalidData).
#[cfg(feature = "std")]
impl From<DecodeError> for std::io::Error {
    fn from(error: DecodeError) -> std::io::Error {
        std::io::Error::new(std::io::ErrorKind::InvalidData, error)
    }
}

/// As [`InvalidInput`](std::io::ErrorKind::InvalidInput).
#[cfg(feature = "std")]
impl From<EncodeError> for std::io::Error {
    fn from(error: EncodeError) -> std::io::Error {
        std::io::Error::new(std::io::ErrorKind::InvalidInput, error)
    }
}
