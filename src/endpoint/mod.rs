#![doc = include_str!("endpoint.md")]

mod drive;
mod error;
mod halves;
mod message;
mod open;
mod options;
mod output;
mod room;
mod tasks;

use alloc::boxed::Box;
use core::fmt;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;

use bytes::BytesMut;
use futures_core::Stream;
use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncWrite};

pub use self::drive::Counts;
use self::drive::Drive;
pub use self::error::{Ended, Error};
pub use self::halves::{Receiver, Sender};
pub use self::message::Data;
pub use self::open::{OpenError, Opening, Rejected};
pub use self::options::Options;
use crate::close_code::CloseCode;
use crate::close_frame::CloseFrame;
use crate::codec::encoder::PreparedFrame;
#[cfg(feature = "zlib-rs")]
use crate::deflate::Agreement;
use crate::keys::{KeySource, Masking, Unmasked};

/// What `Sink::poll_close` sends.
const NORMAL: CloseFrame<'static> = CloseFrame::from_static(CloseCode::NORMAL, "");

/// One end of a connection over a transport, such as a `TcpStream` or a TLS stream: see [the page of the module](self).
///
/// `K` follows from the role: [`Unmasked`] for a server, a [`KeySource`] for a client.
///
/// It is a `Stream` of [`Data`] as well, and a `Sink` of [`Data`] and (a server's) of [`PreparedFrame`]. It spawns no task, and needs a
/// runtime of tokio whose time is enabled.
pub struct WebSocket<S, K = Unmasked> {
    drive: Drive<S, K>,
    protocol: Option<Box<str>>,
}

impl<S> WebSocket<S, Unmasked> {
    /// The server's end of a connection that is open already: after a handshake that another stack has conducted.
    pub fn server(io: S, options: Options) -> WebSocket<S, Unmasked> {
        WebSocket { drive: Drive::server(io, &options), protocol: None }
    }
}

impl<S, K: KeySource> WebSocket<S, K> {
    /// The client's end of a connection that is open already: after a handshake that another stack has conducted.
    pub fn client(io: S, keys: K, options: Options) -> WebSocket<S, K> {
        WebSocket { drive: Drive::client(io, keys, &options), protocol: None }
    }
}

impl<S, K: Masking> WebSocket<S, K> {
    /// Adds bytes that came behind the head of the handshake, before anything was received.
    #[must_use]
    pub fn with_received(mut self, bytes: BytesMut) -> WebSocket<S, K> {
        self.drive = self.drive.with_received(bytes);
        self
    }

    /// Compresses and inflates messages, as was agreed in a handshake that another stack has conducted, before anything was sent or
    /// received (feature `zlib-rs`).
    #[cfg(feature = "zlib-rs")]
    #[must_use]
    pub fn with_deflate(mut self, agreed: Agreement) -> WebSocket<S, K> {
        self.drive = self.drive.with_deflate(agreed);
        self
    }

    /// What was agreed about compression; `None` if nothing is compressed (feature `zlib-rs`).
    #[cfg(feature = "zlib-rs")]
    pub const fn agreement(&self) -> Option<Agreement> {
        self.drive.agreement()
    }

    /// The subprotocol that was chosen by [`Opening::choose_protocol`], or by the server that was [connected](WebSocket::connect) to.
    pub fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    /// The transport.
    pub const fn get_ref(&self) -> &S {
        self.drive.io()
    }

    /// The transport. What is read from it or written to it is missing in the connection.
    pub const fn get_mut(&mut self) -> &mut S {
        self.drive.io_mut()
    }

    /// The transport. What was received and not decoded, and what was not written, is lost.
    pub fn into_inner(self) -> S {
        self.drive.into_io()
    }

    /// How the connection ended, as soon as that is decided.
    pub fn ended(&self) -> Option<Ended> {
        self.drive.ended()
    }

    /// How long the peer took to answer the last Ping of the keepalive.
    pub const fn latency(&self) -> Option<Duration> {
        self.drive.latency()
    }

    /// How many messages, Pings and Pongs went through.
    pub const fn counts(&self) -> Counts {
        self.drive.counts
    }

    /// How many bytes wait to be written.
    pub fn unwritten(&self) -> usize {
        self.drive.unwritten()
    }

