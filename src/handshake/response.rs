//! A client's side: the request (RFC 6455 §4.1), and the rules of the response.

use core::fmt;

use super::head::{Fields, HeadFields, HeadFinder, ResponseHead, only_value, values};
use super::refusal::Refusal;
use super::request::{are_different_tokens, extensions_in, extensions_of, has_element};
use super::tokens::{is_field_value, is_target};
use super::write::{Field, Output, WriteError, check_fields};
use super::{Base64Key, accept_key};
#[cfg(feature = "deflate")]
use crate::deflate::{Agreement, AnswerError, Policy, is_deflate};
use crate::extension::Extension;
#[cfg(feature = "getrandom")]
use crate::keys::{NoKey, OsKeys};

/// What a client asks for, and the check of the answer.
///
/// ```
/// use wsframe::handshake::{Client, ResponseFinder, Response};
///
/// // The key must be 16 fresh random bytes: `OsKeys::handshake_key`, with the feature `getrandom`.
/// let client = Client::new(*b"the sample nonce", "server.example.com", "/chat").with_protocols(&["chat"]);
/// let mut out = [0; 256];
/// let len = client.write(&mut out)?;
/// assert!(out[..len].starts_with(b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\n"));
///
/// let received = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
///     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n\x81\x05Hello";
/// let mut finder = ResponseFinder::new();
/// let Some((Response::Accepted(accepted), end)) = client.read(&mut finder, received)? else { panic!() };
/// assert_eq!(accepted.protocol(), Some("chat"));
/// // What follows belongs to the decoder.
/// assert_eq!(&received[end..], b"\x81\x05Hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Client<'a> {
    key: Base64Key,
    host: &'a str,
    target: &'a str,
    protocols: &'a [&'a str],
    extensions: &'a str,
    origin: &'a str,
    fields: &'a [Field<'a>],
}

