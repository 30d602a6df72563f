//! Sending: an engine, and when to use it.

use core::fmt;

use super::negotiation::{Agreement, Direction};
use crate::role::Role;

/// An engine that deflates the messages of one connection (RFC 1951). It is told only about bytes.
///
/// It is safe to implement: what it returns is checked as far as that is possible. What it writes goes to the peer as it is.
pub trait Deflate {
    /// Deflates a message, which is not empty, to the front of `out`, and returns how many bytes that gave. They end with an empty
    /// stored block, which is not final: with the bytes `00 00 ff ff`. `None` means that `out` is too small; the message is
    /// forgotten then, and perhaps those before it.
    fn deflate(&mut self, message: &[u8], out: &mut [u8]) -> Option<usize>;

    /// The most that a message of this length gives, in bytes, with the four at its end.
    fn bound(&self, len: usize) -> usize;

    /// Forgets the messages so far: the next one does not refer to them. This is always legal (RFC 7692 §7.2.1).
    fn forget(&mut self);

    /// Forgets the messages so far, and gives up as much memory as possible.
    fn release(&mut self) {
        self.forget();
    }
}

/// Compresses the messages that one end of a connection sends, where that is worth it.
///
/// Pass it to [`Encoder::encode_compressed`](crate::Encoder::encode_compressed) or
/// `append_compressed`, or give it to a `codec::MessageCodec`. Without context takeover, one compressor can serve many
/// connections with the same agreement.
///
/// # What is sent plain
/// - Messages shorter than [`with_threshold`](Compressor::with_threshold), and, without context takeover, those that would not
///   become shorter. (With it, the peer must get what the window has.)
/// - What is sent by the other methods of the encoder. Do that with secrets: the length of a compressed message tells what it
///   has in common with other text in the same message (with context takeover, in earlier messages), and an attacker who can
///   choose that text can guess the secret bit by bit (the attack is known as CRIME).
pub struct Compressor<D: ?Sized> {
    sending: Direction,
    threshold: usize,
    always: bool,
    engine: D,
}

impl<D: Deflate> Compressor<D> {
    /// For what the end with this role sends. The engine has to be fresh, and to keep to what was agreed.
    pub const fn new(engine: D, agreed: Agreement, role: Role) -> Compressor<D> {
        let sending = agreed.sending(role);
        let threshold = if sending.takeover() { 32 } else { 256 };
        Compressor { sending, threshold, always: false, engine }
    }

    /// Sets from which length on messages are compressed, in bytes. By default 32 with context takeover and 256 without: shorter
    /// ones hardly become shorter.
    #[must_use]
    pub fn with_threshold(mut self, bytes: usize) -> Compressor<D> {
        self.threshold = bytes;
        self
    }

    /// Compresses every message, those too that are short or become longer: for a test of the peer's inflater.
    #[must_use]
    pub fn always(mut self) -> Compressor<D> {
        (self.threshold, self.always) = (0, true);
        self
    }
}

impl<D: Deflate + ?Sized> Compressor<D> {
    /// What was agreed for the messages that this end sends.
    pub const fn sending(&self) -> Direction {
        self.sending
    }

    /// Forgets the messages so far, and gives up the memory of the engine. For a connection that is idle; legal at any time. The
    /// next messages become a little longer than they would have.
    pub fn release(&mut self) {
        self.engine.release();
    }

    #[cfg(feature = "bytes")]
    pub(crate) fn forget(&mut self) {
        self.engine.forget();
    }

    pub(crate) const fn threshold(&self) -> usize {
        self.threshold
    }

    /// The most that a message of this length gives, in bytes. An engine that asks for more than twice of it gets less, and if it
    /// needs that, the message is sent plain.
    pub(crate) fn bound(&self, len: usize) -> usize {
        self.engine.bound(len).min(len.saturating_mul(2).saturating_add(1024)).max(len)
    }

    /// Deflates a message to the front of `out`, without the four bytes at its end; `None` if it is better sent plain.
    pub(crate) fn deflate(&mut self, message: &[u8], out: &mut [u8]) -> Option<usize> {
        if message.is_empty() {
            // An empty stored block (RFC 7692 §7.2.3.6). Most engines give nothing for nothing.
            *out.first_mut()? = 0;
            return Some(1);
        }
        let len = self.engine.deflate(message, out).and_then(|len| {
            let deflated = out.get(..len)?;
            deflated.strip_suffix(&[0, 0, 0xff, 0xff]).map(<[u8]>::len)
        });
        match len {
            // With takeover, it is in the window, and the peer has to have it there too.
            Some(len) if len != 0 && (self.sending.takeover() || self.always || len < message.len()) => Some(len),
            Some(len) if len != 0 => None,
            // Its window is not what the peer has.
            _ => {
                self.engine.forget();
                None
            }
        }
    }
}

impl<D: ?Sized> fmt::Debug for Compressor<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressor")
            .field("sending", &self.sending)
            .field("threshold", &self.threshold)
            .finish_non_exhaustive()
    }
}
