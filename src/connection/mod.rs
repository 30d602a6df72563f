#![doc = include_str!("connection.md")]

mod conduct;

use core::fmt;
use core::mem;
use core::time::Duration;

#[cfg(feature = "bytes")]
use bytes::{BufMut, BytesMut};

pub use self::conduct::Timing;
use self::conduct::{Conduct, Phase, Why};
use self::sealed::Receive;
#[cfg(feature = "alloc")]
use crate::assembler::Assembler;
use crate::close_code::CloseCode;
use crate::close_frame::CloseFrame;
#[cfg(feature = "bytes")]
use crate::codec::decoder::MessageDecoder;
#[cfg(feature = "bytes")]
use crate::codec::message::Message;
use crate::config::{Config, EncoderConfig};
use crate::decoder::Decoder;
#[cfg(all(feature = "deflate", feature = "alloc"))]
use crate::deflate::{Inflate, Inflater};
#[cfg(feature = "alloc")]
use crate::encoder::Append;
use crate::encoder::sealed::Output;
use crate::encoder::{Encoder, Slice};
use crate::error::{DecodeError, EncodeError};
#[cfg(feature = "alloc")]
use crate::event::MessageEvent;
use crate::event::{Chunk, Event};
use crate::frame::Frame;
use crate::keys::{KeySource, Masking, Unmasked};
use crate::machine::Control;
use crate::role::Role;

/// One end of a connection: a decoder, an encoder, and what an endpoint must do by itself. See [the page of the
/// module](crate::connection).
///
/// `D` is a [`Decoder`], an `Assembler` or a `codec::MessageDecoder`, and has to be named: `Connection::<Assembler, _>::server()`.
/// `K` follows from the role: [`Unmasked`] for a server, a [`KeySource`] for a client.
#[derive(Clone)]
pub struct Connection<D, K> {
    decoder: D,
    encoder: Encoder<K>,
    conduct: Conduct,
}

const _: () = assert!(size_of::<Connection<Decoder, Unmasked>>() <= 448);

/// What to do with the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transport {
    /// Read, and write what there is.
    Open,
    /// Write what there is, then shut down writing (a FIN, or the `close_notify` of TLS), and read on until the end, which is
    /// discarded. Closing a socket with unread input would reset it, and the peer could miss the Close (RFC 6455 §7.1.1).
    Finish,
    /// Write what there is, and read on until the end, which is discarded: the server closes first (RFC 6455 §7.1.1).
    Await,
    /// Drop it. Nothing is to be read or written any more.
    Drop,
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// We sent a Close first, and the peer answered it.
    ClosedByUs,
    /// The peer sent a Close first.
    ClosedByPeer,
    /// The peer broke the protocol.
    Violation(DecodeError),
    /// The application gave up: [`Connection::fail`].
    Failed,
    /// The transport ended without a Close of the peer.
    Lost,
    /// The peer did not answer our Close in time.
    NoClose,
    /// The peer sent nothing in time, not even the Pong to our Ping.
    NoPong,
    /// There was no room for a Pong or Ping for too long, or (`endpoint`) nothing could be written: the peer does not read.
    Stalled,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome<'c> {
    cause: Cause,
    code: CloseCode,
    reason: &'c str,
    sent: Option<CloseCode>,
    received: Option<CloseCode>,
    clean: bool,
    unfinished: bool,
}

impl<'c> Outcome<'c> {
    /// Why it ended.
    pub const fn cause(&self) -> Cause {
        self.cause
    }

    /// What the application is told: the peer's code, [1005](CloseCode::NO_STATUS_RECEIVED) if its Close had none, our own
    /// after a violation or [`Connection::fail`], and [1006](CloseCode::ABNORMAL_CLOSURE) if no Close came. Whether to connect
    /// again is [`CloseCode::reconnect`].
    pub const fn code(&self) -> CloseCode {
        self.code
    }

