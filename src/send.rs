//! Frames into a buffer that grows, and frames that are encoded once and sent to many.

use bytes::{Bytes, BytesMut};

use crate::close_frame::CloseFrame;
use crate::encoder::{Encoder, KeySource, Output, Unmasked};
use crate::header::Header;
use crate::message::Message;
use crate::misuse::Misuse;
use crate::opcode::{Kind, Opcode, Rsv};
use crate::payload::Pass;
use crate::violation::Violation;

/// To its end.
impl Output for BytesMut {
    #[inline(always)]
    fn write_frame(&mut self, len: usize, header: impl FnOnce() -> Header, payload: &[u8]) -> Result<(), Misuse> {
        self.reserve(len);
        let header = header();
        self.extend_from_slice(header.encode().as_ref());
        // There is room, and without text there is nothing to refuse.
        _ = Pass { key: header.mask_key(), text: None }.append_bytes(payload, self);
        Ok(())
    }
}

/// Frames at the end of a [`BytesMut`], which grows as needed (feature `bytes`). On an error nothing has been written, and the
/// encoder is as it was.
impl<K: KeySource> Encoder<K> {
    /// A whole message or a control frame.
    ///
    /// # Errors
    /// [`Misuse`], when the peer would refuse it.
    pub fn put(&mut self, out: &mut BytesMut, message: &Message) -> Result<(), Misuse> {
        match message {
            Message::Text(text) => self.put_text(out, text),
            Message::Binary(payload) => self.put_binary(out, payload),
            Message::Ping(payload) => self.put_ping(out, payload),
            Message::Pong(payload) => self.put_pong(out, payload),
            Message::Close(close) => self.put_close(out, &close.as_frame()),
            Message::Opaque(opaque) => self.put_fragment(out, opaque.kind, opaque.rsv, true, &opaque.payload),
        }
    }

    /// [`Encoder::text`] at the end of `out`.
    ///
    /// # Errors
    /// [`Misuse`], when the peer would refuse it.
    #[inline]
    pub fn put_text(&mut self, out: &mut BytesMut, text: &str) -> Result<(), Misuse> {
        self.whole(out, Opcode::Text, text.as_bytes()).map(drop)
    }

    /// [`Encoder::binary`] at the end of `out`.
    ///
    /// # Errors
    /// [`Misuse`], when the peer would refuse it.
    #[inline]
    pub fn put_binary(&mut self, out: &mut BytesMut, payload: &[u8]) -> Result<(), Misuse> {
        self.whole(out, Opcode::Binary, payload).map(drop)
    }

    /// [`Encoder::text_fragment`] at the end of `out`.
    ///
    /// # Errors
    /// [`Misuse`], when the peer would refuse it.
    pub fn put_text_fragment(&mut self, out: &mut BytesMut, text: &str, fin: bool) -> Result<(), Misuse> {
        self.text_fragment_onto(out, text, fin).map(drop)
    }

    /// [`Encoder::fragment`] at the end of `out`.
    ///
    /// # Errors
    /// [`Misuse`], when the peer would refuse it.
    pub fn put_fragment(
        &mut self,
        out: &mut BytesMut,
        kind: Kind,
        rsv: Rsv,
        fin: bool,
        payload: &[u8],
    ) -> Result<(), Misuse> {
        self.fragment_onto(out, kind, rsv, fin, payload).map(drop)
    }

    /// [`Encoder::ping`] at the end of `out`.
    ///
    /// # Errors
    /// [`Misuse`], when the payload is too long or a Close was sent.
    pub fn put_ping(&mut self, out: &mut BytesMut, payload: &[u8]) -> Result<(), Misuse> {
        self.whole(out, Opcode::Ping, payload).map(drop)
    }

    /// [`Encoder::pong`] at the end of `out`.
    ///
    /// # Errors
    /// [`Misuse`], when the payload is too long or a Close was sent.
    pub fn put_pong(&mut self, out: &mut BytesMut, payload: &[u8]) -> Result<(), Misuse> {
        self.whole(out, Opcode::Pong, payload).map(drop)
    }

