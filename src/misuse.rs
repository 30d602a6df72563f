//! What our own caller may not send.

use core::fmt;

use crate::violation::Violation;

/// Why the encoder refused. Nothing was written, and the encoder is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Misuse {
    /// The output has no room for the frame.
    BufferTooSmall {
        /// The bytes that the frame needs.
        needed: usize,
    },
    /// A Close frame was sent: nothing may follow it (RFC 6455 §5.5.1).
    Closed,
    /// The peer would refuse the frame because of this rule.
    Forbidden(Violation),
}

impl From<Violation> for Misuse {
    fn from(violation: Violation) -> Misuse {
        Misuse::Forbidden(violation)
    }
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Misuse::BufferTooSmall { needed } => write!(f, "the frame needs {needed} bytes of room"),
            Misuse::Closed => f.write_str("nothing may be sent after a Close frame"),
            Misuse::Forbidden(violation) => write!(f, "the peer would refuse it: {violation}"),
        }
    }
}

impl core::error::Error for Misuse {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Misuse::Forbidden(violation) => Some(violation),
            _ => None,
        }
    }
}
