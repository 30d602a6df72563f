//! Frames into a `BytesMut`, frames for `writev`, and frames that are encoded once and sent to many.

use bytes::{Bytes, BytesMut};

use super::message::Message;
#[cfg(feature = "deflate")]
use crate::deflate::{Compressor, Deflate, WindowBits};
use crate::encoder::sealed::{Grow, Output};
use crate::encoder::{Append, Encoder, check_text, write_uninit};
use crate::error::EncodeError;
use crate::frame::{Content, Frame};
use crate::header::Header;
use crate::keys::Unmasked;
use crate::opcode::Opcode;

impl Append for BytesMut {}

/// To its end.
impl Output for BytesMut {
    #[inline(always)]
    #[allow(unsafe_code, reason = "a buffer is made longer by bytes that were written")]
    fn write_frame(
        &mut self,
        len: usize,
        header: impl FnOnce() -> Result<Header, EncodeError>,
        payload: &[u8],
    ) -> Result<(), EncodeError> {
        self.reserve(len);
        let written = write_uninit(self.spare_capacity_mut(), &header()?, payload)
            .ok_or(EncodeError::BufferTooSmall { needed: len })?;
        // SAFETY: the `written` bytes after the end were written, so they lie within the capacity and are initialized.
        unsafe { self.set_len(self.len() + written) };
        Ok(())
    }
}

impl Grow for BytesMut {
    fn reserve_frames(&mut self, len: usize) -> Result<usize, EncodeError> {
        self.reserve(len);
        Ok(self.len())
    }

    #[cfg(feature = "deflate")]
    fn grow_zeroed(&mut self, len: usize) -> Result<&mut [u8], EncodeError> {
        let start = self.reserve_frames(len)?;
        self.resize(start.saturating_add(len), 0);
        Ok(self.get_mut(start..).unwrap_or_default())
    }

    fn forget_frames(&mut self, len: usize) {
        self.truncate(len);
    }
}

/// Sending a payload without copying it, which only unmasked frames allow (feature `bytes`).
impl Encoder<Unmasked> {
    /// A whole message or a control frame, as its header and its payload: for `writev`. The payload is not copied.
    ///
    /// ```
    /// use wsframe::Encoder;
    /// use wsframe::codec::{Bytes, Message};
    ///
    /// let payload = Bytes::from(vec![7; 100_000]);
    /// let [header, same] = Encoder::server().header_and_payload(Message::from(payload.clone()))?;
    /// assert_eq!(header, &b"\x82\x7f\0\0\0\0\0\x01\x86\xa0"[..]);
    /// assert_eq!(same.as_ptr(), payload.as_ptr());
    /// # Ok::<(), wsframe::EncodeError>(())
    /// ```
    ///
    /// # Errors
    /// [`EncodeError`], if the protocol or a limit of this encoder forbids the frame.
    pub fn header_and_payload(&mut self, message: Message) -> Result<[Bytes; 2], EncodeError> {
        if matches!(message, Message::Close(_)) {
            let mut frame = BytesMut::new();
            self.append(&mut frame, &message)?;
            let body = frame.split_off(2);
            return Ok([frame.freeze(), body.freeze()]);
        }
        let header = self.check(whole(Frame::from(&message)).map(|(header, _)| header))?;
        Ok([Bytes::copy_from_slice(header.encode().as_ref()), message.into_payload()])
    }

    /// The bytes of a frame that was encoded once, to be sent on this connection too. They are not copied.
    ///
    /// # Errors
    /// [`EncodeError`], if the protocol or a limit of this encoder forbids the frame now.
    pub fn encode_prepared(&mut self, frame: &PreparedFrame) -> Result<Bytes, EncodeError> {
        self.check(Ok::<_, EncodeError>(frame.header))?;
        Ok(frame.bytes.clone())
    }

    /// [`Encoder::encode_prepared`] for a connection that agreed to permessage-deflate: the compressed form, if the frame has
    /// one and the window that was agreed here is large enough for it (feature `deflate`). `compressor` is that of the
    /// connection; with context takeover it forgets the messages so far, because the peer got one that it does not know.
    ///
    /// # Errors
    /// As [`Encoder::encode_prepared`].
    #[cfg(feature = "deflate")]
    pub fn encode_prepared_compressed<D: Deflate + ?Sized>(
        &mut self,
        frame: &PreparedFrame,
        compressor: &mut Compressor<D>,
    ) -> Result<Bytes, EncodeError> {
        let bytes = self.encode_prepared(frame)?;
        match &frame.compressed {
            Some((compressed, window)) if *window <= compressor.sending().window() => {
                compressor.forget();
                Ok(compressed.clone())
            }
            _ => Ok(bytes),
        }
    }
}

