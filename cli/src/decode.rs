//! `wsframe decode`: captured streams to records.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use wsframe::Role;
use wsframe_inspect::head::Kind;
use wsframe_inspect::record::Record;
use wsframe_inspect::stream::{Answer, Ending, Request, Stream, is_frame_for};

use crate::args::DecodeArgs;
use crate::capture;
use crate::input::{Input, Opened, READ};
use crate::output::{Context, Format, name};
use crate::progress::Progress;
use crate::{Failure, Outcome, Process};

/// The most that `--chunk` feeds at once, in bytes.
const MAX_CHUNK: usize = 1024 * 1024;

/// How much of a direction is read to find its heads before it is decoded, in bytes.
const PEEK: usize = 256 * 1024;

pub(crate) fn run(args: &DecodeArgs, process: &mut Process<'_>) -> Result<Outcome, Failure> {
    let mut out = BufWriter::new(&mut *process.stdout);
    let stdin = &mut process.stdin;
    let result = match args.both() {
        Some(paths) => {
            let inputs = [(0, Role::Server), (1, Role::Client)]
                .map(|(i, role)| Input::open(&paths[i], args.wanted(), role, stdin));
            both(args, [&paths[0], &paths[1]], inputs, &mut out, process.stderr)
        }
        None => match Input::open(args.file(), args.wanted(), args.role(), stdin).map_err(Failure::Unusable)? {
            Opened::Stream(input) if args.stream.is_some() || args.list || args.port.is_some() => {
                let name = input.name();
                Err(Failure::Unusable(format!(
                    "{name} is no capture of packets; --list, --stream and --port are for those"
                )))
            }
            Opened::Stream(input) => {
                let mut stream = Stream::new(args.role(), args.show.config(args.role()), args.show.options());
                decode(args, input, &mut stream, Context::default(), &mut out, process.stderr)
            }
            capture => capture::run(args, capture, &mut out, process.stderr),
        },
    };
    // What was decoded before a failure is not lost with it.
    let flushed = out.flush();
    let outcome = result?;
    flushed?;
    Ok(outcome)
}

/// Both directions of a connection, from two inputs. What is wrong with one is no reason to lose the other.
fn both(
    args: &DecodeArgs,
    mut paths: [&Path; 2],
    inputs: [Result<Opened, String>; 2],
    out: &mut impl Write,
    err: &mut dyn Write,
) -> Result<Outcome, Failure> {
    let mut inputs = inputs.map(|input| match input? {
        Opened::Stream(input) => Ok(input),
        Opened::Capture(input) | Opened::Packets(input, ..) => {
            Err(format!("{} is a capture of packets, which has both directions; give it without --both", input.name()))
        }
    });
    let mut beginnings = inputs.each_mut().map(|input| input.as_mut().map_or(Vec::new(), |input| input.peek(PEEK)));
    if are_exchanged(&beginnings) {
        inputs.swap(0, 1);
        beginnings.swap(0, 1);
        paths.swap(0, 1);
        let _ = writeln!(
            err,
            "wsframe: warning: the two files are the wrong way round: the first is what the server sent; decoded so"
        );
    }
    // The answers decide how the client's frames are read, and the requests whether the answers fit.
    let [mut client, mut server] = [(0, Role::Server), (1, Role::Client)].map(|(i, role)| {
        let path = &paths[i];
        probe(args, role, path, &mut beginnings[i])
    });
    let requests: Vec<Request> = client.take_requests().collect();
    server.add_requests(requests.iter().cloned());
    let answers: Vec<Answer> = server.take_answers().collect();
    if [&client, &server].iter().all(|probe| probe.first_head().is_some()) && client.first_head() == server.first_head()
    {
        let sender = if client.first_head() == Some(Kind::Request) { "client" } else { "server" };
        let _ = writeln!(err, "wsframe: warning: both files are what the {sender} sent");
    }
    // Without a head, a direction is read by that of the other.
    let agreed = [&client, &server].iter().find_map(|probe| probe.deflate());
    let mut failures = Vec::new();
    let mut outcome = Outcome::Good;
    for (input, role) in inputs.into_iter().zip([Role::Server, Role::Client]) {
        let sender = name(role.peer());
        if let Format::Lines { .. } = args.show.format() {
            let blank = if role == Role::Client { "\n" } else { "" };
            writeln!(out, "{blank}From the {sender}:")?;
        }
        let mut options = args.show.options();
        let has_head = if role == Role::Server { client.has_head() } else { server.has_head() };
        if !has_head {
            options.deflate = options.deflate.or(agreed);
        }
        let mut stream = Stream::new(role, args.show.config(role), options);
        match role {
            Role::Server => stream.add_answers(answers.iter().copied(), &mut |_| Ok::<(), Failure>(()))?,
            Role::Client => stream.add_requests(requests.iter().cloned()),
        }
        let context = Context { direction: Some(sender), ..Context::default() };
        let result = match input {
            Ok(input) => decode(args, input, &mut stream, context, out, err),
            Err(error) => Err(Failure::Unusable(error)),
        };
        match result {
            Ok(Outcome::Good) => {}
            Ok(Outcome::Violation) => outcome = Outcome::Violation,
            Err(Failure::Unusable(message)) => failures.push(message),
            Err(failure) => return Err(failure),
        }
    }
    let Some(last) = failures.pop() else { return Ok(outcome) };
    for message in failures {
        let _ = writeln!(err, "wsframe: {message}");
    }
    Err(Failure::Unusable(last))
}

