//! An echo server in one event loop: one thread, one read buffer for all connections, partial writes, timers.
//!
//! `cargo run --release --example event_loop --features handshake [-- ADDRESS]`; ADDRESS is 127.0.0.1:9001 if none is given.

use core::cmp::Reverse;
use core::time::Duration;
use std::collections::BinaryHeap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, ToSocketAddrs};
use std::time::Instant;
use std::{env, io, process};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use slab::Slab;
use wsframe::handshake::{HeadFinder, Refusal, RequestHead};
use wsframe::{Assembler, Connection, MessageEvent, Transport, Unmasked};

const LISTENER: Token = Token(usize::MAX);

/// A client with this many unread bytes is not read from, until it has read them.
const HIGH_MARK: usize = 64 * 1024;

/// How often one client is read from before the others have their turn.
const READS: usize = 16;

/// What a client has for its request, and to read the last bytes and end the connection.
const HANDSHAKE: Duration = Duration::from_secs(10);
const LINGER: Duration = Duration::from_secs(2);

fn main() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    let mut listener = listen(&address).unwrap_or_else(|error| {
        eprintln!("cannot listen on {address}: {error}; give an address such as 127.0.0.1:9001");
        process::exit(2)
    });
    println!("listening on ws://{}", listener.local_addr()?);

    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(1024);
    let mut clients = Slab::<Client>::new();
    let mut timers = BinaryHeap::new();
    let mut buffer = vec![0; 64 * 1024];
    let started = Instant::now();
    // Clients that have something to do, whatever the sockets say.
    let mut ready = Vec::<usize>::new();
    let mut is_accepting = true;
    loop {
        let mut timeout = timers.peek().map(|Reverse((at, _))| Duration::saturating_sub(*at, started.elapsed()));
        if !ready.is_empty() {
            timeout = Some(Duration::ZERO);
        } else if is_accepting {
            // There were no file descriptors left; other connections will give theirs back.
            timeout = Some(timeout.map_or(Duration::from_millis(10), |timeout| timeout.min(Duration::from_millis(10))));
        }
        match poll.poll(&mut events, timeout) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        let now = started.elapsed();
        for event in &events {
            if event.token() == LISTENER {
                is_accepting = true;
            } else if let Some(client) = clients.get_mut(event.token().0) {
                client.is_readable |= event.is_readable() || event.is_error();
                ready.push(event.token().0);
            }
        }
        while is_accepting {
            match listener.accept() {
                Ok((socket, _)) => {
                    let entry = clients.vacant_entry();
                    let mut client = Client::new(socket, now);
                    _ = client.socket.set_nodelay(true);
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    if poll.registry().register(&mut client.socket, Token(entry.key()), interest).is_ok() {
                        ready.push(entry.key());
                        entry.insert(client);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => is_accepting = false,
                Err(_) => break,
            }
        }
        while timers.peek().is_some_and(|Reverse((at, _))| *at <= now) {
            if let Some(Reverse((_, key))) = timers.pop()
                && let Some(client) = clients.get_mut(key)
            {
                client.timer = None;
                ready.push(key);
            }
        }
        ready.sort_unstable();
        ready.dedup();
        let mut again = Vec::new();
        for key in ready {
            let Some(client) = clients.get_mut(key) else { continue };
            match client.turn(now, &mut buffer) {
                Next::Drop => drop(clients.remove(key)),
                Next::Again => again.push(key),
                Next::Wait(None) => {}
                Next::Wait(Some(at)) => {
                    // A timer that comes too early asks again, so that one that moves back costs nothing.
                    if client.timer.is_none_or(|timer| at < timer) {
                        client.timer = Some(at);
                        timers.push(Reverse((at, key)));
                    }
                }
            }
        }
        ready = again;
    }
}

fn listen(address: &str) -> io::Result<TcpListener> {
    let mut result = Err(ErrorKind::InvalidInput.into());
    for address in address.to_socket_addrs()? {
        result = TcpListener::bind(address);
        if result.is_ok() {
            break;
        }
    }
    result
}

struct Client {
    socket: TcpStream,
    phase: Phase,
    /// What is to be written, from `written` on.
    out: Vec<u8>,
    written: usize,
    is_readable: bool,
    /// The earliest timer that is set for it.
    timer: Option<Duration>,
}

enum Phase {
    Opening {
        finder: HeadFinder,
        received: Vec<u8>,
        until: Duration,
    },
    Open(Box<Connection<Assembler, Unmasked>>),
    /// What there is is written, and then the end of the client awaited: after a refusal, and after an end without a Close.
    Ending {
        until: Duration,
    },
}

/// What the loop is to do with a client.
enum Next {
    Wait(Option<Duration>),
    Again,
    Drop,
}

impl Client {
    fn new(socket: TcpStream, now: Duration) -> Client {
        let phase = Phase::Opening { finder: HeadFinder::new(), received: Vec::new(), until: now + HANDSHAKE };
        Client { socket, phase, out: Vec::new(), written: 0, is_readable: true, timer: None }
    }

    /// Does all that can be done now.
    fn turn(&mut self, now: Duration, buffer: &mut [u8]) -> Next {
        if let Phase::Open(connection) = &mut self.phase {
            connection.at(now);
        }
        for _ in 0..READS {
            if self.write().is_err() {
                return Next::Drop;
            }
            let is_written = self.out.is_empty();
            let deadline = match &mut self.phase {
                Phase::Opening { until, .. } | Phase::Ending { until } if *until <= now => return Next::Drop,
                Phase::Opening { until, .. } => Some(*until),
                Phase::Ending { until } => {
                    if is_written {
                        _ = self.socket.shutdown(Shutdown::Write);
                    }
                    Some(*until)
                }
                Phase::Open(connection) => {
                    match connection.transport() {
                        Transport::Drop => return Next::Drop,
                        Transport::Finish if is_written => _ = self.socket.shutdown(Shutdown::Write),
                        _ => {}
                    }
                    connection.deadline()
                }
            };
            if !self.is_readable || self.out.len() - self.written >= HIGH_MARK {
                return Next::Wait(deadline);
            }
            match self.socket.read(buffer) {
                Ok(0) if is_written => return Next::Drop,
                Ok(0) => {
                    self.is_readable = false;
                    if !matches!(self.phase, Phase::Ending { .. }) {
                        self.phase = Phase::Ending { until: now + LINGER };
                    }
                }
                Ok(len) => self.received(now, &mut buffer[..len]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.is_readable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Next::Drop,
            }
        }
        Next::Again
    }

    /// Writes as much as the socket takes.
    fn write(&mut self) -> io::Result<()> {
        while self.written < self.out.len() {
            match self.socket.write(&self.out[self.written..]) {
                Ok(len) => self.written += len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        // An idle connection holds no buffer.
        (self.out, self.written) = (Vec::new(), 0);
        if let Phase::Open(connection) = &mut self.phase {
            connection.append_control(&mut self.out);
        }
        if self.out.is_empty() { Ok(()) } else { self.write() }
    }

    fn received(&mut self, now: Duration, mut input: &mut [u8]) {
        match &mut self.phase {
            Phase::Ending { .. } => {}
            Phase::Open(connection) => echo(connection, input, &mut self.out),
            Phase::Opening { finder, received, .. } => {
                let before = received.len();
                received.extend_from_slice(input);
                let found = finder.find(received);
                match found.and_then(|head| head.map(|head| Ok((head, answer(&received[..head])?))).transpose()) {
                    Ok(None) => {}
                    Ok(Some((head, answer))) => {
                        self.out = answer;
                        let mut connection = Connection::<Assembler, _>::server();
                        connection.at(now);
                        // The bytes after the request are the first of the connection.
                        input = &mut input[head - before..];
                        echo(&mut connection, input, &mut self.out);
                        self.phase = Phase::Open(Box::new(connection));
                    }
                    Err(refusal) => {
                        self.out = vec![0; 1024];
                        let len = refusal.write(&mut self.out, &[], refusal.remedy());
                        self.out.truncate(len.unwrap_or(0));
                        self.phase = Phase::Ending { until: now + LINGER };
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
    if out.len() < HIGH_MARK {
        connection.append_control(out);
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
