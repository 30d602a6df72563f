//! A connection and its transport: the one place that reads, writes and keeps time. Everything is polled; between polls there is
//! nothing under way but what stands here, so that no future that is dropped can lose or tear anything.

use alloc::boxed::Box;
use core::mem;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::io;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep_until};

use super::error::{Ended, Error};
use super::message::Data;
use super::options::Options;
use super::output::{APART, Output};
use super::room;
use super::tasks::{Half, Tasks};
use crate::close_frame::CloseFrame;
use crate::codec::decoder::MessageDecoder;
use crate::codec::encoder::PreparedFrame;
use crate::codec::message::Message;
use crate::connection::{Cause, Connection, Transport};
#[cfg(feature = "zlib-rs")]
use crate::deflate::{Agreement, Compressor, Inflater, ZlibDeflate};
use crate::keys::{KeySource, Masking, Unmasked};
use crate::opcode::{MessageKind, Rsv};
use crate::role::Role;

/// A timer is set at least so far ahead: it fires after the runtime has looked at its sockets, so that what came before the deadline
/// is seen before the deadline is.
const TICK: Duration = Duration::from_millis(1);

/// How long a peer that sends Pings may read nothing before it is read from all the same.
const HOLD: Duration = Duration::from_secs(1);

/// How many messages went through, and how many Pings and Pongs came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Text and binary messages that were received.
    pub messages_received: u64,
    /// Text and binary messages that were taken for sending, and prepared frames.
    pub messages_sent: u64,
    /// Pings that were received. Each is answered, unless the peer does not read.
    pub pings_received: u64,
    /// Pongs that were received.
    pub pongs_received: u64,
}

/// What was agreed about compression, and what compresses.
#[cfg(feature = "zlib-rs")]
struct Deflating {
    agreed: Agreement,
    compressor: Compressor<ZlibDeflate>,
}

pub(super) struct Drive<S, K> {
    io: S,
    connection: Connection<MessageDecoder, K>,
    output: Output,
    tasks: Tasks,
    pub(super) counts: Counts,
    /// The moment that the times of the connection count from.
    begun: Instant,
    timer: Option<Pin<Box<Sleep>>>,
    /// When the timer fires, unless it has fired.
    armed: Option<Instant>,
    /// Since when output waits without progress.
    stuck: Option<Instant>,
    write_within: Duration,
    max_buffered: usize,
    #[cfg(feature = "zlib-rs")]
    make_compressor: fn(Agreement, Role) -> Compressor<ZlibDeflate>,
    #[cfg(feature = "zlib-rs")]
    deflate: Option<Box<Deflating>>,
    /// Why reading or writing failed.
    failure: Option<io::Error>,
    /// Writing failed: what is still there to read is read.
    is_mute: bool,
    /// Writing was shut down.
    is_shut: bool,
    /// Messages that still come are dropped.
    is_closing: bool,
    /// What the end of the connection is for the application was told.
    is_reported: bool,
}

impl<S> Drive<S, Unmasked> {
    pub(super) fn server(io: S, options: &Options) -> Drive<S, Unmasked> {
        let connection =
            Connection::<MessageDecoder, _>::server_with_config(options.config(Role::Server), options.sending);
        Drive::new(io, connection, options)
    }
}

impl<S, K: KeySource> Drive<S, K> {
    pub(super) fn client(io: S, keys: K, options: &Options) -> Drive<S, K> {
        let connection =
            Connection::<MessageDecoder, _>::client_with_config(keys, options.config(Role::Client), options.sending);
        Drive::new(io, connection, options)
    }
}

impl<S, K: Masking> Drive<S, K> {
    fn new(io: S, connection: Connection<MessageDecoder, K>, options: &Options) -> Drive<S, K> {
        let mut connection = connection.with_timing(options.timing).with_read_size(room::LEN);
        connection.at(Duration::ZERO);
        Drive {
            io,
            connection,
            output: Output::default(),
            tasks: Tasks::new(),
            counts: Counts::default(),
            begun: Instant::now(),
            timer: None,
            armed: None,
            stuck: None,
            write_within: options.write_within,
            max_buffered: options.max_buffered,
            #[cfg(feature = "zlib-rs")]
            make_compressor: options.compressor,
            #[cfg(feature = "zlib-rs")]
            deflate: None,
            failure: None,
            is_mute: false,
            is_shut: false,
            is_closing: false,
            is_reported: false,
        }
    }

