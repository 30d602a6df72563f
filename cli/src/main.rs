//! The program `wsframe`.

use std::io;
use std::process::ExitCode;

use wsframe_cli::Process;

fn main() -> ExitCode {
    let (mut stdout, mut stderr) = (io::stdout().lock(), io::stderr());
    let process = Process { stdin: Some(Box::new(io::stdin())), stdout: &mut stdout, stderr: &mut stderr };
    ExitCode::from(wsframe_cli::run(std::env::args_os(), process))
}
