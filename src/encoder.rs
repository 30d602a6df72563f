//! Frames to bytes.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;
use core::fmt;

use crate::close_code::CloseCode;
use crate::close_frame::CloseFrame;
use crate::config::EncoderConfig;
#[cfg(feature = "deflate")]
use crate::deflate::{Compressor, Deflate};
use crate::error::EncodeError;
use crate::frame::{Content, Frame};
use crate::header::{self, Header};
use crate::kernels::xor;
use crate::keys::{KeySource, Masking, Unmasked};
use crate::opcode::{MessageKind, Opcode, Rsv, is_checked_text};
#[cfg(all(feature = "deflate", feature = "alloc"))]
use crate::payload::append_zeros;
use crate::sequence::Sequence;
use crate::utf8::Utf8Validator;
use crate::violation::Violation;

/// Writes the frames that one end of a connection sends, and refuses what the protocol forbids.
///
/// Frames are written to the front of a slice ([`encode`](Encoder::encode)) or to the end of a buffer that grows
/// ([`append`](Encoder::append)). On an error nothing has been written, and the encoder is as it was. 131 bytes of room are
/// enough for every control frame, and [`Header::MAX_LEN`] bytes beside a payload for every frame.
///
/// ```
/// use wsframe::{Encoder, Frame};
///
/// let mut encoder = Encoder::server();
/// let mut out = [0; 64];
/// let len = encoder.text(&mut out, "Hello")?;
/// assert_eq!(&out[..len], b"\x81\x05Hello");
///
/// // A message in two fragments.
/// let len = encoder.encode(&mut out, Frame::text_fragment("Hel", false))?;
/// assert_eq!(&out[..len], b"\x01\x03Hel");
/// let len = encoder.encode(&mut out, Frame::text_fragment("lo", true))?;
/// assert_eq!(&out[..len], b"\x80\x02lo");
/// # Ok::<(), wsframe::EncodeError>(())
/// ```
#[derive(Clone)]
pub struct Encoder<K> {
    keys: K,
    sequence: Sequence,
    /// The kind and the bits of the open message.
    kind: MessageKind,
    rsv: Rsv,
    /// The validator of the open message, if it is text that this encoder validates.
    text: Option<Utf8Validator>,
    allowed_rsv: Rsv,
    sending: Sending,
}

/// What may still be sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sending {
    Open,
    /// Nothing but a Close that a connection owes.
    Locked,
    /// Nothing: a Close with this code was sent.
    Closed(Option<CloseCode>),
}

impl Encoder<Unmasked> {
    /// For a server.
    pub const fn server() -> Encoder<Unmasked> {
        Encoder::server_with_config(EncoderConfig::new())
    }

    /// For a server, with these limits.
    pub const fn server_with_config(config: EncoderConfig) -> Encoder<Unmasked> {
        Encoder::new(Unmasked, config)
    }
}

impl<K: KeySource> Encoder<K> {
    /// For a client. `keys` is asked for the key of each frame.
    pub const fn client(keys: K) -> Encoder<K> {
        Encoder::client_with_config(keys, EncoderConfig::new())
    }

    /// For a client, with these limits.
    pub const fn client_with_config(keys: K, config: EncoderConfig) -> Encoder<K> {
        Encoder::new(keys, config)
    }
}

impl<K> Encoder<K> {
    const fn new(keys: K, config: EncoderConfig) -> Encoder<K> {
        Encoder {
            keys,
            sequence: Sequence::new(config.limits),
            kind: MessageKind::Binary,
            rsv: Rsv::NONE,
            text: None,
            allowed_rsv: config.allowed_rsv,
            sending: Sending::Open,
        }
    }

    /// Whether a Close was sent, or a [`Connection`](crate::Connection) owes one. Every frame is refused then.
    pub const fn is_closed(&self) -> bool {
        !matches!(self.sending, Sending::Open)
    }

