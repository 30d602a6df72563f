//! What a connection may carry: limits, and the bits that extensions use.

use crate::opcode::Rsv;
use crate::role::Role;

const MIB: u64 = 1024 * 1024;

/// Limits on data frames, inclusive, and the reserved bits that an agreed extension uses.
///
/// Every limit is taken as it stands: 0 lets only empty frames pass (no data frame at all, for
/// [`max_fragments`](Config::max_fragments)), and there is no value that means "unlimited". Lengths are those on the
/// wire, before any extension inflates them. Control frames have their own rule (125 bytes) and are not counted.
///
/// | | [`Config::SERVER`] | [`Config::CLIENT`] |
/// |---|---|---|
/// | `max_frame_len` | 16 MiB | 64 MiB |
/// | `max_message_len` | 16 MiB | 64 MiB |
/// | `max_fragments` | 65,536 | 65,536 |
/// | `allowed_rsv` | none | none |
///
/// ```
/// use wsframe::{Config, Decoder, Role};
///
/// let config = Config::SERVER.max_message_len(64 * 1024);
/// let decoder = Decoder::with_config(Role::Server, config);
/// # let _ = decoder;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    pub(crate) max_frame_len: u64,
    pub(crate) max_message_len: u64,
    pub(crate) max_fragments: u32,
    pub(crate) allowed_rsv: Rsv,
}

impl Config {
    /// For a server on the open internet: a message that one client can make it hold is bounded by 16 MiB.
    pub const SERVER: Config =
        Config { max_frame_len: 16 * MIB, max_message_len: 16 * MIB, max_fragments: 65_536, allowed_rsv: Rsv::NONE };

    /// For a client, which chose its server: 64 MiB.
    pub const CLIENT: Config = Config { max_frame_len: 64 * MIB, max_message_len: 64 * MIB, ..Config::SERVER };

    /// The preset of this role.
    pub const fn preset(role: Role) -> Config {
        match role {
            Role::Server => Config::SERVER,
            Role::Client => Config::CLIENT,
        }
    }

    /// The most payload that a data frame may declare, in bytes.
    pub const fn max_frame_len(self, bytes: u64) -> Config {
        Config { max_frame_len: bytes, ..self }
    }

    /// The most payload that the frames of a message may declare together, in bytes.
    pub const fn max_message_len(self, bytes: u64) -> Config {
        Config { max_message_len: bytes, ..self }
    }

    /// The most frames that a message may have, empty ones included; a message in one frame has one.
    pub const fn max_fragments(self, frames: u32) -> Config {
        Config { max_fragments: frames, ..self }
    }

    /// The reserved bits that the first frame of a message may carry. A message that carries one is opaque: its payload
    /// is not checked as text, because only the extension knows what it means.
    pub const fn allowed_rsv(self, bits: Rsv) -> Config {
        Config { allowed_rsv: bits, ..self }
    }
}
