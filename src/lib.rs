#![doc = include_str!("lib.md")]
#![no_std]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

/// The examples of the README are tests too.
#[cfg(all(doctest, feature = "tokio"))]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(feature = "alloc")]
mod assembler;
mod close_code;
mod close_frame;
mod config;
pub mod connection;
mod decoder;
#[cfg(feature = "deflate")]
pub mod deflate;
mod encoder;
#[cfg(feature = "tokio")]
pub mod endpoint;
mod error;
mod event;
#[cfg(any(feature = "handshake", feature = "deflate"))]
#[cfg_attr(not(feature = "handshake"), allow(dead_code, unreachable_pub, reason = "`handshake` gives it out"))]
mod extension;
mod frame;
#[cfg(feature = "handshake")]
pub mod handshake;
mod header;
mod kernels;
mod keys;
mod machine;
mod mask;
mod opcode;
mod payload;
mod role;
mod sequence;
mod utf8;
mod violation;

#[cfg(feature = "bytes")]
pub mod codec;

#[cfg(feature = "alloc")]
pub use crate::assembler::Assembler;
pub use crate::close_code::{CloseCode, CloseCodeError, Reconnect, SentBy};
pub use crate::close_frame::{CloseBytes, CloseFrame};
pub use crate::config::{Config, EncoderConfig};
pub use crate::connection::{Cause, Connection, Outcome, Timing, Transport};
pub use crate::decoder::{Decoder, Inspector};
#[cfg(feature = "alloc")]
pub use crate::encoder::Append;
pub use crate::encoder::{Encoder, Slice};
pub use crate::error::{DecodeError, EncodeError};
pub use crate::event::{Chunk, Event};
#[cfg(feature = "alloc")]
pub use crate::event::{Message, MessageEvent};
pub use crate::frame::Frame;
pub use crate::header::{Header, HeaderBytes, HeaderError};
pub use crate::kernels::kernels;
#[cfg(feature = "getrandom")]
pub use crate::keys::OsKeys;
pub use crate::keys::{KeySource, Masking, NoKey, Unmasked};
pub use crate::machine::State;
pub use crate::mask::{Mask, MaskKey};
pub use crate::opcode::{MessageKind, Opcode, Rsv};
pub use crate::role::Role;
pub use crate::utf8::{Utf8Error, Utf8Validator};
pub use crate::violation::Violation;