    /// Whether a fragmented message was begun and not ended: only its next fragment and control frames can be sent.
    pub const fn is_message_open(&self) -> bool {
        self.sequence.is_open()
    }

    /// The code of the Close that was sent.
    pub(crate) const fn sent_close(&self) -> Option<Option<CloseCode>> {
        match self.sending {
            Sending::Closed(code) => Some(code),
            _ => None,
        }
    }

    /// From now on, nothing but a Close that is owed may be sent.
    pub(crate) const fn lock(&mut self) {
        if !self.is_closed() {
            self.sending = Sending::Locked;
        }
    }
}

/// A data frame that passed every check that does not need its payload.
struct Plan {
    header: Header,
    kind: MessageKind,
    rsv: Rsv,
    /// The validator of the message after the frame, if it is text that the encoder validates.
    text: Option<Utf8Validator>,
}

impl Plan {
    /// Checks the payload of the frame, if it is text that the encoder validates.
    fn check_text(&mut self, payload: &[u8]) -> Result<(), Violation> {
        let Some(text) = &mut self.text else { return Ok(()) };
        let can_become_valid = text.update(payload).is_ok();
        let is_valid = can_become_valid && (text.is_complete() || !self.header.fin());
        if is_valid { Ok(()) } else { Err(Violation::TextNotUtf8) }
    }
}

impl<K: Masking> Encoder<K> {
    /// The length of a frame with `payload_len` bytes of payload, in bytes.
    pub const fn frame_len(&self, payload_len: usize) -> usize {
        Self::encoded_len(payload_len)
    }

    const fn encoded_len(payload_len: usize) -> usize {
        payload_len.saturating_add(header::encoded_len(payload_len as u64, K::MASKED))
    }

