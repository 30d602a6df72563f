//! Every close code and range of codes: its meaning, its cause, and what to do about it.
//!
//! The numbers and names are those of RFC 6455 §7.4 and of the IANA "WebSocket Close Code Number Registry".

use core::fmt;

/// A close code that has a meaning: 1000–1015 or 3000–4999 (RFC 6455 §7.4).
///
/// Four of them are never written in a Close frame: 1004 is reserved, and with 1005, 1006 and 1015 an endpoint tells its own
/// application that there was no code, no Close frame, or no TLS. [`CloseCode::on_wire`] tells them apart.
///
/// ```
/// use wsframe::CloseCode;
///
/// assert_eq!(CloseCode::try_from(1009)?, CloseCode::MESSAGE_TOO_BIG);
/// assert_eq!(u16::from(CloseCode::BAD_GATEWAY), 1014);
/// assert!(!CloseCode::NO_STATUS_RECEIVED.on_wire());
/// assert!(CloseCode::try_from(2999).is_err());
/// # Ok::<(), wsframe::CloseCodeError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(u16);

/// Who sends a code (RFC 6455 §7.4). This is only a convention, which the decoder does not enforce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SentBy {
    /// Either end.
    Either,
    /// The client.
    Client,
    /// The server, or a proxy in its place.
    Server,
    /// Nobody: it is not written in a Close frame.
    Nobody,
}

impl fmt::Display for SentBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SentBy::Either => "either end",
            SentBy::Client => "the client",
            SentBy::Server => "the server",
            SentBy::Nobody => "nobody",
        })
    }
}

/// Whether a client should connect again after a close code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reconnect {
    /// The connection did its work. Connect again when there is new work.
    WhenNeeded,
    /// Yes, after a pause that is partly random and grows with each failure (RFC 6455 §7.2.3).
    WithBackoff,
    /// Not before something has changed: the same attempt fails the same way.
    AfterChange,
    /// The application's protocol decides.
    ApplicationDecides,
}

impl fmt::Display for Reconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reconnect::WhenNeeded => "when needed",
            Reconnect::WithBackoff => "yes, with backoff",
            Reconnect::AfterChange => "after a change",
            Reconnect::ApplicationDecides => "application decides",
        })
    }
}

macro_rules! close_codes {
    ($(
        $constant:ident = $code:literal $name:literal {
            meaning: $meaning:literal,
            cause: $cause:literal,
            client: $client:literal,
            server: $server:literal,
            sent_by: $sent_by:ident,
            reconnect: $reconnect:ident $advice:literal,
        }
    )*) => {
        impl CloseCode {
            $(
                #[doc = concat!(stringify!($code), " ", $name, ": ", $meaning)]
                pub const $constant: CloseCode = CloseCode($code);
            )*

            /// Every code that has a name of its own, in order: 1000–1015, 3000, 3003, 3008.
            pub const NAMED: &'static [CloseCode] = &[$(CloseCode($code)),*];

            /// The name in the IANA registry; "Registered Code" and "Private Code" for the numbers of 3000–4999 without one.
            pub const fn name(self) -> &'static str {
                match self.0 { $($code => $name,)* ..4000 => "Registered Code", _ => "Private Code" }
            }

            /// What the code means, in a sentence.
            pub const fn meaning(self) -> &'static str {
                match self.0 { $($code => $meaning,)* ..4000 => REGISTERED.meaning, _ => PRIVATE.meaning }
            }

            /// What usually causes it.
            pub const fn cause(self) -> &'static str {
                match self.0 { $($code => $cause,)* ..4000 => REGISTERED.cause, _ => PRIVATE.cause }
            }

            /// What the client's side can do about it.
            pub const fn client_remedy(self) -> &'static str {
                match self.0 { $($code => $client,)* ..4000 => REGISTERED.client_remedy, _ => PRIVATE.client_remedy }
            }

            /// What the server's side can do about it.
            pub const fn server_remedy(self) -> &'static str {
                match self.0 { $($code => $server,)* ..4000 => REGISTERED.server_remedy, _ => PRIVATE.server_remedy }
            }

            /// How, when or why not to connect again, in a sentence.
            pub const fn reconnect_advice(self) -> &'static str {
                match self.0 { $($code => $advice,)* ..4000 => REGISTERED.reconnect_advice, _ => PRIVATE.reconnect_advice }
            }

            /// Who sends it.
            pub const fn sent_by(self) -> SentBy {
                match self.0 { $($code => SentBy::$sent_by,)* _ => SentBy::Either }
            }

            /// Whether a client should connect again.
            pub const fn reconnect(self) -> Reconnect {
                match self.0 { $($code => Reconnect::$reconnect,)* _ => Reconnect::ApplicationDecides }
            }
        }
    };
}