    pub(super) fn with_received(mut self, bytes: BytesMut) -> Drive<S, K> {
        self.connection = self.connection.with_received(bytes);
        self
    }

    #[cfg(feature = "zlib-rs")]
    pub(super) fn with_deflate(mut self, agreed: Agreement) -> Drive<S, K> {
        let role = if K::MASKED { Role::Client } else { Role::Server };
        self.connection = self.connection.with_inflater(Inflater::zlib(agreed, role));
        self.deflate = Some(Box::new(Deflating { agreed, compressor: (self.make_compressor)(agreed, role) }));
        self
    }

    #[cfg(feature = "zlib-rs")]
    pub(super) const fn agreement(&self) -> Option<Agreement> {
        match &self.deflate {
            Some(deflate) => Some(deflate.agreed),
            None => None,
        }
    }

    pub(super) const fn io(&self) -> &S {
        &self.io
    }

    pub(super) const fn io_mut(&mut self) -> &mut S {
        &mut self.io
    }

    pub(super) fn into_io(self) -> S {
        self.io
    }

    pub(super) fn expect_several_tasks(&mut self) {
        self.tasks.expect_several();
    }

    pub(super) const fn latency(&self) -> Option<Duration> {
        self.connection.latency()
    }

    pub(super) fn unwritten(&self) -> usize {
        self.output.len()
    }

    pub(super) fn ended(&self) -> Option<Ended> {
        self.connection.outcome().map(Ended::from)
    }

    fn now(&self) -> Duration {
        self.begun.elapsed()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, K: Masking> Drive<S, K> {
    /// The next message, or the end: everything that a connection does by itself is done here.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Data, Error>>> {
        let shared = self.tasks.wait(Half::Receiver, cx.waker());
        let cx = &mut Context::from_waker(shared.as_ref().unwrap_or(cx.waker()));
        match ready!(self.poll_receive(cx)) {
            Some(data) => Poll::Ready(Some(Ok(data))),
            None => Poll::Ready(self.report().map(Err)),
        }
    }

    /// The whole closing handshake.
    pub(super) fn poll_close(&mut self, cx: &mut Context<'_>, close: CloseFrame<'_>) -> Poll<Ended> {
        let shared = self.tasks.wait(Half::Sender, cx.waker());
        let cx = &mut Context::from_waker(shared.as_ref().unwrap_or(cx.waker()));
        self.begin_close(close);
        self.is_closing = true;
        while ready!(self.poll_receive(cx)).is_some() {}
        self.is_reported = true;
        match self.ended() {
            Some(ended) => Poll::Ready(ended),
            // `poll_receive` ends only where there is an outcome.
            None => Poll::Pending,
        }
    }

    /// Appends a Close, unless one was sent or received.
    pub(super) fn begin_close(&mut self, close: CloseFrame<'_>) {
        if !self.connection.encoder().is_closed() {
            // It is refused only where one was sent or received.
            _ = self.connection.append_close(self.output.buffer(), close);
            // Its answer has a time of its own, which the receiver looks after.
            self.tasks.wake_all();
        }
    }

    /// Ready when there is room for a message.
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.output.len() < self.max_buffered {
            return Poll::Ready(self.check_open());
        }
        self.poll_send(cx, self.max_buffered)
    }