    /// Writes a frame to the front of `out` and returns its length in bytes.
    ///
    /// # Errors
    /// [`EncodeError`], if the protocol or a limit of this encoder forbids the frame, or `out` is too small.
    #[inline]
    pub fn encode<'f>(
        &mut self,
        out: &mut (impl Slice + ?Sized),
        frame: impl Into<Frame<'f>>,
    ) -> Result<usize, EncodeError> {
        self.put(out.as_mut_slice(), frame.into())
    }

    /// Writes a frame to the end of `out`, a [`Vec<u8>`](alloc::vec::Vec) or a `BytesMut`, which grows as needed; returns the
    /// frame's length in bytes.
    ///
    /// # Errors
    /// [`EncodeError`], if the protocol or a limit of this encoder forbids the frame.
    #[cfg(feature = "alloc")]
    #[inline]
    pub fn append<'f>(&mut self, out: &mut impl Append, frame: impl Into<Frame<'f>>) -> Result<usize, EncodeError> {
        self.put(out, frame.into())
    }

    /// Writes frames to the end of `out`, as [`append`](Encoder::append) does each of them, and makes room for all of them at
    /// once; returns their length together, in bytes. For many small messages that go out in one write.
    ///
    /// ```
    /// use wsframe::{Encoder, Frame};
    ///
    /// let prices = ["1.50", "1.75"];
    /// let mut out = Vec::new();
    /// let len = Encoder::server().append_all(&mut out, prices.iter().copied().map(Frame::text))?;
    /// assert_eq!(out, b"\x81\x041.50\x81\x041.75");
    /// assert_eq!(len, out.len());
    /// # Ok::<(), wsframe::EncodeError>(())
    /// ```
    ///
    /// # Errors
    /// The [`EncodeError`] of the first frame that is refused. Nothing was appended then, and the encoder is as it was, except
    /// that the keys of the frames before it were drawn.
    #[cfg(feature = "alloc")]
    pub fn append_all<'f, F: Into<Frame<'f>>>(
        &mut self,
        out: &mut impl Append,
        frames: impl IntoIterator<Item = F, IntoIter: Clone>,
    ) -> Result<usize, EncodeError> {
        let frames = frames.into_iter();
        let room = frames.clone().fold(0_usize, |room, frame| {
            let payload_len = frame.into().payload_len();
            room.saturating_add(self.frame_len(payload_len))
        });
        let start = out.reserve_frames(room)?;
        let before = (self.sequence, self.kind, self.rsv, self.text, self.sending);
        let mut len = 0;
        for frame in frames {
            match self.put(out, frame.into()) {
                Ok(frame_len) => len += frame_len,
                Err(error) => {
                    (self.sequence, self.kind, self.rsv, self.text, self.sending) = before;
                    out.forget_frames(start);
                    return Err(error);
                }
            }
        }
        Ok(len)
    }

    /// [`Encoder::encode`], with the message compressed if that is worth it (RFC 7692): a whole message that is at least as long
    /// as the threshold of `compressor` and carries no bits. All other frames are written as they are. RSV1 need not be allowed
    /// to this encoder.
    ///
    /// A message is held to the limits of this encoder by its length before it is compressed.
    ///
    /// # Errors
    /// As [`Encoder::encode`]. [`EncodeError::BufferTooSmall`] asks for as much room as the message can need, about one part
    /// in seven more than its length.
    #[cfg(feature = "deflate")]
    pub fn encode_compressed<'f, D: Deflate + ?Sized>(
        &mut self,
        out: &mut (impl Slice + ?Sized),
        compressor: &mut Compressor<D>,
        frame: impl Into<Frame<'f>>,
    ) -> Result<usize, EncodeError> {
        let (out, frame) = (out.as_mut_slice(), frame.into());
        let Some((opcode, payload)) = self.compressible(&frame, compressor)? else { return self.put(out, frame) };
        let most = compressor.bound(payload.len());
        let needed = Self::encoded_len(most);
        let room = out.get_mut(..needed).ok_or(EncodeError::BufferTooSmall { needed })?;
        self.write_compressed(room, most, compressor, opcode, payload)
    }

    /// [`Encoder::append`], with the message compressed if that is worth it: see [`Encoder::encode_compressed`].
    ///
    /// ```
    /// # #[cfg(feature = "zlib-rs")] {
    /// use wsframe::deflate::{Compressor, Policy};
    /// use wsframe::{Encoder, Frame, Role};
    ///
    /// let (agreed, _) = Policy::SMALL.answer([&b"permessage-deflate"[..]]).unwrap();
    /// let mut compressor = Compressor::zlib(agreed, Role::Server);
    /// let mut out = Vec::new();
    /// let text = "again and ".repeat(100);
    /// let len = Encoder::server().append_compressed(&mut out, &mut compressor, Frame::text(&text))?;
    /// assert!(len < 50);
    /// assert_eq!(out[0], 0xc1);
    /// # }
    /// # Ok::<(), wsframe::EncodeError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Encoder::append`].
    #[cfg(all(feature = "deflate", feature = "alloc"))]
    pub fn append_compressed<'f, D: Deflate + ?Sized>(
        &mut self,
        out: &mut impl Append,
        compressor: &mut Compressor<D>,
        frame: impl Into<Frame<'f>>,
    ) -> Result<usize, EncodeError> {
        let frame = frame.into();
        let Some((opcode, payload)) = self.compressible(&frame, compressor)? else { return self.put(out, frame) };
        let start = out.reserve_frames(0)?;
        let most = compressor.bound(payload.len());
        let room = out.grow_zeroed(Self::encoded_len(most))?;
        let result = self.write_compressed(room, most, compressor, opcode, payload);
        out.forget_frames(start + result.unwrap_or(0));
        result
    }

    /// The opcode and the payload of a message that is to be compressed and may be sent now.
    #[cfg(feature = "deflate")]
    fn compressible<'f, D: Deflate + ?Sized>(
        &self,
        frame: &Frame<'f>,
        compressor: &Compressor<D>,
    ) -> Result<Option<(Opcode, &'f [u8])>, EncodeError> {
        let (kind, payload) = match frame.content {
            Content::Text(text) => (MessageKind::Text, text.as_bytes()),
            Content::Message(kind, payload) => (kind, payload),
            _ => return Ok(None),
        };
        if !frame.rsv.is_empty() || payload.len() < compressor.threshold() {
            return Ok(None);
        }
        self.check(Header::new(true, Rsv::NONE, kind.opcode(), None, payload.len() as u64))?;
        if matches!(frame.content, Content::Message(..)) {
            check_text(kind, Rsv::NONE, payload)?;
        }
        Ok(Some((kind.opcode(), payload)))
    }

    /// Writes a message to the front of `room`, which is large enough for a frame with `most` bytes of payload; the message has
    /// at most as many, compressed or not.
    #[cfg(feature = "deflate")]
    fn write_compressed<D: Deflate + ?Sized>(
        &mut self,
        room: &mut [u8],
        most: usize,
        compressor: &mut Compressor<D>,
        opcode: Opcode,
        payload: &[u8],
    ) -> Result<usize, EncodeError> {
        // Before the engine does anything: there may be no key.
        let key = self.keys.frame_key()?;
        let head_room = header::encoded_len(most as u64, K::MASKED);
        let body = room.get_mut(head_room..).unwrap_or_default();
        let (rsv, len) = match compressor.deflate(payload, body) {
            Some(len) => (Rsv::RSV1, len),
            None => {
                xor::copy(payload, body, [0; 4]);
                (Rsv::NONE, payload.len())
            }
        };
        let header = Header::new(true, rsv, opcode, None, len as u64)?.with_key(key);
        let header_len = header.encoded_len();
        if header_len < head_room || K::MASKED {
            // Behind the header, which may be shorter than the room that was left for it; and masked.
            xor::shift(room, head_room, len, header_len, header.mask_key().unwrap_or_default());
        }
        header.write(room);
        Ok(header_len + len)
    }

    /// A whole text message, to the front of `out`.
    ///
    /// # Errors
    /// As [`Encoder::encode`].
    #[inline]
    pub fn text(&mut self, out: &mut (impl Slice + ?Sized), text: &str) -> Result<usize, EncodeError> {
        self.put(out.as_mut_slice(), Frame::text(text))
    }

    /// A whole binary message, to the front of `out`.
    ///
    /// # Errors
    /// As [`Encoder::encode`].
    #[inline]
    pub fn binary(&mut self, out: &mut (impl Slice + ?Sized), payload: &[u8]) -> Result<usize, EncodeError> {
        self.put(out.as_mut_slice(), Frame::binary(payload))
    }

    /// A Ping with at most 125 bytes, to the front of `out`.
    ///
    /// # Errors
    /// As [`Encoder::encode`].
    pub fn ping(&mut self, out: &mut (impl Slice + ?Sized), payload: &[u8]) -> Result<usize, EncodeError> {
        self.put(out.as_mut_slice(), Frame::ping(payload))
    }

    /// A Pong with the payload of the Ping that it answers, to the front of `out`.
    ///
    /// # Errors
    /// As [`Encoder::encode`].
    pub fn pong(&mut self, out: &mut (impl Slice + ?Sized), payload: &[u8]) -> Result<usize, EncodeError> {
        self.put(out.as_mut_slice(), Frame::pong(payload))
    }

    /// A Close, to the front of `out`. Nothing can be sent after it.
    ///
    /// # Errors
    /// As [`Encoder::encode`].
    pub fn close(&mut self, out: &mut (impl Slice + ?Sized), close: CloseFrame<'_>) -> Result<usize, EncodeError> {
        self.put(out.as_mut_slice(), Frame::close(close))
    }

    /// The header alone of the next fragment of a message, or of a whole message, whose `payload_len` bytes the caller writes
    /// after it: for `writev`. `fin` is as in [`Frame::fragment`], `rsv` as in [`Frame::with_rsv`]. The caller is responsible
    /// for the length of the payload, for masking it with [`Header::mask_key`], and for the UTF-8 of the message from there on:
    /// after a header with payload, the rest of a text message is not validated.
    ///
    /// ```
    /// use wsframe::{Encoder, MessageKind, Rsv};
    ///
    /// let payload = [7; 300];
    /// let header = Encoder::server().header(MessageKind::Binary, Rsv::NONE, true, payload.len())?;
    /// assert_eq!([header.encode().as_ref(), &payload].concat()[..6], *b"\x82\x7e\x01\x2c\x07\x07");
    /// # Ok::<(), wsframe::EncodeError>(())
    /// ```
    ///
    /// # Errors
    /// [`EncodeError`], but never `BufferTooSmall`.
    pub fn header(
        &mut self,
        kind: MessageKind,
        rsv: Rsv,
        fin: bool,
        payload_len: usize,
    ) -> Result<Header, EncodeError> {
        let mut plan = self.plan(kind, rsv, fin, payload_len)?;
        if payload_len == 0 {
            plan.check_text(&[])?;
        } else {
            plan.text = None;
        }
        let header = plan.header.with_key(self.keys.frame_key()?);
        self.take(&plan);
        Ok(header)
    }

    #[inline(always)]
    pub(crate) fn put(&mut self, out: &mut (impl Output + ?Sized), frame: Frame<'_>) -> Result<usize, EncodeError> {
        let rsv = frame.rsv;
        match frame.content {
            Content::Text(text) => self.whole(out, Opcode::Text, rsv, text.as_bytes()),
            Content::Message(MessageKind::Binary, payload) => self.whole(out, Opcode::Binary, rsv, payload),
            Content::Message(MessageKind::Text, payload) => self.whole_bytes(out, rsv, payload),
            Content::TextFragment(text, fin) => self.text_fragment(out, rsv, fin, text),
            Content::Fragment(kind, payload, fin) => self.fragment(out, kind, rsv, fin, payload),
            Content::Control(opcode, payload) => self.whole(out, opcode, rsv, payload),
            Content::Close(close) => self.close_frame(out, rsv, close),
        }
    }

    /// A message in one frame, or a control frame. It leaves the encoder as it was.
    #[inline(always)]
    fn whole(
        &mut self,
        out: &mut (impl Output + ?Sized),
        opcode: Opcode,
        rsv: Rsv,
        payload: &[u8],
    ) -> Result<usize, EncodeError> {
        // A number comes back in a register, which a `Result` does not.
        match self.whole_len(out, opcode, rsv, payload) {
            0 => self.whole_or_error(out, opcode, rsv, payload),
            len => Ok(len),
        }
    }

    /// Its length, or 0 if it was refused.
    #[inline]
    fn whole_len(&mut self, out: &mut (impl Output + ?Sized), opcode: Opcode, rsv: Rsv, payload: &[u8]) -> usize {
        match payload.len() {
            // Compiled by itself: the header has its shortest form.
            0..126 => self.write_whole(out, opcode, rsv, payload),
            _ => self.write_whole(out, opcode, rsv, payload),
        }
        .unwrap_or(0)
    }

    #[inline(always)]
    fn write_whole(
        &mut self,
        out: &mut (impl Output + ?Sized),
        opcode: Opcode,
        rsv: Rsv,
        payload: &[u8],
    ) -> Result<usize, EncodeError> {
        let header = self.check(Header::new(true, rsv, opcode, None, payload.len() as u64))?;
        self.write(out, header, payload)
    }

    /// The reason why it was refused.
    #[cold]
    #[inline(never)]
    fn whole_or_error(
        &mut self,
        out: &mut (impl Output + ?Sized),
        opcode: Opcode,
        rsv: Rsv,
        payload: &[u8],
    ) -> Result<usize, EncodeError> {
        self.write_whole(out, opcode, rsv, payload)
    }

    /// A text message in one frame, given as bytes.
    fn whole_bytes(
        &mut self,
        out: &mut (impl Output + ?Sized),
        rsv: Rsv,
        payload: &[u8],
    ) -> Result<usize, EncodeError> {
        let header = self.check(Header::new(true, rsv, Opcode::Text, None, payload.len() as u64))?;
        check_text(MessageKind::Text, rsv, payload)?;
        self.write(out, header, payload)
    }

    fn text_fragment(
        &mut self,
        out: &mut (impl Output + ?Sized),
        rsv: Rsv,
        fin: bool,
        text: &str,
    ) -> Result<usize, EncodeError> {
        // Only a fragment given as bytes can have left a code point open.
        if self.text.is_some_and(|text| !text.is_complete()) {
            return self.fragment(out, MessageKind::Text, rsv, fin, text.as_bytes());
        }
        let plan = self.plan(MessageKind::Text, rsv, fin, text.len())?;
        self.write_fragment(out, plan, text.as_bytes())
    }

    fn fragment(
        &mut self,
        out: &mut (impl Output + ?Sized),
        kind: MessageKind,
        rsv: Rsv,
        fin: bool,
        payload: &[u8],
    ) -> Result<usize, EncodeError> {
        let mut plan = self.plan(kind, rsv, fin, payload.len())?;
        // Before anything is written: a refusal leaves the output as it was.
        plan.check_text(payload)?;
        self.write_fragment(out, plan, payload)
    }

    fn close_frame(
        &mut self,
        out: &mut (impl Output + ?Sized),
        rsv: Rsv,
        close: CloseFrame<'_>,
    ) -> Result<usize, EncodeError> {
        let written = self.whole(out, Opcode::Close, rsv, close.encode(None).unmasked_body())?;
        self.sending = Sending::Closed(close.code());
        Ok(written)
    }

    /// The Close that a connection owes.
    pub(crate) fn owed_close(
        &mut self,
        out: &mut (impl Output + ?Sized),
        close: CloseFrame<'_>,
    ) -> Result<usize, EncodeError> {
        if self.sending == Sending::Locked {
            self.sending = Sending::Open;
        }
        let result = self.close_frame(out, Rsv::NONE, close);
        if result.is_err() {
            self.lock();
        }
        result
    }

    /// Returns the header if its frame may be sent now, as far as that does not depend on its payload.
    #[inline]
    pub(crate) fn check(&self, header: Result<Header, impl Into<EncodeError>>) -> Result<Header, EncodeError> {
        if self.is_closed() {
            return Err(EncodeError::Closed);
        }
        let header = header.map_err(Into::into)?;
        if !self.allowed_rsv.contains(header.rsv()) {
            return Err(Violation::ReservedBits.into());
        }
        self.sequence.check_order(header.opcode())?;
        self.sequence.check_len(header.opcode(), header.payload_len(), false)?;
        Ok(header)
    }

    /// Checks everything about the next fragment of a message but its text.
    fn plan(&self, kind: MessageKind, rsv: Rsv, fin: bool, len: usize) -> Result<Plan, EncodeError> {
        let len = len as u64;
        let header = if !self.sequence.is_open() {
            Header::new(fin, rsv, kind.opcode(), None, len)
        } else if kind != self.kind {
            Err(Violation::ContinuationExpected)
        } else if !self.rsv.contains(rsv) {
            Err(Violation::ReservedBits)
        } else {
            // The bits stand on the first fragment.
            Header::new(fin, Rsv::NONE, Opcode::Continuation, None, len)
        };
        let header = self.check(header)?;
        if self.sequence.is_open() {
            return Ok(Plan { header, kind, rsv: self.rsv, text: self.text });
        }
        let text = is_checked_text(kind, rsv).then_some(Utf8Validator::new());
        Ok(Plan { header, kind, rsv, text })
    }

    fn write_fragment(
        &mut self,
        out: &mut (impl Output + ?Sized),
        plan: Plan,
        payload: &[u8],
    ) -> Result<usize, EncodeError> {
        let written = self.write(out, plan.header, payload)?;
        self.take(&plan);
        Ok(written)
    }

    /// The fragment was sent.
    fn take(&mut self, plan: &Plan) {
        self.kind = plan.kind;
        self.rsv = plan.rsv;
        self.text = plan.text;
        self.sequence.begin_frame(plan.header.payload_len());
        if plan.header.fin() {
            self.sequence.end_message();
            self.text = None;
        }
    }

    #[inline(always)]
    fn write(
        &mut self,
        out: &mut (impl Output + ?Sized),
        header: Header,
        payload: &[u8],
    ) -> Result<usize, EncodeError> {
        let len = Self::encoded_len(payload.len());
        out.write_frame(len, || Ok(header.with_key(self.keys.frame_key()?)), payload)?;
        Ok(len)
    }
}

