//! Frames into a `BytesMut`, frames for `writev`, and frames that are encoded once and sent to many.

use bytes::{Bytes, BytesMut};

use super::message::Message;
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
        Ok(PreparedFrame { header, bytes: bytes.freeze() })
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
