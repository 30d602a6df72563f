//! The codec for `tokio_util::codec::Framed`.

#[cfg(feature = "deflate")]
use alloc::boxed::Box;
use core::fmt;
use std::io;

use bytes::BytesMut;
use tokio_util::codec::{self, Framed};

use super::decoder::{MAX_IDLE_BUFFER, MessageDecoder, free_idle};
use super::encoder::PreparedFrame;
use super::message::Message;
use crate::close_code::{CloseCode, CloseCodeError};
use crate::config::{Config, EncoderConfig};
#[cfg(feature = "zlib-rs")]
use crate::deflate::Agreement;
#[cfg(feature = "deflate")]
use crate::deflate::{Compressor, Deflate, Inflate, Inflater};
use crate::encoder::Encoder;
use crate::error::{DecodeError, EncodeError};
use crate::keys::{KeySource, Masking, NoKey, Unmasked};
use crate::machine::State;
use crate::role::Role;

/// Both directions of a connection, for `tokio_util::codec::Framed`: a stream and a sink of [`Message`]s (feature
/// `tokio-util`).
///
/// The stream gives every message and control frame and answers none by itself: send a Pong for a Ping, and
/// [`OwnedCloseFrame::reply`](crate::codec::OwnedCloseFrame::reply) for a Close, then leave the loop. After a Close, the stream
/// ends only when the peer closes the transport, and a client waits for the server to do that (RFC 6455 §7.1.1). [The page of
/// the module](crate::codec#a-server-on-tokio) has such loops.
///
/// | what happens | the stream gives |
/// |---|---|
/// | a Close comes, then the transport ends | `Some(Ok(Message::Close(..)))`, then `None` |
/// | the transport ends without a Close | `Some(Err(CodecError::ConnectionLost))`, then `None`: 1006 |
/// | the peer breaks the protocol | `Some(Err(CodecError::Violation(..)))`, then `None`; the sink can still send its Close |
///
/// It is cancel-safe: what has been read is kept in the `Framed` and in the codec, so dropping a future of `next` loses
/// nothing.
///
/// A server's `Framed` is a sink of two types, [`Message`] and [`PreparedFrame`]. `send` and `feed` infer which; `flush`, `close`
/// and `FramedParts::new` need the type: `SinkExt::<Message>::flush(&mut connection)`, `FramedParts::new::<Message>(..)`. The
/// sink half of `StreamExt::split` takes one of the two. To send both from another task than the one that receives, split the
/// socket itself and use two codecs: one in a `FramedRead`, one in a `FramedWrite`. They share no state.
///
/// `SinkExt::close` flushes and shuts the transport down, but sends no Close frame: send one first.
/// [`is_close_sent`](MessageCodec::is_close_sent) tells whether that was done.
///
/// # Memory
///
/// A read buffer that is larger than [`with_max_idle_buffer`](MessageCodec::with_max_idle_buffer) allows is freed when nothing
/// is under way. A write buffer belongs to the `Framed`, which asks the codec only when something is sent: after one large
/// message, it keeps that size until the next send. Call [`free_idle_buffers`](MessageCodec::free_idle_buffers) after a flush
/// to free it at once, or send large payloads in fragments.
pub struct MessageCodec<K> {
    decoder: MessageDecoder,
    encoder: Encoder<K>,
    max_idle_buffer: usize,
    #[cfg(feature = "deflate")]
    compression: Option<Compression>,
}

/// The compressor, and whether it is to be used.
#[cfg(feature = "deflate")]
struct Compression {
    compressor: Box<Compressor<dyn Deflate + Send + Sync>>,
    is_on: bool,
}

impl MessageCodec<Unmasked> {
    /// For a server, with the limits of [`Config::SERVER`] on what it receives and none on what it sends.
    pub fn server() -> MessageCodec<Unmasked> {
        MessageCodec::server_with_config(Config::SERVER, EncoderConfig::new())
    }

    /// For a server, with these settings for what it receives and for what it sends.
    pub fn server_with_config(receiving: Config, sending: EncoderConfig) -> MessageCodec<Unmasked> {
        MessageCodec::new(Role::Server, receiving, Encoder::server_with_config(sending))
    }
}

impl<K: KeySource> MessageCodec<K> {
    /// For a client, with the limits of [`Config::CLIENT`] on what it receives and none on what it sends. `keys` is asked for
    /// the key of each frame.
    pub fn client(keys: K) -> MessageCodec<K> {
        MessageCodec::client_with_config(keys, Config::CLIENT, EncoderConfig::new())
    }

    /// For a client, with these settings for what it receives and for what it sends.
    pub fn client_with_config(keys: K, receiving: Config, sending: EncoderConfig) -> MessageCodec<K> {
        MessageCodec::new(Role::Client, receiving, Encoder::client_with_config(keys, sending))
    }
}

