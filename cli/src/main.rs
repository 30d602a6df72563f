//! `wsframe`: decodes captured WebSocket streams, and explains which rule of RFC 6455 broke, where, and what to do.

mod args;
mod decode;
mod dump;
mod explain;
mod frames;
mod input;
mod progress;
mod record;
mod stats;
mod terminal;

use std::io::{self, Write};
use std::process::ExitCode;

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

fn main() -> ExitCode {
    let result = match Args::try_parse() {
        Ok(args) => run(args),
        Err(error) => usage(&error),
    };
    match result {
        Ok(Outcome::Good) | Err(Failure::BrokenPipe) => ExitCode::SUCCESS,
        Ok(Outcome::Violation) => ExitCode::from(1),
        Err(Failure::Unusable(message)) => {
            // Where standard error is closed too, there is nobody left to tell.
            let _ = writeln!(io::stderr(), "wsframe: {message}");
            ExitCode::from(2)
        }
    }
}

fn run(args: Args) -> Result<Outcome, Failure> {
    match args.command {
        Command::Decode(args) => decode::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Completions(args) => {
            let mut script = Vec::new();
            clap_complete::generate(args.shell, &mut Args::command(), "wsframe", &mut script);
            print(&script)
        }
        Command::Man(args) => {
            let mut program = Args::command();
            program.build();
            let page = args.command.and_then(|name| program.find_subcommand(name).cloned()).unwrap_or(program);
            let mut text = Vec::new();
            clap_mangen::Man::new(page).render(&mut text)?;
            print(&text)
        }
    }
}

fn print(text: &[u8]) -> Result<Outcome, Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text)?;
    out.flush()?;
    Ok(Outcome::Good)
}

/// Help and version go to standard output; what is wrong with the arguments goes into one line.
fn usage(error: &clap::Error) -> Result<Outcome, Failure> {
    let text = error.render().to_string();
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return print(text.as_bytes());
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
