//! `wsframe`: decodes captured WebSocket streams, and explains which rule of RFC 6455 broke, where, and what to do.
//!
//! The program is [`run`], apart from the process that it runs in, so that tests can call it.

mod args;
mod capture;
mod decode;
mod explain;
mod input;
mod output;
mod progress;
mod proxy;
mod tcp;
mod terminal;

use std::ffi::OsString;
use std::io::{self, Read, Write};

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

use crate::args::{Args, Command};

/// How a run ended; every other end is a [`Failure`].
pub(crate) enum Outcome {
    /// The stream was decoded, or the question answered.
    Good,
    /// The stream broke the protocol.
    Violation,
}

/// Why a run could not do its work.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The arguments or the input are unusable: one line that says what is wrong and what to do.
    Unusable(String),
    /// Nobody reads the output any more.
    BrokenPipe,
}

impl From<io::Error> for Failure {
    /// For errors of standard output.
    fn from(error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::BrokenPipe,
            _ => Failure::Unusable(format!("cannot write the output: {error}; check where it goes to")),
        }
    }
}

/// The process that the program runs in.
#[allow(clippy::exhaustive_structs, reason = "a caller makes it of its own streams")]
pub struct Process<'p> {
    /// Standard input; nothing once it was taken.
    pub stdin: Option<Box<dyn Read + Send>>,
    /// Standard output.
    pub stdout: &'p mut dyn Write,
    /// Standard error.
    pub stderr: &'p mut dyn Write,
}

impl core::fmt::Debug for Process<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Process").finish_non_exhaustive()
    }
}

/// Runs the program with these arguments, of which the first is its name; returns its exit code.
pub fn run(args: impl IntoIterator<Item = OsString>, mut process: Process<'_>) -> u8 {
    let result = match Args::try_parse_from(args::joined(args)) {
        Ok(args) => command(args, &mut process),
        Err(error) => usage(&error, process.stdout),
    };
    match result {
        Ok(Outcome::Good) | Err(Failure::BrokenPipe) => 0,
        Ok(Outcome::Violation) => 1,
        Err(Failure::Unusable(message)) => {
            // Where standard error is closed too, there is nobody left to tell.
            let _ = writeln!(process.stderr, "wsframe: {message}");
            2
        }
    }
}

fn command(args: Args, process: &mut Process<'_>) -> Result<Outcome, Failure> {
    match args.command {
        Command::Decode(args) => decode::run(&args, process),
        Command::Proxy(args) => proxy::run(&args, process),
        Command::Explain(args) => explain::run(&args, process.stdout),
        Command::Completions(args) => {
            let mut script = Vec::new();
            clap_complete::generate(args.shell, &mut Args::command(), "wsframe", &mut script);
            print(&script, process.stdout)
        }
        Command::Man(args) => {
            let mut program = Args::command();
            program.build();
            let page = args.command.and_then(|name| program.find_subcommand(name).cloned()).unwrap_or(program);
            let mut text = Vec::new();
            clap_mangen::Man::new(page).render(&mut text)?;
            print(&text, process.stdout)
        }
    }
}

fn print(text: &[u8], out: &mut dyn Write) -> Result<Outcome, Failure> {
    out.write_all(text)?;
    out.flush()?;
    Ok(Outcome::Good)
}

/// Help and version go to standard output; what is wrong with the arguments goes into one line.
fn usage(error: &clap::Error, out: &mut dyn Write) -> Result<Outcome, Failure> {
    let text = error.render().to_string();
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return print(text.as_bytes(), out);
    }
    let first = if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        "a command is missing".to_owned()
    } else {
        let paragraph = text.split("\n\n").next().unwrap_or_default();
        let words: Vec<_> = paragraph.split_whitespace().collect();
        // An argument may be anything: nothing of it may play tricks with the terminal.
        let line = words.join(" ").replace(char::is_control, "?");
        line.trim_start_matches("error: ").to_owned()
    };
    Err(Failure::Unusable(format!("{first}; see 'wsframe --help' or 'wsframe COMMAND --help'")))
}