    /// [`Encoder::close`] at the end of `out`.
    ///
    /// # Errors
    /// [`Misuse::Closed`], when a Close was sent before.
    pub fn put_close(&mut self, out: &mut BytesMut, close: &CloseFrame<'_>) -> Result<(), Misuse> {
        self.close_onto(out, close).map(drop)
    }
}

/// What only unmasked frames allow: sending a payload without copying it (feature `bytes`).
impl Encoder<Unmasked> {
    /// A whole message or a control frame, as its header and its payload: for `writev`. The payload is not copied.
    ///
    /// ```
    /// use wsframe::Encoder;
    /// use wsframe::codec::Message;
    ///
    /// let payload = bytes::Bytes::from(vec![7; 100_000]);
    /// let [header, same] = Encoder::server().parts(Message::from(payload.clone()))?;
    /// assert_eq!(header, &b"\x82\x7f\0\0\0\0\0\x01\x86\xa0"[..]);
    /// assert_eq!(same.as_ptr(), payload.as_ptr());
    /// # Ok::<(), wsframe::Misuse>(())
    /// ```
    ///
    /// # Errors
    /// [`Misuse`], when the peer would refuse it.
    pub fn parts(&mut self, message: Message) -> Result<[Bytes; 2], Misuse> {
        if let Message::Close(close) = &message {
            let mut frame = BytesMut::new();
            self.put_close(&mut frame, &close.as_frame())?;
            let body = frame.split_off(2);
            return Ok([frame.freeze(), body.freeze()]);
        }
        let header = self.check(header_of(&message))?;
        Ok([Bytes::copy_from_slice(header.encode().as_ref()), message.into_payload()])
    }

    /// The bytes of a frame that was encoded once, to be sent on this connection too. They are not copied.
    ///
    /// # Errors
    /// [`Misuse`], when the peer would refuse it now.
    pub fn prepared(&mut self, frame: &PreparedFrame) -> Result<Bytes, Misuse> {
        self.check(Ok::<_, Misuse>(frame.header))?;
        Ok(frame.bytes.clone())
    }
}

/// A server's frame that is encoded once and sent to many connections: it is not masked, so its bytes are the same for all.
///
/// ```
/// use wsframe::Encoder;
/// use wsframe::codec::{Message, PreparedFrame};
///
/// let news = PreparedFrame::new(&Message::from("news"))?;
/// for encoder in &mut [Encoder::server(), Encoder::server()] {
///     // Each connection's encoder sees to it that the frame may be sent there, now.
///     assert_eq!(encoder.prepared(&news)?, &b"\x81\x04news"[..]);
/// }
/// # Ok::<(), wsframe::Misuse>(())
/// ```
#[derive(Clone, Debug)]
pub struct PreparedFrame {
    header: Header,
    bytes: Bytes,
}

impl PreparedFrame {
    /// A whole message, a Ping or a Pong. (A Close ends one connection: it goes through [`Encoder::close`].)
    ///
    /// # Errors
    /// [`Misuse`], for a Ping or Pong of more than 125 bytes, and for a Close.
    pub fn new(message: &Message) -> Result<PreparedFrame, Misuse> {
        let (header, payload) = (header_of(message)?, message.payload());
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

/// The header of a message in one frame that is not masked. Not of a Close: it changes the encoder that sends it.
fn header_of(message: &Message) -> Result<Header, Misuse> {
    let (opcode, rsv, len) = match message {
        Message::Text(text) => (Opcode::Text, Rsv::NONE, text.len()),
        Message::Binary(payload) => (Opcode::Binary, Rsv::NONE, payload.len()),
        Message::Ping(payload) => (Opcode::Ping, Rsv::NONE, payload.len()),
        Message::Pong(payload) => (Opcode::Pong, Rsv::NONE, payload.len()),
        Message::Close(_) => return Err(Misuse::Closed),
        Message::Opaque(opaque) => {
            // Without a bit of an extension it is plain text to the peer.
            let is_text = opaque.kind == Kind::Text && opaque.rsv.is_empty();
            if is_text && core::str::from_utf8(&opaque.payload).is_err() {
                return Err(Violation::TextNotUtf8.into());
            }
            (opaque.kind.opcode(), opaque.rsv, opaque.payload.len())
        }
    };
    Ok(Header::new(true, rsv, opcode, None, len as u64)?)
}