    /// The reason in the peer's Close, or of the violation.
    pub const fn reason(&self) -> &'c str {
        self.reason
    }

    /// Our Close was not written after all.
    #[cfg(feature = "tokio")]
    pub(crate) const fn unsent(self) -> Outcome<'c> {
        Outcome { sent: None, clean: false, ..self }
    }

    /// For a value that owns the reason.
    #[cfg(feature = "tokio")]
    pub(crate) const fn without_reason(self) -> Outcome<'static> {
        Outcome { reason: "", ..self }
    }

    /// Whether both ends sent a Close, and in order: what a browser calls `wasClean`.
    pub const fn is_clean(&self) -> bool {
        self.clean
    }

    /// The code in the Close that we sent; [1005](CloseCode::NO_STATUS_RECEIVED) if it had none, `None` if none was sent.
    pub const fn sent(&self) -> Option<CloseCode> {
        self.sent
    }

    /// The code in the Close that was received; [1005](CloseCode::NO_STATUS_RECEIVED) if it had none, `None` if none came.
    pub const fn received(&self) -> Option<CloseCode> {
        self.received
    }

    /// Whether a message or a frame of the peer was cut off.
    pub const fn is_unfinished(&self) -> bool {
        self.unfinished
    }
}

mod sealed {
    use super::{CloseFrame, DecodeError};

    /// What a connection asks of its decoder.
    pub trait Receive {
        fn position(&self) -> u64;
        fn received_close(&self) -> Option<CloseFrame<'_>>;
        fn error(&self) -> Option<DecodeError>;
        fn is_unfinished(&self) -> bool;
        fn stop(&mut self);
    }
}

impl<D: Receive, K: Masking> Connection<D, K> {
    /// Sets how long the connection waits for what.
    #[must_use]
    pub fn with_timing(mut self, timing: Timing) -> Connection<D, K> {
        self.conduct.set_timing(timing);
        self
    }

    /// The decoder: where in the stream it is, and what it received last.
    pub const fn decoder(&self) -> &D {
        &self.decoder
    }

    /// The encoder, for data. A Close that is sent through it counts as [`Connection::close`]. Once a Close was received or is
    /// due, it refuses every frame.
    pub const fn encoder(&mut self) -> &mut Encoder<K> {
        &mut self.encoder
    }

    /// The decoder and the encoder at once, so that what a decoder still holds can be sent: a gathered message of an `Assembler`,
    /// the payload of a control frame. What [`Connection::encoder`] says holds for this encoder.
    pub const fn parts_mut(&mut self) -> (&D, &mut Encoder<K>) {
        (&self.decoder, &mut self.encoder)
    }

    /// Begins the closing handshake: writes a Close to the front of `out` and returns its length in bytes. What still comes is
    /// decoded until the peer's Close.
    ///
    /// # Errors
    /// [`EncodeError::BufferTooSmall`], and nothing has changed; [`EncodeError::Closed`], if a Close was sent or received before.
    pub fn close(&mut self, out: &mut (impl Slice + ?Sized), close: CloseFrame<'_>) -> Result<usize, EncodeError> {
        let written = self.encoder.close(out, close)?;
        self.conduct.closed_by_us();
        Ok(written)
    }

    /// [`Connection::close`], to the end of `out`.
    ///
    /// # Errors
    /// [`EncodeError::Closed`], if a Close was sent or received before.
    #[cfg(feature = "alloc")]
    pub fn append_close(&mut self, out: &mut impl Append, close: CloseFrame<'_>) -> Result<usize, EncodeError> {
        let written = self.encoder.append(out, close)?;
        self.conduct.closed_by_us();
        Ok(written)
    }

    /// Fails the connection for a reason of the application's own, such as 1003, 1008 or 1011 (RFC 6455 §7.1.7): a Close is due,
    /// as after a violation, and from here on all input is discarded. After our own Close there is no second one; after the
    /// peer's, this does nothing.
    pub fn fail(&mut self, close: CloseFrame<'static>) {
        self.note_sent();
        if matches!(self.conduct.phase, Phase::Open | Phase::Closing) {
            self.conduct.set_failure(close);
            self.conduct.fails(Why::Failed);
            self.encoder.lock();
            self.decoder.stop();
        }
    }

