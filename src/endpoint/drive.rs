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
use crate::connection::{Cause, Connection, Outcome, Transport};
#[cfg(feature = "zlib-rs")]
use crate::deflate::{Agreement, Compressor, Inflater, ZlibDeflate};
use crate::keys::{KeySource, Masking, Unmasked};
use crate::opcode::{MessageKind, Rsv};
use crate::role::Role;

/// A timer is set at least so far ahead: it fires after the runtime has looked at its sockets, so that what came before the deadline
/// is seen before the deadline is.
const TICK: Duration = Duration::from_millis(1);

/// How long nothing is taken from a peer that sends Pings and does not read, before it is read from all the same.
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
    /// Something that was to be written, our Close perhaps, never will be.
    is_discarded: bool,
    /// Reading has ended, and our Close is still to be written.
    is_deaf: bool,
    /// When bytes were received, until the connection is asked what that moment ends.
    heard: Option<Duration>,
    /// Since when nothing is taken from the peer, because there is no room for a Pong.
    held: Option<Instant>,
    /// When the time for writing was seen to be over, without the timer.
    late: Option<Instant>,
    /// Until when our Close must be written, once both ends have closed.
    close_by: Option<Instant>,
    close_within: Duration,
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
            is_discarded: false,
            is_deaf: false,
            heard: None,
            held: None,
            late: None,
            close_by: None,
            close_within: options.timing.close_within(),
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
        self.outcome().map(Ended::from)
    }

    /// How it ended; not before our Close is written.
    fn outcome(&self) -> Option<Outcome<'_>> {
        let outcome = self.connection.outcome()?;
        if self.is_discarded {
            return Some(outcome.unsent());
        }
        (self.output.is_flushed() || self.is_over()).then_some(outcome)
    }

    const fn is_over(&self) -> bool {
        matches!(self.connection.transport(), Transport::Drop)
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
        if self.connection.encoder().is_closed() {
            return;
        }
        if let Err(error) = self.connection.append_close(self.output.buffer(), close) {
            // There is no key to mask it with.
            self.failure.get_or_insert(error.into());
            self.connection.end();
        }
        self.date();
        self.close_by = Instant::now().checked_add(self.close_within);
        // Its answer has a time of its own, which the receiver looks after.
        self.tasks.wake_all();
    }

    /// Ready when there is room for a message.
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.output.len() < self.max_buffered {
            return Poll::Ready(self.check_open());
        }
        ready!(self.poll_send(cx, None))?;
        Poll::Ready(self.check_open())
    }

    /// Ready when everything was written that was there at the first poll, which sets `end`.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>, end: &mut Option<u64>) -> Poll<Result<(), Error>> {
        if self.is_discarded {
            return Poll::Ready(Err(self.end_error()));
        }
        if self.output.is_flushed() {
            return Poll::Ready(Ok(()));
        }
        let end = *end.get_or_insert(self.output.end());
        self.poll_send(cx, Some(end))
    }

    /// Writes until so many bytes were written in all, or else until there is room for a message.
    fn poll_send(&mut self, cx: &mut Context<'_>, end: Option<u64>) -> Poll<Result<(), Error>> {
        let shared = self.tasks.wait(Half::Sender, cx.waker());
        let cx = &mut Context::from_waker(shared.as_ref().unwrap_or(cx.waker()));
        loop {
            if self.is_discarded {
                return Poll::Ready(Err(self.end_error()));
            }
            if self.is_over() {
                return Poll::Ready(Err(Error::Closed));
            }
            let is_written = self.poll_write(cx).is_ready();
            let is_enough = match end {
                None => self.has_room(),
                Some(end) => match self.output.poll_flush_to(Pin::new(&mut self.io), cx, end) {
                    Poll::Ready(Err(error)) => {
                        self.fail_write(error);
                        true
                    }
                    result => result.is_ready(),
                },
            };
            if is_written || is_enough {
                return Poll::Ready(if self.is_mute { Err(self.lost()) } else { Ok(()) });
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
            let mut holds_back = self.holds_back();
            while !holds_back && let Ok(Some(message)) = self.connection.decode() {
                let data = match message {
                    Message::Text(text) => Data::Text(text),
                    Message::Binary(payload) => Data::Binary(payload),
                    control => {
                        self.counts.pings_received += u64::from(matches!(control, Message::Ping(_)));
                        self.counts.pongs_received += u64::from(matches!(control, Message::Pong(_)));
                        self.append_control();
                        holds_back = self.holds_back();
                        continue;
                    }
                };
                self.counts.messages_received += 1;
                if !self.is_closing {
                    // The application may take its time.
                    if let Some(buffer) = self.connection.decoder_mut().give_back_empty() {
                        room::give(buffer);
                    }
                    return Poll::Ready(Some(data));
                }
            }
            if !holds_back
                && let Some(heard) = self.heard.take()
                && !self.connection.is_undated()
            {
                // What ended then; the application may have been busy since.
                self.connection.at(heard);
            }
            self.append_control();
            self.date();
            let is_written = self.poll_write(cx).is_ready();
            if self.append_control() {
                // There was no room for it, and now there is.
                continue;
            }
            if self.is_late() {
                self.connection.stall();
            }
            if self.is_deaf && is_written {
                self.connection.end();
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
            let read = if holds_back || self.is_deaf { Poll::Pending } else { self.poll_read(cx) };
            match read {
                // A peer that has closed may still read our Close.
                Poll::Ready(Ok(0)) if self.connection.transport() != Transport::Open && !is_written => {
                    self.is_deaf = true;
                }
                Poll::Ready(Ok(0)) => self.connection.end(),
                Poll::Ready(Ok(_)) => {
                    let now = self.now();
                    self.heard = Some(now);
                    self.connection.heard_at(now);
                }
                Poll::Ready(Err(error)) => {
                    self.failure.get_or_insert(error);
                    self.connection.end();
                }
                // Nothing is left that was on its way when writing failed.
                Poll::Pending if self.is_mute => self.connection.end(),
                Poll::Pending => {
                    let deadline = self.connection.deadline().map(|deadline| self.begun + deadline);
                    let resumes = self.held.filter(|_| holds_back).map(|since| since + HOLD);
                    ready!(self.poll_timer(cx, deadline.into_iter().chain(self.stuck_deadline()).chain(resumes).min()));
                    if !is_written && self.connection.transport() != Transport::Open {
                        // Our Close is still on its way: the time to linger begins after it.
                        let by = *self.close_by.get_or_insert_with(|| Instant::now() + self.close_within);
                        if Instant::now() < by {
                            self.connection.wrote_close(self.now());
                        }
                    }
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
        // It writes nothing where there is no key.
        self.connection.has_control()
            && self.has_room()
            && !self.is_mute
            && self.connection.append_control(self.output.buffer()) != 0
    }

    /// Dates what has just begun.
    fn date(&mut self) {
        if self.connection.is_undated() {
            self.connection.date(self.now());
        }
    }

    fn has_room(&self) -> bool {
        self.output.len() < self.max_buffered.max(1)
    }

    /// Whether nothing more is taken from the peer now, because there is no room for a Pong: a peer that reads gets an answer to
    /// each Ping. One that reads too slowly is not waited for, and gets the latest (RFC 6455 §5.5.3).
    fn holds_back(&mut self) -> bool {
        if !self.connection.owes_pong() || self.has_room() || self.is_mute {
            self.held = None;
            return false;
        }
        self.held.get_or_insert_with(Instant::now).elapsed() < HOLD
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
        let was_flushed = self.output.is_flushed();
        let result = self.output.poll_write(Pin::new(&mut self.io), cx, &mut progress);
        // A transport that has room of its own takes bytes from us, whether its peer reads or not.
        if progress && self.stuck.take().is_some() {
            self.connection.peer_reads(self.now());
        }
        match result {
            Poll::Ready(Ok(())) => {
                self.stuck = None;
                if !was_flushed && self.connection.transport() != Transport::Open {
                    self.connection.wrote_close(self.now());
                }
            }
            Poll::Ready(Err(error)) => self.fail_write(error),
            Poll::Pending => {
                self.stuck.get_or_insert_with(Instant::now);
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }

    /// Nothing can be written any more.
    fn fail_write(&mut self, error: io::Error) {
        (self.is_mute, self.is_discarded, self.stuck) = (true, true, None);
        self.output.clear();
        self.failure.get_or_insert(error);
        self.tasks.wake_all();
    }

    fn stuck_deadline(&self) -> Option<Instant> {
        self.stuck.and_then(|since| since.checked_add(self.write_within))
    }

    fn is_stalled(&self) -> bool {
        self.stuck_deadline().is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Whether the time for writing is over, where so much is read that the timer is never asked. As the socket may be ready
    /// and the runtime not know it yet, it gets a moment more.
    fn is_late(&mut self) -> bool {
        if !self.is_stalled() {
            self.late = None;
            return false;
        }
        self.late.get_or_insert_with(Instant::now).elapsed() >= HOLD
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
        self.is_discarded |= !self.output.is_flushed();
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
        let is_clean = self.outcome()?.is_clean();
        (!is_clean).then(|| self.end_error())
    }

    /// How the connection ended, as an error.
    fn end_error(&mut self) -> Error {
        match self.connection.outcome().map(|outcome| outcome.cause()) {
            Some(Cause::Violation(error)) => Error::Violation(error),
            Some(cause @ (Cause::NoClose | Cause::NoPong | Cause::Stalled)) => Error::TimedOut(cause),
            _ => self.lost(),
        }
    }

    pub(super) fn wake_receiver(&self) {
        self.tasks.wake_receiver();
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
