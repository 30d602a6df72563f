//! Offers, answers, and what comes of them (RFC 7692 §5 and §7.1).

use core::fmt;
use core::ops::Deref;

use crate::extension::{Extension, Extensions, Value};
use crate::role::Role;

const NAME: &str = "permessage-deflate";
const SERVER_NO_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_BITS: &str = "server_max_window_bits";
const CLIENT_BITS: &str = "client_max_window_bits";

/// The size of a window, as its base-2 logarithm: 8 (256 bytes) to 15 (32 KiB).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowBits(u8);

impl WindowBits {
    /// 8: 256 bytes.
    pub const MIN: WindowBits = WindowBits(8);
    /// 15: 32 KiB.
    pub const MAX: WindowBits = WindowBits(15);

    /// From 8 to 15; `None` for any other number.
    pub const fn new(bits: u8) -> Option<WindowBits> {
        if bits >= 8 && bits <= 15 { Some(WindowBits(bits)) } else { None }
    }

    /// The number: 8 to 15.
    pub const fn get(self) -> u8 {
        self.0
    }

    /// The window in bytes: 256 to 32,768.
    pub const fn window_len(self) -> usize {
        1 << self.0
    }

    const fn text(self) -> &'static str {
        match self.0 {
            8 => "8",
            9 => "9",
            10 => "10",
            11 => "11",
            12 => "12",
            13 => "13",
            14 => "14",
            _ => "15",
        }
    }

    /// From 8 to 15 in decimal digits, without a leading zero.
    fn from_value(value: Value<'_>) -> Option<WindowBits> {
        (8..=15).map(WindowBits).find(|bits| value == *bits.text())
    }

    const fn is_limit(self) -> bool {
        self.0 < 15
    }
}

/// What holds for the messages that one end sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Direction {
    window: WindowBits,
    takeover: bool,
}

impl Direction {
    /// Messages that refer to at most this window, and perhaps to earlier messages.
    pub const fn new(window: WindowBits, takeover: bool) -> Direction {
        Direction { window, takeover }
    }

    /// How far back a message may refer.
    pub const fn window(self) -> WindowBits {
        self.window
    }

    /// Whether a message may refer to those before it (context takeover). If not, nothing is held between messages.
    pub const fn takeover(self) -> bool {
        self.takeover
    }
}

/// What both ends agreed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Agreement {
    server: Direction,
    client: Direction,
}

impl Agreement {
    /// What the server sends, and what the client sends. [`Policy::answer`] and [`Policy::check`] make it of what was
    /// negotiated.
    pub const fn new(server: Direction, client: Direction) -> Agreement {
        Agreement { server, client }
    }

    /// What the end with this role sends.
    pub const fn sending(self, role: Role) -> Direction {
        match role {
            Role::Server => self.server,
            Role::Client => self.client,
        }
    }

    /// What the end with this role receives.
    pub const fn receiving(self, role: Role) -> Direction {
        match role {
            Role::Server => self.client,
            Role::Client => self.server,
        }
    }
}

/// What a server does about a client that would keep a larger window than [`Policy::with_client`] allows and cannot be told a
/// smaller one, because it did not offer `client_max_window_bits`. (Firefox and Safari do not.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UnlimitedClient {
    /// It may use 15 bits.
    Allow,
    /// It may use 15 bits, and must not refer to earlier messages, so that nothing is held between them.
    NoTakeover,
    /// The offer is declined.
    Decline,
}

/// What an end wants to agree to.
///
/// ```
/// use wsframe::Role;
/// use wsframe::deflate::Policy;
///
/// // A server. Chromium offers this.
/// let offered = b"permessage-deflate; client_max_window_bits";
/// let (agreed, value) = Policy::SMALL.answer([&offered[..]]).unwrap();
/// assert_eq!(value.as_str(), "permessage-deflate; server_no_context_takeover; client_no_context_takeover");
/// assert!(!agreed.sending(Role::Server).takeover());
///
/// // A client.
/// let offer = Policy::BALANCED.offer();
/// assert_eq!(offer.as_str(), "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12");
/// let answered = b"permessage-deflate; server_max_window_bits=10";
/// let agreed = Policy::BALANCED.check([&answered[..]])?.expect("the server accepted");
/// assert_eq!(agreed.receiving(Role::Client).window().get(), 10);
/// # Ok::<(), wsframe::deflate::AnswerError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Policy {
    server: Direction,
    client: Direction,
    unlimited_client: UnlimitedClient,
    min_window: WindowBits,
}