close_codes! {
    NORMAL = 1000 "Normal Closure" {
        meaning: "The connection fulfilled its purpose and is closed in order.",
        cause: "The application called close() without a code of its own, or said goodbye when it was done.",
        client: "Nothing is wrong. If it comes too early, look for the code path that calls close().",
        server: "Nothing is wrong. If clients report it too early, look for handlers that return and drop the connection.",
        sent_by: Either,
        reconnect: WhenNeeded "Only when there is new work to do: the peer meant to end this connection.",
    }
    GOING_AWAY = 1001 "Going Away" {
        meaning: "The endpoint is leaving: a server shuts down, or a browser leaves the page.",
        cause: "A deployment or shutdown of the server, or a closed tab, a reload or a followed link.",
        client: "Connect again, to whichever server answers then; restore subscriptions from the last known position.",
        server: "Treat it as an ordinary goodbye: free the session, and before your own shutdown drain connections slowly.",
        sent_by: Either,
        reconnect: WithBackoff "Yes, after a random pause, so that not all clients of a leaving server return at once.",
    }
    PROTOCOL_ERROR = 1002 "Protocol Error" {
        meaning: "The peer broke a rule of the WebSocket protocol.",
        cause: "A faulty WebSocket library, a proxy that alters frames, or bytes that are no frames in the stream.",
        client: "Find the frame that broke the rule in a capture of what you send, then update or mend the library.",
        server: "Log the rule and the offset; check that no proxy in between rewrites, drops or repeats bytes.",
        sent_by: Either,
        reconnect: AfterChange "Not with the same software: the same bytes would break the same rule.",
    }
    UNSUPPORTED_DATA = 1003 "Unsupported Data" {
        meaning: "The endpoint received a kind of message that it does not accept, such as binary where it knows only text.",
        cause: "The application sent binary to a text-only service, or text to a binary-only one.",
        client: "Send the kind of message that the service documents: set the type of what you pass to send().",
        server: "State in the subprotocol which kinds you accept, or accept both kinds.",
        sent_by: Either,
        reconnect: AfterChange "Only after the sender uses the other kind of message.",
    }
    RESERVED = 1004 "Reserved" {
        meaning: "Kept for a meaning that was never defined.",
        cause: "Nothing sends it rightly: a number picked by mistake in code that closes the connection.",
        client: "Replace it by a code from 4000 to 4999 in the code that closes.",
        server: "Replace it by 1008 or by a private code; a strict peer answers this one with 1002.",
        sent_by: Nobody,
        reconnect: AfterChange "Not before the endpoint that used the number has been mended.",
    }
    NO_STATUS_RECEIVED = 1005 "No Status Received" {
        meaning: "A Close frame came without a code. Reported locally, never sent.",
        cause: "The peer closed without giving a reason; many libraries do so when close() has no arguments.",
        client: "Nothing to mend here; ask the server's author to send a code if you need to know why.",
        server: "Pass a code to close() so that clients learn why; an empty Close body tells them nothing.",
        sent_by: Nobody,
        reconnect: ApplicationDecides "The peer did not say why it closed: treat it as a normal closure unless your protocol knows better.",
    }
    ABNORMAL_CLOSURE = 1006 "Abnormal Closure" {
        meaning: "The connection was lost without a Close frame. Reported locally, never sent.",
        cause: "A dropped network, a crashed process, a proxy's idle timeout, or a failed opening handshake in a browser.",
        client: "Check the network, the URL and the certificate; if it comes after quiet periods, send Pings.",
        server: "Look for crashes and for idle timeouts of proxies; send Pings more often than the shortest timeout.",
        sent_by: Nobody,
        reconnect: WithBackoff "Yes, with a pause that doubles with each failed attempt up to a limit.",
    }
    INVALID_PAYLOAD = 1007 "Invalid Frame Payload Data" {
        meaning: "A message's content does not fit its type, such as text that is not UTF-8.",
        cause: "Bytes in Latin-1 or compressed data sent as text, or a string cut in the middle of a character.",
        client: "Encode text as UTF-8 before sending, cut only between characters, and send other bytes as binary.",
        server: "Report the offset of the first bad byte to the sender; do not repair the text silently.",
        sent_by: Either,
        reconnect: AfterChange "Only after the sender's encoding is mended.",
    }
    POLICY_VIOLATION = 1008 "Policy Violation" {
        meaning: "A message was well formed but broke a rule of the endpoint that has no code of its own.",
        cause: "Missing permission, a rate limit, a forbidden origin, or a limit on fragments.",
        client: "Read the reason text and the service's terms; log in anew or slow down, then try again.",
        server: "Say in the reason which rule it was, unless that helps an attacker.",
        sent_by: Either,
        reconnect: AfterChange "Not without a change: the same behaviour breaks the same policy.",
    }
    MESSAGE_TOO_BIG = 1009 "Message Too Big" {
        meaning: "A frame or message is larger than the endpoint is willing to take.",
        cause: "A message above the receiver's limit, often an upload sent in one piece.",
        client: "Split the data into several messages, or send it over HTTP.",
        server: "Document the limit; raise it only as far as memory for all connections allows.",
        sent_by: Either,
        reconnect: AfterChange "Yes, but send smaller messages: the same message is refused again.",
    }
    MANDATORY_EXTENSION = 1010 "Mandatory Extension" {
        meaning: "The client needs an extension that the server did not agree to in the opening handshake.",
        cause: "A client that insists on an extension, such as compression, that the server or a proxy left out.",
        client: "Make the extension optional; the reason lists which one was missing.",
        server: "Offer the extension, and check that proxies pass Sec-WebSocket-Extensions through.",
        sent_by: Client,
        reconnect: AfterChange "Not without a change of the extensions that either end offers.",
    }
    INTERNAL_ERROR = 1011 "Internal Error" {
        meaning: "The endpoint met a condition that it did not expect and cannot go on.",
        cause: "An unhandled exception or a failed dependency behind the endpoint.",
        client: "Try again later; if one message triggers it every time, report that message.",
        server: "Find the exception in the log of the time of closing; catch errors per message where possible.",
        sent_by: Either,
        reconnect: WithBackoff "Yes, a few times with growing pauses; stop if the same message fails each time.",
    }
    SERVICE_RESTART = 1012 "Service Restart" {
        meaning: "The service restarts and will be back.",
        cause: "A restart for a new version or configuration.",
        client: "Connect again after a random pause of some seconds.",
        server: "Close in small batches, and start the new process before the old one ends.",
        sent_by: Server,
        reconnect: WithBackoff "Yes, after a random 5 to 30 seconds, as the code's registration suggests.",
    }
    TRY_AGAIN_LATER = 1013 "Try Again Later" {
        meaning: "The service is overloaded and sheds connections.",
        cause: "More clients or work than the server can carry at the moment.",
        client: "Wait long and at random, use another server if there is one, and tell the user.",
        server: "Add capacity, or refuse new connections with HTTP 503 before the upgrade.",
        sent_by: Server,
        reconnect: WithBackoff "Yes, but only after a long pause, or to another address.",
    }
    BAD_GATEWAY = 1014 "Bad Gateway" {
        meaning: "A gateway or proxy got an invalid answer from the server behind it, like HTTP 502.",
        cause: "The upstream server is down, restarts, or does not speak WebSocket on that path.",
        client: "Nothing to mend in the client; try again after a pause.",
        server: "Check the gateway's upstream address and health checks, and the upstream's log.",
        sent_by: Server,
        reconnect: WithBackoff "Yes, with growing pauses, until the upstream server is back.",
    }
    TLS_HANDSHAKE = 1015 "TLS Handshake" {
        meaning: "The TLS handshake failed, so no connection came about. Reported locally, never sent.",
        cause: "An expired or untrusted certificate, a wrong host name, or no common TLS version.",
        client: "Read the TLS error; check the clock, the host name and the trusted authorities.",
        server: "Renew the certificate, send the whole chain, and enable TLS 1.2 and 1.3.",
        sent_by: Nobody,
        reconnect: AfterChange "Not without a change of the certificate, the trust store or the TLS settings.",
    }
    UNAUTHORIZED = 3000 "Unauthorized" {
        meaning: "The endpoint wants proof of identity before it goes on, like HTTP 401.",
        cause: "A missing, wrong or expired token.",
        client: "Get a fresh token and connect with it.",
        server: "Tell clients how to authenticate; check tokens before the upgrade where possible.",
        sent_by: Either,
        reconnect: AfterChange "After getting new credentials.",
    }
    FORBIDDEN = 3003 "Forbidden" {
        meaning: "The endpoint knows who is asking, and that they may not, like HTTP 403.",
        cause: "An account without the needed permission.",
        client: "Ask for the permission, or use another account.",
        server: "Grant the permission, or do not show the feature to those without it.",
        sent_by: Either,
        reconnect: AfterChange "After the account's permissions have changed.",
    }
    TIMEOUT = 3008 "Timeout" {
        meaning: "The endpoint waited too long for something that it expected, like HTTP 408.",
        cause: "A first message, an answer or a Pong that did not come in time.",
        client: "Send what the protocol expects in time; do not block the thread that reads and writes.",
        server: "Give slow networks more time, or say which step timed out.",
        sent_by: Either,
        reconnect: WithBackoff "Yes, with a pause.",
    }
}

