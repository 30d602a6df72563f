//! The opening handshake: a request built from fields that the input chooses gets the verdict that a naive reading of the rules
//! gives it, whole, byte by byte, and as fields that were parsed already; an accepted one leads to an answer that a client takes.
//! Any other bytes are read without a panic, and the end of the head is where it is.

use arbitrary::Arbitrary;
use wsframe::handshake;
use wsframe::handshake::{Client, HeadFinder, Refusal, RequestHead, Response, ResponseFinder, accept_key};

use crate::input;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    method: Option<u8>,
    is_old: bool,
    /// Changes to a request that keeps the rules: the index of a field, and what becomes of it.
    changes: Vec<(u8, Change)>,
    key: [u8; 16],
    /// Anything at all.
    bytes: &'a [u8],
}

#[derive(Arbitrary, Debug)]
enum Change {
    Remove,
    Double,
    Empty,
    /// One of [`VALUES`].
    Value(u8),
    /// The value of this field, for the next one.
    Swap(u8),
    /// A byte of the value is another: visible ASCII.
    Byte(u8, u8),
    /// Spaces and tabs around the value, and the name in other case.
    Dress(u8),
}

/// A request that keeps the rules.
const FIELDS: [(&str, &str); 9] = [
    ("Host", "example.com"),
    ("Upgrade", "websocket"),
    ("Connection", "keep-alive, Upgrade"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("Sec-WebSocket-Protocol", "chat, superchat"),
    ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits, x; a=\"b\""),
    ("Origin", "https://example.com"),
    ("User-Agent", "test"),
];

const VALUES: [&str; 20] = [
    "0",
    "8",
    "13",
    "12",
    "13, 13",
    "websocket",
    "WebSocket, h2c",
    "upgrade",
    "close",
    "chunked",
    "chat",
    "chat, chat",
    "chat,",
    "a b",
    "x; a=b",
    "x; a=\"b",
    "x; a=\"b c\"",
    "x;",
    "x, x",
    "AAAAAAAAAAAAAAAAAAAAAA==",
];

struct Field {
    name: String,
    value: String,
    spaces: &'static str,
}

pub(super) fn check(data: &[u8]) {
    let Some(input) = input::<Input<'_>>(data) else { return };
    any_bytes(input.bytes);
    let mut fields: Vec<Field> = FIELDS
        .iter()
        .map(|(name, value)| Field { name: (*name).to_owned(), value: (*value).to_owned(), spaces: "" })
        .collect();
    for (at, change) in input.changes.iter().take(8) {
        apply(&mut fields, usize::from(*at), change);
    }
    let method = input.method.map_or("GET", |at| ["GET", "POST", "get", "HEAD"][usize::from(at) % 4]);
    let mut head = format!("{method} /chat HTTP/1.{}\r\n", u8::from(!input.is_old));
    for Field { name, value, spaces } in &fields {
        head.push_str(&format!("{name}:{spaces}{value}{spaces}\r\n"));
    }
    head.push_str("\r\n");
    let stream = [head.as_bytes(), input.bytes].concat();

    let mut finder = HeadFinder::new();
    let ends = (0..=stream.len().min(head.len() + 2)).find_map(|len| finder.find(&stream[..len]).transpose());
    assert_eq!(ends, Some(Ok(head.len())), "byte by byte");
    assert_eq!(HeadFinder::new().find(&stream), Ok(Some(head.len())), "whole");

    let expected = naive(method, input.is_old, &fields);
    let parsed = RequestHead::parse(head.as_bytes()).expect("it is HTTP");
    let checked = parsed.check();
    assert_eq!(checked.as_ref().err().map(|refusal| refusal.name()), expected, "{head}");
    let pairs = || fields.iter().map(|field| (field.name.as_str(), field.value.as_bytes()));
    let of_fields = handshake::check(method, !input.is_old, pairs);
    assert_eq!(of_fields.as_ref().err().map(|refusal| refusal.name()), expected, "{head}");

    let mut out = [0; 4096];
    match checked {
        Err(refusal) => {
            let len = refusal.write(&mut out, &[], refusal.remedy()).expect("there is room");
            let status = format!("HTTP/1.1 {} ", refusal.status());
            assert!(out[..len].starts_with(status.as_bytes()));
        }
        Ok(request) => {
            let protocols: Vec<_> = request.protocols().collect();
            let offered: Vec<_> = all(&fields, "sec-websocket-protocol").into_iter().flat_map(list).collect();
            assert_eq!(protocols, offered);
            let answer = request.answer();
            let answer = match protocols.last() {
                Some(last) => answer.with_protocol(last).expect("it was offered"),
                None => answer,
            };
            let len = answer.write(&mut out, &[]).expect("there is room");
            let written = String::from_utf8(out[..len].to_vec()).expect("it is text");
            let key = all(&fields, "sec-websocket-key")[0];
            let accept = tungstenite::handshake::derive_accept_key(key.as_bytes());
            assert!(written.contains(&format!("\r\nSec-WebSocket-Accept: {accept}\r\n")), "{written}");
        }
    }
    client(&input, &mut out);
}