/// Validates the payload of a whole message, if it is text that no extension has transformed.
pub(crate) fn check_text(kind: MessageKind, rsv: Rsv, payload: &[u8]) -> Result<(), Violation> {
    if !is_checked_text(kind, rsv) || (payload.len() <= xor::SHORT && xor::is_ascii(payload)) {
        return Ok(());
    }
    let mut text = Utf8Validator::new();
    if text.update(payload).is_ok() && text.is_complete() { Ok(()) } else { Err(Violation::TextNotUtf8) }
}

/// Where a frame can be written to the front: a slice of bytes, an array, or a boxed slice.
///
/// It is implemented for these types and for no other. A buffer that grows is not among them: writing to the front of a `Vec`
/// would overwrite what it holds.
#[diagnostic::on_unimplemented(
    message = "a frame cannot be written to the front of `{Self}`",
    note = "use `append` for a `Vec<u8>` or a `BytesMut`, or pass a slice such as `&mut out[..]`"
)]
pub trait Slice: sealed::Slice {}

impl Slice for [u8] {}
impl<const N: usize> Slice for [u8; N] {}
impl Slice for &mut [u8] {}
#[cfg(feature = "alloc")]
impl Slice for alloc::boxed::Box<[u8]> {}

impl sealed::Slice for [u8] {
    #[inline(always)]
    fn as_mut_slice(&mut self) -> &mut [u8] {
        self
    }
}

