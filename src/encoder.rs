//! Frames that we may send, to bytes.

use core::fmt;

use crate::close_frame::CloseFrame;
use crate::config::Config;
use crate::header::{self, Header};
use crate::mask::{self, MaskKey};
use crate::misuse::Misuse;
use crate::opcode::{Kind, Opcode, Rsv};
use crate::role::Role;
use crate::sequence::Sequence;
use crate::utf8::Utf8Validator;
use crate::violation::Violation;

/// Where the masking keys of an encoder come from: [`Unmasked`] for a server, any `FnMut() -> MaskKey` for a client.
///
/// It cannot be implemented for other types.
///
/// A key must be fresh for each frame and unpredictable to whoever chooses the payload (RFC 6455 §5.3, §10.3): take it
/// from the operating system or from a generator seeded by it, such as
/// `|| { let mut key = [0; 4]; getrandom::fill(&mut key).unwrap(); key }`.
pub trait KeySource: sealed::Sealed {
    /// Whether frames are masked: if not, [`KeySource::next_key`] returns `None`, otherwise it never does.
    const MASKED: bool;

    /// The key of the next frame.
    fn next_key(&mut self) -> Option<MaskKey>;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Unmasked {}
    impl<F: FnMut() -> super::MaskKey> Sealed for F {}
}

/// A server's frames are not masked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unmasked;

impl KeySource for Unmasked {
    const MASKED: bool = false;

    #[inline]
    fn next_key(&mut self) -> Option<MaskKey> {
        None
    }
}

impl<F: FnMut() -> MaskKey> KeySource for F {
    const MASKED: bool = true;

    #[inline]
    fn next_key(&mut self) -> Option<MaskKey> {
        Some(self())
    }
}

/// Writes the frames that one end of a connection sends, and refuses what the other end would refuse.
///
/// Each method writes one frame to the front of the output and returns its length in bytes. On an error nothing has been
/// written, and the encoder is as it was.
///
/// ```
/// use wsframe::{CloseCode, CloseFrame, Encoder};
///
/// let mut encoder = Encoder::server();
/// let mut out = [0; 64];
/// let len = encoder.text(&mut out, "Hello")?;
/// assert_eq!(&out[..len], b"\x81\x05Hello");
///
/// // A message in two fragments.
/// let len = encoder.text_fragment(&mut out, "Hel", false)?;
/// assert_eq!(&out[..len], b"\x01\x03Hel");
/// let len = encoder.text_fragment(&mut out, "lo", true)?;
/// assert_eq!(&out[..len], b"\x80\x02lo");
/// # Ok::<(), wsframe::Misuse>(())
/// ```
#[derive(Clone)]
pub struct Encoder<K> {
    keys: K,
    sequence: Sequence,
    /// What the open message is.
    kind: Kind,
    /// The validator of the open message, if it is text that we answer for.
    text: Option<Utf8Validator>,
    allowed_rsv: Rsv,
    closed: bool,
}

impl Encoder<Unmasked> {
    /// For a server, with the limits that [`Config::CLIENT`] sets at the other end.
    pub const fn server() -> Encoder<Unmasked> {
        Encoder::server_with_config(Config::preset(Role::Client))
    }

    /// For a server whose peer decodes with this configuration.
    pub const fn server_with_config(config: Config) -> Encoder<Unmasked> {
        Encoder::new(Unmasked, config)
    }
}

impl<F: FnMut() -> MaskKey> Encoder<F> {
    /// For a client, with the limits that [`Config::SERVER`] sets at the other end. `keys` is asked for the key of each
    /// frame: see [`KeySource`].
    pub const fn client(keys: F) -> Encoder<F> {
        Encoder::client_with_config(keys, Config::preset(Role::Server))
    }

    /// For a client whose peer decodes with this configuration.
    pub const fn client_with_config(keys: F, config: Config) -> Encoder<F> {
        Encoder::new(keys, config)
    }
}

impl<K> Encoder<K> {
    const fn new(keys: K, config: Config) -> Encoder<K> {
        Encoder {
            keys,
            sequence: Sequence::new(&config),
            kind: Kind::Binary,
            text: None,
            allowed_rsv: config.allowed_rsv,
            closed: false,
        }
    }
}

/// A frame that passed every check that does not need its payload.
struct Plan {
    header: Header,
    kind: Kind,
    /// The validator of the message behind the frame, if it is text that we answer for.
    text: Option<Utf8Validator>,
}

impl Plan {
    /// Checks the payload of the frame, if it is text that we answer for.
    fn check_text(&mut self, payload: &[u8]) -> Result<(), Violation> {
        let Some(text) = &mut self.text else { return Ok(()) };
        let can_become_valid = text.update(payload).is_ok();
        let is_valid = can_become_valid && (text.is_complete() || !self.header.fin());
        if is_valid { Ok(()) } else { Err(Violation::TextNotUtf8) }
    }
}

