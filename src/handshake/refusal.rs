//! Why a request is not accepted: each rule of the opening handshake with its status, its section, and texts.

use core::fmt;

use super::write::{Field, Output, WriteError, check_fields};

macro_rules! refusals {
    ($(
        $variant:ident, $status:literal, $section:literal, [$($name:literal: $value:literal),*] {
            meaning: $meaning:literal,
            remedy: $remedy:literal,
            example: $example:literal,
        }
    )*) => {
        /// A rule of the opening handshake that a request breaks, or the server's own reason not to accept it.
        ///
        /// The first rule that a request breaks is reported, in the order of this list.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Refusal {
            $(
                #[doc = concat!($meaning, "\n\nStatus ", stringify!($status), "; ", $section, ".")]
                $variant,
            )*
            /// The server's own reason, with its status: see [`Refusal::of_status`].
            Status(Status),
        }

        impl Refusal {
            /// Every rule, in the order of the checks.
            pub const ALL: &'static [Refusal] = &[$(Refusal::$variant),*];

            /// The name of the variant.
            pub const fn name(self) -> &'static str {
                match self { $(Refusal::$variant => stringify!($variant),)* Refusal::Status(_) => "Status" }
            }

            /// The status of the response.
            pub const fn status(self) -> u16 {
                match self { $(Refusal::$variant => $status,)* Refusal::Status(status) => status.0 }
            }

            /// The section of the RFC that has the rule.
            pub const fn section(self) -> &'static str {
                match self { $(Refusal::$variant => $section,)* Refusal::Status(_) => "RFC 6455 section 4.2.2" }
            }

            /// What the rule is, in a sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Refusal::$variant => $meaning,)* Refusal::Status(_) => "The server does not accept this request." }
            }

            /// How to fix the sender of the request.
            pub const fn remedy(self) -> &'static str {
                match self {
                    $(Refusal::$variant => $remedy,)*
                    Refusal::Status(_) => "Read the status and the body of the response.",
                }
            }

            /// A head that breaks this rule and no other; empty for a reason of the server's own.
            pub const fn example(self) -> &'static str {
                match self { $(Refusal::$variant => $example,)* Refusal::Status(_) => "" }
            }

            /// The fields that the response must have for this reason: names and values.
            pub const fn fields(self) -> &'static [(&'static str, &'static str)] {
                match self { $(Refusal::$variant => &[$(($name, $value)),*],)* Refusal::Status(_) => &[] }
            }
        }
    };
}

