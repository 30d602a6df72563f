//! A server's side: the rules of a request (RFC 6455 §4.2.1), and the answer that accepts it (§4.2.2).

use super::head::{Fields, HeadFields, RequestHead, only_value, values};
use super::refusal::Refusal;
use super::tokens::{elements, is_key};
use super::write::{Field, Output, WriteError, check_fields};
use super::{AcceptKey, accept_key};
#[cfg(feature = "deflate")]
use crate::deflate::{Agreement, HeaderValue, Policy};
use crate::extension::{Extension, Extensions, is_token, token_text};

/// A request for a WebSocket that keeps the rules: it may be accepted.
#[derive(Clone, Debug)]
pub struct Request<F> {
    fields: F,
    /// The proof for the client; not for an extended CONNECT.
    accept: Option<AcceptKey>,
}

impl<'h> RequestHead<'h> {
    /// Whether the client asks for a WebSocket. If not, it may be answered as any other request, with a page or the result of a
    /// health check; [`RequestHead::check`] would refuse it with 426.
    pub fn is_upgrade(&self) -> bool {
        has_element(&self.fields(), "Upgrade", "websocket")
    }

    /// Checks the rules of the opening handshake.
    ///
    /// # Errors
    /// The first rule that the request breaks.
    pub fn check(&self) -> Result<Request<HeadFields<'h>>, Refusal> {
        check(self.method(), self.is_http11(), self.fields())
    }
}

/// Checks the rules of the opening handshake, for a stack that has parsed the head: the method, whether the version is HTTP/1.1
/// or higher, and the fields.
///
/// # Errors
/// The first rule that the request breaks.
pub fn check<'h, F: Fields<'h>>(method: &str, is_http11: bool, fields: F) -> Result<Request<F>, Refusal> {
    // "The method of the request MUST be GET, and the HTTP version MUST be at least 1.1."
    if method != "GET" {
        return Err(Refusal::Method);
    }
    if !is_http11 {
        return Err(Refusal::Version);
    }
    if !matches!(only_value(&fields, "Host"), Ok(Some(_))) {
        return Err(Refusal::Host);
    }
    let has_length = values(&fields, "Content-Length").any(|length| length != b"0");
    if has_length || values(&fields, "Transfer-Encoding").next().is_some() {
        return Err(Refusal::Body);
    }
    let asks = has_element(&fields, "Upgrade", "websocket") && has_element(&fields, "Connection", "upgrade");
    if !asks {
        return Err(Refusal::NotUpgrade);
    }
    check_version(&fields)?;
    let key = match only_value(&fields, "Sec-WebSocket-Key") {
        Ok(Some(key)) if is_key(key) => key,
        _ => return Err(Refusal::Key),
    };
    check_offers(&fields)?;
    Ok(Request { fields, accept: Some(accept_key(key)) })
}

/// Checks the rules of an extended CONNECT of HTTP/2 (RFC 8441) or HTTP/3 (RFC 9220): the value of `:protocol`, and the fields. The
/// frames are those of RFC 6455, masked by the client all the same.
///
/// # Errors
/// The first rule that the request breaks.
pub fn check_connect<'h, F: Fields<'h>>(protocol: Option<&str>, fields: F) -> Result<Request<F>, Refusal> {
    if protocol != Some("websocket") {
        return Err(Refusal::ConnectProtocol);
    }
    check_version(&fields)?;
    check_offers(&fields)?;
    Ok(Request { fields, accept: None })
}

/// Whether a field with this name, of which there may be several, lists this element, in any case.
pub(super) fn has_element<'h, F: Fields<'h>>(fields: &F, name: &'static str, element: &str) -> bool {
    values(fields, name).flat_map(elements).any(|found| found.eq_ignore_ascii_case(element.as_bytes()))
}

fn check_version<'h, F: Fields<'h>>(fields: &F) -> Result<(), Refusal> {
    match only_value(fields, "Sec-WebSocket-Version") {
        Ok(Some(b"13")) => Ok(()),
        Ok(Some(_)) => Err(Refusal::WebSocketVersion),
        _ => Err(Refusal::NoWebSocketVersion),
    }
}

fn check_offers<'h, F: Fields<'h>>(fields: &F) -> Result<(), Refusal> {
    if !are_different_tokens(|| values(fields, "Sec-WebSocket-Protocol").flat_map(elements)) {
        return Err(Refusal::Protocol);
    }
    if !extensions_of(fields).all(|extension| extension.is_some()) {
        return Err(Refusal::Extension);
    }
    only_value(fields, "Origin").map_err(|()| Refusal::Origin)?;
    Ok(())
}

/// The most subprotocols that a client may offer: each is compared with all others.
const MAX_PROTOCOLS: usize = 64;

/// Whether these are tokens, none of them twice, and not too many.
pub(super) fn are_different_tokens<'h, I: Iterator<Item = &'h [u8]>>(names: impl Fn() -> I) -> bool {
    names()
        .enumerate()
        .all(|(i, name)| i < MAX_PROTOCOLS && is_token(name) && !names().take(i).any(|before| before == name))
}

/// The extensions of the fields, in their order; `None` for what breaks the grammar.
pub(super) fn extensions_of<'h, F: Fields<'h>>(fields: &F) -> impl Iterator<Item = Option<Extension<'h>>> + use<'h, F> {
    Extensions::new(values(fields, "Sec-WebSocket-Extensions"))
}

/// The extensions in a value of our own.
pub(super) fn extensions_in(value: &str) -> impl Iterator<Item = Option<Extension<'_>>> {
    Extensions::new([value.as_bytes()].into_iter().filter(|value| !value.is_empty()))
}

