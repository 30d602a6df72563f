#![doc = include_str!("deflate.md")]

mod compressor;
mod inflater;
#[cfg(feature = "alloc")]
mod inflating;
mod negotiation;
#[cfg(feature = "zlib-rs")]
mod pool;
#[cfg(feature = "zlib-rs")]
mod zlib;

pub use self::compressor::{Compressor, Deflate};
pub use self::inflater::{Inflate, InflateError, Inflater, Piece, Step};
#[cfg(feature = "alloc")]
pub(crate) use self::inflating::Inflating;
#[cfg(feature = "handshake")]
pub(crate) use self::negotiation::is_deflate;
pub use self::negotiation::{Agreement, AnswerError, Direction, HeaderValue, Policy, UnlimitedClient, WindowBits};
#[cfg(feature = "zlib-rs")]
pub use self::zlib::{ZlibDeflate, ZlibInflate};