impl<K: KeySource> Encoder<K> {
    /// The most that a header adds to a payload, in bytes.
    pub const MAX_OVERHEAD: usize = header::MAX_HEADER;

    /// The length of a frame with so much payload, both in bytes.
    pub const fn frame_len(payload_len: usize) -> usize {
        payload_len.saturating_add(header::encoded_len(payload_len as u64, K::MASKED))
    }

    /// A whole text message.
    ///
    /// # Errors
    /// [`Misuse`], when the peer would refuse it or `out` is too small.
    #[inline]
    pub fn text(&mut self, out: &mut [u8], text: &str) -> Result<usize, Misuse> {
        self.whole(out, Opcode::Text, text.as_bytes())
    }

    /// A whole binary message.
    ///
    /// # Errors
    /// [`Misuse`], when the peer would refuse it or `out` is too small.
    #[inline]
    pub fn binary(&mut self, out: &mut [u8], payload: &[u8]) -> Result<usize, Misuse> {
        self.whole(out, Opcode::Binary, payload)
    }

    /// The first fragment of a text message, or the next one of the text message that is open; the last one if `fin`.
    ///
    /// # Errors
    /// [`Misuse`], when the peer would refuse it or `out` is too small.
    pub fn text_fragment(&mut self, out: &mut [u8], text: &str, fin: bool) -> Result<usize, Misuse> {
        self.text_fragment_onto(out, text, fin)
    }

    /// [`Encoder::text_fragment`] into any output.
    pub(crate) fn text_fragment_onto(
        &mut self,
        out: &mut (impl Output + ?Sized),
        text: &str,
        fin: bool,
    ) -> Result<usize, Misuse> {
        // Only bytes of a proxy can have left a code point open.
        if self.text.is_some_and(|text| !text.is_complete()) {
            return self.fragment_onto(out, Kind::Text, Rsv::NONE, fin, text.as_bytes());
        }
        let plan = self.plan(self.next_opcode(Kind::Text), Kind::Text, Rsv::NONE, fin, text.len())?;
        self.write_data(out, plan, text.as_bytes())
    }

    /// The first fragment of a message, or the next one of the message that is open; the last one if `fin`. For proxies
    /// and extensions: text is given as bytes, which may be cut inside a code point.
    ///
    /// `rsv` stands on the first fragment and must be allowed by the configuration; on later ones it must be
    /// [`Rsv::NONE`]. If it is set, the message is opaque and is not checked as text.
    ///
    /// # Errors
    /// [`Misuse`], when the peer would refuse it or `out` is too small.
    pub fn fragment(
        &mut self,
        out: &mut [u8],
        kind: Kind,
        rsv: Rsv,
        fin: bool,
        payload: &[u8],
    ) -> Result<usize, Misuse> {
        self.fragment_onto(out, kind, rsv, fin, payload)
    }

    /// [`Encoder::fragment`] into any output.
    pub(crate) fn fragment_onto(
        &mut self,
        out: &mut (impl Output + ?Sized),
        kind: Kind,
        rsv: Rsv,
        fin: bool,
        payload: &[u8],
    ) -> Result<usize, Misuse> {
        let mut plan = self.plan(self.next_opcode(kind), kind, rsv, fin, payload.len())?;
        // Before anything is written: a refusal leaves the output as it was.
        plan.check_text(payload)?;
        self.write_data(out, plan, payload)
    }

    /// The header of a data frame alone, to be sent before `payload_len` bytes that the caller writes: for `writev`. Kind,
    /// `rsv` and `fin` are as in [`Encoder::fragment`]. The caller answers for the length of the payload, for masking it
    /// with [`Header::mask_key`], and for the UTF-8 of the message from there on: behind a header with payload, the rest of
    /// a text message is not checked.
    ///
    /// # Errors
    /// [`Misuse::Closed`] or [`Misuse::Forbidden`].
    pub fn header(&mut self, kind: Kind, rsv: Rsv, fin: bool, payload_len: usize) -> Result<Header, Misuse> {
        let mut plan = self.plan(self.next_opcode(kind), kind, rsv, fin, payload_len)?;
        if payload_len == 0 {
            plan.check_text(&[])?;
        } else {
            plan.text = None;
        }
        let header = plan.header.with_key(self.keys.next_key());
        self.take(&plan);
        Ok(header)
    }

    /// A Ping, with a payload of at most 125 bytes.
    ///
    /// # Errors
    /// [`Misuse`], when the payload is too long, `out` is too small or a Close was sent.
    pub fn ping(&mut self, out: &mut [u8], payload: &[u8]) -> Result<usize, Misuse> {
        self.whole(out, Opcode::Ping, payload)
    }

    /// A Pong, with a payload of at most 125 bytes: that of the Ping that it answers.
    ///
    /// # Errors
    /// [`Misuse`], when the payload is too long, `out` is too small or a Close was sent.
    pub fn pong(&mut self, out: &mut [u8], payload: &[u8]) -> Result<usize, Misuse> {
        self.whole(out, Opcode::Pong, payload)
    }