    /// Writes what is due (a Pong, a Ping of the keepalive, a Close) to the front of `out`, as far as it fits, and returns how
    /// many bytes that was: at most 276, and 0 if nothing is due.
    ///
    /// Call it after each event, so that every Ping is answered, and before waiting. It must not come between a header that
    /// [`Encoder::header`] gave and its payload.
    pub fn write_control(&mut self, out: &mut (impl Slice + ?Sized)) -> usize {
        let out = out.as_mut_slice();
        let mut len = 0;
        while let Some(rest) = out.get_mut(len..) {
            match self.write_due(rest) {
                0 => break,
                written => len += written,
            }
        }
        len
    }

    /// [`Connection::write_control`], to the end of `out`.
    #[cfg(feature = "alloc")]
    pub fn append_control(&mut self, out: &mut impl Append) -> usize {
        let mut len = 0;
        loop {
            match self.write_due(out) {
                0 => return len,
                written => len += written,
            }
        }
    }

    /// Whether [`Connection::write_control`] has something to write.
    pub const fn has_control(&self) -> bool {
        match self.conduct.phase {
            Phase::Open => self.encoder.sent_close().is_none() && self.conduct.owes(),
            Phase::Replying | Phase::Failing => true,
            _ => false,
        }
    }

    /// Tells the time since any fixed point of the caller's. It is the only method that takes it; without it, nothing times
    /// out. A time before an earlier one is ignored.
    ///
    /// Call it first whenever there is something to do, and at the latest at [`Connection::deadline`].
    pub fn at(&mut self, now: Duration) {
        self.note_sent();
        let before = self.conduct.phase;
        self.conduct.at(now, self.decoder.position());
        self.note_end(before);
    }

    /// When to call [`Connection::at`] next, in the same time; `None` if there is nothing to wait for, or no time was told yet.
    pub fn deadline(&mut self) -> Option<Duration> {
        self.note_sent();
        self.conduct.deadline(self.decoder.position())
    }

    /// What to do with the transport.
    pub const fn transport(&self) -> Transport {
        match self.conduct.phase {
            Phase::Open | Phase::Closing | Phase::Replying | Phase::Failing => Transport::Open,
            Phase::Done | Phase::Failed if K::MASKED => Transport::Await,
            Phase::Done | Phase::Failed => Transport::Finish,
            Phase::Ended => Transport::Drop,
        }
    }

    /// The transport is gone: reading gave its end, or reading or writing failed.
    pub fn end(&mut self) {
        self.note_sent();
        let before = self.conduct.phase;
        self.conduct.ends();
        self.note_end(before);
    }