impl<K> MessageCodec<K> {
    fn new(role: Role, receiving: Config, encoder: Encoder<K>) -> MessageCodec<K> {
        MessageCodec {
            decoder: MessageDecoder::with_config(role, receiving),
            encoder,
            max_idle_buffer: MAX_IDLE_BUFFER,
            #[cfg(feature = "deflate")]
            compression: None,
        }
    }

    /// Inflates the messages that come compressed: as [`MessageDecoder::with_inflater`] (feature `deflate`).
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn with_inflater(mut self, inflater: Inflater<impl Inflate + Send + Sync + 'static>) -> MessageCodec<K> {
        self.decoder = self.decoder.with_inflater(inflater);
        self
    }

    /// Compresses the messages that are sent (feature `deflate`).
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn with_compressor(mut self, compressor: Compressor<impl Deflate + Send + Sync + 'static>) -> MessageCodec<K> {
        self.compression = Some(Compression { compressor: Box::new(compressor), is_on: true });
        self
    }

    /// Sets whether the messages that are sent from now on are compressed, where that was agreed (feature `deflate`). Send secrets
    /// plain: see [`Compressor`].
    ///
    /// ```
    /// # #[cfg(feature = "zlib-rs")] {
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), wsframe::codec::CodecError> {
    /// use futures_util::SinkExt;
    /// use tokio_util::codec::Framed;
    /// use wsframe::codec::{Message, MessageCodec};
    /// use wsframe::deflate::Policy;
    ///
    /// # let socket = tokio::io::join(tokio::io::empty(), tokio::io::sink());
    /// let (agreed, _) = Policy::SMALL.answer([&b"permessage-deflate"[..]]).unwrap();
    /// let mut connection = Framed::new(socket, MessageCodec::server().with_deflate(agreed));
    /// connection.codec_mut().set_compressing(false);
    /// connection.send(Message::from("the secret")).await?;
    /// connection.codec_mut().set_compressing(true);
    /// # Ok(())
    /// # }
    /// # }
    /// ```
    #[cfg(feature = "deflate")]
    pub fn set_compressing(&mut self, is_on: bool) {
        if let Some(compression) = &mut self.compression {
            compression.is_on = is_on;
        }
    }

    /// Gives up the memory of the compressor, until the next message is compressed: for a connection that is idle (feature
    /// `deflate`).
    #[cfg(feature = "deflate")]
    pub fn release_compressor(&mut self) {
        if let Some(compression) = &mut self.compression {
            compression.compressor.release();
        }
    }

    /// Sets how large a buffer an idle connection keeps in each direction, in bytes, instead of 66 KiB.
    #[must_use]
    pub fn with_max_idle_buffer(mut self, bytes: usize) -> MessageCodec<K> {
        self.decoder = self.decoder.with_max_idle_buffer(bytes);
        self.max_idle_buffer = bytes;
        self
    }

    /// Sets the room that a new read buffer offers, in bytes, instead of 8 KiB; at least 1 KiB. The first buffer is that of the
    /// `Framed`: see `Framed::with_capacity`.
    #[must_use]
    pub fn with_read_size(mut self, bytes: usize) -> MessageCodec<K> {
        self.decoder = self.decoder.with_read_size(bytes);
        self
    }

    /// The number of bytes decoded so far. After a violation, one more than the offset of the deciding byte; after a Close
    /// frame, the offset of its end.
    pub const fn position(&self) -> u64 {
        self.decoder.position()
    }

    /// Where in the received stream the codec is.
    pub const fn state(&self) -> State {
        self.decoder.state()
    }

    /// Whether a Close was sent. Every further frame is refused then.
    pub const fn is_close_sent(&self) -> bool {
        self.encoder.is_closed()
    }

    /// Frees the buffers of a connection that are empty and larger than what an idle connection keeps. Call it after a flush
    /// that followed a large message.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), wsframe::codec::CodecError> {
    /// use futures_util::SinkExt;
    /// use tokio_util::codec::Framed;
    /// use wsframe::codec::{Message, MessageCodec};
    ///
    /// # let socket = tokio::io::sink();
    /// # let socket = tokio::io::join(tokio::io::empty(), socket);
    /// let mut connection = Framed::new(socket, MessageCodec::server());
    /// connection.send(Message::from(vec![0; 10 << 20])).await?;
    /// MessageCodec::free_idle_buffers(&mut connection);
    /// assert_eq!(connection.write_buffer().capacity(), 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn free_idle_buffers<T>(connection: &mut Framed<T, MessageCodec<K>>) {
        let max_idle_buffer = connection.codec().max_idle_buffer;
        free_idle(connection.read_buffer_mut(), max_idle_buffer, 0);
        free_idle(connection.write_buffer_mut(), max_idle_buffer, 0);
    }
}

#[cfg(feature = "zlib-rs")]
impl<K: Masking> MessageCodec<K> {
    /// Compresses and inflates messages, as was agreed, with the engines of zlib-rs (feature `zlib-rs`).
    #[must_use]
    pub fn with_deflate(self, agreed: Agreement) -> MessageCodec<K> {
        let role = if K::MASKED { Role::Client } else { Role::Server };
        self.with_inflater(Inflater::zlib(agreed, role)).with_compressor(Compressor::zlib(agreed, role))
    }
}