/// A client with this key gets the answer of our server, however it is cut, and no other.
fn client(input: &Input<'_>, out: &mut [u8]) {
    let client = Client::new(input.key, "example.com", "/").with_protocols(&["a", "b"]);
    let len = client.write(out).expect("there is room");
    let request = out[..len].to_vec();
    let head = RequestHead::parse(&request).expect("it is HTTP");
    let request = head.check().expect("it keeps the rules");
    let answer = request.answer().with_protocol("b").expect("it was offered");
    let len = answer.write(out, &[]).expect("there is room");
    let received = [&out[..len], input.bytes].concat();
    let mut finder = ResponseFinder::new();
    for cut in 0..=received.len().min(len + 2) {
        match client.read(&mut finder, &received[..cut]).expect("the answer is right") {
            None => assert!(cut < len, "the answer was there"),
            Some((Response::Accepted(accepted), end)) => {
                assert_eq!((cut, end, accepted.protocol()), (len, len, Some("b")));
                break;
            }
            Some(_) => panic!("it is a 101"),
        }
    }
    // The key of another request has another answer.
    let mut other = input.key;
    other[0] ^= 1;
    let other = Client::new(other, "example.com", "/").with_protocols(&["a", "b"]);
    assert!(other.read(&mut ResponseFinder::new(), &received).is_err());
    _ = client.read(&mut ResponseFinder::new(), input.bytes);
}

/// Bytes that need not be HTTP.
fn any_bytes(bytes: &[u8]) {
    let mut finder = HeadFinder::new();
    let in_pieces = (0..=bytes.len()).find_map(|len| finder.find(&bytes[..len]).transpose());
    let whole = HeadFinder::new().find(bytes).transpose();
    assert_eq!(in_pieces, whole);
    if let Some(Ok(len)) = whole {
        assert!(bytes[..len].ends_with(b"\r\n\r\n"));
        if let Ok(head) = RequestHead::parse(&bytes[..len]) {
            _ = head.check();
        }
    }
    _ = RequestHead::parse(bytes).and_then(|head| head.check().map(drop));
    _ = accept_key(bytes);
    if let Ok(name) = str::from_utf8(bytes) {
        _ = Refusal::from_name(name);
    }
}

fn apply(fields: &mut Vec<Field>, at: usize, change: &Change) {
    let len = fields.len();
    if len == 0 {
        return;
    }
    let at = at % len;
    match change {
        Change::Remove => drop(fields.remove(at)),
        Change::Double => {
            let Field { name, value, spaces } = &fields[at];
            let again = Field { name: name.clone(), value: value.clone(), spaces };
            fields.push(again);
        }
        Change::Empty => fields[at].value.clear(),
        Change::Value(index) => fields[at].value = VALUES[usize::from(*index) % VALUES.len()].to_owned(),
        Change::Swap(other) => {
            let name = ["Content-Length", "Transfer-Encoding", "Cookie"][usize::from(*other) % 3];
            fields[at].name = name.to_owned();
        }
        Change::Byte(index, byte) => {
            let mut bytes = fields[at].value.clone().into_bytes();
            if !bytes.is_empty() {
                let index = usize::from(*index) % bytes.len();
                bytes[index] = b'!' + byte % (b'~' - b'!' + 1);
                // No spaces at the ends: those belong to the line, not to the value.
                fields[at].value = String::from_utf8(bytes).expect("ASCII").trim().to_owned();
            }
        }
        Change::Dress(how) => {
            fields[at].spaces = ["", " ", "\t ", "  "][usize::from(how % 4)];
            if how & 4 != 0 {
                fields[at].name.make_ascii_uppercase();
            }
        }
    }
}

