//! HTTP heads and PROXY lines in front of the frames, read as leniently as they occur, with what is wrong with them.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr};

use serde::Serialize;
use wsframe::deflate::{Agreement, AnswerError, Direction, Policy, WindowBits};
use wsframe::handshake::{self, Client, Failure};

use crate::body::Body;

/// A head must end within this many bytes.
pub(crate) const MAX_HEAD: usize = 64 * 1024;

/// The first bytes of the binary PROXY header.
const PROXY2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// A byte-order mark.
pub(crate) const MARK: &[u8] = b"\xef\xbb\xbf";

/// What a head begins with; no frame begins like that.
const STARTS: [&[u8]; 12] = [
    b"GET ",
    b"HTTP/",
    b"PROXY ",
    b"POST ",
    b"HEAD ",
    b"PUT ",
    b"DELETE ",
    b"CONNECT ",
    b"OPTIONS ",
    b"TRACE ",
    b"PATCH ",
    PROXY2,
];

/// What stands at the front of a stream, or behind a head.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Front {
    /// No head.
    Other,
    /// More bytes are needed; whether a head has begun for certain.
    Partial { is_head: bool },
    /// A head or PROXY line of so many bytes.
    Head(usize),
    /// A head that does not end within [`MAX_HEAD`].
    TooLong,
}

/// Looks at the front of a stream, and at each line of it once, though more comes.
#[derive(Debug, Default)]
pub(crate) struct Finder {
    /// Where the current line begins.
    line: usize,
    /// How many bytes were looked at.
    seen: usize,
}

impl Finder {
    /// `bytes` is all that is there, from the same byte on each time.
    pub(crate) fn front(&mut self, bytes: &[u8]) -> Front {
        // Empty lines may come before a request (RFC 9112 §2.2), and an editor's byte-order mark.
        let blank = if PROXY2.starts_with(bytes) || bytes.starts_with(PROXY2) {
            0
        } else if bytes.starts_with(MARK) {
            MARK.len()
        } else {
            bytes.iter().take(4).take_while(|byte| matches!(byte, b'\r' | b'\n')).count()
        };
        let rest = &bytes[blank..];
        let start = STARTS.iter().find(|start| rest.starts_with(start));
        if start.is_none() && !is_request_line(rest) {
            let may_begin = bytes.is_empty() || STARTS.iter().any(|start| start.starts_with(rest));
            return if may_begin { Front::Partial { is_head: false } } else { Front::Other };
        }
        let start = start.copied().unwrap_or_default();
        let found = if start == PROXY2 {
            rest.get(14..16)
                .map(|len| 16 + usize::from(u16::from_be_bytes([len[0], len[1]])))
                .filter(|len| *len <= rest.len())
        } else if start == b"PROXY " {
            memchr::memchr(b'\n', rest).map(|end| end + 1)
        } else {
            self.head_end(bytes, blank).map(|end| end - blank)
        };
        match found {
            Some(len) if blank + len <= MAX_HEAD => Front::Head(blank + len),
            None if bytes.len() < MAX_HEAD => Front::Partial { is_head: true },
            _ => Front::TooLong,
        }
    }

    /// The end of the first empty line behind the first line.
    fn head_end(&mut self, bytes: &[u8], blank: usize) -> Option<usize> {
        self.line = self.line.max(blank);
        self.seen = self.seen.max(blank);
        while let Some(at) = memchr::memchr(b'\n', &bytes[self.seen..]) {
            let end = self.seen + at;
            let is_empty = matches!(&bytes[self.line..end], [] | [b'\r']);
            (self.line, self.seen) = (end + 1, end + 1);
            if is_empty {
                return Some(end + 1);
            }
        }
        self.seen = bytes.len();
        None
    }
}

/// Whether the first line is that of a request with a method of another name.
fn is_request_line(bytes: &[u8]) -> bool {
    const MOST: usize = 8 * 1024;
    let method = bytes.iter().take(20).take_while(|byte| byte.is_ascii_uppercase()).count();
    let Some(end) = memchr::memchr(b'\n', &bytes[..bytes.len().min(MOST)]) else { return false };
    let line = bytes[..end].trim_ascii_end();
    method >= 3 && bytes.get(method) == Some(&b' ') && (line.ends_with(b" HTTP/1.1") || line.ends_with(b" HTTP/1.0"))
}

/// Whether a head, or the first letters of one, stands at the front.
pub(crate) fn begins(bytes: &[u8]) -> Front {
    Finder::default().front(bytes)
}