impl Policy {
    /// No context takeover in either direction: each message is compressed by itself, and nothing is held between messages. For
    /// servers with many connections.
    pub const SMALL: Policy = Policy {
        server: Direction::new(WindowBits::MAX, false),
        client: Direction::new(WindowBits::MAX, false),
        unlimited_client: UnlimitedClient::Allow,
        min_window: WindowBits::MIN,
    };

    /// Context takeover and windows of 12 bits (4 KiB) in both directions: small messages that resemble each other become much
    /// smaller, and each connection holds an engine for each direction in which messages were compressed.
    pub const BALANCED: Policy = Policy {
        server: Direction::new(WindowBits(12), true),
        client: Direction::new(WindowBits(12), true),
        ..Policy::SMALL
    };

    /// Sets what a server may send: at most this window, and takeover only if it is wanted here. A client asks for it in its
    /// offer.
    #[must_use]
    pub const fn with_server(mut self, server: Direction) -> Policy {
        self.server = server;
        self
    }

    /// Sets what a client may send. A server asks for it in its answer.
    #[must_use]
    pub const fn with_client(mut self, client: Direction) -> Policy {
        self.client = client;
        self
    }

    /// Sets what a server does about a client that cannot be told a window; by default [`UnlimitedClient::Allow`].
    #[must_use]
    pub const fn with_unlimited_client(mut self, unlimited_client: UnlimitedClient) -> Policy {
        self.unlimited_client = unlimited_client;
        self
    }

    /// Sets the smallest window that the engine of this end can be held to when it sends, by default 8 bits. An offer or an
    /// answer that demands less is not agreed to.
    #[must_use]
    pub const fn with_min_window(mut self, min_window: WindowBits) -> Policy {
        self.min_window = min_window;
        self
    }