    /// How the connection ended, as soon as that is decided.
    pub fn outcome(&self) -> Option<Outcome<'_>> {
        if !matches!(self.conduct.phase, Phase::Done | Phase::Failed | Phase::Ended) {
            return None;
        }
        let code_of = |code: Option<CloseCode>| code.unwrap_or(CloseCode::NO_STATUS_RECEIVED);
        // A Close that is decoded after the end counts no more.
        let has_close = matches!(self.conduct.why, Why::ClosedByUs | Why::ClosedByPeer);
        let close = self.decoder.received_close().filter(|_| has_close);
        let received = close.map(|close| code_of(close.code()));
        let sent = self.encoder.sent_close().map(code_of);
        let by_close = (received.unwrap_or(CloseCode::ABNORMAL_CLOSURE), close.map_or("", |close| close.reason()));
        let (cause, (code, reason)) = match (self.conduct.why, self.decoder.error(), self.conduct.failure()) {
            (Why::Violation, Some(error), _) => {
                (Cause::Violation(error), (error.close_code(), error.violation().reason()))
            }
            (Why::Failed, _, Some(failure)) => (Cause::Failed, (code_of(failure.code()), failure.reason())),
            (Why::ClosedByUs, ..) => (Cause::ClosedByUs, by_close),
            (Why::ClosedByPeer, ..) => (Cause::ClosedByPeer, by_close),
            (Why::NoClose, ..) => (Cause::NoClose, by_close),
            (Why::NoPong, ..) => (Cause::NoPong, by_close),
            (Why::Stalled, ..) => (Cause::Stalled, by_close),
            _ => (Cause::Lost, by_close),
        };
        let unfinished = if has_close || matches!(cause, Cause::Violation(_) | Cause::Failed) {
            // Nothing has come since.
            self.decoder.is_unfinished()
        } else {
            self.conduct.unfinished
        };
        Some(Outcome { cause, code, reason, sent, received, clean: has_close && sent.is_some(), unfinished })
    }

    /// Bytes were received that are going to be decoded: what they bring is dated exactly, and the peer is not silent. It ends
    /// nothing, because they may hold what this moment would miss: call [`Connection::at`] once they are decoded.
    #[cfg(feature = "tokio")]
    pub(crate) fn heard_at(&mut self, now: Duration) {
        self.conduct.heard_at(now);
    }

    /// What happened since the last call that knew the time happened `now`.
    #[cfg(feature = "tokio")]
    pub(crate) fn date(&mut self, now: Duration) {
        self.note_sent();
        self.conduct.date(now, self.decoder.position());
    }

    /// Whether something has begun that is not dated.
    #[cfg(feature = "tokio")]
    pub(crate) const fn is_undated(&self) -> bool {
        self.conduct.is_undated()
    }

    /// The transport takes bytes again after it had taken none: the peer reads.
    #[cfg(feature = "tokio")]
    pub(crate) fn peer_reads(&mut self, now: Duration) {
        self.conduct.peer_reads(now);
    }

    /// Whether a Pong is due.
    #[cfg(feature = "tokio")]
    pub(crate) fn owes_pong(&self) -> bool {
        matches!(self.conduct.phase, Phase::Open) && self.conduct.pong().is_some()
    }

    /// The peer does not read: the caller found that nothing that was to be written could be.
    #[cfg(feature = "tokio")]
    pub(crate) fn stall(&mut self) {
        self.note_sent();
        let before = self.conduct.phase;
        self.conduct.stalls();
        self.note_end(before);
    }

    /// Our Close, or some of what stands before it, has left the caller's buffers only now: the transport has its time to end
    /// ([`Timing::linger`]) from here on. Without it, that time runs from when the Close was encoded, which is too early for a caller
    /// whose output has to wait for the peer. As long as no Close went either way, it does nothing.
    pub fn wrote_close(&mut self, now: Duration) {
        self.conduct.lingers_from(now);
    }

    /// How long the peer took to answer the last Ping of the keepalive, as far as the times that were told show it.
    pub const fn latency(&self) -> Option<Duration> {
        self.conduct.latency()
    }

    /// Writes the first frame that is due; returns its length, or 0 if there is none or no room for it.
    fn write_due(&mut self, out: &mut (impl Output + ?Sized)) -> usize {
        let written = match self.conduct.phase {
            Phase::Open => {
                if let Some(payload) = self.conduct.pong() {
                    let written = self.encoder.put(out, Frame::pong(payload));
                    if written.is_ok() {
                        self.conduct.wrote_pong();
                    }
                    written
                } else if self.conduct.ping_is_due() {
                    let written = self.encoder.put(out, Frame::ping(&self.conduct.ping_payload()));
                    if written.is_ok() {
                        self.conduct.wrote_ping();
                    }
                    written
                } else {
                    return 0;
                }
            }
            Phase::Replying | Phase::Failing => {
                let written = self.encoder.owed_close(out, self.owed_close());
                if written.is_ok() {
                    self.conduct.wrote_close();
                }
                written
            }
            _ => return 0,
        };
        written.unwrap_or(0)
    }

    /// The Close that is due: the answer to the peer's, or that of the failure.
    fn owed_close(&self) -> CloseFrame<'static> {
        let reply = self.decoder.received_close().map(|close| close.reply());
        let violation = self.decoder.error().map(|error| error.violation().close_frame());
        reply.or(self.conduct.failure()).or(violation).unwrap_or(CloseFrame::EMPTY)
    }

    fn note_sent(&mut self) {
        note_sent(&self.encoder, &mut self.conduct);
    }

    /// Notices that the connection has ended since it was in this phase.
    fn note_end(&mut self, before: Phase) {
        if self.conduct.phase == Phase::Ended && before != Phase::Ended {
            self.conduct.unfinished = self.decoder.is_unfinished();
            self.encoder.lock();
        }
    }
}