/// What is said of the codes of a range that have no name of their own.
struct Range {
    meaning: &'static str,
    cause: &'static str,
    client_remedy: &'static str,
    server_remedy: &'static str,
    reconnect_advice: &'static str,
}

const REGISTERED: Range = Range {
    meaning: "A code of a library, framework or application, in the range registered with IANA (3000–3999).",
    cause: "The application's or framework's own protocol; WebSocket itself gives it no meaning.",
    client_remedy: "Look the number up in the IANA registry and in the documentation of the framework that the server uses.",
    server_remedy: "Document what the code means to your clients, and register the number with IANA.",
    reconnect_advice: "As the documentation of the framework that defines the code says.",
};

const PRIVATE: Range = Range {
    meaning: "A code by private agreement between the two applications (4000–4999).",
    cause: "The application's own code; two applications may mean different things by the same number.",
    client_remedy: "Look it up in the documentation of the service that you connect to.",
    server_remedy: "Give each of your codes one meaning, and write them down for client authors.",
    reconnect_advice: "As the service that you connect to says: only the two applications know.",
};

impl CloseCode {
    /// The code with this number.
    ///
    /// # Errors
    /// [`CloseCodeError`] for 0–999, 1016–2999 and 5000 and above.
    pub const fn new(code: u16) -> Result<CloseCode, CloseCodeError> {
        match code {
            ..1000 => Err(CloseCodeError::Unused),
            1000..=1015 | 3000..=4999 => Ok(CloseCode(code)),
            1016..3000 => Err(CloseCodeError::Unassigned),
            5000.. => Err(CloseCodeError::OutOfRange),
        }
    }

