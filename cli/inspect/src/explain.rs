//! What a close code, a rule or a refusal means, from the tables of the crate.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use serde::Serialize;
use wsframe::handshake::Refusal;
use wsframe::{CloseCode, CloseCodeError, Violation};

#[derive(Debug, Serialize)]
#[serde(untagged)]
/// An answer to a question.
pub enum Answer {
    /// Every code.
    All(Vec<Code>),
    /// A close code.
    Code(Box<Code>),
    /// A number that is no close code.
    NoCode(NoCode),
    /// A rule of the protocol.
    Rule(Rule),
    /// A refusal of the opening handshake.
    Refused(Refused),
}

/// A range of codes that is shown as a whole in the list; any code of it that has no name of its own will do.
struct Range {
    code: CloseCode,
    label: &'static str,
}

const RANGES: [Range; 2] =
    [Range { code: code_of_range(3999), label: "3000-3999" }, Range { code: code_of_range(4999), label: "4000-4999" }];

const fn code_of_range(code: u16) -> CloseCode {
    match CloseCode::new(code) {
        Ok(code) => code,
        Err(_) => panic!("the ranges have meanings"),
    }
}

/// What is known of a close code.
#[derive(Debug, Serialize)]
pub struct Code {
    /// The number.
    pub code: u16,
    /// Its name.
    pub name: &'static str,
    /// What it means, in a sentence.
    pub meaning: &'static str,
    /// What usually causes it.
    pub cause: &'static str,
    /// What to do at the client.
    pub client_remedy: &'static str,
    /// What to do at the server.
    pub server_remedy: &'static str,
    /// Which end sends it.
    pub sender: String,
    /// Whether it may stand in a Close frame.
    pub on_wire: bool,
    /// Whether to reconnect.
    pub reconnect: String,
    /// How.
    pub reconnect_advice: &'static str,
    /// The rules that are answered with it.
    pub violations: Vec<&'static str>,
}

impl Code {
    fn new(code: CloseCode) -> Code {
        let violations = Violation::ALL.iter().filter(|violation| violation.close_code() == code);
        Code {
            code: code.get(),
            name: code.name(),
            meaning: code.meaning(),
            cause: code.cause(),
            client_remedy: code.client_remedy(),
            server_remedy: code.server_remedy(),
            sender: code.sent_by().to_string(),
            on_wire: code.on_wire(),
            reconnect: code.reconnect().to_string(),
            reconnect_advice: code.reconnect_advice(),
            violations: violations.map(|violation| violation.name()).collect(),
        }
    }

    /// The number, or the range that the entry stands for in the list.
    pub fn label(&self) -> String {
        let range = RANGES.iter().find(|range| range.code.get() == self.code);
        range.map_or(self.code.to_string(), |range| range.label.to_owned())
    }
}

/// A number that is no close code.
#[derive(Debug, Serialize)]
pub struct NoCode {
    /// The number as it was given: it may be too large for any type.
    pub code: String,
    /// Its name.
    pub name: &'static str,
    /// What it means, in a sentence.
    pub meaning: String,
    /// Whether it may stand in a Close frame.
    pub on_wire: bool,
    /// The rules that are answered with it.
    pub violations: Vec<&'static str>,
}

/// What is known of a rule.
#[derive(Debug, Serialize)]
pub struct Rule {
    /// The name.
    pub rule: &'static str,
    /// What it means, in a sentence.
    pub meaning: &'static str,
    /// The section of the RFC.
    pub section: &'static str,
    /// The code to close with.
    pub close_code: u16,
    /// Its name.
    pub close_name: &'static str,
    /// The reason that goes with it.
    pub reason: &'static str,
    /// Which byte decides.
    pub deciding_byte: &'static str,
    /// What to do.
    pub remedy: &'static str,
    /// A stream that breaks the rule, and the arguments of `decode` that it needs besides `--hex`.
    pub example: &'static str,
    /// The arguments of `decode` that it needs besides `--hex`.
    pub example_arguments: &'static [&'static str],
}

impl Rule {
    fn new(violation: Violation) -> Rule {
        Rule {
            rule: violation.name(),
            meaning: violation.meaning(),
            section: violation.section(),
            close_code: violation.close_code().get(),
            close_name: violation.close_code().name(),
            reason: violation.reason(),
            deciding_byte: violation.deciding_byte(),
            remedy: violation.remedy(),
            example: violation.example(),
            example_arguments: match violation {
                Violation::MaskUnexpected => &["--role", "client"],
                Violation::TooManyFragments => &["--max-fragments", "1"],
                Violation::DeflateCorrupt => &["--deflate"],
                Violation::InflatedTooLong => &["--deflate", "--max-message", "99"],
                _ => &[],
            },
        }
    }
}