/// Notices a Close that was sent through the encoder.
fn note_sent<K>(encoder: &Encoder<K>, conduct: &mut Conduct) {
    if encoder.sent_close().is_some() {
        conduct.closed_by_us();
    }
}

/// Notices a control frame.
fn note<K>(encoder: &mut Encoder<K>, conduct: &mut Conduct, control: &Control<'_>) {
    note_sent(encoder, conduct);
    conduct.received(control);
    if matches!(control, Control::Close(_)) {
        encoder.lock();
    }
}

/// Notices the violation of a decoder.
#[cold]
fn note_error<K>(encoder: &mut Encoder<K>, conduct: &mut Conduct, error: DecodeError) -> DecodeError {
    note_sent(encoder, conduct);
    conduct.fails(Why::Violation);
    encoder.lock();
    error
}

/// What differs by decoder.
macro_rules! over {
    ($(#[$attribute:meta])* $decoder:ty, $($const:ident)?) => {
        $(#[$attribute])*
        impl Receive for $decoder {
            fn position(&self) -> u64 {
                <$decoder>::position(self)
            }

            fn received_close(&self) -> Option<CloseFrame<'_>> {
                self.machine().received_close()
            }

            fn error(&self) -> Option<DecodeError> {
                self.machine().error()
            }

            fn is_unfinished(&self) -> bool {
                self.machine().is_unfinished()
            }

            fn stop(&mut self) {
                <$decoder>::stop(self);
            }
        }

        $(#[$attribute])*
        impl Connection<$decoder, Unmasked> {
            /// The server's end, with the limits of [`Config::SERVER`] on what it receives and none on what it sends.
            pub $($const)? fn server() -> Self {
                Self::server_with_config(Config::SERVER, EncoderConfig::new())
            }

            /// The server's end, with these settings for what it receives and for what it sends.
            pub $($const)? fn server_with_config(receiving: Config, sending: EncoderConfig) -> Self {
                Connection {
                    decoder: <$decoder>::with_config(Role::Server, receiving),
                    encoder: Encoder::server_with_config(sending),
                    conduct: Conduct::new(Timing::new()),
                }
            }
        }

        $(#[$attribute])*
        impl<K: KeySource> Connection<$decoder, K> {
            /// The client's end, with the limits of [`Config::CLIENT`] on what it receives and none on what it sends. `keys` is
            /// asked for the key of each frame.
            pub $($const)? fn client(keys: K) -> Self {
                Self::client_with_config(keys, Config::CLIENT, EncoderConfig::new())
            }

            /// The client's end, with these settings for what it receives and for what it sends.
            pub $($const)? fn client_with_config(keys: K, receiving: Config, sending: EncoderConfig) -> Self {
                Connection {
                    decoder: <$decoder>::with_config(Role::Client, receiving),
                    encoder: Encoder::client_with_config(keys, sending),
                    conduct: Conduct::new(Timing::new()),
                }
            }
        }
    };
}

over!(Decoder, const);
over!(
    #[cfg(feature = "alloc")]
    Assembler,
    const
);
over!(
    #[cfg(feature = "bytes")]
    MessageDecoder,
);

impl<K: Masking> Connection<Decoder, K> {
    /// As [`Decoder::decode`]: every event is returned, and the connection notes what it owes for it.
    ///
    /// # Errors
    /// As [`Decoder::decode`].
    #[inline]
    pub fn decode<'d, 'b>(&'d mut self, input: &mut &'b mut [u8]) -> Result<Option<Event<'d, 'b>>, DecodeError> {
        match self.decode_whole(input) {
            Some(result) => result.map(|chunk| Some(Event::Chunk(chunk))),
            None => {
                let (rest, result) = self.decode_step(mem::take(input));
                *input = rest;
                result
            }
        }
    }

    /// As [`Decoder::decode_whole`].
    #[doc(hidden)]
    #[inline(always)]
    pub fn decode_whole<'b>(&mut self, input: &mut &'b mut [u8]) -> Option<Result<Chunk<'b>, DecodeError>> {
        let result = self.decoder.decode_whole(input)?;
        Some(result.map_err(|error| note_error(&mut self.encoder, &mut self.conduct, error)))
    }

    /// Everything but a whole message. Returns the rest of `input`.
    #[doc(hidden)]
    #[inline(never)]
    pub fn decode_step<'d, 'b>(
        &'d mut self,
        input: &'b mut [u8],
    ) -> (&'b mut [u8], Result<Option<Event<'d, 'b>>, DecodeError>) {
        let (rest, result) = self.decoder.decode_step(input);
        let control = match &result {
            Ok(Some(Event::Ping(payload))) => Control::Ping(payload),
            Ok(Some(Event::Pong(payload))) => Control::Pong(payload),
            Ok(Some(Event::Close(close))) => Control::Close(*close),
            Ok(Some(Event::Chunk(_)) | None) => return (rest, result),
            Err(error) => return (rest, Err(note_error(&mut self.encoder, &mut self.conduct, *error))),
        };
        note(&mut self.encoder, &mut self.conduct, &control);
        (rest, result)
    }
}

#[cfg(feature = "alloc")]
impl<K: Masking> Connection<Assembler, K> {
    /// As [`Assembler::decode`]: every event is returned, and the connection notes what it owes for it.
    ///
    /// # Errors
    /// As [`Assembler::decode`].
    #[inline]
    pub fn decode<'m, 'b: 'm>(
        &'m mut self,
        input: &mut &'b mut [u8],
    ) -> Result<Option<MessageEvent<'m, 'b>>, DecodeError> {
        match self.decoder.decode_whole(input) {
            Some(Ok(message)) => Ok(Some(MessageEvent::Message(message))),
            Some(Err(error)) => Err(note_error(&mut self.encoder, &mut self.conduct, error)),
            None => {
                let (rest, result) = self.decode_step(mem::take(input));
                *input = rest;
                result
            }
        }
    }

    /// Everything but a whole message. Returns the rest of `input`.
    #[inline(never)]
    fn decode_step<'m, 'b: 'm>(
        &'m mut self,
        input: &'b mut [u8],
    ) -> (&'b mut [u8], Result<Option<MessageEvent<'m, 'b>>, DecodeError>) {
        let (rest, result) = self.decoder.decode_step(input);
        let control = match &result {
            Ok(Some(MessageEvent::Ping(payload))) => Control::Ping(payload),
            Ok(Some(MessageEvent::Pong(payload))) => Control::Pong(payload),
            Ok(Some(MessageEvent::Close(close))) => Control::Close(*close),
            Ok(Some(MessageEvent::Message(_)) | None) => return (rest, result),
            Err(error) => return (rest, Err(note_error(&mut self.encoder, &mut self.conduct, *error))),
        };
        note(&mut self.encoder, &mut self.conduct, &control);
        (rest, result)
    }

    /// As [`Assembler::with_inflater`] (feature `deflate`).
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn with_inflater(mut self, inflater: Inflater<impl Inflate + Send + Sync + 'static>) -> Self {
        self.decoder = self.decoder.with_inflater(inflater);
        self
    }

    /// As [`Assembler::with_max_idle_buffer`].
    #[must_use]
    pub fn with_max_idle_buffer(mut self, bytes: usize) -> Self {
        self.decoder = self.decoder.with_max_idle_buffer(bytes);
        self
    }
}