/// The status of an answer, of its first line.
pub(crate) fn status(head: &[u8]) -> Option<u16> {
    let line = head.split(|byte| *byte == b'\n').next()?;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let status = line.strip_prefix(b"HTTP/")?.split(|byte| *byte == b' ').nth(1)?;
    let is_status = status.len() == 3 && status.iter().all(u8::is_ascii_digit);
    str::from_utf8(status).ok().filter(|_| is_status)?.parse().ok()
}

/// What a head is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A request of a client.
    Request,
    /// An answer of a server.
    Response,
    /// What a proxy puts in front: the addresses of the client and of itself.
    Proxy,
}

/// A rule that a head breaks.
#[derive(Clone, Debug, Serialize)]
pub struct Problem {
    /// The name of the rule: that of a refusal for requests, of a failure for answers.
    pub rule: &'static str,
    /// What is wrong.
    pub message: String,
}

/// A head that was read.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) kind: Kind,
    /// The first line.
    pub(crate) line: String,
    pub(crate) status: Option<u16>,
    pub(crate) problems: Vec<Problem>,
    /// Whether it asks for a WebSocket, or opens one.
    pub(crate) is_upgrade: bool,
    /// The extensions with their parameters.
    pub(crate) extensions: Vec<String>,
    /// What is agreed if the head is the last word on it.
    pub(crate) deflate: Option<Agreement>,
    /// What a request offers.
    pub(crate) offer: Offer,
    method: String,
    fields: Vec<(String, Vec<u8>)>,
}

/// What a request offers, and the answer must fit.
#[derive(Clone, Debug, Default)]
pub struct Offer {
    /// The key as it was sent.
    key: Vec<u8>,
    extensions: String,
    protocols: Vec<String>,
}

/// What a sender may do at most, whatever was agreed.
pub const WIDEST: Agreement =
    Agreement::new(Direction::new(WindowBits::MAX, true), Direction::new(WindowBits::MAX, true));

/// What an answer agrees to, such as `"permessage-deflate; server_max_window_bits=10"`.
pub fn agreement(answer: &str) -> Result<Option<Agreement>, AnswerError> {
    let widest = Direction::new(WindowBits::MAX, true);
    Policy::SMALL.with_server(widest).with_client(widest).check([answer.as_bytes()])
}

