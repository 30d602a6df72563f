//! An echo server in the shape that io_uring asks for: an operation owns its buffer until it completes. Two output buffers take
//! turns, so that one is filled while the other is written.
//!
//! [`Ring`] has two threads for each connection where io_uring has the kernel; nothing else would change.
//!
//! `cargo run --release --example owned_buffers --features handshake [-- ADDRESS]`; ADDRESS is 127.0.0.1:9001 if none is given.

use core::mem;
use core::time::Duration;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Instant;
use std::{env, io, process, thread};

use wsframe::handshake::{HeadFinder, Refusal, RequestHead};
use wsframe::{Assembler, Connection, MessageEvent, Transport, Unmasked};

/// A client with this many unread bytes is not read from, until it has read them.
const HIGH_MARK: usize = 64 * 1024;

/// What a client has for its request, and to read the last bytes and end the connection.
const HANDSHAKE: Duration = Duration::from_secs(10);
const LINGER: Duration = Duration::from_secs(2);

fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    let listener = TcpListener::bind(&address).unwrap_or_else(|error| {
        eprintln!("cannot listen on {address}: {error}; give an address such as 127.0.0.1:9001");
        process::exit(2)
    });
    println!("listening on ws://{}", listener.local_addr()?);
    loop {
        // When there are no file descriptors or threads left, other connections will give theirs back.
        let served = listener.accept().and_then(|(socket, _)| {
            let ring = Ring::new(socket)?;
            thread::Builder::new().spawn(move || Server::new(ring).run())
        });
        if served.is_err() {
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Takes operations with their buffers, and gives both back when they are complete.
struct Ring {
    socket: TcpStream,
    reads: Sender<Vec<u8>>,
    writes: Sender<Vec<u8>>,
    completions: Receiver<Completion>,
}

enum Completion {
    /// The front of the buffer was filled.
    Read(Vec<u8>, io::Result<usize>),
    /// All of the buffer was written.
    Written(Vec<u8>, io::Result<()>),
}

impl Ring {
    fn new(socket: TcpStream) -> io::Result<Ring> {
        socket.set_nodelay(true)?;
        let (completed, completions) = channel();
        let (reads, to_read) = channel::<Vec<u8>>();
        let (writes, to_write) = channel::<Vec<u8>>();
        let (mut reader, mut writer, written) = (socket.try_clone()?, socket.try_clone()?, completed.clone());
        let thread = || thread::Builder::new().stack_size(64 * 1024);
        thread().spawn(move || {
            for mut buffer in to_read {
                let result = reader.read(&mut buffer);
                _ = completed.send(Completion::Read(buffer, result));
            }
        })?;
        thread().spawn(move || {
            for buffer in to_write {
                let result = writer.write_all(&buffer);
                _ = written.send(Completion::Written(buffer, result));
            }
        })?;
        Ok(Ring { socket, reads, writes, completions })
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // Operations that are under way end with this.
        _ = self.socket.shutdown(Shutdown::Both);
    }
}

struct Server {
    ring: Ring,
    started: Instant,
    phase: Phase,
    /// What is to be written next.
    filling: Vec<u8>,
    /// The other output buffer, unless it is being written.
    spare: Option<Vec<u8>>,
    /// The input buffer, unless it is being read into.
    input: Option<Vec<u8>>,
    /// Whether the client will send nothing more.
    has_ended: bool,
}

enum Phase {
    Opening {
        finder: HeadFinder,
        received: Vec<u8>,
    },
    Open(Box<Connection<Assembler, Unmasked>>),
    /// What there is is written, and then the end of the client awaited: after a refusal, and after an end without a Close.
    Ending {
        until: Duration,
    },
}

impl Server {
    fn new(ring: Ring) -> Server {
        Server {
            ring,
            started: Instant::now(),
            phase: Phase::Opening { finder: HeadFinder::new(), received: Vec::new() },
            filling: Vec::new(),
            spare: Some(Vec::new()),
            input: Some(vec![0; 16 * 1024]),
            has_ended: false,
        }
    }

    /// One connection, from its opening handshake to its end.
    fn run(mut self) {
        loop {
            let now = self.started.elapsed();
            let is_written = self.is_written();
            let until = match &mut self.phase {
                Phase::Opening { .. } => Some(HANDSHAKE),
                Phase::Ending { until } => Some(*until),
                Phase::Open(connection) => {
                    connection.at(now);
                    if self.filling.len() < HIGH_MARK {
                        connection.append_control(&mut self.filling);
                    }
                    match connection.transport() {
                        Transport::Drop if is_written && self.filling.is_empty() => return,
                        Transport::Drop => {
                            self.phase = Phase::Ending { until: now + LINGER };
                            continue;
                        }
                        _ => connection.deadline(),
                    }
                }
            };
            let is_open = matches!(self.phase, Phase::Open(_));
            if !is_open && until.is_some_and(|until| until <= now) || self.has_ended && self.is_written() {
                return;
            }
            self.submit();
            let completion = match until {
                None => self.ring.completions.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(until) => self.ring.completions.recv_timeout(until.saturating_sub(now)),
            };
            match completion {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Completion::Written(mut buffer, Ok(()))) => {
                    buffer.clear();
                    buffer.shrink_to(HIGH_MARK);
                    self.spare = Some(buffer);
                }
                Ok(Completion::Read(mut buffer, Ok(len @ 1..))) => {
                    self.received(&mut buffer[..len]);
                    self.input = Some(buffer);
                }
                Ok(Completion::Read(_, Ok(0))) => {
                    self.has_ended = true;
                    if let Phase::Open(connection) = &mut self.phase {
                        connection.end();
                    }
                }
                // A failure.
                _ => return,
            }
        }
    }

    /// Begins every operation that can begin now.
    fn submit(&mut self) {
        if !self.filling.is_empty()
            && let Some(spare) = self.spare.take()
        {
            // If its thread is gone, no completion will come either, and that ends the connection.
            _ = self.ring.writes.send(mem::replace(&mut self.filling, spare));
        }
        let finishes = match &self.phase {
            Phase::Opening { .. } => false,
            Phase::Open(connection) => connection.transport() == Transport::Finish,
            Phase::Ending { .. } => true,
        };
        if finishes && self.is_written() {
            _ = self.ring.socket.shutdown(Shutdown::Write);
        }
        if self.filling.len() < HIGH_MARK
            && let Some(input) = self.input.take()
        {
            _ = self.ring.reads.send(input);
        }
    }

    fn is_written(&self) -> bool {
        self.filling.is_empty() && self.spare.is_some()
    }

    fn received(&mut self, input: &mut [u8]) {
        match &mut self.phase {
            Phase::Ending { .. } => {}
            Phase::Open(connection) => echo(connection, input, &mut self.filling),
            Phase::Opening { finder, received } => {
                let before = received.len();
                received.extend_from_slice(input);
                let found = finder.find(received);
                match found.and_then(|head| head.map(|head| Ok((head, answer(&received[..head])?))).transpose()) {
                    Ok(None) => {}
                    Ok(Some((head, answer))) => {
                        self.filling = answer;
                        let mut connection = Connection::<Assembler, _>::server();
                        connection.at(self.started.elapsed());
                        // The bytes after the request are the first of the connection.
                        echo(&mut connection, &mut input[head - before..], &mut self.filling);
                        self.phase = Phase::Open(Box::new(connection));
                    }
                    Err(refusal) => {
                        self.filling = vec![0; 1024];
                        let len = refusal.write(&mut self.filling, &[], refusal.remedy());
                        self.filling.truncate(len.unwrap_or(0));
                        self.phase = Phase::Ending { until: self.started.elapsed() + LINGER };
                    }
                }
            }
        }
    }
}

/// Answers what was received.
fn echo(connection: &mut Connection<Assembler, Unmasked>, mut input: &mut [u8], out: &mut Vec<u8>) {
    // After a violation its Close is due, and nothing more is decoded.
    while let Ok(Some(event)) = connection.decode(&mut input) {
        if let MessageEvent::Message(message) = event {
            let whole = message.into_input();
            let (decoder, encoder) = connection.parts_mut();
            if let Some(message) = whole.or_else(|| decoder.gathered()) {
                // It is refused once the closing handshake has begun.
                _ = encoder.append(out, message);
            }
        }
        // A client that sends Pings and reads nothing gets an answer to the last one, once there is room.
        if out.len() < HIGH_MARK {
            connection.append_control(out);
        }
    }
}

/// The response that accepts this request.
fn answer(head: &[u8]) -> Result<Vec<u8>, Refusal> {
    let request = RequestHead::parse(head)?.check()?;
    let mut out = vec![0; 1024];
    let len = request.answer().write(&mut out, &[]).map_err(|_| Refusal::of_status(500))?;
    out.truncate(len);
    Ok(out)
}