#[cfg(feature = "bytes")]
impl<K: Masking> Connection<MessageDecoder, K> {
    /// As [`MessageDecoder::decode`]: every message is returned, and the connection notes what it owes for it.
    ///
    /// # Errors
    /// As [`MessageDecoder::decode`].
    #[inline]
    pub fn decode(&mut self) -> Result<Option<Message>, DecodeError> {
        match self.decoder.decode_whole() {
            Some(Ok(message)) => Ok(Some(message)),
            Some(Err(error)) => Err(note_error(&mut self.encoder, &mut self.conduct, error)),
            None => self.decode_step(),
        }
    }

    /// Everything but a whole message.
    #[inline(never)]
    fn decode_step(&mut self) -> Result<Option<Message>, DecodeError> {
        let result = self.decoder.decode_step();
        let control = match &result {
            Ok(Some(Message::Ping(payload))) => Control::Ping(payload),
            Ok(Some(Message::Pong(payload))) => Control::Pong(payload),
            Ok(Some(Message::Close(close))) => Control::Close(close.as_frame()),
            Ok(Some(Message::Text(_) | Message::Binary(_) | Message::Opaque(_)) | None) => return result,
            Err(error) => return Err(note_error(&mut self.encoder, &mut self.conduct, *error)),
        };
        note(&mut self.encoder, &mut self.conduct, &control);
        result
    }

