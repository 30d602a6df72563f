//! The two halves of a connection, for two tasks.

use alloc::sync::Arc;
use core::fmt;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_core::Stream;
use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncWrite};

use super::NORMAL;
use super::drive::{Counts, Drive};
use super::error::{Ended, Error};
use super::message::Data;
use crate::close_code::CloseCode;
use crate::close_frame::CloseFrame;
use crate::codec::encoder::PreparedFrame;
use crate::keys::{Masking, Unmasked};

/// What the halves share. It is locked while one of them is polled, and never across an `await`.
struct Shared<S, K>(Mutex<Drive<S, K>>);

impl<S, K> Shared<S, K> {
    fn lock(&self) -> MutexGuard<'_, Drive<S, K>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The sending half of a [`WebSocket`](super::WebSocket). It can be cloned, and used by many tasks at once.
///
/// The [`Receiver`] answers Pings and writes what [`feed`](Sender::feed) left, so keep on calling [`Receiver::next`].
pub struct Sender<S, K = Unmasked>(Arc<Shared<S, K>>);

/// The receiving half of a [`WebSocket`](super::WebSocket).
pub struct Receiver<S, K = Unmasked>(Arc<Shared<S, K>>);

pub(super) fn split<S, K: Masking>(mut drive: Drive<S, K>) -> (Sender<S, K>, Receiver<S, K>) {
    drive.expect_several_tasks();
    let shared = Arc::new(Shared(Mutex::new(drive)));
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

impl<S: AsyncRead + AsyncWrite + Unpin, K: Masking> Sender<S, K> {
    /// As [`WebSocket::send`](super::WebSocket::send).
    ///
    /// # Errors
    /// As there.
    pub async fn send(&self, message: impl Into<Data>) -> Result<(), Error> {
        self.take(message.into()).await?;
        self.flush().await
    }

    /// As [`WebSocket::feed`](super::WebSocket::feed): it is written when [`Receiver::next`] waits, which is woken for it.
    ///
    /// # Errors
    /// As there.
    pub async fn feed(&self, message: impl Into<Data>) -> Result<(), Error> {
        self.take(message.into()).await?;
        self.0.lock().wake_receiver();
        Ok(())
    }

    async fn take(&self, message: Data) -> Result<(), Error> {
        let mut message = Some(message);
        poll_fn(|cx| {
            let mut drive = self.0.lock();
            core::task::ready!(drive.poll_ready(cx))?;
            Poll::Ready(message.take().map_or(Ok(()), |message| drive.encode(message)))
        })
        .await
    }

    /// As [`WebSocket::flush`](super::WebSocket::flush).
    ///
    /// # Errors
    /// As there.
    pub async fn flush(&self) -> Result<(), Error> {
        let mut end = None;
        poll_fn(|cx| self.0.lock().poll_flush(cx, &mut end)).await
    }

    /// As [`WebSocket::close`](super::WebSocket::close). Messages that still come are dropped, and [`Receiver::next`] ends too.
    ///
    /// # Errors
    /// As there.
    pub async fn close(&self, code: CloseCode, reason: &str) -> Result<Ended, Error> {
        let close = CloseFrame::new(code, reason)?;
        Ok(poll_fn(|cx| self.0.lock().poll_close(cx, close)).await)
    }

    /// As [`WebSocket::send_close`](super::WebSocket::send_close).
    ///
    /// # Errors
    /// As there.
    pub async fn send_close(&self, code: CloseCode, reason: &str) -> Result<(), Error> {
        let close = CloseFrame::new(code, reason)?;
        self.0.lock().begin_close(close);
        self.flush().await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sender<S> {
    /// As [`WebSocket::send_prepared`](super::WebSocket::send_prepared).
    ///
    /// # Errors
    /// As there.
    pub async fn send_prepared(&self, frame: &PreparedFrame) -> Result<(), Error> {
        self.take_prepared(frame).await?;
        self.flush().await
    }

    /// As [`WebSocket::feed_prepared`](super::WebSocket::feed_prepared).
    ///
    /// # Errors
    /// As there.
    pub async fn feed_prepared(&self, frame: &PreparedFrame) -> Result<(), Error> {
        self.take_prepared(frame).await?;
        self.0.lock().wake_receiver();
        Ok(())
    }

    async fn take_prepared(&self, frame: &PreparedFrame) -> Result<(), Error> {
        poll_fn(|cx| {
            let mut drive = self.0.lock();
            core::task::ready!(drive.poll_ready(cx))?;
            Poll::Ready(drive.encode_prepared(frame))
        })
        .await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, K: Masking> Receiver<S, K> {
    /// As [`WebSocket::next`](super::WebSocket::next).
    pub async fn next(&mut self) -> Option<Result<Data, Error>> {
        poll_fn(|cx| self.0.lock().poll_next(cx)).await
    }
}

macro_rules! both {
    ($half:ident) => {
        impl<S, K: Masking> $half<S, K> {
            /// How the connection ended, as soon as that is decided.
            pub fn ended(&self) -> Option<Ended> {
                self.0.lock().ended()
            }

            /// How long the peer took to answer the last Ping of the keepalive.
            pub fn latency(&self) -> Option<Duration> {
                self.0.lock().latency()
            }

            /// How many messages, Pings and Pongs went through.
            pub fn counts(&self) -> Counts {
                self.0.lock().counts
            }

            /// How many bytes wait to be written.
            pub fn unwritten(&self) -> usize {
                self.0.lock().unwritten()
            }
        }

        impl<S, K> fmt::Debug for $half<S, K> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($half)).finish_non_exhaustive()
            }
        }
    };
}

both!(Sender);
both!(Receiver);

impl<S, K> Clone for Sender<S, K> {
    fn clone(&self) -> Sender<S, K> {
        Sender(Arc::clone(&self.0))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, K: Masking> Stream for Receiver<S, K> {
    type Item = Result<Data, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Data, Error>>> {
        self.0.lock().poll_next(cx)
    }
}

/// `close` conducts the whole closing handshake, with 1000.
impl<S: AsyncRead + AsyncWrite + Unpin, K: Masking> Sink<Data> for Sender<S, K> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.lock().poll_ready(cx)
    }

    fn start_send(self: Pin<&mut Self>, message: Data) -> Result<(), Error> {
        self.0.lock().encode(message)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.lock().poll_flush(cx, &mut None)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.lock().poll_close(cx, NORMAL).map(|_| Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sink<PreparedFrame> for Sender<S> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Sink::<Data>::poll_ready(self, cx)
    }

    fn start_send(self: Pin<&mut Self>, frame: PreparedFrame) -> Result<(), Error> {
        self.0.lock().encode_prepared(&frame)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Sink::<Data>::poll_flush(self, cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Sink::<Data>::poll_close(self, cx)
    }
}