/// A server's frame that is encoded once and sent to many connections: it is not masked, so its bytes are the same for all.
///
/// ```
/// use wsframe::Encoder;
/// use wsframe::codec::PreparedFrame;
///
/// let news = PreparedFrame::new("news")?;
/// for encoder in &mut [Encoder::server(), Encoder::server()] {
///     // Each connection's encoder checks that the frame may be sent there, now.
///     assert_eq!(encoder.encode_prepared(&news)?, &b"\x81\x04news"[..]);
/// }
/// # Ok::<(), wsframe::EncodeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreparedFrame {
    header: Header,
    bytes: Bytes,
    /// The same message compressed by itself, and the window that it needs.
    #[cfg(feature = "deflate")]
    compressed: Option<(Bytes, WindowBits)>,
}

impl PreparedFrame {
    /// A whole message, a Ping or a Pong.
    ///
    /// # Errors
    /// [`EncodeError::NotPreparable`] for a Close or a fragment; [`EncodeError::Forbidden`] for what the protocol forbids.
    pub fn new<'f>(frame: impl Into<Frame<'f>>) -> Result<PreparedFrame, EncodeError> {
        let (header, payload) = whole(frame.into())?;
        let mut bytes = BytesMut::with_capacity(header.encoded_len() + payload.len());
        bytes.extend_from_slice(header.encode().as_ref());
        bytes.extend_from_slice(payload);
        Ok(PreparedFrame {
            header,
            bytes: bytes.freeze(),
            #[cfg(feature = "deflate")]
            compressed: None,
        })
    }

    /// A whole message, which is compressed as well, once for all connections that agreed to it (feature `deflate`): see
    /// [`Encoder::encode_prepared_compressed`]. The others get it as it is. The compressed form refers to no other message, so
    /// it is legal with context takeover too.
    ///
    /// `compressor` is one for this purpose: its window is what a connection must have agreed to, so a small one reaches more
    /// of them; it need not have takeover.
    ///
    /// # Errors
    /// As [`PreparedFrame::new`].
    #[cfg(feature = "deflate")]
    pub fn compressed<'f, D: Deflate + ?Sized>(
        frame: impl Into<Frame<'f>>,
        compressor: &mut Compressor<D>,
    ) -> Result<PreparedFrame, EncodeError> {
        let frame = frame.into();
        let mut prepared = PreparedFrame::new(frame)?;
        compressor.forget();
        let mut out = BytesMut::new();
        Encoder::server().append_compressed(&mut out, compressor, frame)?;
        compressor.forget();
        if out.len() < prepared.bytes.len() {
            prepared.compressed = Some((Bytes::copy_from_slice(&out), compressor.sending().window()));
        }
        Ok(prepared)
    }

    /// The compressed frame as it goes over the wire, if there is one (feature `deflate`).
    #[cfg(feature = "deflate")]
    pub fn compressed_bytes(&self) -> Option<&Bytes> {
        self.compressed.as_ref().map(|(bytes, _)| bytes)
    }

    /// The frame as it goes over the wire.
    pub const fn as_bytes(&self) -> &Bytes {
        &self.bytes
    }
}

/// The header and the payload of a frame that leaves its encoder as it was.
fn whole(frame: Frame<'_>) -> Result<(Header, &[u8]), EncodeError> {
    let (opcode, payload) = match frame.content {
        Content::Text(text) => (Opcode::Text, text.as_bytes()),
        Content::Message(kind, payload) => {
            check_text(kind, frame.rsv, payload)?;
            (kind.opcode(), payload)
        }
        Content::Control(opcode, payload) => (opcode, payload),
        Content::TextFragment(..) | Content::Fragment(..) | Content::Close(_) => {
            return Err(EncodeError::NotPreparable);
        }
    };
    Ok((Header::new(true, frame.rsv, opcode, None, payload.len() as u64)?, payload))
}