    /// A server: the first acceptable offer in the values of the request's `Sec-WebSocket-Extensions` fields, and the value of the
    /// same field in the response. `None` if there is none: then the response has no such field, and nothing is compressed.
    /// Other extensions, and offers that break a rule, are passed over (RFC 7692 §5.1, §7.1).
    pub fn answer<'h>(&self, values: impl IntoIterator<Item = &'h [u8]>) -> Option<(Agreement, HeaderValue)> {
        Extensions::new(values.into_iter())
            .flatten()
            .filter(is_deflate)
            .find_map(|offer| self.accept(Parameters::parse(&offer).ok()?))
    }

    /// [`Policy::answer`] to one offer.
    fn accept(&self, offer: Parameters) -> Option<(Agreement, HeaderValue)> {
        let server = Direction {
            window: offer.server_bits.map_or(self.server.window, |most| most.min(self.server.window)),
            takeover: self.server.takeover && !offer.server_no_takeover,
        };
        if server.window < self.min_window {
            return None;
        }
        let mut client = Direction {
            window: WindowBits::MAX,
            // The hint of a client that will not refer to earlier messages becomes binding.
            takeover: self.client.takeover && !offer.client_no_takeover,
        };
        match offer.client_bits {
            Some(most) => client.window = most.unwrap_or(WindowBits::MAX).min(self.client.window),
            None if !self.client.window.is_limit() => {}
            None => match self.unlimited_client {
                UnlimitedClient::Allow => {}
                UnlimitedClient::NoTakeover => client.takeover = false,
                UnlimitedClient::Decline => return None,
            },
        }
        let mut value = HeaderValue::new();
        value.push_flag(SERVER_NO_TAKEOVER, !server.takeover);
        value.push_flag(CLIENT_NO_TAKEOVER, !client.takeover);
        value.push_bits(SERVER_BITS, server.window, offer.server_bits.is_some() || server.window.is_limit());
        let has_client_bits = matches!(offer.client_bits, Some(Some(_))) || client.window.is_limit();
        value.push_bits(CLIENT_BITS, client.window, has_client_bits);
        Some((Agreement { server, client }, value))
    }

    /// A client: the value of the request's `Sec-WebSocket-Extensions`.
    pub fn offer(&self) -> HeaderValue {
        let mut value = HeaderValue::new();
        value.push_flag(SERVER_NO_TAKEOVER, !self.server.takeover);
        value.push_flag(CLIENT_NO_TAKEOVER, !self.client.takeover);
        value.push_bits(SERVER_BITS, self.server.window, self.server.window.is_limit());
        // Also without a limit of our own, so that the server may set one.
        value.push_flag(CLIENT_BITS, !self.client.window.is_limit());
        value.push_bits(CLIENT_BITS, self.client.window, self.client.window.is_limit());
        value
    }

    /// A client: checks the values of the response's `Sec-WebSocket-Extensions` fields against [`Policy::offer`]. `Ok(None)` means
    /// that the server declined, and nothing is compressed. A client that offered other extensions as well passes the elements
    /// of this one only.
    ///
    /// # Errors
    /// The rule that the answer breaks. The connection is to be dropped (RFC 6455 §4.1, RFC 7692 §5.1).
    pub fn check<'h>(&self, values: impl IntoIterator<Item = &'h [u8]>) -> Result<Option<Agreement>, AnswerError> {
        self.check_list(Extensions::new(values.into_iter()))
    }

    pub(crate) fn check_list<'h>(
        &self,
        answered: impl Iterator<Item = Option<Extension<'h>>>,
    ) -> Result<Option<Agreement>, AnswerError> {
        let mut agreement = None;
        for extension in answered {
            let extension = extension.ok_or(AnswerError::Malformed)?;
            if !is_deflate(&extension) {
                return Err(AnswerError::NotOffered);
            }
            if agreement.is_some() {
                return Err(AnswerError::Twice);
            }
            agreement = Some(self.check_one(&Parameters::parse(&extension)?)?);
        }
        Ok(agreement)
    }

    fn check_one(&self, answer: &Parameters) -> Result<Agreement, AnswerError> {
        if !self.server.takeover && !answer.server_no_takeover {
            return Err(AnswerError::ServerTakeover);
        }
        let server =
            Direction { window: answer.server_bits.unwrap_or(WindowBits::MAX), takeover: !answer.server_no_takeover };
        if server.window > self.server.window {
            return Err(AnswerError::ServerWindow);
        }
        let window = match answer.client_bits {
            None => self.client.window,
            Some(None) => return Err(AnswerError::Value),
            Some(Some(most)) if most > self.client.window => return Err(AnswerError::ClientWindow),
            Some(Some(most)) if most < self.min_window => return Err(AnswerError::WindowTooSmall),
            Some(Some(most)) => most,
        };
        let takeover = self.client.takeover && !answer.client_no_takeover;
        Ok(Agreement { server, client: Direction { window, takeover } })
    }
}

pub(crate) fn is_deflate(extension: &Extension<'_>) -> bool {
    extension.name().eq_ignore_ascii_case(NAME)
}

/// The parameters of an offer or an answer.
#[derive(Default)]
struct Parameters {
    server_no_takeover: bool,
    client_no_takeover: bool,
    server_bits: Option<WindowBits>,
    /// An offer may have it without a value.
    client_bits: Option<Option<WindowBits>>,
}

impl Parameters {
    fn parse(extension: &Extension<'_>) -> Result<Parameters, AnswerError> {
        let mut parameters = Parameters::default();
        for (name, value) in extension.params() {
            let bits = value.map(|value| WindowBits::from_value(value).ok_or(AnswerError::Value)).transpose();
            let is_twice = if name.eq_ignore_ascii_case(SERVER_NO_TAKEOVER) {
                flag(&mut parameters.server_no_takeover, value)?
            } else if name.eq_ignore_ascii_case(CLIENT_NO_TAKEOVER) {
                flag(&mut parameters.client_no_takeover, value)?
            } else if name.eq_ignore_ascii_case(SERVER_BITS) {
                parameters.server_bits.replace(bits?.ok_or(AnswerError::Value)?).is_some()
            } else if name.eq_ignore_ascii_case(CLIENT_BITS) {
                parameters.client_bits.replace(bits?).is_some()
            } else {
                return Err(AnswerError::Parameter);
            };
            if is_twice {
                return Err(AnswerError::ParameterTwice);
            }
        }
        Ok(parameters)
    }
}