/// What the heads of a direction say: all of them if it is a file, which can be read twice, or else those at its beginning.
fn probe(args: &DecodeArgs, role: Role, path: &Path, beginning: &mut [u8]) -> Stream {
    let mut stream = Stream::new(role, args.show.config(role), args.show.options());
    let mut push = |bytes: &mut [u8]| {
        let Ok(()) = stream.push(bytes, &mut |_| Ok::<(), core::convert::Infallible>(()));
    };
    let again = Input::open(path, args.wanted(), role, &mut None);
    match again {
        Ok(Opened::Stream(mut input)) if input.is_file() => {
            let mut buffer = vec![0; READ];
            while let Ok(len @ 1..) = input.read(&mut buffer) {
                push(&mut buffer[..len]);
            }
        }
        _ => push(beginning),
    }
    stream
}

/// Whether what should come from a client comes from a server, and the other way round.
fn are_exchanged([client, server]: &[Vec<u8>; 2]) -> bool {
    let is_answer = |bytes: &[u8]| bytes.starts_with(b"HTTP/");
    let is_request = |bytes: &[u8]| bytes.starts_with(b"GET ");
    let heads = is_answer(client) || is_request(server);
    let as_given = is_request(client) || is_answer(server);
    let frames = |role, bytes: &[u8]| is_frame_for(role, bytes);
    let masks = frames(Role::Client, client) && frames(Role::Server, server);
    (heads || masks) && !as_given
}

/// One direction.
fn decode(
    args: &DecodeArgs,
    mut input: Input,
    stream: &mut Stream,
    context: Context,
    out: &mut impl Write,
    err: &mut dyn Write,
) -> Result<Outcome, Failure> {
    let started = Instant::now();
    let format = args.show.format();
    format.columns(out, false)?;
    let mut end = 0;
    let mut progress = Progress::new(input.len());
    let chunk = args.chunk.map(|bytes| bytes.get().min(MAX_CHUNK));
    let mut buffer = vec![0; chunk.unwrap_or(READ)];
    let failure = loop {
        let read = if chunk.is_some() { input.read_full(&mut buffer) } else { input.read(&mut buffer) };
        let len = match read {
            Ok(0) => break None,
            Ok(len) => len,
            Err(error) => break Some(error),
        };
        stream.push(&mut buffer[..len], &mut |record: &Record<'_>| format.write(out, context, record))?;
        end += len as u64;
        out.flush()?;
        progress.update(end);
    };
    progress.finish();
    let time = Some(started.elapsed());
    let Ending { is_violation, unusable, warning } =
        stream.finish(time, &mut |record: &Record<'_>| format.write(out, context, record))?;
    out.flush()?;
    if let Some(error) = failure {
        return Err(Failure::Unusable(error));
    }
    if let Some(warning) = warning {
        let _ = writeln!(err, "wsframe: warning: {warning}");
    }
    match unusable {
        Some(unusable) => Err(Failure::Unusable(format!("{} {unusable}", input.name()))),
        None if is_violation => Ok(Outcome::Violation),
        None => Ok(Outcome::Good),
    }
}