impl<const N: usize> sealed::Slice for [u8; N] {
    #[inline(always)]
    fn as_mut_slice(&mut self) -> &mut [u8] {
        self
    }
}

impl sealed::Slice for &mut [u8] {
    #[inline(always)]
    fn as_mut_slice(&mut self) -> &mut [u8] {
        self
    }
}

#[cfg(feature = "alloc")]
impl sealed::Slice for alloc::boxed::Box<[u8]> {
    #[inline(always)]
    fn as_mut_slice(&mut self) -> &mut [u8] {
        self
    }
}

/// Where frames can be appended: a `Vec<u8>` (feature `alloc`) or a `BytesMut` (feature `bytes`).
///
/// It is implemented for these two and for no other type.
#[cfg(feature = "alloc")]
pub trait Append: sealed::Grow {}

#[cfg(feature = "alloc")]
impl Append for Vec<u8> {}

pub(crate) mod sealed {
    use super::{EncodeError, Header};

    /// What [`Slice`](super::Slice) is for.
    pub trait Slice {
        /// All of it.
        fn as_mut_slice(&mut self) -> &mut [u8];
    }

    /// Where a frame is written to.
    #[cfg_attr(not(feature = "alloc"), expect(unreachable_pub, reason = "`Append` makes it reachable"))]
    pub trait Output {
        /// Writes a frame of `len` bytes: the header, then the payload, masked while it is copied. The header, and with it
        /// the key, is asked for only when there is room.
        fn write_frame(
            &mut self,
            len: usize,
            header: impl FnOnce() -> Result<Header, EncodeError>,
            payload: &[u8],
        ) -> Result<(), EncodeError>;
    }