impl<'a> Client<'a> {
    /// A request with this key, which must be 16 fresh random bytes (RFC 6455 §4.1), to this host (with the port, unless it is
    /// the default), for this target (path and query).
    pub fn new(key: [u8; 16], host: &'a str, target: &'a str) -> Client<'a> {
        let key = Base64Key::new(key);
        Client { key, host, target, protocols: &[], extensions: "", origin: "", fields: &[] }
    }

    /// [`Client::new`] with a random key of the operating system (feature `getrandom`).
    ///
    /// # Errors
    /// [`NoKey`], if it gives none.
    #[cfg(feature = "getrandom")]
    pub fn random(host: &'a str, target: &'a str) -> Result<Client<'a>, NoKey> {
        Ok(Client::new(OsKeys::new().handshake_key()?, host, target))
    }

    /// Offers these subprotocols, in order of preference.
    #[must_use]
    pub const fn with_protocols(mut self, protocols: &'a [&'a str]) -> Client<'a> {
        self.protocols = protocols;
        self
    }

    /// Offers these extensions, as the value of `Sec-WebSocket-Extensions`.
    #[must_use]
    pub const fn with_extensions(mut self, extensions: &'a str) -> Client<'a> {
        self.extensions = extensions;
        self
    }

    /// Sends an `Origin`, as browsers do.
    #[must_use]
    pub const fn with_origin(mut self, origin: &'a str) -> Client<'a> {
        self.origin = origin;
        self
    }

    /// Sends further fields, such as `Authorization`, `Cookie` or `User-Agent`.
    #[must_use]
    pub const fn with_fields(mut self, fields: &'a [Field<'a>]) -> Client<'a> {
        self.fields = fields;
        self
    }

    /// Writes the request to the front of `out` and returns its length in bytes.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn write(&self, out: &mut [u8]) -> Result<usize, WriteError> {
        if !is_target(self.target) || !is_target(self.host) || !is_field_value(self.origin) {
            return Err(WriteError::Target);
        }
        let protocols = || self.protocols.iter().map(|protocol| protocol.as_bytes());
        let mut extensions = extensions_in(self.extensions);
        let offers_extensions = !self.extensions.is_empty();
        if !are_different_tokens(protocols)
            || !is_field_value(self.extensions)
            || (offers_extensions && !extensions.all(|extension| extension.is_some()))
        {
            return Err(WriteError::Offer);
        }
        check_fields(self.fields)?;
        let mut out = Output::new(out);
        out.push_all(&["GET ", self.target, " HTTP/1.1\r\n"]);
        out.push_field("Host", self.host);
        out.push_field("Upgrade", "websocket");
        out.push_field("Connection", "Upgrade");
        out.push_field("Sec-WebSocket-Version", "13");
        out.push_field("Sec-WebSocket-Key", self.key.as_str());
        if let Some((first, others)) = self.protocols.split_first() {
            out.push_all(&["Sec-WebSocket-Protocol: ", first]);
            others.iter().for_each(|protocol| out.push_all(&[", ", protocol]));
            out.push_all(&["\r\n"]);
        }
        if offers_extensions {
            out.push_field("Sec-WebSocket-Extensions", self.extensions);
        }
        if !self.origin.is_empty() {
            out.push_field("Origin", self.origin);
        }
        self.fields.iter().for_each(|(name, value)| out.push_field(name, value));
        out.push_all(&["\r\n"]);
        out.finish()
    }

    /// Reads the answer, once its head is there, and the number of bytes up to its end: what follows belongs to the decoder, or is
    /// the body of a refusal. `received` is all that was received so far, from its first byte. `Ok(None)` means that more is
    /// needed. Interim answers (100, 103 and the like) are skipped.
    ///
    /// # Errors
    /// The rule that the answer breaks: then the connection is to be dropped.
    pub fn read<'h>(
        &self,
        finder: &mut ResponseFinder,
        received: &'h [u8],
    ) -> Result<Option<(Response<'h>, usize)>, Failure> {
        loop {
            let rest = received.get(finder.start..).unwrap_or_default();
            let Some(len) = finder.heads.find(rest)? else { return Ok(None) };
            let head = ResponseHead::parse(rest.get(..len).unwrap_or_default())?;
            let end = finder.start + len;
            match head.status() {
                101 => return Ok(Some((Response::Accepted(self.check(head.fields())?), end))),
                // RFC 9110 §15.2.
                100..200 => finder.skip(len)?,
                _ => return Ok(Some((Response::Refused(head), end))),
            }
        }
    }

    /// Checks the rules of an answer with the status 101, for a stack that has parsed the head.
    ///
    /// # Errors
    /// The first rule that the answer breaks: then the connection is to be dropped.
    pub fn check<'h, F: Fields<'h>>(&self, fields: F) -> Result<Accepted<'h, F>, Failure> {
        if !matches!(only_value(&fields, "Upgrade"), Ok(Some(value)) if value.eq_ignore_ascii_case(b"websocket")) {
            return Err(Failure::Upgrade);
        }
        if !has_element(&fields, "Connection", "upgrade") {
            return Err(Failure::Connection);
        }
        let expected = accept_key(self.key.as_str().as_bytes());
        if only_value(&fields, "Sec-WebSocket-Accept") != Ok(Some(expected.as_str().as_bytes())) {
            return Err(Failure::Accept);
        }
        for extension in extensions_of(&fields) {
            let name = extension.ok_or(Failure::Extension)?.name();
            let mut offered = extensions_in(self.extensions).flatten();
            if !offered.any(|offered| offered.name().eq_ignore_ascii_case(name)) {
                return Err(Failure::Extension);
            }
        }
        // None is fine, even if some were offered.
        let protocol = match only_value(&fields, "Sec-WebSocket-Protocol") {
            Ok(None) => None,
            Ok(Some(value)) => match self.protocols.iter().any(|offered| offered.as_bytes() == value) {
                true => core::str::from_utf8(value).ok(),
                false => return Err(Failure::Protocol),
            },
            Err(()) => return Err(Failure::Protocol),
        };
        Ok(Accepted { fields, protocol })
    }
}

/// Hides the key and the values of the fields.
impl fmt::Debug for Client<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("host", &self.host).field("target", &self.target).finish_non_exhaustive()
    }
}

/// Finds the head of the final answer, after interim ones: at most 16, and all heads within one limit.
#[derive(Clone, Debug)]
pub struct ResponseFinder {
    heads: HeadFinder,
    /// Where the current head begins.
    start: usize,
    skipped: u8,
    max_head: usize,
}

impl ResponseFinder {
    /// For heads of at most 16 KiB together.
    pub const fn new() -> ResponseFinder {
        ResponseFinder::with_max_head(HeadFinder::MAX_HEAD)
    }

    /// For heads of at most this many bytes together.
    pub const fn with_max_head(max_head: usize) -> ResponseFinder {
        ResponseFinder { heads: HeadFinder::with_max_head(max_head), start: 0, skipped: 0, max_head }
    }

    fn skip(&mut self, len: usize) -> Result<(), Failure> {
        self.start += len;
        self.skipped += 1;
        self.heads = HeadFinder::with_max_head(self.max_head.saturating_sub(self.start));
        if self.skipped > 16 { Err(Failure::TooManyInterim) } else { Ok(()) }
    }
}