impl Head {
    /// Reads a head that [`Finder::front`] found. `offer` is what the request offered, if it is known.
    pub(crate) fn read(bytes: &[u8], offer: Option<&Offer>) -> Head {
        let bytes = bytes.strip_prefix(MARK).unwrap_or(bytes);
        let bytes = match bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')) {
            Some(blank) if !bytes.starts_with(PROXY2) => &bytes[blank..],
            _ => bytes,
        };
        let mut head = Head {
            kind: Kind::Proxy,
            line: String::new(),
            status: None,
            problems: Vec::new(),
            is_upgrade: false,
            extensions: Vec::new(),
            deflate: None,
            offer: Offer::default(),
            method: String::new(),
            fields: Vec::new(),
        };
        if bytes.starts_with(PROXY2) {
            head.line = proxy2(bytes);
            return head;
        }
        let mut lines = Lines(bytes);
        let (first, mut has_bare_lf) = lines.next().unwrap_or_default();
        head.line = String::from_utf8_lossy(first).into_owned();
        if bytes.starts_with(b"PROXY ") {
            return head;
        }
        for (line, is_bare) in lines {
            has_bare_lf |= is_bare;
            head.read_line(line);
        }
        if has_bare_lf {
            head.problem("Malformed", "a line ends with LF alone, not with CR LF");
        }
        if bytes.starts_with(b"HTTP/") {
            head.read_response(offer)
        } else {
            head.read_request()
        }
        if head.extensions_that_are_broken() {
            head.problem("Extension", "Sec-WebSocket-Extensions breaks its grammar (RFC 6455 section 9.1)");
        }
        head
    }

    fn problem(&mut self, rule: &'static str, message: impl Into<String>) {
        const MOST: usize = 10;
        let message = message.into();
        if self.problems.len() < MOST && self.problems.iter().all(|problem| problem.message != message) {
            self.problems.push(Problem { rule, message });
        }
    }

    /// A line behind the first.
    fn read_line(&mut self, line: &[u8]) {
        if let [b' ' | b'\t', ..] = line
            && let Some((_, value)) = self.fields.last_mut()
        {
            value.push(b' ');
            value.extend_from_slice(line.trim_ascii());
            self.problem("Malformed", "a field is folded over several lines (obsolete since RFC 7230)");
            return;
        }
        let Some(colon) = memchr::memchr(b':', line) else {
            if !line.is_empty() {
                let line = quoted(line);
                self.problem("Malformed", format!("a line without a colon is no field: {line}"));
            }
            return;
        };
        let name = &line[..colon];
        if name.trim_ascii().len() != name.len() {
            self.problem("Malformed", format!("a blank before the colon of {}", quoted(name.trim_ascii())));
        } else if name.is_empty() || !name.iter().all(|byte| byte.is_ascii_graphic()) {
            self.problem("Malformed", format!("{} is no name of a field", quoted(name)));
        }
        let value = line[colon + 1..].trim_ascii();
        if value.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
            self.problem("Malformed", format!("a control character in the value of {}", quoted(name)));
        }
        self.fields.push((String::from_utf8_lossy(name.trim_ascii()).into_owned(), value.to_owned()));
    }

    fn values<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]> {
        self.fields.iter().filter(move |(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| &value[..])
    }

    /// Whether a list of tokens has this one.
    fn lists(&self, name: &str, token: &str) -> bool {
        self.values(name)
            .flat_map(|value| value.split(|byte| *byte == b','))
            .any(|found| found.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
    }

    fn extensions_that_are_broken(&self) -> bool {
        handshake::extensions(self.values("Sec-WebSocket-Extensions")).any(|extension| extension.is_none())
    }

    /// Takes the extensions that are named, and returns the text of permessage-deflate.
    fn read_extensions(&mut self) -> Option<String> {
        let text = |extension: handshake::Extension<'_>| {
            let params = extension.params().map(|(name, value)| match value {
                Some(value) => format!("; {name}={value}"),
                None => format!("; {name}"),
            });
            extension.name().to_owned() + &params.collect::<String>()
        };
        let found: Vec<_> =
            handshake::extensions(self.values("Sec-WebSocket-Extensions")).flatten().map(text).collect();
        self.extensions = found;
        if self.extensions_that_are_broken() {
            // The names all the same: what compresses is not lost by a comma too many.
            let elements = self.values("Sec-WebSocket-Extensions").flat_map(|value| value.split(|byte| *byte == b','));
            let elements = elements.map(|element| String::from_utf8_lossy(element.trim_ascii()).into_owned());
            self.extensions = elements.filter(|element| !element.is_empty()).collect();
        }
        self.extensions.iter().find(|extension| is_deflate(extension)).cloned()
    }

    fn read_request(&mut self) {
        self.kind = Kind::Request;
        let line = self.line.clone();
        let mut words = line.splitn(2, ' ');
        self.method = words.next().unwrap_or_default().to_owned();
        let rest = words.next().unwrap_or_default().trim_end();
        let (target, version) = rest.rsplit_once(' ').unwrap_or((rest, ""));
        if !version.starts_with("HTTP/") {
            self.problem("Malformed", "the request line does not end with a version of HTTP");
        }
        if target.trim().contains([' ', '\t']) || target.starts_with(' ') {
            self.problem("Malformed", "blanks in the target of the request; write %20");
        }
        if !target.is_ascii() || target.contains(char::REPLACEMENT_CHARACTER) {
            self.problem("Malformed", "the target has bytes that are not ASCII; write them as %XX");
        }
        self.is_upgrade = self.lists("Upgrade", "websocket");
        let is_http11 = version.strip_prefix("HTTP/").is_some_and(|version| version > "1.0");
        if self.is_upgrade || self.method == "GET" {
            let fields = self.fields.clone();
            let fields = || fields.iter().map(|(name, value)| (name.as_str(), value.as_slice()));
            if let Err(refusal) = handshake::check(&self.method, is_http11, &fields) {
                self.problem(refusal.name(), without_full_stop(refusal.meaning()));
            }
        }
        if self.read_extensions().is_some() {
            self.deflate = Some(WIDEST);
        }
        let offer = Offer {
            key: self.values("Sec-WebSocket-Key").next().unwrap_or_default().to_owned(),
            extensions: self.extensions.join(", "),
            protocols: self
                .values("Sec-WebSocket-Protocol")
                .flat_map(|value| value.split(|byte| *byte == b','))
                .map(|protocol| String::from_utf8_lossy(protocol.trim_ascii()).into_owned())
                .collect(),
        };
        self.offer = offer;
    }

    fn read_response(&mut self, offer: Option<&Offer>) {
        self.kind = Kind::Response;
        let line = self.line.clone();
        let version = line.split(' ').next().unwrap_or_default();
        self.status = status(line.as_bytes());
        self.is_upgrade = self.status == Some(101);
        if self.status.is_none() {
            self.problem("Malformed", "the status is not three digits");
        }
        if !self.is_upgrade {
            return;
        }
        if version != "HTTP/1.1" {
            self.problem(
                "Version",
                format!("the version is {}; an upgrade needs HTTP/1.1", quoted(version.as_bytes())),
            );
        }
        if self.values("Transfer-Encoding").next().is_some() {
            self.problem("Body", "Transfer-Encoding does not belong on an answer 101: the frames follow as they are");
        }
        let deflate = self.read_extensions();
        self.check_answer(offer);
        if let Some(offer) = offer {
            self.check_deflate(offer);
        }
        if let Some(text) = deflate {
            self.deflate = Some(match agreement(&text) {
                Ok(Some(agreement)) => agreement,
                Ok(None) => WIDEST,
                Err(_) if self.extensions_that_are_broken() => WIDEST,
                Err(error) => {
                    self.problem("Extension", format!("permessage-deflate: {error}"));
                    WIDEST
                }
            });
        }
    }

    /// What of permessage-deflate may be agreed to depends on the offer (RFC 7692 §7.1).
    fn check_deflate(&mut self, offer: &Offer) {
        const CLIENT_BITS: &str = "client_max_window_bits";
        const SERVER_BITS: &str = "server_max_window_bits";
        let is_one = |extension: &handshake::Extension<'_>| is_deflate(extension.name());
        let has = |extension: &handshake::Extension<'_>, name: &str| {
            extension.params().any(|(param, _)| param.eq_ignore_ascii_case(name))
        };
        let bits = |extension: &handshake::Extension<'_>| {
            let value = extension.params().find(|(param, _)| param.eq_ignore_ascii_case(SERVER_BITS));
            value.and_then(|(_, value)| value?.number())
        };
        let offers = || handshake::extensions([offer.extensions.as_bytes()]).flatten().filter(is_one);
        let answers: Vec<_> =
            handshake::extensions(self.values("Sec-WebSocket-Extensions")).flatten().filter(is_one).collect();
        let Some(answer) = answers.first().filter(|_| offers().next().is_some()) else { return };
        let is_twice = answers.len() > 1;
        let is_unasked = has(answer, CLIENT_BITS) && !offers().any(|offer| has(&offer, CLIENT_BITS));
        let most = offers().map(|offer| bits(&offer).unwrap_or(15)).max().unwrap_or(15);
        let is_wide = bits(answer).unwrap_or(15) > most;
        if is_twice {
            self.problem("Extension", "permessage-deflate is accepted twice");
        }
        if is_unasked {
            self.problem(
                "Extension",
                "client_max_window_bits is in the answer and not in the offer (RFC 7692 section 7.1.2.2)",
            );
        }
        if is_wide {
            self.problem(
                "Extension",
                format!("the offer asks for server_max_window_bits={most}, which the answer does not keep (RFC 7692 section 7.1.2.1)"),
            );
        }
    }

    /// The rules of an answer 101. Without the request, those that need it hold.
    fn check_answer(&mut self, offer: Option<&Offer>) {
        const ACCEPT: &str = "Sec-WebSocket-Accept";
        let accepts: Vec<Vec<u8>> = self.values(ACCEPT).map(<[u8]>::to_owned).collect();
        let is_proof = match (offer.filter(|offer| !offer.key.is_empty()), &accepts[..]) {
            (Some(offer), [accept]) => handshake::accept_key(&offer.key).as_str().as_bytes() == accept,
            (None, [accept]) => accept.len() == 28 && accept.ends_with(b"="),
            _ => false,
        };
        match accepts.len() {
            0 => self.problem("Accept", "there is no Sec-WebSocket-Accept"),
            1 if is_proof => {}
            1 if offer.is_none() => self.problem("Accept", "Sec-WebSocket-Accept is not 20 bytes in base64"),
            1 => self.problem("Accept", without_full_stop(Failure::Accept.meaning())),
            _ => self.problem("Accept", "there is more than one Sec-WebSocket-Accept"),
        }
        let is_broken = self.extensions_that_are_broken();
        // The check is that of a client; its key is another, so the proof is one for it.
        let proof = handshake::accept_key(b"AAAAAAAAAAAAAAAAAAAAAA==");
        let fields: Vec<(String, Vec<u8>)> = self
            .fields
            .iter()
            .filter(|(name, _)| !name.eq_ignore_ascii_case(ACCEPT))
            // What breaks the grammar is said apart.
            .filter(|(name, _)| !is_broken || !name.eq_ignore_ascii_case("Sec-WebSocket-Extensions"))
            .cloned()
            .chain([(ACCEPT.to_owned(), proof.as_str().as_bytes().to_owned())])
            .collect();
        let answered = Offer {
            key: Vec::new(),
            extensions: self.extensions.join(", "),
            protocols: self
                .values("Sec-WebSocket-Protocol")
                .map(|value| String::from_utf8_lossy(value).into_owned())
                .collect(),
        };
        let offer = offer.unwrap_or(&answered);
        let protocols: Vec<&str> = offer.protocols.iter().map(String::as_str).collect();
        let client = Client::new([0; 16], "", "").with_protocols(&protocols).with_extensions(&offer.extensions);
        let fields = || fields.iter().map(|(name, value)| (name.as_str(), value.as_slice()));
        if let Err(failure) = client.check(&fields) {
            let rule = match failure {
                Failure::Upgrade => "Upgrade",
                Failure::Connection => "Connection",
                Failure::Extension => "Extension",
                Failure::Protocol => "Protocol",
                _ => "Malformed",
            };
            self.problem(rule, without_full_stop(failure.meaning()));
        }
    }

    /// What a request asks for.
    pub(crate) fn asked(&self) -> Asked {
        match self.method.as_str() {
            "HEAD" => Asked::Head,
            "CONNECT" => Asked::Connect,
            _ => Asked::Other,
        }
    }

    /// The body between this head and what follows it. An answer that does not say how long its body is has one to the end of
    /// the connection, unless another head stands there: a CONNECT has none.
    ///
    /// `asked` is what the request asks for that it answers, if it is known.
    pub(crate) fn body(&self, asked: Option<Asked>) -> Body {
        let is_chunked = self.lists("Transfer-Encoding", "chunked");
        let length = self.values("Content-Length").next().and_then(|value| str::from_utf8(value).ok()?.parse().ok());
        let has_none = self.is_upgrade
            || matches!(self.status, Some(100..200 | 204 | 304))
            || asked == Some(Asked::Head)
            || (asked == Some(Asked::Connect) && matches!(self.status, Some(200..300)));
        match (self.kind, length) {
            (Kind::Proxy, _) => Body::with_length(0),
            _ if has_none => Body::with_length(0),
            _ if is_chunked => Body::chunked(),
            (_, Some(length)) => Body::with_length(length),
            (Kind::Request, None) => Body::with_length(0),
            (Kind::Response, None) => Body::to_close(),
        }
    }
}