    /// Where frames can be taken back.
    #[cfg(feature = "alloc")]
    pub trait Grow: Output {
        /// Makes room for more bytes, and returns how many are there.
        fn reserve_frames(&mut self, len: usize) -> Result<usize, EncodeError>;
        /// Makes it longer by this many zeros, and returns these.
        #[cfg(feature = "deflate")]
        fn grow_zeroed(&mut self, len: usize) -> Result<&mut [u8], EncodeError>;
        /// Only so many bytes were there.
        fn forget_frames(&mut self, len: usize);
    }
}

use sealed::Output;

/// To its front.
impl Output for [u8] {
    #[inline(always)]
    fn write_frame(
        &mut self,
        len: usize,
        header: impl FnOnce() -> Result<Header, EncodeError>,
        payload: &[u8],
    ) -> Result<(), EncodeError> {
        let out = self.get_mut(..len).ok_or(EncodeError::BufferTooSmall { needed: len })?;
        let header = header()?;
        let body = header.write(out);
        // Unmasked payload too: this needs no call for few bytes, and was no slower than `memcpy`, which on some CPUs takes
        // many times as long if source and destination are not aligned alike.
        xor::copy(payload, body, header.mask_key().unwrap_or_default());
        Ok(())
    }
}

/// To its end.
#[cfg(feature = "alloc")]
impl Output for Vec<u8> {
    #[inline(always)]
    #[allow(unsafe_code, reason = "a vector is made longer by bytes that were written")]
    fn write_frame(
        &mut self,
        len: usize,
        header: impl FnOnce() -> Result<Header, EncodeError>,
        payload: &[u8],
    ) -> Result<(), EncodeError> {
        let too_small = EncodeError::BufferTooSmall { needed: len };
        self.try_reserve(len).map_err(|_| too_small)?;
        let written = write_uninit(self.spare_capacity_mut(), &header()?, payload).ok_or(too_small)?;
        // SAFETY: the `written` bytes after the end were written, so they lie within the capacity and are initialized.
        unsafe { self.set_len(self.len() + written) };
        Ok(())
    }
}

