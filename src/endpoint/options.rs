//! How an endpoint behaves.

use core::time::Duration;

use crate::config::{Config, EncoderConfig};
use crate::connection::Timing;
#[cfg(feature = "zlib-rs")]
use crate::deflate::{Agreement, Compressor, Policy, ZlibDeflate};
use crate::opcode::Rsv;
use crate::role::Role;

/// How a [`WebSocket`](super::WebSocket) behaves: limits, times, and compression.
///
/// | | default |
/// |---|---|
/// | [`with_config`](Options::with_config) | messages of at most 16 MiB from clients, 64 MiB from servers |
/// | [`with_timing`](Options::with_timing) | a Ping after 20 s of silence, its Pong within 20 s, a Close within 10 s, the end of the transport within 2 s |
/// | [`with_write_within`](Options::with_write_within) | 40 s |
/// | [`with_open_within`](Options::with_open_within) | 10 s |
/// | [`with_max_buffered`](Options::with_max_buffered) | 64 KiB |
/// | [`with_deflate`](Options::with_deflate) | no compression |
///
/// ```
/// use core::time::Duration;
/// use wsframe::endpoint::Options;
/// use wsframe::{Config, Timing};
///
/// let options = Options::new()
///     .with_config(Config::SERVER.with_max_message_len(1 << 20))
///     .with_timing(Timing::new().with_ping_after(Duration::from_secs(45)));
/// # let _ = options;
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Options {
    config: Option<Config>,
    pub(super) sending: EncoderConfig,
    pub(super) timing: Timing,
    pub(super) write_within: Duration,
    pub(super) open_within: Duration,
    pub(super) max_buffered: usize,
    #[cfg(feature = "zlib-rs")]
    pub(super) deflate: Option<Policy>,
    #[cfg(feature = "zlib-rs")]
    pub(super) compressor: fn(Agreement, Role) -> Compressor<ZlibDeflate>,
}

impl Options {
    /// The defaults.
    pub const fn new() -> Options {
        Options {
            config: None,
            sending: EncoderConfig::new(),
            timing: Timing::new(),
            write_within: Duration::from_secs(40),
            open_within: Duration::from_secs(10),
            max_buffered: 64 * 1024,
            #[cfg(feature = "zlib-rs")]
            deflate: None,
            #[cfg(feature = "zlib-rs")]
            compressor: Compressor::zlib,
        }
    }

    /// Sets the limits of what is received, instead of [`Config::preset`]. Bits of extensions stay forbidden: what they mean is not
    /// the endpoint's to know.
    #[must_use]
    pub const fn with_config(mut self, config: Config) -> Options {
        self.config = Some(config.with_allowed_rsv(Rsv::NONE));
        self
    }

    /// Sets the limits of what is sent; there are none by default.
    #[must_use]
    pub const fn with_sending(mut self, config: EncoderConfig) -> Options {
        self.sending = config.with_allowed_rsv(Rsv::NONE);
        self
    }

    /// Sets how long to wait for a Pong, a Close, and the end of the transport.
    #[must_use]
    pub const fn with_timing(mut self, timing: Timing) -> Options {
        self.timing = timing;
        self
    }

    /// Sets how long a write may take without progress, instead of 40 s. Then the peer does not read, and the connection ends with
    /// [`Cause::Stalled`](crate::Cause::Stalled), whatever it sends.
    #[must_use]
    pub const fn with_write_within(mut self, time: Duration) -> Options {
        self.write_within = time;
        self
    }

    /// Sets how long each end of the opening handshake may take, instead of 10 s: a client until it has the answer, a server until it
    /// has the request, and then until its answer is written.
    #[must_use]
    pub const fn with_open_within(mut self, time: Duration) -> Options {
        self.open_within = time;
        self
    }

    /// Sets the mark in bytes, instead of 64 KiB: as long as so much has not been written, `send` and `feed` wait before they take
    /// a message. A connection holds at most that much, and one message.
    #[must_use]
    pub const fn with_max_buffered(mut self, bytes: usize) -> Options {
        self.max_buffered = bytes;
        self
    }

    /// Offers or accepts permessage-deflate by this policy in the opening handshake, and compresses what is sent where that is
    /// worth it (feature `zlib-rs`). [`Policy::SMALL`] holds nothing between messages.
    #[cfg(feature = "zlib-rs")]
    #[must_use]
    pub const fn with_deflate(mut self, policy: Policy) -> Options {
        self.deflate = Some(policy);
        self
    }

    /// Sets how the compressor is made, instead of [`Compressor::zlib`]: another threshold or level (feature `zlib-rs`).
    ///
    /// ```
    /// use wsframe::deflate::{Compressor, Policy};
    /// use wsframe::endpoint::Options;
    ///
    /// let options = Options::new()
    ///     .with_deflate(Policy::SMALL)
    ///     .with_compressor(|agreed, role| Compressor::zlib(agreed, role).with_threshold(1024));
    /// # let _ = options;
    /// ```
    #[cfg(feature = "zlib-rs")]
    #[must_use]
    pub const fn with_compressor(mut self, make: fn(Agreement, Role) -> Compressor<ZlibDeflate>) -> Options {
        self.compressor = make;
        self
    }

    pub(super) fn config(&self, role: Role) -> Config {
        self.config.unwrap_or(Config::preset(role))
    }
}

impl Default for Options {
    fn default() -> Options {
        Options::new()
    }
}