refusals! {
    HeadTooLong, 431, "RFC 6585 section 5", [] {
        meaning: "The head is longer than the server's limit.",
        remedy: "Send fewer or shorter fields; cookies are often the cause.",
        example: "",
    }
    TooManyFields, 431, "RFC 6585 section 5", [] {
        meaning: "The head has more than 100 fields.",
        remedy: "Send fewer fields.",
        example: "",
    }
    Malformed, 400, "RFC 9112 section 2.2", [] {
        meaning: "The head is not HTTP: a line is malformed, or ends with LF alone.",
        remedy: "Send a request line and fields as RFC 9112 has them, each ended by CR LF.",
        example: "GET / HTTP/1.1\r\nHost example.com\r\n\r\n",
    }
    Method, 405, "RFC 6455 section 4.2.1, 1", ["Allow": "GET"] {
        meaning: "The method is not GET.",
        remedy: "Open a WebSocket with GET.",
        example: "POST / HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    }
    Version, 505, "RFC 6455 section 4.2.1, 1", [] {
        meaning: "The version is below HTTP/1.1.",
        remedy: "Send HTTP/1.1; a proxy in between may have to be told to use it towards the server.",
        example: "GET / HTTP/1.0\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    }
    Host, 400, "RFC 6455 section 4.2.1, 2", [] {
        meaning: "There is not exactly one Host field.",
        remedy: "Send one Host field with the name and, unless it is the default, the port.",
        example: "GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    }
    Body, 400, "RFC 9112 section 6", [] {
        meaning: "The request announces a body, where the frames would begin.",
        remedy: "Send no Transfer-Encoding, and no Content-Length but 0.",
        example: "GET / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 5\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    }
    NotUpgrade, 426, "RFC 6455 section 4.2.1, 3 and 4", ["Upgrade": "websocket"] {
        meaning: "The request does not ask for a WebSocket: Upgrade must have \"websocket\", and Connection \"Upgrade\".",
        remedy: "Open this address with a WebSocket client; if it was one, let the proxy in between pass Upgrade and Connection on.",
        example: "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n",
    }
    NoWebSocketVersion, 400, "RFC 6455 section 4.2.1, 6", [] {
        meaning: "There is not exactly one Sec-WebSocket-Version field.",
        remedy: "Send Sec-WebSocket-Version: 13, once.",
        example: "GET / HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    }
    WebSocketVersion, 426, "RFC 6455 section 4.4", ["Upgrade": "websocket", "Sec-WebSocket-Version": "13"] {
        meaning: "The version of the protocol is not 13.",
        remedy: "Send Sec-WebSocket-Version: 13; others are drafts.",
        example: "GET / HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    }
    Key, 400, "RFC 6455 section 4.2.1, 5", [] {
        meaning: "There is not exactly one Sec-WebSocket-Key field with 16 bytes in base64.",
        remedy: "Send 16 new random bytes in base64: 22 characters and ==.",
        example: "GET / HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2hvcnQ=\r\n\r\n",
    }
    Protocol, 400, "RFC 6455 section 4.1, 10", [] {
        meaning: "Sec-WebSocket-Protocol is not a list of at most 64 different tokens.",
        remedy: "Separate the names of subprotocols by commas, and name each once.",
        example: "GET / HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: chat, chat\r\n\r\n",
    }
    Extension, 400, "RFC 6455 section 9.1", [] {
        meaning: "Sec-WebSocket-Extensions breaks its grammar.",
        remedy: "Send names with parameters, such as \"permessage-deflate; client_max_window_bits\".",
        example: "GET / HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: x; =1\r\n\r\n",
    }
    Origin, 400, "RFC 6455 section 4.2.1, 7", [] {
        meaning: "There is more than one Origin field.",
        remedy: "Send Origin once, or not at all if the client is not a browser.",
        example: "GET / HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://a.example\r\nOrigin: http://b.example\r\n\r\n",
    }
    ConnectProtocol, 501, "RFC 8441 section 4", [] {
        meaning: "The :protocol of an extended CONNECT is not \"websocket\".",
        remedy: "Send :protocol = websocket.",
        example: "",
    }
}

/// A status of the server's own choice: 300 to 599.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Status(u16);

impl Refusal {
    /// The origin is not one that the server trusts, or the client may not do this.
    pub const FORBIDDEN: Refusal = Refusal::Status(Status(403));

    /// A reason of the server's own: 401 (with `WWW-Authenticate`), 403, 404, 503 (with `Retry-After`), a redirection (with
    /// `Location`). A status below 300 or above 599 would accept the request or mean nothing, so it is taken as 500.
    pub const fn of_status(status: u16) -> Refusal {
        match status {
            300..600 => Refusal::Status(Status(status)),
            _ => Refusal::Status(Status(500)),
        }
    }

    /// The refusal of this [name](Refusal::name).
    pub fn from_name(name: &str) -> Option<Refusal> {
        Refusal::ALL.iter().copied().find(|refusal| refusal.name() == name)
    }

    /// Writes the response to the front of `out` and returns its length in bytes: status, the [fields](Refusal::fields) of this
    /// reason, `extra` fields such as `WWW-Authenticate`, `Location` or `Retry-After`, and `body` as plain text. It says that
    /// the connection is closed afterwards: write it, shut down writing, and read until the end.
    ///
    /// # Errors
    /// [`WriteError`], and nothing of use was written.
    pub fn write(self, out: &mut [u8], extra: &[Field<'_>], body: &str) -> Result<usize, WriteError> {
        check_fields(extra)?;
        let mut out = Output::new(out);
        out.push_all(&["HTTP/1.1 "]);
        out.push_number(self.status().into());
        out.push_all(&[" ", phrase(self.status()), "\r\n"]);
        for (name, value) in self.fields() {
            out.push_field(name, value);
        }
        let connection = if self.status() == 426 { "Upgrade, close" } else { "close" };
        out.push_field("Connection", connection);
        for (name, value) in extra {
            out.push_field(name, value);
        }
        if !body.is_empty() {
            out.push_field("Content-Type", "text/plain; charset=utf-8");
        }
        out.push_all(&["Content-Length: "]);
        out.push_number(body.len());
        out.push_all(&["\r\n\r\n", body]);
        out.finish()
    }
}

/// The reason phrase of a status, for people who read it (RFC 9110 §15).
fn phrase(status: u16) -> &'static str {
    match status {
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        410 => "Gone",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "Refused",
    }
}

/// The name, the status and the section.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, status {})", self.meaning(), self.section(), self.status())
    }
}

impl core::error::Error for Refusal {}
