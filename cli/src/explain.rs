//! `wsframe explain`: what a close code, a rule or a refusal means, from the tables of the crate.

use std::io::{self, Write};

use anstyle::AnsiColor;
use unicode_width::UnicodeWidthStr;
use wsframe::handshake::Refusal;
use wsframe::{CloseCode, Violation};
use wsframe_inspect::explain::{self, Answer, Code};

use crate::args::ExplainArgs;
use crate::terminal::{Terminal, paragraph, wrapping};
use crate::{Failure, Outcome};

pub(crate) fn run(args: &ExplainArgs, out: &mut dyn Write) -> Result<Outcome, Failure> {
    let answer = match &args.word {
        None => explain::all(),
        Some(word) => explain::find(word).ok_or_else(|| unknown(word))?,
    };
    if args.json {
        serde_json::to_writer_pretty(&mut *out, &answer).map_err(io::Error::from)?;
        out.write_all(b"\n")?;
    } else {
        out.write_all(lines(&answer, &Terminal::stdout()).as_bytes())?;
    }
    out.flush()?;
    Ok(Outcome::Good)
}

/// That nothing has this name, and what is called like it.
fn unknown(word: &str) -> Failure {
    let wanted = explain::plain(word);
    let likeness = |name: &str| strsim::normalized_damerau_levenshtein(&explain::plain(name), &wanted);
    let nearest = explain::names().max_by(|a, b| likeness(a).total_cmp(&likeness(b))).unwrap_or_default();
    let word = word.trim().escape_debug();
    Failure::Unusable(format!(
        "no close code, rule or refusal is called '{word}'; did you mean '{nearest}'? 'wsframe explain' lists all"
    ))
}

fn lines(answer: &Answer, terminal: &Terminal) -> String {
    match answer {
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
            let violations = if code.violations.is_empty() { "none".to_owned() } else { code.violations.join(", ") };
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
