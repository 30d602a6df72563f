//! The two ends of a connection, and which of them masks.

use core::fmt;

/// The end of the connection that decodes or encodes (RFC 6455 §1.2). A connection has two ends, so a `match` over them can
/// be complete.
#[allow(clippy::exhaustive_enums, reason = "a connection has two ends")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Receives masked frames, sends unmasked ones.
    Server,
    /// Receives unmasked frames, sends masked ones.
    Client,
}

impl Role {
    /// The other end.
    pub const fn peer(self) -> Role {
        match self {
            Role::Server => Role::Client,
            Role::Client => Role::Server,
        }
    }

    /// Whether the frames that this end sends are masked: a client's are, a server's are not (§5.1).
    pub const fn sends_masked(self) -> bool {
        matches!(self, Role::Client)
    }

    /// Whether the frames that this end receives must be masked (§5.1).
    pub const fn receives_masked(self) -> bool {
        self.peer().sends_masked()
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Server => "server",
            Role::Client => "client",
        })
    }
}