impl<K> codec::Decoder for MessageCodec<K> {
    type Item = Message;
    type Error = CodecError;

    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Message>, CodecError> {
        Ok(self.decoder.decode_lent(input)?)
    }

    fn decode_eof(&mut self, input: &mut BytesMut) -> Result<Option<Message>, CodecError> {
        match self.decoder.decode_lent(input)? {
            None if self.state() != State::Closed => Err(CodecError::ConnectionLost),
            message => Ok(message),
        }
    }
}

impl<K: Masking> codec::Encoder<Message> for MessageCodec<K> {
    type Error = CodecError;

    fn encode(&mut self, message: Message, out: &mut BytesMut) -> Result<(), CodecError> {
        free_idle(out, self.max_idle_buffer, message.payload().len());
        #[cfg(feature = "deflate")]
        if let Some(Compression { compressor, is_on: true }) = &mut self.compression {
            self.encoder.append_compressed(out, compressor, &message)?;
            return Ok(());
        }
        self.encoder.append(out, &message)?;
        Ok(())
    }
}

impl codec::Encoder<PreparedFrame> for MessageCodec<Unmasked> {
    type Error = CodecError;

    fn encode(&mut self, frame: PreparedFrame, out: &mut BytesMut) -> Result<(), CodecError> {
        free_idle(out, self.max_idle_buffer, frame.as_bytes().len());
        #[cfg(feature = "deflate")]
        if let Some(Compression { compressor, is_on: true }) = &mut self.compression {
            out.extend_from_slice(&self.encoder.encode_prepared_compressed(&frame, compressor)?);
            return Ok(());
        }
        out.extend_from_slice(&self.encoder.encode_prepared(&frame)?);
        Ok(())
    }
}

impl<K> fmt::Debug for MessageCodec<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageCodec").field("decoder", &self.decoder).field("encoder", &self.encoder).finish()
    }
}

/// What goes wrong on a connection that is framed by a [`MessageCodec`].
#[derive(Debug)]
#[non_exhaustive]
pub enum CodecError {
    /// The peer broke a rule of the protocol: send [`Violation::close_frame`](crate::Violation::close_frame), then close.
    Violation(DecodeError),
    /// What was to be sent was refused. Nothing was sent, and the connection goes on.
    Encode(EncodeError),
    /// The transport ended without a Close frame: 1006.
    ConnectionLost,
    /// The transport failed: 1006.
    Io(io::Error),
}

impl CodecError {
    /// The close code: to be sent, for a violation; to be reported to the application, for a connection that was lost. `None`
    /// for a frame that was refused, which ends nothing.
    pub fn close_code(&self) -> Option<CloseCode> {
        match self {
            CodecError::Violation(error) => Some(error.close_code()),
            CodecError::ConnectionLost | CodecError::Io(_) => Some(CloseCode::ABNORMAL_CLOSURE),
            CodecError::Encode(_) => None,
        }
    }
}

impl From<DecodeError> for CodecError {
    fn from(error: DecodeError) -> CodecError {
        CodecError::Violation(error)
    }
}

impl From<EncodeError> for CodecError {
    fn from(error: EncodeError) -> CodecError {
        CodecError::Encode(error)
    }
}

impl From<CloseCodeError> for CodecError {
    fn from(error: CloseCodeError) -> CodecError {
        CodecError::Encode(error.into())
    }
}

impl From<NoKey> for CodecError {
    fn from(error: NoKey) -> CodecError {
        CodecError::Encode(error.into())
    }
}

impl From<io::Error> for CodecError {
    fn from(error: io::Error) -> CodecError {
        CodecError::Io(error)
    }
}

/// A violation as [`InvalidData`](io::ErrorKind::InvalidData), a frame that was refused as
/// [`InvalidInput`](io::ErrorKind::InvalidInput), a lost connection as [`UnexpectedEof`](io::ErrorKind::UnexpectedEof).
impl From<CodecError> for io::Error {
    fn from(error: CodecError) -> io::Error {
        match error {
            CodecError::Violation(error) => error.into(),
            CodecError::Encode(error) => error.into(),
            CodecError::ConnectionLost => io::Error::new(io::ErrorKind::UnexpectedEof, error),
            CodecError::Io(error) => error,
        }
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CodecError::Violation(error) => error.fmt(f),
            CodecError::Encode(error) => error.fmt(f),
            CodecError::ConnectionLost => f.write_str("the connection ended without a Close frame (1006)"),
            CodecError::Io(error) => write!(f, "the connection failed (1006): {error}"),
        }
    }
}

impl core::error::Error for CodecError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            CodecError::Violation(error) => error.source(),
            CodecError::Encode(error) => error.source(),
            CodecError::ConnectionLost => None,
            CodecError::Io(error) => Some(error),
        }
    }
}