    /// As [`MessageDecoder::with_inflater`] (feature `deflate`).
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn with_inflater(mut self, inflater: Inflater<impl Inflate + Send + Sync + 'static>) -> Self {
        self.decoder = self.decoder.with_inflater(inflater);
        self
    }

    /// As [`MessageDecoder::with_max_idle_buffer`].
    #[must_use]
    pub fn with_max_idle_buffer(mut self, bytes: usize) -> Self {
        self.decoder = self.decoder.with_max_idle_buffer(bytes);
        self
    }

    /// As [`MessageDecoder::with_read_size`].
    #[must_use]
    pub fn with_read_size(mut self, bytes: usize) -> Self {
        self.decoder = self.decoder.with_read_size(bytes);
        self
    }

    /// As [`MessageDecoder::with_received`].
    #[must_use]
    pub fn with_received(mut self, bytes: BytesMut) -> Self {
        self.decoder = self.decoder.with_received(bytes);
        self
    }

    #[cfg(feature = "tokio")]
    pub(crate) const fn decoder_mut(&mut self) -> &mut MessageDecoder {
        &mut self.decoder
    }

    /// As [`MessageDecoder::spare_mut`].
    pub fn spare_mut(&mut self) -> &mut [u8] {
        self.decoder.spare_mut()
    }

    /// As [`MessageDecoder::commit`].
    pub fn commit(&mut self, len: usize) {
        self.decoder.commit(len);
    }

    /// As [`MessageDecoder::take_undecoded`].
    pub fn take_undecoded(&mut self) -> Option<BytesMut> {
        self.decoder.take_undecoded()
    }
}

/// The room of the [`MessageDecoder`].
#[cfg(feature = "bytes")]
#[allow(unsafe_code, reason = "the trait is unsafe to implement")]
// SAFETY: the decoder does all of it.
unsafe impl<K> BufMut for Connection<MessageDecoder, K> {
    fn remaining_mut(&self) -> usize {
        self.decoder.remaining_mut()
    }

    unsafe fn advance_mut(&mut self, len: usize) {
        // SAFETY: the caller initialized `len` bytes of the chunk, which is the decoder's.
        unsafe { self.decoder.advance_mut(len) };
    }

    fn chunk_mut(&mut self) -> &mut bytes::buf::UninitSlice {
        self.decoder.chunk_mut()
    }
}

impl<D: fmt::Debug, K> fmt::Debug for Connection<D, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("decoder", &self.decoder)
            .field("encoder", &self.encoder)
            .field("phase", &self.conduct.phase)
            .finish_non_exhaustive()
    }
}
