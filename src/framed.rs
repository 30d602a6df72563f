//! The codec for `tokio_util::codec::Framed`.

use core::fmt;
use std::io;

use bytes::BytesMut;
use tokio_util::codec;

use crate::close::CloseCode;
use crate::config::Config;
use crate::encoder::{Encoder, KeySource, Unmasked};
use crate::mask::MaskKey;
use crate::message::Message;
use crate::misuse::Misuse;
use crate::receive::MessageDecoder;
use crate::role::Role;
use crate::send::PreparedFrame;
use crate::violation::Error;

/// The room that a read finds in a buffer of which nobody holds a part, and the least that it finds in any other, in bytes: small
/// messages that are kept must not keep a buffer each.
const ROOM: (usize, usize) = (8 * 1024, 1024);

/// Both directions of a connection, for `tokio_util::codec::Framed`: a stream and a sink of [`Message`]s (feature
/// `tokio-util`).
///
/// The stream gives every message and control frame; it answers none by itself: send a Pong for a Ping, and
/// [`Close::reply`](crate::codec::Close::reply) for a Close, then leave the loop: behind a Close, the stream ends only when the
/// peer closes the transport, and a client waits for the server to do that (RFC 6455 §7.1.1). [The page of the
/// module](crate::codec#a-server-on-tokio) has such loops.
///
/// It is cancel-safe: what has been read is kept in the `Framed` and in the codec, so dropping a future of `next` loses
/// nothing. A violation is one [`CodecError::Violation`], after which the stream ends (fuse it if you poll it after that); the
/// sink can still send its Close frame. If the transport ends inside a message, that is [`CodecError::ConnectionLost`]; if it
/// ends between two without a Close, the stream just ends, and the application reports 1006 too.
///
/// A server's `Framed` is a sink of two types, [`Message`] and [`PreparedFrame`]. `send` and `feed` infer which; `flush`, `close`
/// and `FramedParts::new` have to be told: `SinkExt::<Message>::flush(&mut connection)`, `FramedParts::new::<Message>(..)`. The
/// sink half of `StreamExt::split` takes one of the two: to send both, keep the `Framed` whole and `select!`.
///
/// A read buffer that is larger than [`MessageDecoder::keep`] says is given back when nothing is under way, a write buffer when
/// the next message is sent.
pub struct MessageCodec<K> {
    decoder: MessageDecoder,
    encoder: Encoder<K>,
}

impl MessageCodec<Unmasked> {
    /// For a server, with the limits of [`Config::SERVER`] on what it receives and of [`Config::CLIENT`] on what it sends.
    pub fn server() -> MessageCodec<Unmasked> {
        MessageCodec::new(MessageDecoder::new(Role::Server), Encoder::server())
    }

    /// For a server with these limits on what it receives, and these bits of extensions in both directions.
    pub fn server_with_config(config: Config) -> MessageCodec<Unmasked> {
        let sending = Config::CLIENT.allowed_rsv(config.allowed_rsv);
        MessageCodec::new(MessageDecoder::with_config(Role::Server, config), Encoder::server_with_config(sending))
    }
}

impl<F: FnMut() -> MaskKey> MessageCodec<F> {
    /// For a client, with the limits of [`Config::CLIENT`] on what it receives and of [`Config::SERVER`] on what it sends.
    /// `keys` is asked for the key of each frame: see [`KeySource`].
    pub fn client(keys: F) -> MessageCodec<F> {
        MessageCodec::new(MessageDecoder::new(Role::Client), Encoder::client(keys))
    }
}

impl<K> MessageCodec<K> {
    /// Of parts that are configured as you like; they must be of the same end.
    pub fn new(decoder: MessageDecoder, encoder: Encoder<K>) -> MessageCodec<K> {
        MessageCodec { decoder, encoder }
    }

    /// The receiving half.
    pub fn decoder(&self) -> &MessageDecoder {
        &self.decoder
    }
}

impl<K> codec::Decoder for MessageCodec<K> {
    type Item = Message;
    type Error = CodecError;

    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Message>, CodecError> {
        let message = self.decoder.decode(input)?;
        // Behind the beginning of a message the decoder has left room.
        if message.is_none() && !self.decoder.holds() && !input.try_reclaim(ROOM.0) && input.capacity() < ROOM.1 {
            input.reserve(ROOM.0);
        }
        Ok(message)
    }

    fn decode_eof(&mut self, input: &mut BytesMut) -> Result<Option<Message>, CodecError> {
        match self.decoder.decode(input)? {
            None if !self.decoder.is_between_messages() => Err(CodecError::ConnectionLost),
            message => Ok(message),
        }
    }
}

impl<K: KeySource> codec::Encoder<Message> for MessageCodec<K> {
    type Error = CodecError;

    fn encode(&mut self, message: Message, out: &mut BytesMut) -> Result<(), CodecError> {
        self.decoder.give_back(out, message.payload().len());
        Ok(self.encoder.put(out, &message)?)
    }
}

impl codec::Encoder<PreparedFrame> for MessageCodec<Unmasked> {
    type Error = CodecError;

    fn encode(&mut self, frame: PreparedFrame, out: &mut BytesMut) -> Result<(), CodecError> {
        self.decoder.give_back(out, frame.as_bytes().len());
        out.extend_from_slice(&self.encoder.prepared(&frame)?);
        Ok(())
    }
}

impl<K> fmt::Debug for MessageCodec<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageCodec").field("decoder", &self.decoder).field("encoder", &self.encoder).finish()
    }
}

/// What ends a connection that is framed by a [`MessageCodec`].
#[derive(Debug)]
#[non_exhaustive]
pub enum CodecError {
    /// The peer broke a rule of the protocol: send [`Violation::close_frame`](crate::Violation::close_frame), then close.
    Violation(Error),
    /// The peer would refuse what was to be sent. Nothing was sent, and the connection goes on.
    Misuse(Misuse),
    /// The transport ended inside a message: 1006.
    ConnectionLost,
    /// The transport failed: 1006.
    Io(io::Error),
}

impl CodecError {
    /// The close code: to be sent, for a violation; to be reported to the application, for a connection that was lost. `None`
    /// for a misuse, which ends nothing.
    pub fn close_code(&self) -> Option<CloseCode> {
        match self {
            CodecError::Violation(error) => Some(error.violation().close_code()),
            CodecError::ConnectionLost | CodecError::Io(_) => Some(CloseCode::ABNORMAL_CLOSURE),
            CodecError::Misuse(_) => None,
        }
    }
}

impl From<Error> for CodecError {
    fn from(error: Error) -> CodecError {
        CodecError::Violation(error)
    }
}

impl From<Misuse> for CodecError {
    fn from(misuse: Misuse) -> CodecError {
        CodecError::Misuse(misuse)
    }
}

impl From<io::Error> for CodecError {
    fn from(error: io::Error) -> CodecError {
        CodecError::Io(error)
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CodecError::Violation(error) => error.fmt(f),
            CodecError::Misuse(misuse) => misuse.fmt(f),
            CodecError::ConnectionLost => f.write_str("the connection ended inside a message (1006)"),
            CodecError::Io(error) => write!(f, "the connection failed (1006): {error}"),
        }
    }
}

impl core::error::Error for CodecError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            CodecError::Violation(error) => error.source(),
            CodecError::Misuse(misuse) => misuse.source(),
            CodecError::ConnectionLost => None,
            CodecError::Io(error) => Some(error),
        }
    }
}