impl<'h, F: Fields<'h>> Request<F> {
    /// The origin of the page that opens the connection: a server that trusts only some must check it, because browsers let any
    /// page connect anywhere (RFC 6455 §10.2). `None` from clients that are not browsers.
    pub fn origin(&self) -> Option<&'h str> {
        let origin = values(&self.fields, "Origin").next()?;
        core::str::from_utf8(origin).ok()
    }

    /// The values of the fields with this name, in any case, without spaces around them.
    pub fn field(&self, name: &'static str) -> impl Iterator<Item = &'h [u8]> + use<'h, F> {
        values(&self.fields, name)
    }

    /// The subprotocols that the client offers, in its order of preference.
    pub fn protocols(&self) -> impl Iterator<Item = &'h str> + use<'h, F> {
        values(&self.fields, "Sec-WebSocket-Protocol").flat_map(elements).filter_map(token_text)
    }

    /// The extensions that the client offers, in its order of preference.
    pub fn extensions(&self) -> impl Iterator<Item = Extension<'h>> + use<'h, F> {
        extensions_of(&self.fields).flatten()
    }

    /// What this policy agrees to, of what the client offers, and the value for [`Answer::with_extensions`]. `None` if nothing is
    /// to be compressed (feature `deflate`).
    #[cfg(feature = "deflate")]
    pub fn deflate(&self, policy: &Policy) -> Option<(Agreement, HeaderValue)> {
        policy.answer(values(&self.fields, "Sec-WebSocket-Extensions"))
    }

    /// The answer that accepts the request, without a subprotocol and extensions.
    pub const fn answer(&self) -> Answer<'_, F> {
        Answer { request: self, protocol: None, extensions: None }
    }
}

/// The answer that accepts a [`Request`]: 101, or 200 to an extended CONNECT.
///
/// ```
/// use wsframe::handshake::RequestHead;
///
/// // RFC 6455 §1.3.
/// let head = b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
///     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://example.com\r\n\
///     Sec-WebSocket-Protocol: chat, superchat\r\nSec-WebSocket-Version: 13\r\n\r\n";
/// let request = RequestHead::parse(head)?.check()?;
/// assert!(request.protocols().eq(["chat", "superchat"]));
/// let mut out = [0; 256];
/// let len = request.answer().with_protocol("chat")?.write(&mut out, &[])?;
/// assert_eq!(
///     std::str::from_utf8(&out[..len])?,
///     "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
///     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Answer<'a, F> {
    request: &'a Request<F>,
    protocol: Option<&'a str>,
    extensions: Option<&'a str>,
}

/// The server wants to accept what the client did not offer, or writes it in a way that the grammar does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct NotOffered;

impl NotOffered {
    /// For tests of code that handles it.
    pub const fn new() -> NotOffered {
        NotOffered
    }
}

impl Default for NotOffered {
    fn default() -> NotOffered {
        NotOffered
    }
}

impl core::fmt::Display for NotOffered {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the client did not offer this subprotocol or extension")
    }
}

impl core::error::Error for NotOffered {}

impl<'a, 'h, F: Fields<'h>> Answer<'a, F> {
    /// Accepts one of the subprotocols that were offered.
    ///
    /// # Errors
    /// [`NotOffered`], because the client would fail the connection.
    pub fn with_protocol(self, protocol: &'a str) -> Result<Answer<'a, F>, NotOffered> {
        if !self.request.protocols().any(|offered| offered == protocol) {
            return Err(NotOffered);
        }
        Ok(Answer { protocol: Some(protocol), ..self })
    }

    /// Accepts extensions that were offered, as the value of `Sec-WebSocket-Extensions`. Their parameters are the extension's to
    /// negotiate.
    ///
    /// # Errors
    /// [`NotOffered`], because the client would fail the connection.
    pub fn with_extensions(self, extensions: &'a str) -> Result<Answer<'a, F>, NotOffered> {
        for extension in Extensions::new([extensions.as_bytes()].into_iter()) {
            let name = extension.ok_or(NotOffered)?.name();
            if !self.request.extensions().any(|offered| offered.name().eq_ignore_ascii_case(name)) {
                return Err(NotOffered);
            }
        }
        Ok(Answer { extensions: Some(extensions), ..self })
    }

    /// The status: 101, or 200 to an extended CONNECT.
    pub const fn status(&self) -> u16 {
        if self.request.accept.is_some() { 101 } else { 200 }
    }

    /// The fields, for a stack that writes heads itself.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let accept = self.request.accept.as_ref().map(AcceptKey::as_str);
        let upgrade = accept.map(|_| ("Upgrade", "websocket"));
        let connection = accept.map(|_| ("Connection", "Upgrade"));
        let accept = accept.map(|accept| ("Sec-WebSocket-Accept", accept));
        let protocol = self.protocol.map(|protocol| ("Sec-WebSocket-Protocol", protocol));
        let extensions = self.extensions.map(|extensions| ("Sec-WebSocket-Extensions", extensions));
        [upgrade, connection, accept, protocol, extensions].into_iter().flatten()
    }

    /// Writes the head of the response to the front of `out` and returns its length in bytes, with `extra` fields such as
    /// `Set-Cookie` or `Server`.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn write(&self, out: &mut [u8], extra: &[Field<'_>]) -> Result<usize, WriteError> {
        check_fields(extra)?;
        let mut out = Output::new(out);
        out.push_all(&["HTTP/1.1 ", if self.status() == 101 { "101 Switching Protocols" } else { "200 OK" }, "\r\n"]);
        self.fields().for_each(|(name, value)| out.push_field(name, value));
        extra.iter().for_each(|(name, value)| out.push_field(name, value));
        out.push_all(&["\r\n"]);
        out.finish()
    }
}
