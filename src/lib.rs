#![doc = include_str!("lib.md")]
#![no_std]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "tokio-util")]
extern crate std;

/// The examples of the README are tests too.
#[cfg(all(doctest, feature = "tokio-util"))]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(feature = "alloc")]
mod assembler;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod close;
mod close_frame;
mod config;
mod cpu;
mod decoder;
mod encoder;
mod event;
#[cfg(feature = "tokio-util")]
mod framed;
mod header;
mod machine;
mod mask;
#[cfg(feature = "bytes")]
mod message;
mod misuse;
mod opcode;
mod payload;
#[cfg(feature = "bytes")]
mod receive;
mod role;
#[cfg(feature = "bytes")]
mod send;
mod sequence;
mod utf8;
mod violation;

#[cfg(feature = "alloc")]
pub use crate::assembler::{Assembler, Incoming};
pub use crate::close::{CloseCode, CloseCodeError, Reconnect, Sender};
pub use crate::close_frame::{CloseFrame, ControlFrame};
pub use crate::config::Config;
pub use crate::cpu::kernels;
pub use crate::decoder::Decoder;
pub use crate::encoder::{Encoder, KeySource, Unmasked};
#[cfg(feature = "alloc")]
pub use crate::event::Message;
pub use crate::event::{Close, Control, Data, Event};
pub use crate::header::{Header, HeaderBytes, HeaderError};
pub use crate::machine::State;
pub use crate::mask::{Mask, MaskKey};
pub use crate::misuse::Misuse;
pub use crate::opcode::{Kind, Opcode, Rsv};
pub use crate::role::Role;
pub use crate::utf8::{Utf8Error, Utf8Validator};
pub use crate::violation::{Error, Violation};

#[cfg(feature = "bytes")]
pub mod codec {
    #![doc = include_str!("codec.md")]
    #[cfg(feature = "tokio-util")]
    pub use crate::framed::{CodecError, MessageCodec};
    pub use crate::message::{Close, Message, Opaque};
    pub use crate::receive::MessageDecoder;
    pub use crate::send::PreparedFrame;
    #[doc(no_inline)]
    pub use bytes::{Bytes, BytesMut};
    #[doc(no_inline)]
    pub use bytestring::ByteString;
}
