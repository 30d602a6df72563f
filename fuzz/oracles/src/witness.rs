//! Independent implementations, each run over a whole stream: what it delivers, and whether it refuses.

mod fastwebsockets;
mod sockudo;
mod tungstenite;
#[cfg(have_wslay)]
mod wslay;

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use wsframe_dev::Event;

/// What an implementation delivers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A whole message.
    Message {
        /// Whether it is text.
        text: bool,
        /// Its payload.
        payload: Vec<u8>,
    },
    /// A Ping.
    Ping(Vec<u8>),
    /// A Pong.
    Pong(Vec<u8>),
    /// A Close, with its code.
    Close(Option<u16>),
}

impl Seen {
    /// What an implementation that is right delivers; nothing for a violation.
    pub fn of(event: &Event) -> Option<Seen> {
        Some(match event {
            Event::Message { text, payload, .. } => Seen::Message { text: *text, payload: payload.clone() },
            Event::Ping { payload, .. } => Seen::Ping(payload.clone()),
            Event::Pong { payload, .. } => Seen::Pong(payload.clone()),
            Event::Close { code, .. } => Seen::Close(*code),
            Event::Violation { .. } => return None,
        })
    }
}

/// What an implementation makes of a stream.
#[derive(Debug)]
pub struct Verdict {
    /// What it delivered, in order.
    pub seen: Vec<Seen>,
    /// Whether it refused the stream.
    pub refused: bool,
}

/// An independent implementation.
#[derive(Debug)]
pub struct Witness {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Runs it as the end that is a server or not, over a stream.
    pub run: fn(server: bool, stream: &[u8]) -> Verdict,
}

/// All of them that there are here.
pub const WITNESSES: &[Witness] = &[
    Witness { name: "tungstenite", version: env!("TUNGSTENITE_VERSION"), run: tungstenite::run },
    Witness { name: "sockudo-ws", version: env!("SOCKUDO_VERSION"), run: sockudo::run },
    Witness { name: "fastwebsockets", version: env!("FASTWEBSOCKETS_VERSION"), run: fastwebsockets::run },
    #[cfg(have_wslay)]
    Witness { name: "wslay", version: env!("WSLAY_VERSION"), run: wslay::run },
];

/// A socket in memory: the stream, and then nothing more for now. What is written to it is dropped.
#[derive(Clone, Debug)]
struct Pipe(Rc<RefCell<(Vec<u8>, usize)>>);

impl Pipe {
    fn new(stream: &[u8]) -> Pipe {
        Pipe(Rc::new(RefCell::new((stream.to_vec(), 0))))
    }

    fn take(&self, to: &mut [u8]) -> usize {
        let (stream, at) = &mut *self.0.borrow_mut();
        let len = to.len().min(stream.len() - *at);
        to[..len].copy_from_slice(&stream[*at..*at + len]);
        *at += len;
        len
    }
}

impl io::Read for Pipe {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        match Pipe::take(self, to) {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            len => Ok(len),
        }
    }
}

impl io::Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl tokio::io::AsyncRead for Pipe {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, to: &mut tokio::io::ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.take(to.initialize_unfilled()) {
            0 => Poll::Pending,
            len => {
                to.advance(len);
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl tokio::io::AsyncWrite for Pipe {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
