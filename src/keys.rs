//! Where the masking keys of a client come from.

use core::fmt;

use crate::mask::MaskKey;

/// A source of masking keys, for the [`Encoder`](crate::Encoder) of a client. Any `FnMut() -> MaskKey` is one; with the
/// feature `getrandom`, so is `OsKeys`.
///
/// Each key must be fresh, and unpredictable to whoever chooses the payload (RFC 6455 §5.3, §10.3), so take it from the
/// operating system or from a generator that it seeded.
pub trait KeySource {
    /// The key of the next frame.
    ///
    /// # Errors
    /// [`NoKey`], if there are no random bytes. The frame is not sent then.
    fn next_key(&mut self) -> Result<MaskKey, NoKey>;
}

impl<F: FnMut() -> MaskKey> KeySource for F {
    #[inline]
    fn next_key(&mut self) -> Result<MaskKey, NoKey> {
        Ok(self())
    }
}

/// How an encoder masks: not at all ([`Unmasked`], a server), or with the keys of a [`KeySource`] (a client).
///
/// It is implemented for these two and for no other type.
pub trait Masking: sealed::Sealed {
    /// Whether frames are masked.
    const MASKED: bool;

    /// The key of the next frame; `None` if frames are not masked.
    #[doc(hidden)]
    fn frame_key(&mut self) -> Result<Option<MaskKey>, NoKey>;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Unmasked {}
    impl<K: super::KeySource> Sealed for K {}
}

/// A server does not mask its frames (RFC 6455 §5.1).
#[allow(clippy::exhaustive_structs, reason = "a marker without content")]
#[derive(Clone, Copy, Debug, Default)]
pub struct Unmasked;

impl Masking for Unmasked {
    const MASKED: bool = false;

    #[inline]
    fn frame_key(&mut self) -> Result<Option<MaskKey>, NoKey> {
        Ok(None)
    }
}

impl<K: KeySource> Masking for K {
    const MASKED: bool = true;

    #[inline]
    fn frame_key(&mut self) -> Result<Option<MaskKey>, NoKey> {
        self.next_key().map(Some)
    }
}

/// A source of random bytes failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct NoKey;

impl NoKey {
    /// For a [`KeySource`] that cannot give a key.
    pub const fn new() -> NoKey {
        NoKey
    }
}

impl fmt::Display for NoKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the source of random bytes failed")
    }
}

impl core::error::Error for NoKey {}

/// Random keys from the operating system, fetched 64 at a time (feature `getrandom`).
///
/// A process that forks must not use the same `OsKeys` in parent and child: both would give the same keys.
///
/// ```
/// use wsframe::{Encoder, OsKeys};
///
/// struct Client {
///     encoder: Encoder<OsKeys>,
/// }
///
/// let mut client = Client { encoder: Encoder::client(OsKeys::new()) };
/// let mut out = [0; 16];
/// assert_eq!(client.encoder.text(&mut out, "Hello")?, 11);
/// # Ok::<(), wsframe::EncodeError>(())
/// ```
#[cfg(feature = "getrandom")]
pub struct OsKeys {
    /// Random bytes. Those that were given out are overwritten with zeros.
    bytes: [u8; OsKeys::LEN],
    /// How many of them were given out.
    used: usize,
}

#[cfg(feature = "getrandom")]
impl OsKeys {
    const LEN: usize = 256;

    /// Keys that are asked for when the first one is needed.
    pub const fn new() -> OsKeys {
        OsKeys { bytes: [0; OsKeys::LEN], used: OsKeys::LEN }
    }

    /// 16 random bytes: the key of an opening handshake (RFC 6455 §4.1), before it is written in base64.
    ///
    /// # Errors
    /// [`NoKey`], if the operating system gives no random bytes.
    pub fn handshake_key(&mut self) -> Result<[u8; 16], NoKey> {
        self.take()
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], NoKey> {
        if OsKeys::LEN - self.used < N {
            getrandom::fill(&mut self.bytes).map_err(|_| NoKey)?;
            self.used = 0;
        }
        let key = self.bytes.get_mut(self.used..).and_then(<[u8]>::first_chunk_mut).ok_or(NoKey)?;
        self.used += N;
        Ok(core::mem::replace(key, [0; N]))
    }
}

#[cfg(feature = "getrandom")]
impl KeySource for OsKeys {
    #[inline]
    fn next_key(&mut self) -> Result<MaskKey, NoKey> {
        self.take()
    }
}

#[cfg(feature = "getrandom")]
impl Default for OsKeys {
    fn default() -> OsKeys {
        OsKeys::new()
    }
}

/// Hides the keys.
#[cfg(feature = "getrandom")]
impl fmt::Debug for OsKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OsKeys").finish_non_exhaustive()
    }
}