#[cfg(feature = "alloc")]
impl sealed::Grow for Vec<u8> {
    fn reserve_frames(&mut self, len: usize) -> Result<usize, EncodeError> {
        self.try_reserve(len).map_err(|_| EncodeError::BufferTooSmall { needed: len })?;
        Ok(self.len())
    }

    #[cfg(feature = "deflate")]
    fn grow_zeroed(&mut self, len: usize) -> Result<&mut [u8], EncodeError> {
        // So much more than needed that many calls copy little.
        let start = self.reserve_frames(len)?;
        append_zeros(self, len).map_err(|_| EncodeError::BufferTooSmall { needed: len })?;
        Ok(self.get_mut(start..).unwrap_or_default())
    }

    fn forget_frames(&mut self, len: usize) {
        self.truncate(len);
    }
}

/// Writes a frame to the front of `room` and returns its length; `None` if it does not fit. All of that length is
/// initialized then.
#[cfg(feature = "alloc")]
#[inline(always)]
pub(crate) fn write_uninit(room: &mut [core::mem::MaybeUninit<u8>], header: &Header, payload: &[u8]) -> Option<usize> {
    let bytes = header.encode();
    let (head, body) = room.split_at_mut_checked(bytes.as_ref().len())?;
    xor::copy_uninit(payload, body, header.mask_key().unwrap_or_default())?;
    xor::copy_uninit(bytes.as_ref(), head, [0; 4])?;
    Some(bytes.as_ref().len() + payload.len())
}

impl<K> fmt::Debug for Encoder<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder")
            .field("in_message", &self.sequence.is_open())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