    /// A Close. Nothing can be sent behind it.
    ///
    /// # Errors
    /// [`Misuse`], when `out` is too small or a Close was sent before.
    pub fn close(&mut self, out: &mut [u8], close: &CloseFrame<'_>) -> Result<usize, Misuse> {
        self.close_onto(out, close)
    }

    /// [`Encoder::close`] into any output.
    pub(crate) fn close_onto(
        &mut self,
        out: &mut (impl Output + ?Sized),
        close: &CloseFrame<'_>,
    ) -> Result<usize, Misuse> {
        let unmasked = close.encode(None);
        let body = unmasked.as_ref().get(2..).unwrap_or_default();
        let written = self.whole(out, Opcode::Close, body)?;
        self.closed = true;
        Ok(written)
    }

    /// A message in one frame, or a control frame: behind it, the encoder is as it was.
    #[inline]
    pub(crate) fn whole(
        &mut self,
        out: &mut (impl Output + ?Sized),
        opcode: Opcode,
        payload: &[u8],
    ) -> Result<usize, Misuse> {
        let header = self.check(Header::new(true, Rsv::NONE, opcode, None, payload.len() as u64))?;
        self.write(out, header, payload)
    }

    /// The header, if its frame may be sent now, but for its text.
    #[inline]
    pub(crate) fn check(&self, header: Result<Header, impl Into<Misuse>>) -> Result<Header, Misuse> {
        if self.closed {
            return Err(Misuse::Closed);
        }
        let header = header.map_err(Into::into)?;
        if !self.allowed_rsv.contains(header.rsv()) {
            return Err(Violation::ReservedBits.into());
        }
        self.sequence.check_order(header.opcode())?;
        self.sequence.check_len(header.opcode(), header.payload_len())?;
        Ok(header)
    }

    /// The opcode of the next fragment of a message of this kind.
    fn next_opcode(&self, kind: Kind) -> Opcode {
        if self.sequence.is_open() { Opcode::Continuation } else { kind.opcode() }
    }

    /// Checks all of a data frame but its text.
    fn plan(&self, opcode: Opcode, kind: Kind, rsv: Rsv, fin: bool, len: usize) -> Result<Plan, Misuse> {
        // A message goes on as the kind that it began as.
        let goes_on = opcode != Opcode::Continuation || kind == self.kind;
        let header = if goes_on {
            Header::new(fin, rsv, opcode, None, len as u64)
        } else {
            Err(Violation::ContinuationExpected)
        };
        let header = self.check(header)?;
        let text = match opcode {
            Opcode::Continuation => self.text,
            Opcode::Text if rsv.is_empty() => Some(Utf8Validator::new()),
            _ => None,
        };
        Ok(Plan { header, kind, text })
    }

    fn write_data(&mut self, out: &mut (impl Output + ?Sized), plan: Plan, payload: &[u8]) -> Result<usize, Misuse> {
        let written = self.write(out, plan.header, payload)?;
        self.take(&plan);
        Ok(written)
    }

    /// The frame was sent.
    fn take(&mut self, plan: &Plan) {
        self.kind = plan.kind;
        self.text = plan.text;
        self.sequence.begin_frame(plan.header.payload_len());
        if plan.header.fin() {
            self.sequence.end_message();
            self.text = None;
        }
    }

    #[inline(always)]
    fn write(&mut self, out: &mut (impl Output + ?Sized), header: Header, payload: &[u8]) -> Result<usize, Misuse> {
        let needed = Self::frame_len(payload.len());
        out.write_frame(needed, || header.with_key(self.keys.next_key()), payload)?;
        Ok(needed)
    }
}

/// Where a frame is written to.
pub(crate) trait Output {
    /// Writes a frame of `len` bytes: header, then payload, masked while it is copied. The header, and with it the key, is
    /// asked for only when there is room.
    fn write_frame(&mut self, len: usize, header: impl FnOnce() -> Header, payload: &[u8]) -> Result<(), Misuse>;
}

/// To its front.
impl Output for [u8] {
    #[inline(always)]
    fn write_frame(&mut self, len: usize, header: impl FnOnce() -> Header, payload: &[u8]) -> Result<(), Misuse> {
        let out = self.get_mut(..len).ok_or(Misuse::BufferTooSmall { needed: len })?;
        let header = header();
        let body = header.write(out);
        // Unmasked too: this needs no call for few bytes, and was no slower than `memcpy`, which on some CPUs takes many times
        // as long where source and destination are not aligned alike.
        mask::xor_to(payload, body, header.mask_key().unwrap_or_default());
        Ok(())
    }
}

impl<K> fmt::Debug for Encoder<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder")
            .field("in_message", &self.sequence.is_open())
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}
