//! `wsframe explain`: what a close code, a rule or a refusal means, from the tables of the crate.

use std::io::{self, Write};

use anstyle::AnsiColor;
use serde::Serialize;
use unicode_width::UnicodeWidthStr;
use wsframe::handshake::Refusal;
use wsframe::{CloseCode, CloseCodeError, Violation};

use crate::args::ExplainArgs;
use crate::terminal::{Terminal, paragraph, wrapping};
use crate::{Failure, Outcome};

pub(crate) fn run(args: &ExplainArgs, out: &mut dyn Write) -> Result<Outcome, Failure> {
    let answer = match &args.word {
        None => {
            Answer::All(CloseCode::NAMED.iter().copied().chain(RANGES.map(|range| range.code)).map(Code::new).collect())
        }
        Some(word) => find(word)?,
    };
    if args.json {
        serde_json::to_writer_pretty(&mut *out, &answer).map_err(io::Error::from)?;
        out.write_all(b"\n")?;
    } else {
        out.write_all(answer.lines(&Terminal::stdout()).as_bytes())?;
    }
    out.flush()?;
    Ok(Outcome::Good)
}

#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    All(Vec<Code>),
    Code(Box<Code>),
    NoCode(NoCode),
    Rule(Rule),
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
#[derive(Serialize)]
struct Code {
    code: u16,
    name: &'static str,
    meaning: &'static str,
    cause: &'static str,
    client_remedy: &'static str,
    server_remedy: &'static str,
    sender: String,
    on_wire: bool,
    reconnect: String,
    reconnect_advice: &'static str,
    violations: Vec<&'static str>,
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
    fn label(&self) -> String {
        let range = RANGES.iter().find(|range| range.code.get() == self.code);
        range.map_or(self.code.to_string(), |range| range.label.to_owned())
    }
}

/// A number that is no close code.
#[derive(Serialize)]
struct NoCode {
    /// The number as it was given: it may be too large for any type.
    code: String,
    name: &'static str,
    meaning: String,
    on_wire: bool,
    violations: Vec<&'static str>,
}

