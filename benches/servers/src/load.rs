//! The load client: connections that send a batch of messages each, wait for all of its echoes, and send the next.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use wsframe::{Encoder, Frame, OsKeys};

/// One batch in flight on each connection.
pub struct Load {
    poll: Poll,
    events: Events,
    connections: Vec<Connection>,
    /// What each connection sends again and again, and the length of the echoes.
    batch: Vec<u8>,
    echo_len: usize,
    messages: u64,
    buffer: Vec<u8>,
}

struct Connection {
    socket: TcpStream,
    sent: usize,
    received: usize,
}

impl Load {
    /// Connects. Messages are text: ASCII with some other letters.
    pub fn connect(address: SocketAddr, connections: usize, len: usize, pipeline: usize) -> io::Result<Load> {
        let text: String = "Grüße aus der Ferne, and so on. ".chars().cycle().take(len).collect();
        let mut cut = len;
        while !text.is_char_boundary(cut) {
            cut -= 1;
        }
        let text = format!("{}{}", &text[..cut], ".".repeat(len - cut));
        let (mut batch, mut encoder) = (Vec::new(), Encoder::client(OsKeys::new()));
        for _ in 0..pipeline {
            encoder.append(&mut batch, Frame::text(&text)).map_err(io::Error::other)?;
        }
        let echo_len = pipeline * Encoder::server().frame_len(text.len());
        let poll = Poll::new()?;
        let mut load = Load {
            poll,
            events: Events::with_capacity(1024),
            connections: Vec::new(),
            batch,
            echo_len,
            messages: pipeline as u64,
            buffer: vec![0; 256 * 1024],
        };
        for i in 0..connections {
            let mut socket = TcpStream::from_std(open(address)?);
            load.poll.registry().register(&mut socket, Token(i), Interest::READABLE | Interest::WRITABLE)?;
            load.connections.push(Connection { socket, sent: 0, received: 0 });
        }
        Ok(load)
    }

    /// Runs for so long; returns how many messages came back.
    pub fn run(&mut self, time: Duration) -> io::Result<u64> {
        let mut messages = 0;
        for i in 0..self.connections.len() {
            self.progress(i)?;
        }
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.poll.poll(&mut self.events, Some(Duration::from_millis(100)))?;
            let ready: Vec<usize> = self.events.iter().map(|event| event.token().0).collect();
            for i in ready {
                messages += self.progress(i)?;
            }
        }
        Ok(messages)
    }

    /// Sends and receives as much as the connection lets; returns how many messages came back.
    fn progress(&mut self, i: usize) -> io::Result<u64> {
        let connection = &mut self.connections[i];
        let mut messages = 0;
        loop {
            let mut blocked = 0;
            if connection.sent < self.batch.len() {
                match connection.socket.write(&self.batch[connection.sent..]) {
                    Ok(len) => connection.sent += len,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => blocked += 1,
                    Err(error) => return Err(error),
                }
            } else {
                blocked += 1;
            }
            match connection.socket.read(&mut self.buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(len) => connection.received += len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => blocked += 1,
                Err(error) => return Err(error),
            }
            if connection.received == self.echo_len {
                (connection.sent, connection.received) = (0, 0);
                messages += self.messages;
            } else if connection.received > self.echo_len {
                return Err(io::Error::other("more came back than was sent"));
            } else if blocked == 2 {
                return Ok(messages);
            }
        }
    }
}

/// A connection after its opening handshake.
fn open(address: SocketAddr) -> io::Result<std::net::TcpStream> {
    let mut socket = std::net::TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    write!(
        socket,
        "GET / HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte)?;
        head.extend(byte);
    }
    if !head.starts_with(b"HTTP/1.1 101 ") {
        return Err(io::Error::other(String::from_utf8_lossy(&head).into_owned()));
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}