/// What a request asks for, as far as it matters for the body of the answer (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The head alone.
    Head,
    /// A tunnel.
    Connect,
    /// Anything else.
    Other,
}

/// Whether the text of an extension is permessage-deflate.
pub(crate) fn is_deflate(extension: &str) -> bool {
    extension.split(';').next().is_some_and(|name| name.trim_end().eq_ignore_ascii_case("permessage-deflate"))
}

fn without_full_stop(sentence: &str) -> String {
    sentence.trim_end_matches('.').to_owned()
}

/// Bytes of a head for a message, cut if they are many.
fn quoted(bytes: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(bytes).escape_debug().take(60).collect();
    format!("\"{text}\"")
}

/// The lines of a head up to its empty line, and whether they end with LF alone.
struct Lines<'h>(&'h [u8]);

impl<'h> Iterator for Lines<'h> {
    type Item = (&'h [u8], bool);

    fn next(&mut self) -> Option<(&'h [u8], bool)> {
        if self.0.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', self.0).unwrap_or(self.0.len());
        let line = &self.0[..end];
        self.0 = self.0.get(end + 1..).unwrap_or_default();
        Some(line.strip_suffix(b"\r").map_or((line, true), |line| (line, false)))
    }
}

/// The addresses of a binary PROXY header.
fn proxy2(bytes: &[u8]) -> String {
    let family = bytes.get(13).copied().unwrap_or_default();
    let addresses = bytes.get(16..).unwrap_or_default();
    let port = |at: usize| addresses.get(at..at + 2).map_or(0, |port| u16::from_be_bytes([port[0], port[1]]));
    if bytes.get(12) == Some(&0x20) {
        return "PROXY v2 LOCAL".to_owned();
    }
    if family == 0x11
        && let Some(ends) = addresses.first_chunk::<12>()
    {
        let ip = |at: usize| Ipv4Addr::new(ends[at], ends[at + 1], ends[at + 2], ends[at + 3]);
        return format!("PROXY v2 TCP4 {}:{} to {}:{}", ip(0), port(8), ip(4), port(10));
    }
    if family == 0x21
        && let Some((client, rest)) = addresses.split_first_chunk::<16>()
        && let Some((server, _)) = rest.split_first_chunk::<16>()
    {
        let (client, server) = (Ipv6Addr::from(*client), Ipv6Addr::from(*server));
        return format!("PROXY v2 TCP6 [{client}]:{} to [{server}]:{}", port(32), port(34));
    }
    "PROXY v2 with addresses of another kind".to_string()
}