/// Notes a parameter that has no value; returns whether it came before.
fn flag(parameter: &mut bool, value: Option<Value<'_>>) -> Result<bool, AnswerError> {
    if value.is_some() { Err(AnswerError::Value) } else { Ok(core::mem::replace(parameter, true)) }
}

/// The value of `Sec-WebSocket-Extensions` for one extension: at most 128 bytes. It is a `str`.
#[derive(Clone, Copy)]
pub struct HeaderValue {
    len: u8,
    bytes: [u8; HeaderValue::MAX_LEN],
}

impl HeaderValue {
    /// The longest value, in bytes: all four parameters, with two digits each.
    const MAX_LEN: usize = 128;

    fn new() -> HeaderValue {
        let mut value = HeaderValue { len: 0, bytes: [0; HeaderValue::MAX_LEN] };
        value.push(NAME);
        value
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        let text = self.bytes.get(..self.len.into()).unwrap_or_default();
        core::str::from_utf8(text).unwrap_or_default()
    }

    fn push(&mut self, text: &str) {
        for (to, from) in self.bytes.iter_mut().skip(self.len.into()).zip(text.bytes()) {
            *to = from;
            self.len += 1;
        }
    }

    fn push_flag(&mut self, name: &str, is_set: bool) {
        if is_set {
            self.push("; ");
            self.push(name);
        }
    }

    fn push_bits(&mut self, name: &str, bits: WindowBits, is_set: bool) {
        if is_set {
            self.push_flag(name, true);
            self.push("=");
            self.push(bits.text());
        }
    }
}

impl Deref for HeaderValue {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for HeaderValue {
    fn as_ref(&self) -> &str {
        self
    }
}

impl PartialEq for HeaderValue {
    fn eq(&self, other: &HeaderValue) -> bool {
        **self == **other
    }
}

impl Eq for HeaderValue {}

impl fmt::Debug for HeaderValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl fmt::Display for HeaderValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

macro_rules! answer_errors {
    ($($variant:ident, $meaning:literal;)*) => {
        /// Why a client cannot accept a server's answer. The connection is to be dropped.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum AnswerError {
            $(#[doc = concat!($meaning, ".")] $variant,)*
        }

        impl AnswerError {
            /// Every reason, in the order in which they are looked for.
            pub const ALL: &'static [AnswerError] = &[$(AnswerError::$variant),*];
        }

        impl fmt::Display for AnswerError {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(AnswerError::$variant => $meaning,)* })
            }
        }
    };
}

answer_errors! {
    Malformed, "Sec-WebSocket-Extensions breaks its grammar (RFC 6455 section 9.1)";
    NotOffered, "the server uses an extension that was not offered (RFC 6455 section 4.1)";
    Twice, "the server accepts permessage-deflate twice (RFC 6455 section 9.1)";
    Parameter, "permessage-deflate has no parameter of this name (RFC 7692 section 7.1)";
    ParameterTwice, "a parameter of permessage-deflate stands twice (RFC 7692 section 7.1)";
    Value, "a parameter of permessage-deflate has a wrong value: window bits are 8 to 15, the others have none (RFC 7692 section 7.1)";
    ServerTakeover, "server_no_context_takeover was asked for, and the server does not promise it (RFC 7692 section 7.1.1.1)";
    ServerWindow, "server_max_window_bits was asked for, and the server does not keep to it (RFC 7692 section 7.1.2.1)";
    ClientWindow, "client_max_window_bits is larger than what was offered (RFC 7692 section 7.1.2.2)";
    WindowTooSmall, "client_max_window_bits is smaller than what the engine of this client can keep to";
}

impl core::error::Error for AnswerError {}