/// What is known of a rule.
#[derive(Serialize)]
struct Rule {
    rule: &'static str,
    meaning: &'static str,
    section: &'static str,
    close_code: u16,
    close_name: &'static str,
    reason: &'static str,
    deciding_byte: &'static str,
    remedy: &'static str,
    /// A stream that breaks the rule, and the arguments of `decode` that it needs besides `--hex`.
    example: &'static str,
    example_arguments: &'static [&'static str],
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
#[derive(Serialize)]
struct Refused {
    refusal: &'static str,
    meaning: &'static str,
    section: &'static str,
    status: u16,
    fields: Vec<[&'static str; 2]>,
    remedy: &'static str,
    /// A head that breaks the rule, if it is short enough to be shown.
    #[serde(skip_serializing_if = "str::is_empty")]
    example: &'static str,
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

/// What a word stands for: a number, or a name in any case, with or without separators.
fn find(word: &str) -> Result<Answer, Failure> {
    let word = word.trim();
    if !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()) {
        let error = match word.parse().map(CloseCode::new) {
            Ok(Ok(code)) => return Ok(Answer::Code(Box::new(Code::new(code)))),
            Ok(Err(error)) => error,
            Err(_) => CloseCodeError::OutOfRange,
        };
        return Ok(Answer::NoCode(no_code(word, error)));
    }
    let plain = |word: &str| word.to_lowercase().replace(|char: char| !char.is_alphanumeric(), "");
    let wanted = plain(word);
    if let Some(violation) = Violation::ALL.iter().find(|violation| plain(violation.name()) == wanted) {
        return Ok(Answer::Rule(Rule::new(*violation)));
    }
    if let Some(code) = CloseCode::NAMED.iter().find(|code| plain(code.name()) == wanted) {
        return Ok(Answer::Code(Box::new(Code::new(*code))));
    }
    if let Some(refusal) = Refusal::ALL.iter().find(|refusal| plain(refusal.name()) == wanted) {
        return Ok(Answer::Refused(Refused::new(*refusal)));
    }
    let rules = Violation::ALL.iter().map(|violation| violation.name().to_owned());
    let refusals = Refusal::ALL.iter().map(|refusal| refusal.name().to_owned());
    let codes = CloseCode::NAMED.iter().flat_map(|code| [code.name().to_owned(), code.get().to_string()]);
    let likeness = |name: &str| strsim::normalized_damerau_levenshtein(&plain(name), &wanted);
    let nearest =
        rules.chain(codes).chain(refusals).max_by(|a, b| likeness(a).total_cmp(&likeness(b))).unwrap_or_default();
    let word = word.escape_debug();
    Err(Failure::Unusable(format!(
        "no close code, rule or refusal is called '{word}'; did you mean '{nearest}'? 'wsframe explain' lists all"
    )))
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

impl Answer {
    fn lines(&self, terminal: &Terminal) -> String {
        match self {
            Answer::All(codes) => list(codes, terminal),
            Answer::Code(code) => {
                let on_wire = if code.on_wire {
                    "yes, in a Close frame"
                } else if code.code == CloseCode::RESERVED.get() {
                    "no: it is reserved and must not be sent"
                } else {
                    "no: it is only reported locally, by an endpoint to its own application"
                };
                let reconnect = format!("{}. {}", code.reconnect, code.reconnect_advice);
                let violations =
                    if code.violations.is_empty() { "none".to_owned() } else { code.violations.join(", ") };
                let mut text =
                    format!("{}\n", terminal.paint(AnsiColor::Green, format_args!("{} {}", code.code, code.name)));
                for (label, value) in [
                    ("meaning", code.meaning),
                    ("cause", code.cause),
                    ("fix, client", code.client_remedy),
                    ("fix, server", code.server_remedy),
                    ("sent by", &code.sender),
                    ("on the wire", on_wire),
                    ("reconnect", &reconnect),
                    ("violations", &violations),
                ] {
                    text.push_str(&paragraph(terminal, label, value));
                }
                text
            }
            Answer::NoCode(code) => {
                let mut text =
                    format!("{}\n", terminal.paint(AnsiColor::Green, format_args!("{} {}", code.code, code.name)));
                text.push_str(&paragraph(terminal, "meaning", &code.meaning));
                text
            }
            Answer::Refused(refused) => {
                let fields: Vec<_> = refused.fields.iter().map(|[name, value]| format!("{name}: {value}")).collect();
                let fields = fields.join(", ");
                let mut text = format!("{}\n", terminal.paint(AnsiColor::Green, refused.refusal));
                for (label, value) in [
                    ("meaning", refused.meaning),
                    ("section", refused.section),
                    ("status", &refused.status.to_string()),
                    ("fields", if fields.is_empty() { "none of its own" } else { &fields }),
                    ("fix", refused.remedy),
                ] {
                    text.push_str(&paragraph(terminal, label, value));
                }
                for (i, line) in refused.example.lines().filter(|line| !line.is_empty()).enumerate() {
                    text.push_str(&paragraph(terminal, if i == 0 { "example" } else { "" }, line));
                }
                text
            }
            Answer::Rule(rule) => {
                let section = format!("RFC 6455 section {}", rule.section);
                let close = format!("{} {}, with the reason \"{}\"", rule.close_code, rule.close_name, rule.reason);
                let arguments: String = rule.example_arguments.iter().map(|argument| format!(" {argument}")).collect();
                let command = format!("echo '{}' | wsframe decode --hex{arguments}", rule.example);
                let mut text = format!("{}\n", terminal.paint(AnsiColor::Green, rule.rule));
                for (label, value) in [
                    ("meaning", rule.meaning),
                    ("section", &section),
                    ("close with", &close),
                    ("decided by", rule.deciding_byte),
                    ("fix", rule.remedy),
                    ("example", rule.example),
                    ("try it", &command),
                ] {
                    text.push_str(&paragraph(terminal, label, value));
                }
                text
            }
        }
    }
}

/// The table of all codes. The meaning stands beside the rest where there is room, below it otherwise.
fn list(codes: &[Code], terminal: &Terminal) -> String {
    const BEFORE_MEANING: usize = 66;
    let width = terminal.width.min(120);
    let beside = width >= 96;
    let meaning_at = if beside { BEFORE_MEANING } else { 11 };
    let mut text = format!("{:<9}  {:<26}  {:<4}  {:<19}", "code", "name", "wire", "reconnect");
    text.push_str(if beside { "  meaning\n" } else { "\n" });
    for code in codes {
        let on_wire = if code.on_wire { "yes" } else { "no" };
        let label = format!("{:<9}", code.label());
        let rest = format!("{:<26}  {on_wire:<4}  {:<19}", code.name, code.reconnect);
        text.push_str(&format!(
            "{}  {}",
            terminal.paint(AnsiColor::Green, &label),
            if beside { &rest } else { rest.trim_end() }
        ));
        let meaning = textwrap::wrap(code.meaning, wrapping(width - meaning_at));
        let indent = " ".repeat(meaning_at);
        for (i, line) in meaning.iter().enumerate() {
            debug_assert!(meaning_at + line.width() <= width);
            match (beside, i) {
                (true, 0) => text.push_str("  "),
                _ => {
                    text.push('\n');
                    text.push_str(&indent);
                }
            }
            text.push_str(line);
        }
        text.push('\n');
    }
    let names: Vec<_> = Violation::ALL.iter().map(|violation| violation.name()).collect();
    let legend = "wire: whether it may stand in a Close frame. 'wsframe explain CODE' says more. The rules of the protocol, \
                  which 'wsframe explain RULE' explains:";
    let refusals: Vec<_> = Refusal::ALL.iter().map(|refusal| refusal.name()).collect();
    let handshake = "The refusals of the opening handshake, which 'wsframe explain REFUSAL' explains:";
    for paragraph in ["", legend, &names.join(", "), "", handshake, &refusals.join(", ")] {
        text.push_str(&textwrap::fill(paragraph, wrapping(width)));
        text.push('\n');
    }
    text
}
