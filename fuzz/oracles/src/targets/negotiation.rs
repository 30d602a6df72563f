//! Offers and answers of any bytes, against a parser that is plain; and what a server of ours answers always passes the check of
//! the client of ours that made the offer.

use arbitrary::Arbitrary;
use wsframe::deflate::{Direction, Policy, UnlimitedClient, WindowBits};

use crate::input;

#[derive(Arbitrary, Clone, Copy, Debug)]
struct Settings {
    bits: [u8; 2],
    takeover: [bool; 2],
    unlimited: u8,
    min_window: u8,
}

impl Settings {
    fn policy(self) -> Policy {
        let bits = |bits: u8| WindowBits::new(8 + bits % 8).expect("8 to 15");
        let unlimited = [UnlimitedClient::Allow, UnlimitedClient::NoTakeover, UnlimitedClient::Decline];
        Policy::SMALL
            .with_server(Direction::new(bits(self.bits[0]), self.takeover[0]))
            .with_client(Direction::new(bits(self.bits[1]), self.takeover[1]))
            .with_unlimited_client(unlimited[usize::from(self.unlimited) % 3])
            .with_min_window(bits(self.min_window % 3))
    }
}

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    server: Settings,
    client: Settings,
    lines: Vec<&'a str>,
    words: Vec<u8>,
}

/// Lines of these words are more often nearly right.
const WORDS: [&str; 20] = [
    "permessage-deflate",
    "server_no_context_takeover",
    "client_no_context_takeover",
    "server_max_window_bits",
    "client_max_window_bits",
    "=",
    "; ",
    ", ",
    "\"",
    "8",
    "9",
    "12",
    "15",
    "16",
    "08",
    "x-other",
    "\\",
    " ",
    "1",
    "=10",
];

pub(super) fn check(data: &[u8]) {
    let Some(input) = input::<Input<'_>>(data) else { return };
    let (server, client) = (input.server.policy(), input.client.policy());
    let offer = client.offer();
    assert!(offer.len() <= 128);
    if let Some((agreed, value)) = server.answer([offer.as_bytes()]) {
        assert!(value.len() <= 128);
        match client.check([value.as_bytes()]) {
            Ok(found) => assert_eq!(found, Some(agreed), "{offer} / {value}"),
            Err(error) => assert_eq!(error, wsframe::deflate::AnswerError::WindowTooSmall, "{offer} / {value}"),
        }
    }
    let line: String = input.words.iter().map(|word| WORDS[usize::from(*word) % WORDS.len()]).collect();
    let lines: Vec<&str> = input.lines.iter().copied().chain([&line[..]]).take(4).collect();
    let answered = server.answer(lines.iter().map(|line| line.as_bytes()));
    let offers: Vec<Option<Offer>> = lines.iter().flat_map(|line| elements(line)).map(parse).collect();
    let found = offers.iter().flatten().any(|offer| acceptable(&input.server, offer));
    assert_eq!(answered.is_some(), found, "{lines:?}");
    if let Some((_, value)) = answered {
        // It is an answer that some client takes.
        let open = Direction::new(WindowBits::MAX, true);
        let any = Policy::SMALL.with_server(open).with_client(open);
        assert!(any.check([value.as_bytes()]).is_ok(), "{value}");
    }
    // Never panics.
    let _ = client.check(lines.iter().map(|line| line.as_bytes()));
}

/// The window bits that an offer has for the server, and for the client.
struct Offer {
    server: Option<u8>,
    client: Option<Option<u8>>,
    client_no_takeover: bool,
}

fn acceptable(settings: &Settings, offer: &Offer) -> bool {
    let own = 8 + settings.bits[0] % 8;
    if own.min(offer.server.unwrap_or(15)) < 8 + settings.min_window % 3 {
        return false;
    }
    let is_limited = settings.bits[1] % 8 != 7;
    offer.client.is_some() || !is_limited || settings.unlimited % 3 != 2
}

/// Splits at commas outside of quotes.
fn elements(line: &str) -> Vec<String> {
    let (mut elements, mut quoted, mut escaped) = (vec![String::new()], false, false);
    for letter in line.chars() {
        let is_comma = letter == ',' && !quoted;
        if is_comma {
            elements.push(String::new());
            continue;
        }
        elements.last_mut().expect("there is one").push(letter);
        if escaped {
            escaped = false;
        } else if quoted && letter == '\\' {
            escaped = true;
        } else if letter == '"' {
            quoted = !quoted;
        }
    }
    elements
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(letter))
}

fn blanks(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// An acceptable offer, if this is one.
fn parse(element: String) -> Option<Offer> {
    // Semicolons cannot be in a legal quoted value, because it has to be a token.
    let mut parts = element.split(';');
    let name = blanks(parts.next()?);
    if !name.eq_ignore_ascii_case("permessage-deflate") {
        return None;
    }
    let mut offer = Offer { server: None, client: None, client_no_takeover: false };
    let mut server_no_takeover = false;
    for part in parts {
        let (name, value) = match part.split_once('=') {
            None => (blanks(part), None),
            Some((name, value)) => (blanks(name), Some(unquote(blanks(value))?)),
        };
        let bits = |value: String| (8..=15).find(|bits: &u8| bits.to_string() == value);
        match name.to_ascii_lowercase().as_str() {
            "server_no_context_takeover" if value.is_none() && !server_no_takeover => server_no_takeover = true,
            "client_no_context_takeover" if value.is_none() && !offer.client_no_takeover => {
                offer.client_no_takeover = true
            }
            "server_max_window_bits" if offer.server.is_none() => offer.server = Some(bits(value?)?),
            "client_max_window_bits" if offer.client.is_none() => {
                offer.client = Some(match value {
                    None => None,
                    Some(value) => Some(bits(value)?),
                });
            }
            _ => return None,
        }
    }
    Some(offer)
}

fn unquote(value: &str) -> Option<String> {
    let Some(quoted) = value.strip_prefix('"') else { return is_token(value).then(|| value.to_owned()) };
    let (mut text, mut letters) = (String::new(), quoted.chars());
    loop {
        match letters.next()? {
            '"' => break,
            '\\' => text.push(letters.next()?),
            letter => text.push(letter),
        }
    }
    (letters.next().is_none() && is_token(&text)).then_some(text)
}
