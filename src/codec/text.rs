//! Text that owns its bytes.

use alloc::string::String;
use alloc::vec::Vec;
use core::borrow::Borrow;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::ops::Deref;

use bytes::Bytes;

use crate::frame::Frame;

/// UTF-8 text in a [`Bytes`]: it can be cloned without copying, and is a `&str` when dereferenced.
///
/// ```
/// use wsframe::codec::{Bytes, Text};
///
/// let text = Text::from("Hello");
/// assert!(text.starts_with("He") && text == "Hello");
/// assert_eq!(Bytes::from(text), "Hello");
/// assert!(Text::try_from(Bytes::from_static(b"\xff")).is_err());
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text(
    /// Always valid UTF-8.
    Bytes,
);

impl Text {
    /// No text.
    pub const fn new() -> Text {
        Text(Bytes::new())
    }

    /// A string that lives as long as the program, without a copy.
    pub const fn from_static(text: &'static str) -> Text {
        Text(Bytes::from_static(text.as_bytes()))
    }

    /// Text of these bytes.
    ///
    /// # Safety
    /// `bytes` must be valid UTF-8.
    #[allow(unsafe_code, reason = "the payload of a message was validated while it was received")]
    pub(crate) unsafe fn from_validated(bytes: Bytes) -> Text {
        debug_assert!(core::str::from_utf8(&bytes).is_ok());
        Text(bytes)
    }

    /// The text.
    #[allow(unsafe_code, reason = "the bytes are always valid UTF-8")]
    pub fn as_str(&self) -> &str {
        // SAFETY: each constructor takes a string, validates the bytes, or has a caller who vouches for them; `Bytes` cannot
        // be written to.
        unsafe { core::str::from_utf8_unchecked(&self.0) }
    }

    /// The bytes of the text.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self
    }
}

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// As `str`: a `Borrow<str>` must.
impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        self
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialEq<String> for Text {
    fn eq(&self, other: &String) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<Text> for str {
    fn eq(&self, other: &Text) -> bool {
        self == other.as_str()
    }
}

impl PartialEq<Text> for &str {
    fn eq(&self, other: &Text) -> bool {
        *self == other.as_str()
    }
}

impl PartialEq<Text> for String {
    fn eq(&self, other: &Text) -> bool {
        self == other.as_str()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

/// Copies the text.
impl From<&str> for Text {
    fn from(text: &str) -> Text {
        Text(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Text {
        Text(text.into())
    }
}

/// Validates the bytes.
impl TryFrom<Bytes> for Text {
    type Error = core::str::Utf8Error;

    fn try_from(bytes: Bytes) -> Result<Text, core::str::Utf8Error> {
        core::str::from_utf8(&bytes)?;
        Ok(Text(bytes))
    }
}

/// Validates the bytes.
impl TryFrom<Vec<u8>> for Text {
    type Error = core::str::Utf8Error;

    fn try_from(bytes: Vec<u8>) -> Result<Text, core::str::Utf8Error> {
        Bytes::from(bytes).try_into()
    }
}

impl From<Text> for Bytes {
    fn from(text: Text) -> Bytes {
        text.0
    }
}

/// Copies the text.
impl From<Text> for String {
    fn from(text: Text) -> String {
        text.as_str().into()
    }
}

impl<'a> From<&'a Text> for Frame<'a> {
    fn from(text: &'a Text) -> Frame<'a> {
        Frame::text(text)
    }
}