impl Default for ResponseFinder {
    fn default() -> ResponseFinder {
        ResponseFinder::new()
    }
}

/// The answer to a client's request.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Response<'h> {
    /// The server accepts: frames follow.
    Accepted(Accepted<'h, HeadFields<'h>>),
    /// The server does not: the head has the status (401, 404, 503, a redirection) with fields such as `WWW-Authenticate`,
    /// `Location` or `Retry-After`, and a body may follow.
    Refused(ResponseHead<'h>),
}

/// What the server accepted.
#[derive(Clone, Copy, Debug)]
pub struct Accepted<'h, F> {
    fields: F,
    protocol: Option<&'h str>,
}

impl<'h, F: Fields<'h>> Accepted<'h, F> {
    /// The subprotocol, one of those that were offered; `None` if the server chose none.
    pub const fn protocol(&self) -> Option<&'h str> {
        self.protocol
    }

    /// The extensions with the parameters that the server agreed to, all of them offered.
    pub fn extensions(&self) -> impl Iterator<Item = Extension<'h>> + use<'h, F> {
        extensions_of(&self.fields).flatten()
    }

    /// What the server agreed to, if [`Policy::offer`] was sent by [`Client::with_extensions`]; `None` if nothing is to be
    /// compressed (feature `deflate`).
    ///
    /// # Errors
    /// The rule that the answer breaks. The connection is to be dropped.
    #[cfg(feature = "deflate")]
    pub fn deflate(&self, policy: &Policy) -> Result<Option<Agreement>, AnswerError> {
        policy.check_list(self.extensions().filter(is_deflate).map(Some))
    }

    /// The values of the fields with this name, in any case, without spaces around them.
    pub fn field(&self, name: &'static str) -> impl Iterator<Item = &'h [u8]> + use<'h, F> {
        values(&self.fields, name)
    }
}

macro_rules! failures {
    ($($variant:ident, $section:literal, $meaning:literal, $remedy:literal;)*) => {
        /// A rule that the answer to a client's request breaks (RFC 6455 §4.1). The connection is to be dropped.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Failure {
            $(#[doc = concat!($meaning, " (", $section, ")")] $variant,)*
        }

        impl Failure {
            /// Every rule, in the order of the checks.
            pub const ALL: &'static [Failure] = &[$(Failure::$variant),*];

            /// The section of the RFC that has the rule.
            pub const fn section(self) -> &'static str {
                match self { $(Failure::$variant => $section,)* }
            }

            /// What the rule is, in a sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Failure::$variant => $meaning,)* }
            }

            /// How to fix the server, or what is in between.
            pub const fn remedy(self) -> &'static str {
                match self { $(Failure::$variant => $remedy,)* }
            }
        }
    };
}

failures! {
    HeadTooLong, "RFC 6585 section 5", "The heads are longer than the client's limit.",
        "Let the server send fewer or shorter fields, or raise the limit.";
    TooManyFields, "RFC 6585 section 5", "A head has more than 100 fields.",
        "Let the server send fewer fields.";
    Malformed, "RFC 9112 section 4", "The answer is not HTTP, or a line ends with LF alone.",
        "Check that host and port are those of an HTTP server, and that TLS is used where it is expected.";
    TooManyInterim, "RFC 9110 section 15.2", "More than 16 interim answers came.",
        "Let the server answer the request.";
    Upgrade, "RFC 6455 section 4.1, 2", "Upgrade is not \"websocket\".",
        "Let the server, or the proxy in between, send Upgrade: websocket.";
    Connection, "RFC 6455 section 4.1, 3", "Connection does not list \"Upgrade\".",
        "Let the server, or the proxy in between, send Connection: Upgrade.";
    Accept, "RFC 6455 section 4.1, 4", "Sec-WebSocket-Accept is not the answer to this key.",
        "Check that no cache or proxy answers in the server's place, and how the server computes it.";
    Extension, "RFC 6455 section 4.1, 5", "The server uses an extension that was not offered.",
        "Let the server accept only what the request offers.";
    Protocol, "RFC 6455 section 4.1, 6", "The server chose a subprotocol that was not offered, or several.",
        "Let the server choose one of those that the request offers, or none.";
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        match refusal {
            Refusal::HeadTooLong => Failure::HeadTooLong,
            Refusal::TooManyFields => Failure::TooManyFields,
            _ => Failure::Malformed,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.meaning(), self.section())
    }
}

impl core::error::Error for Failure {}
