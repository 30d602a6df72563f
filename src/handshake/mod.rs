#![doc = include_str!("handshake.md")]

mod head;
mod refusal;
mod request;
mod response;
mod tokens;
mod write;

use base64ct::{Base64, Encoding};
use sha1::{Digest, Sha1};

pub use self::head::{Fields, HeadFields, HeadFinder, RequestHead, ResponseHead};
pub use self::refusal::{Refusal, Status};
pub use self::request::{Answer, NotOffered, Request, check, check_connect};
pub use self::response::{Accepted, Client, Failure, Response, ResponseFinder};
pub use self::tokens::is_key;
pub use self::write::{Field, WriteError};
use crate::extension::Extensions;
pub use crate::extension::{Extension, Value};

/// The extensions in the values of `Sec-WebSocket-Extensions` fields, as one list in their order; `None` for an element that
/// breaks the grammar (RFC 6455 §9.1).
///
/// ```
/// let values = [&b"permessage-deflate; server_max_window_bits=10, x-other"[..]];
/// let names: Vec<_> = wsframe::handshake::extensions(values).flatten().map(|extension| extension.name()).collect();
/// assert_eq!(names, ["permessage-deflate", "x-other"]);
/// ```
pub fn extensions<'h>(values: impl IntoIterator<Item = &'h [u8]>) -> impl Iterator<Item = Option<Extension<'h>>> {
    Extensions::new(values.into_iter())
}

/// The value of `Sec-WebSocket-Accept`: the proof that the server has read a key (RFC 6455 §4.2.2).
///
/// ```
/// use wsframe::handshake::accept_key;
///
/// assert_eq!(accept_key(b"dGhlIHNhbXBsZSBub25jZQ==").as_str(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// ```
pub fn accept_key(key: &[u8]) -> AcceptKey {
    let hash = Sha1::new().chain_update(key).chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11").finalize();
    AcceptKey(encode(&hash))
}

/// The value of `Sec-WebSocket-Accept`: 28 characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptKey([u8; 28]);

impl AcceptKey {
    /// The text.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// The value of `Sec-WebSocket-Key`: 24 characters.
#[derive(Clone, Copy)]
struct Base64Key([u8; 24]);

impl Base64Key {
    fn new(key: [u8; 16]) -> Base64Key {
        Base64Key(encode(&key))
    }

    fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// `N` characters of base64, for bytes that take as many.
fn encode<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut text = [0; N];
    let result = Base64::encode(bytes, &mut text);
    debug_assert!(result.is_ok());
    text
}
