//! An echo server with a thread for each connection, on the standard library alone.
//!
//! `cargo run --release --example echo_std --features handshake [-- ADDRESS]`; ADDRESS is 127.0.0.1:9001 if none is given.

use core::mem;
use core::ops::Range;
use core::time::Duration;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Instant;
use std::{env, io, process, thread};

use wsframe::handshake::{HeadFinder, Refusal, RequestHead};
use wsframe::{Assembler, Connection, MessageEvent, Transport};

/// What a client has for its request.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// What a client has to read what is written.
const WRITE: Duration = Duration::from_secs(30);

/// A larger buffer is not kept for the next answers, in bytes.
const MAX_IDLE: usize = 64 * 1024;

fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    let listener = TcpListener::bind(&address).unwrap_or_else(|error| {
        eprintln!("cannot listen on {address}: {error}; give an address such as 127.0.0.1:9001");
        process::exit(2)
    });
    println!("listening on ws://{}", listener.local_addr()?);
    loop {
        // When there are no file descriptors or threads left, other connections will give theirs back.
        let served = listener.accept().and_then(|(socket, peer)| {
            let serve = move || serve(socket).unwrap_or_else(|error| eprintln!("{peer}: {error}"));
            thread::Builder::new().stack_size(256 * 1024).spawn(serve)
        });
        if served.is_err() {
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// One connection, from its opening handshake to its end.
fn serve(mut socket: TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    socket.set_write_timeout(Some(WRITE))?;
    let mut buffer = vec![0; 64 * 1024];
    // The bytes after the request are the first of the connection.
    let Some(mut received) = open(&mut socket, &mut buffer)? else { return Ok(()) };

    let mut connection = Connection::<Assembler, _>::server();
    let mut out = Vec::new();
    let started = Instant::now();
    loop {
        connection.at(started.elapsed());
        let mut input = &mut buffer[mem::take(&mut received)];
        // After a violation its Close is due, and nothing more is decoded.
        while let Ok(Some(event)) = connection.decode(&mut input) {
            if let MessageEvent::Message(message) = event {
                let whole = message.into_input();
                let (decoder, encoder) = connection.parts_mut();
                if let Some(message) = whole.or_else(|| decoder.gathered()) {
                    // It is refused once the closing handshake has begun.
                    _ = encoder.append(&mut out, message);
                }
            }
            connection.append_control(&mut out);
        }
        connection.append_control(&mut out);

        if socket.write_all(&out).is_err() {
            connection.end();
        }
        out.clear();
        out.shrink_to(MAX_IDLE);
        match connection.transport() {
            Transport::Drop => break,
            Transport::Finish => _ = socket.shutdown(Shutdown::Write),
            _ => {}
        }
        let timeout = connection.deadline().map(|deadline| deadline.saturating_sub(started.elapsed()));
        match read_within(&mut socket, &mut buffer, timeout) {
            Ok(None) => {}
            Ok(Some(0)) | Err(_) => connection.end(),
            Ok(Some(len)) => received = 0..len,
        }
    }
    match connection.outcome() {
        Some(outcome) if !outcome.is_clean() => {
            Err(io::Error::other(format!("{} {:?}", outcome.code(), outcome.cause())))
        }
        _ => Ok(()),
    }
}

/// Reads once; `None` if the time is over.
fn read_within(socket: &mut TcpStream, buffer: &mut [u8], timeout: Option<Duration>) -> io::Result<Option<usize>> {
    // The least timeout that a socket takes.
    socket.set_read_timeout(timeout.map(|timeout| timeout.max(Duration::from_millis(1))))?;
    match socket.read(buffer) {
        Ok(len) => Ok(Some(len)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Answers the opening handshake. Returns where in `buffer` the bytes after the request are; `None` if it was refused.
fn open(socket: &mut TcpStream, buffer: &mut [u8]) -> io::Result<Option<Range<usize>>> {
    let deadline = Instant::now() + HANDSHAKE;
    let mut out = [0; 1024];
    let mut finder = HeadFinder::new();
    let mut len = 0;
    let refusal = loop {
        match finder.find(&buffer[..len]) {
            Ok(Some(head)) => match answer(&buffer[..head], &mut out) {
                Ok(answer) => {
                    socket.write_all(answer)?;
                    return Ok(Some(head..len));
                }
                Err(refusal) => break refusal,
            },
            Ok(None) => {}
            Err(refusal) => break refusal,
        }
        let timeout = deadline.saturating_duration_since(Instant::now());
        if timeout.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        match read_within(socket, &mut buffer[len..], Some(timeout))? {
            Some(0) => return Err(ErrorKind::UnexpectedEof.into()),
            read => len += read.unwrap_or(0),
        }
    };
    let written = refusal.write(&mut out, &[], refusal.remedy()).map_err(io::Error::other)?;
    socket.write_all(&out[..written])?;
    // Closing with unread input would reset the connection, and the client could miss the answer.
    socket.shutdown(Shutdown::Write)?;
    let deadline = Instant::now() + Duration::from_secs(2);
    loop {
        let timeout = deadline.saturating_duration_since(Instant::now());
        if timeout.is_zero() || matches!(read_within(socket, buffer, Some(timeout)), Ok(Some(0)) | Err(_)) {
            return Ok(None);
        }
    }
}

/// The response that accepts this request.
fn answer<'o>(head: &[u8], out: &'o mut [u8]) -> Result<&'o [u8], Refusal> {
    let request = RequestHead::parse(head)?.check()?;
    let len = request.answer().write(out, &[]).map_err(|_| Refusal::of_status(500))?;
    Ok(&out[..len])
}
