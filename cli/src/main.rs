//! `wsframe`: decodes captured WebSocket streams, and says which rule of RFC 6455 broke, and where.

mod args;
mod decode;
mod input;
mod record;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::args::{Args, Command};

/// How a run ended; every other end is a [`Failure`].
pub(crate) enum Outcome {
    /// The stream was decoded, or the question answered.
    Good,
    /// The stream broke the protocol.
    Violation,
}

/// Why a run could not do its work: one line that says what is wrong and what to do.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The arguments or the input are unusable.
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
    }
}

/// Help and version go to standard output; what is wrong with the arguments goes into one line.
fn usage(error: &clap::Error) -> Result<Outcome, Failure> {
    let text = error.render().to_string();
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        io::stdout().write_all(text.as_bytes())?;
        return Ok(Outcome::Good);
    }
    let first = if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        "a command is missing".to_owned()
    } else {
        let paragraph = text.split("\n\n").next().unwrap_or_default();
        let words: Vec<_> = paragraph.split_whitespace().collect();
        words.join(" ").trim_start_matches("error: ").to_owned()
    };
    Err(Failure::Unusable(format!("{first}; 'wsframe --help' and 'wsframe decode --help' list what there is")))
}