    /// Ready when everything was written.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.output.is_flushed() {
            return Poll::Ready(match self.is_mute {
                true => Err(self.lost()),
                false => Ok(()),
            });
        }
        self.poll_send(cx, 0)
    }

    /// Writes until less than `enough` is left (or nothing).
    fn poll_send(&mut self, cx: &mut Context<'_>, enough: usize) -> Poll<Result<(), Error>> {
        let shared = self.tasks.wait(Half::Sender, cx.waker());
        let cx = &mut Context::from_waker(shared.as_ref().unwrap_or(cx.waker()));
        loop {
            if matches!(self.connection.transport(), Transport::Drop) {
                return Poll::Ready(Err(Error::Closed));
            }
            if self.poll_write(cx).is_ready() || self.output.len() < enough {
                return Poll::Ready(match self.is_mute {
                    true => Err(self.lost()),
                    false if enough == 0 => Ok(()),
                    false => self.check_open(),
                });
            }
            // Receiving has times of its own, which count only where it is tried.
            ready!(self.poll_timer(cx, self.stuck_deadline()));
            if self.is_stalled() {
                self.connection.stall();
                self.tasks.wake_all();
                return Poll::Ready(Err(Error::TimedOut(Cause::Stalled)));
            }
        }
    }

    fn check_open(&mut self) -> Result<(), Error> {
        if self.is_mute {
            return Err(self.lost());
        }
        if self.connection.encoder().is_closed() { Err(Error::Closed) } else { Ok(()) }
    }

    /// Encodes a message, whole, whatever its length.
    pub(super) fn encode(&mut self, data: Data) -> Result<(), Error> {
        #[cfg(feature = "zlib-rs")]
        if let Some(deflate) = &mut self.deflate {
            let encoder = self.connection.encoder();
            encoder.append_compressed(self.output.buffer(), &mut deflate.compressor, &data)?;
            self.counts.messages_sent += 1;
            return Ok(());
        }
        if !K::MASKED && data.payload().len() >= APART && self.io.is_write_vectored() {
            let kind = if matches!(data, Data::Text(_)) { MessageKind::Text } else { MessageKind::Binary };
            let header = self.connection.encoder().header(kind, Rsv::NONE, true, data.payload().len())?;
            self.output.buffer().extend_from_slice(header.encode().as_ref());
            self.output.push(data.into_payload());
        } else {
            self.connection.encoder().append(self.output.buffer(), &data)?;
        }
        self.counts.messages_sent += 1;
        Ok(())
    }

    /// What came and was not delivered, up to a message; `None` when the connection is through and the transport can be dropped.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Option<Data>> {
        loop {
            while !self.holds_back()
                && let Ok(Some(message)) = self.connection.decode()
            {
                let data = match message {
                    Message::Text(text) => Data::Text(text),
                    Message::Binary(payload) => Data::Binary(payload),
                    control => {
                        self.counts.pings_received += u64::from(matches!(control, Message::Ping(_)));
                        self.counts.pongs_received += u64::from(matches!(control, Message::Pong(_)));
                        self.append_control();
                        continue;
                    }
                };
                self.counts.messages_received += 1;
                if !self.is_closing {
                    return Poll::Ready(Some(data));
                }
            }
            self.append_control();
            let is_written = self.poll_write(cx).is_ready();
            if self.append_control() {
                // There was no room for it, and now there is.
                continue;
            }
            match self.connection.transport() {
                Transport::Open | Transport::Await => {}
                Transport::Finish if is_written && !self.is_shut => {
                    // It is read on, whatever comes of it.
                    self.is_shut = Pin::new(&mut self.io).poll_shutdown(cx).is_ready();
                }
                Transport::Finish => {}
                Transport::Drop => {
                    self.end(cx);
                    return Poll::Ready(None);
                }
            }
            let read = if self.holds_back() { Poll::Pending } else { self.poll_read(cx) };
            match read {
                Poll::Ready(Ok(0)) => self.connection.end(),
                Poll::Ready(Ok(_)) => self.connection.heard_at(self.now()),
                Poll::Ready(Err(error)) => {
                    self.failure.get_or_insert(error);
                    self.connection.end();
                }
                // Nothing is left that was on its way when writing failed.
                Poll::Pending if self.is_mute => self.connection.end(),
                Poll::Pending => {
                    let deadline = self.connection.deadline().map(|deadline| self.begun + deadline);
                    let resumes = self.stuck.filter(|_| self.holds_back()).map(|since| since + HOLD);
                    ready!(self.poll_timer(cx, deadline.into_iter().chain(self.stuck_deadline()).chain(resumes).min()));
                    self.connection.at(self.now());
                    if self.is_stalled() {
                        self.connection.stall();
                    }
                }
            }
        }
    }

    /// Appends what the connection owes, while there is room; returns whether it did.
    fn append_control(&mut self) -> bool {
        let appends = self.connection.has_control() && self.has_room() && !self.is_mute;
        if appends {
            self.connection.append_control(self.output.buffer());
        }
        appends
    }

    fn has_room(&self) -> bool {
        self.output.len() < self.max_buffered.max(1)
    }

    /// Whether nothing more is taken from the peer now, because there is no room for what the connection owes: a peer that reads
    /// gets an answer to each Ping. One that does not is not waited for, and gets the latest (RFC 6455 §5.5.3).
    fn holds_back(&self) -> bool {
        self.connection.has_control()
            && !self.has_room()
            && !self.is_mute
            && self.stuck.is_none_or(|since| since.elapsed() < HOLD)
    }

    /// Reads into a buffer of the thread, which goes back to it if nothing came.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.connection.decoder().wants_buffer() {
            self.connection.decoder_mut().lend(room::take());
        }
        let result = pin!(self.io.read_buf(&mut self.connection)).poll(cx);
        if !matches!(result, Poll::Ready(Ok(1..)))
            && let Some(buffer) = self.connection.decoder_mut().give_back()
        {
            room::give(buffer);
        }
        result
    }

    /// Writes as much as the transport takes; ready when there is nothing more to write. A failure leaves nothing to write.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut progress = false;
        let result = self.output.poll_write(Pin::new(&mut self.io), cx, &mut progress);
        if progress {
            self.stuck = None;
        }
        match result {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(error)) => {
                (self.is_mute, self.stuck) = (true, None);
                self.output.clear();
                self.failure.get_or_insert(error);
                self.tasks.wake_all();
            }
            Poll::Pending => {
                self.stuck.get_or_insert_with(Instant::now);
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }

    fn stuck_deadline(&self) -> Option<Instant> {
        self.stuck.and_then(|since| since.checked_add(self.write_within))
    }

    fn is_stalled(&self) -> bool {
        self.stuck_deadline().is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Ready when the timer fires, at this time or a little before or after it: look at the time then.
    fn poll_timer(&mut self, cx: &mut Context<'_>, deadline: Option<Instant>) -> Poll<()> {
        let Some(deadline) = deadline else { return Poll::Pending };
        // A timer that fires too early is cheaper than one that is set for each read.
        if self.armed.is_none_or(|armed| deadline < armed) {
            let deadline = deadline.max(Instant::now() + TICK);
            match &mut self.timer {
                Some(timer) => timer.as_mut().reset(deadline),
                None => self.timer = Some(Box::pin(sleep_until(deadline))),
            }
            self.armed = Some(deadline);
        }
        if let Some(timer) = &mut self.timer {
            ready!(timer.as_mut().poll(cx));
        }
        self.armed = None;
        Poll::Ready(())
    }

    /// The connection is through. The other direction ends too, without waiting for it.
    fn end(&mut self, cx: &mut Context<'_>) {
        self.output.clear();
        if !mem::replace(&mut self.is_shut, true) {
            _ = Pin::new(&mut self.io).poll_shutdown(cx);
        }
        self.timer = None;
        self.armed = None;
        self.tasks.wake_all();
    }

    /// What the application is told about the end, once.
    fn report(&mut self) -> Option<Error> {
        if mem::replace(&mut self.is_reported, true) {
            return None;
        }
        let outcome = self.connection.outcome()?;
        if outcome.is_clean() {
            return None;
        }
        Some(match outcome.cause() {
            Cause::Violation(error) => Error::Violation(error),
            cause @ (Cause::NoClose | Cause::NoPong | Cause::Stalled) => Error::TimedOut(cause),
            Cause::ClosedByUs | Cause::ClosedByPeer | Cause::Failed | Cause::Lost => self.lost(),
        })
    }

    /// The failure, as often as it is asked for.
    fn lost(&mut self) -> Error {
        let kind = self.failure.as_ref().map_or(io::ErrorKind::UnexpectedEof, io::Error::kind);
        Error::Lost(self.failure.replace(kind.into()).unwrap_or_else(|| kind.into()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Drive<S, Unmasked> {
    /// As [`Drive::encode`].
    pub(super) fn encode_prepared(&mut self, frame: &PreparedFrame) -> Result<(), Error> {
        #[cfg(feature = "zlib-rs")]
        let bytes = match &mut self.deflate {
            Some(deflate) => self.connection.encoder().encode_prepared_compressed(frame, &mut deflate.compressor)?,
            None => self.connection.encoder().encode_prepared(frame)?,
        };
        #[cfg(not(feature = "zlib-rs"))]
        let bytes = self.connection.encoder().encode_prepared(frame)?;
        if bytes.len() >= APART && self.io.is_write_vectored() {
            self.output.push(bytes);
        } else {
            self.output.buffer().extend_from_slice(&bytes);
        }
        self.counts.messages_sent += 1;
        Ok(())
    }
}
