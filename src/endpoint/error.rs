//! How connections end, and what goes wrong.

use core::fmt;
use std::io;

use crate::close_code::{CloseCode, CloseCodeError};
use crate::codec::text::Text;
use crate::connection::{Cause, Outcome};
use crate::error::{DecodeError, EncodeError};

/// How a connection ended: an [`Outcome`] that owns its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    outcome: Outcome<'static>,
    reason: Text,
}

impl Ended {
    /// Why it ended.
    pub const fn cause(&self) -> Cause {
        self.outcome.cause()
    }

    /// The code for the application, as [`Outcome::code`]: the peer's, 1005, 1006, or our own after a violation.
    pub const fn code(&self) -> CloseCode {
        self.outcome.code()
    }

    /// The reason in the peer's Close, or of the violation.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Whether both ends sent a Close, and in order: what a browser calls `wasClean`.
    pub const fn is_clean(&self) -> bool {
        self.outcome.is_clean()
    }

    /// The code in the Close that we sent, as [`Outcome::sent`].
    pub const fn sent(&self) -> Option<CloseCode> {
        self.outcome.sent()
    }

    /// The code in the Close that was received, as [`Outcome::received`].
    pub const fn received(&self) -> Option<CloseCode> {
        self.outcome.received()
    }

    /// Whether a message or a frame of the peer was cut off.
    pub const fn is_unfinished(&self) -> bool {
        self.outcome.is_unfinished()
    }
}

impl From<Outcome<'_>> for Ended {
    fn from(outcome: Outcome<'_>) -> Ended {
        Ended { reason: outcome.reason().into(), outcome: outcome.without_reason() }
    }
}

/// For logs: the code with its name, the reason, and the cause if that was no Close.
impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.code().fmt(f)?;
        if !self.reason.is_empty() {
            write!(f, ", {:?}", self.reason())?;
        }
        match self.cause() {
            Cause::ClosedByUs => f.write_str(", closed by us"),
            Cause::ClosedByPeer => f.write_str(", closed by the peer"),
            Cause::Violation(error) => write!(f, ", {error}"),
            Cause::Failed => f.write_str(", failed by us"),
            Cause::Lost => f.write_str(", lost"),
            Cause::NoClose => f.write_str(", no Close in time"),
            Cause::NoPong => f.write_str(", nothing received in time"),
            Cause::Stalled => f.write_str(", the peer does not read"),
        }
    }
}

/// What goes wrong on an open connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The peer broke a rule of the protocol. Its Close was sent.
    Violation(DecodeError),
    /// The peer was silent, or did not read, for too long: 1006. The cause is [`NoPong`](Cause::NoPong),
    /// [`NoClose`](Cause::NoClose) or [`Stalled`](Cause::Stalled).
    TimedOut(Cause),
    /// The transport failed, or ended before both ends had sent a Close ([`UnexpectedEof`](io::ErrorKind::UnexpectedEof)).
    Lost(io::Error),
    /// Nothing can be sent any more: a Close was sent or received, or the connection has ended.
    Closed,
    /// What was to be sent was refused. Nothing was sent, and the connection goes on.
    Encode(EncodeError),
}

impl Error {
    /// The close code for the application. `None` if this ends no connection.
    pub const fn close_code(&self) -> Option<CloseCode> {
        match self {
            Error::Violation(error) => Some(error.close_code()),
            Error::TimedOut(_) | Error::Lost(_) => Some(CloseCode::ABNORMAL_CLOSURE),
            Error::Closed | Error::Encode(_) => None,
        }
    }
}

impl From<EncodeError> for Error {
    fn from(error: EncodeError) -> Error {
        match error {
            EncodeError::Closed => Error::Closed,
            error => Error::Encode(error),
        }
    }
}

impl From<CloseCodeError> for Error {
    fn from(error: CloseCodeError) -> Error {
        Error::Encode(error.into())
    }
}

/// A violation as [`InvalidData`](io::ErrorKind::InvalidData), silence as [`TimedOut`](io::ErrorKind::TimedOut), a closed connection as
/// [`NotConnected`](io::ErrorKind::NotConnected), a frame that was refused as [`InvalidInput`](io::ErrorKind::InvalidInput).
impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        match error {
            Error::Violation(error) => error.into(),
            Error::TimedOut(_) => io::Error::new(io::ErrorKind::TimedOut, error),
            Error::Lost(error) => error,
            Error::Closed => io::Error::new(io::ErrorKind::NotConnected, error),
            Error::Encode(error) => error.into(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Violation(error) => error.fmt(f),
            Error::TimedOut(Cause::NoClose) => f.write_str("the peer did not answer the Close in time (1006)"),
            Error::TimedOut(Cause::Stalled) => f.write_str("the peer does not read (1006)"),
            Error::TimedOut(_) => f.write_str("nothing was received in time (1006)"),
            Error::Lost(error) => write!(f, "the connection was lost (1006): {error}"),
            Error::Closed => f.write_str("the connection is closing or closed"),
            Error::Encode(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Error::Violation(error) => error.source(),
            Error::Lost(error) => Some(error),
            Error::Encode(error) => error.source(),
            Error::TimedOut(_) | Error::Closed => None,
        }
    }
}