/// What is known of a refusal of the opening handshake.
#[derive(Debug, Serialize)]
pub struct Refused {
    /// The name.
    pub refusal: &'static str,
    /// What it means, in a sentence.
    pub meaning: &'static str,
    /// The section of the RFC.
    pub section: &'static str,
    /// The status of the answer.
    pub status: u16,
    /// The fields of the answer.
    pub fields: Vec<[&'static str; 2]>,
    /// What to do.
    pub remedy: &'static str,
    /// A head that breaks the rule, if it is short enough to be shown.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub example: &'static str,
}

impl Refused {
    fn new(refusal: Refusal) -> Refused {
        Refused {
            refusal: refusal.name(),
            meaning: refusal.meaning(),
            section: refusal.section(),
            status: refusal.status(),
            fields: refusal.fields().iter().map(|(name, value)| [*name, *value]).collect(),
            remedy: refusal.remedy(),
            example: refusal.example(),
        }
    }
}

/// All close codes, a range without names as one.
pub fn all() -> Answer {
    Answer::All(CloseCode::NAMED.iter().copied().chain(RANGES.map(|range| range.code)).map(Code::new).collect())
}

/// What a word stands for: a number, decimal or hex, or a name or a reason of ours in any case, with or without separators.
pub fn find(word: &str) -> Option<Answer> {
    let word = word.trim();
    if let Some(number) = number(word) {
        let error = match number.parse().map(CloseCode::new) {
            Ok(Ok(code)) => return Some(Answer::Code(Box::new(Code::new(code)))),
            Ok(Err(error)) => error,
            Err(_) => CloseCodeError::OutOfRange,
        };
        return Some(Answer::NoCode(no_code(&number, error)));
    }
    let wanted = plain(word);
    if let Some(violation) = Violation::ALL.iter().find(|violation| plain(violation.name()) == wanted) {
        return Some(Answer::Rule(Rule::new(*violation)));
    }
    if let Some(code) = CloseCode::NAMED.iter().find(|code| plain(code.name()) == wanted) {
        return Some(Answer::Code(Box::new(Code::new(*code))));
    }
    if let Some(refusal) = Refusal::ALL.iter().find(|refusal| plain(refusal.name()) == wanted) {
        return Some(Answer::Refused(Refused::new(*refusal)));
    }
    Violation::ALL
        .iter()
        .find(|violation| plain(violation.reason()) == wanted)
        .map(|rule| Answer::Rule(Rule::new(*rule)))
}

/// The digits of a number: decimal, or hex with `0x`, or hex with a letter in it and at most four digits.
fn number(word: &str) -> Option<String> {
    let is_hex = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(word.to_owned());
    }
    let digits = match word.strip_prefix("0x").or(word.strip_prefix("0X")) {
        Some(digits) => digits,
        None if word.len() <= 4 && word.starts_with(|letter: char| letter.is_ascii_digit()) => word,
        None => return None,
    };
    if !is_hex(digits) {
        return None;
    }
    // What is too large for any code is shown as it was given.
    Some(u64::from_str_radix(digits, 16).map_or_else(|_| word.to_owned(), |number| number.to_string()))
}

/// A name without what may be written in several ways.
pub fn plain(word: &str) -> String {
    word.to_lowercase().replace(|char: char| !char.is_alphanumeric(), "")
}

/// Every name that [`find`] knows.
pub fn names() -> impl Iterator<Item = String> {
    let rules = Violation::ALL.iter().map(|violation| violation.name().to_owned());
    let codes = CloseCode::NAMED.iter().flat_map(|code| [code.name().to_owned(), code.get().to_string()]);
    let refusals = Refusal::ALL.iter().map(|refusal| refusal.name().to_owned());
    rules.chain(codes).chain(refusals)
}

fn no_code(number: &str, error: CloseCodeError) -> NoCode {
    let name = match error {
        CloseCodeError::Unused => "Not Used",
        CloseCodeError::Unassigned => "Unassigned",
        _ => "Out of Range",
    };
    let mut meaning = format!("{number} is no close code: {error}. ");
    meaning.push_str(match number.parse::<u16>() {
        Ok(_) => "It must not be sent; a Close frame that carries it breaks CloseCodeForbidden and is answered with 1002. Use 4000-4999 for codes of your own.",
        Err(_) => "A Close frame has two bytes for the code, so this number cannot even be written.",
    });
    let violations =
        if number.parse::<u16>().is_ok() { vec![Violation::CloseCodeForbidden.name()] } else { Vec::new() };
    NoCode { code: number.to_owned(), name, meaning, on_wire: false, violations }
}
