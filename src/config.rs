//! What a connection may carry: limits, and the bits that extensions use.

use crate::opcode::Rsv;
use crate::role::Role;

const MIB: u64 = 1024 * 1024;

/// Limits on data frames, inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Limits {
    pub(crate) max_frame_len: u64,
    pub(crate) max_message_len: u64,
    pub(crate) max_fragments: u32,
}

/// What a decoder accepts: limits on data frames, and the reserved bits that an agreed extension uses.
///
/// Limits are inclusive, and every value is taken as it stands: 0 accepts only empty frames (for
/// [`max_fragments`](Config::with_max_fragments), no data frame at all), and no value means "unlimited". Lengths are those on
/// the wire, before any extension inflates them; where permessage-deflate was agreed, `max_message_len` is the limit of what a message
/// inflates to, unless the inflater has one of its own, and it may be somewhat longer on the wire. Control frames have a rule of
/// their own (125 bytes) and are not counted.
///
/// | | [`Config::SERVER`] | [`Config::CLIENT`] |
/// |---|---|---|
/// | `max_frame_len` | 16 MiB | 64 MiB |
/// | `max_message_len` | 16 MiB | 64 MiB |
/// | `max_fragments` | 1,048,576 | 1,048,576 |
/// | `allowed_rsv` | none | none |
///
/// A fragment costs no memory here, and no more work than the bytes that it came in, so the limit on their number only
/// bounds how long a peer can keep a message open with empty fragments. The default admits a message of 16 MiB that is sent
/// 16 bytes at a time.
///
/// ```
/// use wsframe::{Config, Decoder, Role};
///
/// let config = Config::SERVER.with_max_message_len(64 * 1024);
/// assert_eq!(config.max_message_len(), 65_536);
/// let decoder = Decoder::with_config(Role::Server, config);
/// # let _ = decoder;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    pub(crate) limits: Limits,
    pub(crate) allowed_rsv: Rsv,
}

impl Config {
    /// For a server on the open internet: one client can make it hold a message of at most 16 MiB.
    pub const SERVER: Config = Config {
        limits: Limits { max_frame_len: 16 * MIB, max_message_len: 16 * MIB, max_fragments: 1 << 20 },
        allowed_rsv: Rsv::NONE,
    };

    /// For a client, which chose its server: 64 MiB.
    pub const CLIENT: Config = Config::SERVER.with_max_frame_len(64 * MIB).with_max_message_len(64 * MIB);

    /// The preset of this role.
    pub const fn preset(role: Role) -> Config {
        match role {
            Role::Server => Config::SERVER,
            Role::Client => Config::CLIENT,
        }
    }
}

/// The limits of what an encoder sends, and the reserved bits that an agreed extension uses. By default there are no limits
/// and no bits.
///
/// The protocol sets no limit on messages, so these are optional. Set them to the peer's if you know them: then an oversized
/// message is an [`EncodeError::OverLimit`](crate::EncodeError::OverLimit) here, rather than a Close frame with
/// 1009 from there.
///
/// ```
/// use wsframe::{EncodeError, Encoder, EncoderConfig, Violation};
///
/// let mut encoder = Encoder::server_with_config(EncoderConfig::new().with_max_message_len(4));
/// assert_eq!(encoder.text(&mut [0; 64], "Hello"), Err(EncodeError::OverLimit(Violation::MessageTooLong)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EncoderConfig {
    pub(crate) limits: Limits,
    pub(crate) allowed_rsv: Rsv,
}

impl EncoderConfig {
    /// No limits, and no bits of extensions.
    pub const fn new() -> EncoderConfig {
        let limits = Limits { max_frame_len: u64::MAX, max_message_len: u64::MAX, max_fragments: u32::MAX };
        EncoderConfig { limits, allowed_rsv: Rsv::NONE }
    }
}

impl Default for EncoderConfig {
    fn default() -> EncoderConfig {
        EncoderConfig::new()
    }
}

/// The same settings for both directions.
macro_rules! settings {
    ($config:ident, $verb:literal) => {
        impl $config {
            #[doc = concat!("The most payload that a data frame may ", $verb, ", in bytes.")]
            #[must_use]
            pub const fn with_max_frame_len(mut self, bytes: u64) -> $config {
                self.limits.max_frame_len = bytes;
                self
            }

            #[doc = concat!("The most payload that the frames of a message may ", $verb, " together, in bytes.")]
            #[must_use]
            pub const fn with_max_message_len(mut self, bytes: u64) -> $config {
                self.limits.max_message_len = bytes;
                self
            }

            /// The most frames that a message may have, empty ones included. A message in one frame has one.
            #[must_use]
            pub const fn with_max_fragments(mut self, frames: u32) -> $config {
                self.limits.max_fragments = frames;
                self
            }

            /// The reserved bits that the first frame of a message may carry (RFC 6455 §5.2). A message that carries one is
            /// opaque: its payload is not validated as text, because only the extension knows what it means.
            #[must_use]
            pub const fn with_allowed_rsv(mut self, bits: Rsv) -> $config {
                self.allowed_rsv = bits;
                self
            }

            /// The limit on the payload of a data frame, in bytes.
            pub const fn max_frame_len(&self) -> u64 {
                self.limits.max_frame_len
            }

            /// The limit on the payload of a message, in bytes.
            pub const fn max_message_len(&self) -> u64 {
                self.limits.max_message_len
            }

            /// The limit on the frames of a message.
            pub const fn max_fragments(&self) -> u32 {
                self.limits.max_fragments
            }

            /// The reserved bits that the first frame of a message may carry.
            pub const fn allowed_rsv(&self) -> Rsv {
                self.allowed_rsv
            }
        }
    };
}

settings!(Config, "declare");
settings!(EncoderConfig, "have");