/// The values of a field.
fn all<'f>(fields: &'f [Field], name: &str) -> Vec<&'f str> {
    fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value.as_str()).collect()
}

fn list(value: &str) -> Vec<&str> {
    value.split(',').map(|element| element.trim_matches([' ', '\t'])).collect()
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|char| char.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(char))
}

/// The first rule that is broken, in the order of the documentation.
fn naive(method: &str, is_old: bool, fields: &[Field]) -> Option<&'static str> {
    let has = |name, wanted: &str| {
        all(fields, name).into_iter().flat_map(list).any(|element| element.eq_ignore_ascii_case(wanted))
    };
    let versions = all(fields, "sec-websocket-version");
    let keys = all(fields, "sec-websocket-key");
    let protocols: Vec<_> = all(fields, "sec-websocket-protocol").into_iter().flat_map(list).collect();
    let different: std::collections::HashSet<_> = protocols.iter().collect();
    let extensions = all(fields, "sec-websocket-extensions");
    [
        (method != "GET", "Method"),
        (is_old, "Version"),
        (all(fields, "host").len() != 1, "Host"),
        (
            all(fields, "content-length").iter().any(|length| *length != "0")
                || !all(fields, "transfer-encoding").is_empty(),
            "Body",
        ),
        (!has("upgrade", "websocket") || !has("connection", "upgrade"), "NotUpgrade"),
        (versions.len() != 1, "NoWebSocketVersion"),
        (versions != ["13"], "WebSocketVersion"),
        (keys.len() != 1 || !is_key(keys[0]), "Key"),
        (
            protocols.len() > 64
                || different.len() != protocols.len()
                || !protocols.iter().all(|protocol| is_token(protocol)),
            "Protocol",
        ),
        (!extensions.iter().all(|value| are_extensions(value)), "Extension"),
        (all(fields, "origin").len() > 1, "Origin"),
    ]
    .into_iter()
    .find_map(|(is_broken, name)| is_broken.then_some(name))
}

fn is_key(key: &str) -> bool {
    let digits = key.strip_suffix("==").unwrap_or("");
    digits.len() == 22 && digits.chars().all(|char| char.is_ascii_alphanumeric() || "+/".contains(char))
}

/// A list of extensions: the value in tokens, separators and quoted strings, and then a small automaton over them.
fn are_extensions(value: &str) -> bool {
    #[derive(Clone, Copy, PartialEq)]
    enum Part {
        Token,
        Quoted,
        Separator(char),
    }
    let mut parts = Vec::new();
    let mut chars = value.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            ' ' | '\t' => {
                // Two tokens with a space between them are not one.
                continue;
            }
            ',' | ';' | '=' => parts.push(Part::Separator(char)),
            '"' => {
                let mut text = String::new();
                loop {
                    match chars.next() {
                        None => return false,
                        Some('"') => break,
                        Some('\\') => match chars.next() {
                            None => return false,
                            Some(escaped) => text.push(escaped),
                        },
                        Some(char) => text.push(char),
                    }
                }
                if !is_token(&text) {
                    return false;
                }
                parts.push(Part::Quoted);
            }
            char => {
                let mut text = char.to_string();
                while let Some(next) = chars.next_if(|next| !" \t,;=\"".contains(*next)) {
                    text.push(next);
                }
                if !is_token(&text) {
                    return false;
                }
                parts.push(Part::Token);
            }
        }
    }
    parts.split(|part| *part == Part::Separator(',')).all(|extension| {
        extension.split(|part| *part == Part::Separator(';')).enumerate().all(|(i, param)| match param {
            [Part::Token] => true,
            [Part::Token, Part::Separator('='), Part::Token | Part::Quoted] => i > 0,
            _ => false,
        })
    })
}