    /// Two halves, for two tasks; the sending one can be cloned. (Ask for the [`protocol`](WebSocket::protocol) before.) They share one connection, so that Pings are answered and the
    /// keepalive goes on while one task receives and others send.
    pub fn split(self) -> (Sender<S, K>, Receiver<S, K>) {
        halves::split(self.drive)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, K: Masking> WebSocket<S, K> {
    /// The next text or binary message. While it waits, it writes what [`feed`](WebSocket::feed) left, answers Pings, keeps the
    /// connection alive, and conducts the closing handshake. It is cancel-safe: a future that is dropped loses nothing.
    ///
    /// `None` is the end, when nothing is left to be done but to drop the transport. A connection that was not closed cleanly
    /// gives one error before it.
    pub async fn next(&mut self) -> Option<Result<Data, Error>> {
        poll_fn(|cx| self.drive.poll_next(cx)).await
    }

    /// Sends a message: [`feed`](WebSocket::feed), then [`flush`](WebSocket::flush). A future that is dropped has sent the message
    /// whole, or not at all.
    ///
    /// # Errors
    /// [`Error::Closed`] after a Close; [`Error::Encode`] if the message is over a limit of [`Options::with_sending`];
    /// [`Error::Lost`] and [`Error::TimedOut`].
    pub async fn send(&mut self, message: impl Into<Data>) -> Result<(), Error> {
        self.feed(message).await?;
        self.flush().await
    }

    /// Takes a message for sending, which is written when [`next`](WebSocket::next) waits or [`flush`](WebSocket::flush) is called:
    /// many messages with one write. It waits while [more](Options::with_max_buffered) is unwritten than a connection may
    /// hold.
    ///
    /// # Errors
    /// As [`WebSocket::send`].
    pub async fn feed(&mut self, message: impl Into<Data>) -> Result<(), Error> {
        poll_fn(|cx| self.drive.poll_ready(cx)).await?;
        self.drive.encode(message.into())
    }

    /// Writes everything that was taken for sending until now.
    ///
    /// # Errors
    /// As [`WebSocket::send`].
    pub async fn flush(&mut self) -> Result<(), Error> {
        let mut end = None;
        poll_fn(|cx| self.drive.poll_flush(cx, &mut end)).await
    }

    /// Closes the connection and waits for the end: sends a Close (unless one was sent or received), reads until the peer's, and
    /// closes the transport in the order of RFC 6455 §7.1.1. Messages that still come are dropped. It takes at most the `close_within`
    /// and the `linger` of [`Timing`](crate::Timing), 12 s by default. If it is dropped before its end, the closing goes on with
    /// whatever is called next, and messages that still come are dropped there too.
    ///
    /// # Errors
    /// Only for a code that cannot be sent (1004, 1005, 1006, 1015); nothing has happened then.
    pub async fn close(&mut self, code: CloseCode, reason: &str) -> Result<Ended, Error> {
        let close = CloseFrame::new(code, reason)?;
        Ok(poll_fn(|cx| self.drive.poll_close(cx, close)).await)
    }

    /// Sends a Close and does not wait for the answer: [`next`](WebSocket::next) gives the messages that still come, and then the
    /// end.
    ///
    /// # Errors
    /// As [`WebSocket::send`], and for a code that cannot be sent.
    pub async fn send_close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        let close = CloseFrame::new(code, reason)?;
        self.drive.begin_close(close);
        self.flush().await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// [`send`](WebSocket::send) of a frame that was encoded once for many connections.
    ///
    /// # Errors
    /// As there.
    pub async fn send_prepared(&mut self, frame: &PreparedFrame) -> Result<(), Error> {
        self.feed_prepared(frame).await?;
        self.flush().await
    }

    /// [`feed`](WebSocket::feed) of a frame that was encoded once for many connections.
    ///
    /// # Errors
    /// As there.
    pub async fn feed_prepared(&mut self, frame: &PreparedFrame) -> Result<(), Error> {
        poll_fn(|cx| self.drive.poll_ready(cx)).await?;
        self.drive.encode_prepared(frame)
    }
}

impl<S, K> fmt::Debug for WebSocket<S, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket").field("protocol", &self.protocol).finish_non_exhaustive()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, K: Masking + Unpin> Stream for WebSocket<S, K> {
    type Item = Result<Data, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Data, Error>>> {
        self.drive.poll_next(cx)
    }
}

/// `close` conducts the whole closing handshake, with 1000.
impl<S: AsyncRead + AsyncWrite + Unpin, K: Masking + Unpin> Sink<Data> for WebSocket<S, K> {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.drive.poll_ready(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Data) -> Result<(), Error> {
        self.drive.encode(message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.drive.poll_flush(cx, &mut None)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.drive.poll_close(cx, NORMAL));
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sink<PreparedFrame> for WebSocket<S> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Sink::<Data>::poll_ready(self, cx)
    }

    fn start_send(mut self: Pin<&mut Self>, frame: PreparedFrame) -> Result<(), Error> {
        self.drive.encode_prepared(&frame)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Sink::<Data>::poll_flush(self, cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Sink::<Data>::poll_close(self, cx)
    }
}