    /// The code with this number, for constants:
    ///
    /// ```
    /// use wsframe::CloseCode;
    ///
    /// const SESSION_EXPIRED: CloseCode = CloseCode::from_static(4001);
    /// ```
    ///
    /// # Panics
    /// If there is no such code ([`CloseCode::new`] returns an error). In a `const`, the program does not compile then.
    pub const fn from_static(code: u16) -> CloseCode {
        match CloseCode::new(code) {
            Ok(code) => code,
            Err(_) => panic!("close codes are 1000-1015 and 3000-4999"),
        }
    }

    /// The code of a received body, which was checked.
    pub(crate) const fn from_checked(code: u16) -> CloseCode {
        debug_assert!(CloseCode::new(code).is_ok());
        CloseCode(code)
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Whether the code may be written in a Close frame: all but 1004, 1005, 1006 and 1015 (§7.4.1).
    pub const fn on_wire(self) -> bool {
        !matches!(self.0, 1004..=1006 | 1015)
    }
}

impl TryFrom<u16> for CloseCode {
    type Error = CloseCodeError;

    fn try_from(code: u16) -> Result<CloseCode, CloseCodeError> {
        CloseCode::new(code)
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> u16 {
        code.0
    }
}

/// The number and the name.
impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, self.name())
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CloseCode({self})")
    }
}

/// Why a number is not a close code, or why a close code cannot be sent (RFC 6455 §7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseCodeError {
    /// 0–999: not used.
    Unused,
    /// 1016–2999: for future versions of the protocol and for extensions; no meaning is assigned yet.
    Unassigned,
    /// 5000 and above: outside all ranges.
    OutOfRange,
    /// 1004, 1005, 1006, 1015: never written in a Close frame.
    NotOnWire,
}

impl fmt::Display for CloseCodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CloseCodeError::Unused => "close codes 0-999 are not used",
            CloseCodeError::Unassigned => {
                "close codes 1016-2999 are for future versions of the protocol and for extensions, and unassigned"
            }
            CloseCodeError::OutOfRange => "close codes end at 4999",
            CloseCodeError::NotOnWire => "close codes 1004, 1005, 1006 and 1015 are never sent",
        })
    }
}

impl core::error::Error for CloseCodeError {}

/// As [`InvalidInput`](std::io::ErrorKind::InvalidInput).
#[cfg(feature = "std")]
impl From<CloseCodeError> for std::io::Error {
    fn from(error: CloseCodeError) -> std::io::Error {
        std::io::Error::new(std::io::ErrorKind::InvalidInput, error)
    }
}
