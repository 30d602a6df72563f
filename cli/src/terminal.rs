//! Output for people: how wide it is, whether it has colours, and text that cannot play tricks with a terminal.

use core::fmt::{self, Write};
use std::env;
use std::io::{self, IsTerminal};

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthChar;
use wsframe_inspect::record::Hex;

/// The width of what goes to no terminal, in columns.
const DEFAULT_WIDTH: usize = 100;

/// How standard output is to be written to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terminal {
    /// In columns.
    pub(crate) width: usize,
    colored: bool,
}

impl Terminal {
    pub(crate) fn stdout() -> Terminal {
        let is_terminal = io::stdout().is_terminal();
        let width = if is_terminal { terminal_size::terminal_size().map(|(width, _)| width.0.into()) } else { None };
        let no_color = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_some_and(|value| value == "dumb");
        Terminal { width: width.unwrap_or(DEFAULT_WIDTH).max(40), colored: is_terminal && !no_color && !dumb }
    }

    /// `text` in that colour, if there are colours.
    pub(crate) fn paint<T>(&self, color: AnsiColor, text: T) -> Painted<T> {
        let style = if self.colored { color.on_default() } else { Style::new() };
        Painted { style, text }
    }

    /// `text` in bold red, if there are colours.
    pub(crate) fn alarm<T>(&self, text: T) -> Painted<T> {
        let style = if self.colored { AnsiColor::Red.on_default().bold() } else { Style::new() };
        Painted { style, text }
    }
}

pub(crate) struct Painted<T> {
    style: Style,
    text: T,
}

impl<T: fmt::Display> fmt::Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.style.render())?;
        self.text.fmt(f)?;
        write!(f, "{}", self.style.render_reset())
    }
}

/// Text in quotes, as much of it as fits that many columns.
pub(crate) fn quoted(text: &str, columns: usize) -> String {
    let (shown, is_whole) = escaped(text, columns.saturating_sub(2));
    format!("\"{shown}\"{}", if is_whole { "" } else { "..." })
}

/// Text without quotes, as much of it as fits that many columns.
pub(crate) fn plain(text: &str, columns: usize) -> String {
    let (shown, is_whole) = escaped(text, columns);
    shown.replace("\\\"", "\"").replace("\\'", "'") + if is_whole { "" } else { "..." }
}

/// Text with control characters, bidirectional marks and other invisible characters escaped, and whether all of it fits that
/// many columns; if not, there is room for three dots.
fn escaped(text: &str, columns: usize) -> (String, bool) {
    let mut out = String::new();
    let mut used = 0;
    // Where to cut if the text turns out to be too long: three dots must fit then.
    let mut cut = out.len();
    let mut one = String::new();
    for char in text.chars() {
        one.clear();
        // The letter before keeps a combining mark from being escaped as if it stood alone.
        one.push('a');
        one.push(char);
        let escaped = || one.escape_debug().skip(1);
        used += escaped().map(|char| char.width().unwrap_or(0)).sum::<usize>();
        if used > columns {
            out.truncate(cut);
            return (out, false);
        }
        out.extend(escaped());
        if used + 3 <= columns {
            cut = out.len();
        }
    }
    (out, true)
}

/// Bytes as hex, as many as fit that many columns.
pub(crate) fn hex(bytes: &[u8], columns: usize) -> String {
    if bytes.len() <= columns / 2 {
        return Hex(bytes).to_string();
    }
    let fitting = columns.saturating_sub(3) / 2;
    format!("{}...", Hex(&bytes[..fitting]))
}

/// A label, and a paragraph beside it that is wrapped to the width.
pub(crate) fn paragraph(terminal: &Terminal, label: &str, text: &str) -> String {
    const INDENT: usize = 14;
    let indent = " ".repeat(INDENT);
    let options = wrapping(terminal.width.min(DEFAULT_WIDTH)).initial_indent(&indent).subsequent_indent(&indent);
    let wrapped = textwrap::fill(text, options);
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write!(out, "  {:<12}", terminal.paint(AnsiColor::Cyan, format_args!("{label:<12}")));
    out.push_str(wrapped.get(INDENT..).unwrap_or_default());
    out.push('\n');
    out
}

/// Lines of that width, broken at spaces only: not inside numbers and names.
pub(crate) fn wrapping<'a>(width: usize) -> textwrap::Options<'a> {
    textwrap::Options::new(width)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
}
