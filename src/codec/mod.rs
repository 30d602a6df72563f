#![doc = include_str!("codec.md")]

pub(crate) mod decoder;
pub(crate) mod encoder;
#[cfg(feature = "tokio-util")]
mod framed;
pub(crate) mod message;
pub(crate) mod text;

pub use self::decoder::MessageDecoder;
pub use self::encoder::PreparedFrame;
#[cfg(feature = "tokio-util")]
pub use self::framed::{CodecError, MessageCodec};
pub use self::message::{Message, Opaque, OwnedCloseFrame};
pub use self::text::Text;
#[doc(no_inline)]
pub use bytes::{BufMut, Bytes, BytesMut};
