//! Drives the codec over bytes that the compiler cannot know, with a panic handler that calls a symbol that exists
//! nowhere: if any panic could be reached, this program would not link.
//!
//! It decodes standard input with both roles, encodes what it decoded for the other end, and writes the result to
//! standard output, so that nothing of it can be optimized away.

#![no_std]
#![no_main]

mod host;

extern crate alloc;

use alloc::vec::Vec;
use core::time::Duration;

use wsframe::deflate::{
    Agreement, Compressor, Deflate, Direction, Inflate, InflateError, Inflater, Policy, Step, WindowBits,
};
use wsframe::handshake::{Client, Fields, HeadFinder, Request, check, check_connect};
use wsframe::{
    Assembler, CloseCode, CloseFrame, Config, Connection, DecodeError, Decoder, Encoder, EncoderConfig, Event, Frame,
    Header, Inspector, Mask, Masking, MessageEvent, MessageKind, Role, Rsv, Transport, Utf8Validator,
};

unsafe extern "C" {
    fn wsframe_a_panic_is_reachable() -> !;
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: never called: the symbol does not exist.
    unsafe { wsframe_a_panic_is_reachable() }
}

fn run() {
    let mut input = [0; 4096];
    let mut copy = [0; 4096];
    loop {
        let len = host::read(&mut input);
        let Some(bytes) = input.get_mut(..len).filter(|bytes| !bytes.is_empty()) else { return };
        #[cfg(feature = "reachable-panic")]
        host::write(&[bytes[bytes[0] as usize]]);
        pieces(bytes);
        messages(Role::Server, copied(bytes, &mut copy));
        messages(Role::Client, copied(bytes, &mut copy));
        open(bytes);
        negotiate(bytes);
        compressed(copied(bytes, &mut copy));
        inspect(Role::Server, copied(bytes, &mut copy));
        conduct(Connection::<Decoder, _>::server(), copied(bytes, &mut copy));
        conduct(Connection::<Assembler, _>::client(|| host::random_key()), copied(bytes, &mut copy));
        let keys = || host::random_key();
        connection(Decoder::new(Role::Client), Encoder::client(keys), copied(bytes, &mut copy));
        let sending = EncoderConfig::new().with_allowed_rsv(Rsv::RSV1 | Rsv::RSV3).with_max_fragments(9);
        let server =
            Config::SERVER.with_max_message_len(1 << 20).with_max_fragments(3).with_allowed_rsv(Rsv::RSV1 | Rsv::RSV3);
        connection(Decoder::with_config(Role::Server, server), Encoder::server_with_config(sending), bytes);
    }
}

/// The bytes again, at the front of `copy`: what decodes them changes them.
fn copied<'a>(bytes: &[u8], copy: &'a mut [u8]) -> &'a mut [u8] {
    for (to, from) in copy.iter_mut().zip(bytes) {
        *to = *from;
    }
    copy.get_mut(..bytes.len()).unwrap_or_default()
}

/// What can be used apart from a connection.
fn pieces(bytes: &[u8]) {
    let mut text = Utf8Validator::new();
    let (Ok(()) | Err(_)) = text.update(bytes).map_err(|error| host::write(&error.index().to_le_bytes()));
    for role in [Role::Server, Role::Client] {
        if let Ok(Some(header)) = Header::parse(bytes, role, Rsv::RSV2) {
            host::write(header.encode().as_ref());
            host::write(bytes.get(header.encoded_len()..).unwrap_or_default());
        }
    }
    if let Ok(close) = CloseFrame::parse(bytes) {
        host::write(close.reply().encode(Some(host::random_key())).as_ref());
        host::write(close.reason().as_bytes());
    }
    if let (Some(code), Ok(reason)) = (bytes.first_chunk(), str::from_utf8(bytes))
        && let Ok(code) = CloseCode::new(u16::from_be_bytes(*code))
        && let Ok(close) = CloseFrame::new(code, reason)
    {
        host::write(close.encode(None).as_ref());
        host::write(code.meaning().as_bytes());
    }
}

/// Assembles what comes, in two pieces, with memory that runs out.
fn messages(role: Role, input: &mut [u8]) {
    let mut assembler = Assembler::new(role).with_max_idle_buffer(input.len());
    let cut = input.first().map_or(0, |byte| usize::from(*byte)).min(input.len());
    let (first, second) = input.split_at_mut(cut);
    for piece in [first, second] {
        let result = assembler.for_each(piece, |event| match event {
            MessageEvent::Message(message) => {
                host::write(message.text().unwrap_or_default().as_bytes());
                host::write(message.payload());
            }
            MessageEvent::Ping(control) | MessageEvent::Pong(control) => host::write(control),
            MessageEvent::Close(close) => host::write(close.reason().as_bytes()),
        });
        if let Err(error) = result {
            host::write(&error.offset().to_le_bytes());
        }
        if let Some(message) = assembler.gathered() {
            host::write(message.payload());
        }
        if let Some(close) = assembler.received_close() {
            host::write(close.reason().as_bytes());
        }
        host::write(assembler.control_payload());
    }
    host::write(&[state(assembler.state())]);
}

/// The opening handshake of both sides, over whatever comes.
fn open(bytes: &[u8]) {
    let mut out = [0; 700];
    let mut finder = HeadFinder::with_max_head(2048);
    let end = match finder.find(bytes) {
        Ok(end) => end.unwrap_or(bytes.len()),
        Err(refusal) => {
            let len = refusal.write(&mut out, &[("Retry-After", "1")], refusal.remedy()).unwrap_or(0);
            host::write(out.get(..len).unwrap_or_default());
            bytes.len()
        }
    };
    let head = bytes.get(..end).unwrap_or_default();
    // Fields as a stack has them that has parsed the head: the loop of `httparse` over fields keeps a panic.
    let fields = || {
        head.split(|byte| *byte == b'\n').filter_map(|line| {
            let (name, value) = line.split_at_checked(line.iter().position(|byte| *byte == b':')?)?;
            Some((str::from_utf8(name).ok()?, value.get(1..)?))
        })
    };
    match check("GET", !head.is_empty(), fields) {
        Ok(request) => accept(&request, &mut out),
        Err(refusal) => host::write(refusal.meaning().as_bytes()),
    }
    if let Ok(request) = check_connect(Some("websocket"), fields) {
        accept(&request, &mut out);
    }
    let extensions = str::from_utf8(head).unwrap_or_default();
    let client = Client::new([7; 16], extensions, "/").with_protocols(&["chat"]).with_extensions(extensions);
    if let Ok(len) = client.write(&mut out) {
        host::write(out.get(..len).unwrap_or_default());
    }
    match client.check(fields) {
        Ok(accepted) => {
            host::write(accepted.protocol().unwrap_or_default().as_bytes());
            accepted.extensions().for_each(|extension| host::write(extension.name().as_bytes()));
        }
        Err(failure) => host::write(failure.meaning().as_bytes()),
    }
}

fn accept<'h, F: Fields<'h>>(request: &Request<F>, out: &mut [u8]) {
    let protocol = request.protocols().next().unwrap_or_default();
    let Ok(answer) = request.answer().with_protocol(protocol) else { return };
    let len = answer.write(out, &[("Server", protocol)]).unwrap_or(0);
    host::write(out.get(..len).unwrap_or_default());
    host::write(request.origin().unwrap_or_default().as_bytes());
    for extension in request.extensions() {
        for (name, value) in extension.params() {
            host::write(name.as_bytes());
            host::write(&value.and_then(|value| value.number()).unwrap_or(0).to_le_bytes());
        }
    }
    if let Ok(answer) = request.answer().with_extensions(protocol) {
        answer.fields().for_each(|(name, value)| {
            host::write(name.as_bytes());
            host::write(value.as_bytes());
        });
    }
}

/// Conducts a connection from its first byte to its end, with the time, the room and the order of calls from the input.
fn conduct<D: Conducted>(mut connection: D, input: &mut [u8]) {
    let mut out = [0; 300];
    let mut now = 0;
    for piece in input.chunks_mut(7) {
        let call = piece.first().copied().unwrap_or_default();
        now += u64::from(call) * 40;
        let (room, _) = out.split_at_mut(usize::from(call) % 300);
        connection.turn(call, Duration::from_millis(now), piece, room);
    }
}

/// What differs by decoder.
trait Conducted {
    fn turn(&mut self, call: u8, now: Duration, piece: &mut [u8], room: &mut [u8]);
}

macro_rules! conducted {
    ($decoder:ty, $event:ident, $data:ident) => {
        impl<K: Masking> Conducted for Connection<$decoder, K> {
            fn turn(&mut self, call: u8, now: Duration, mut piece: &mut [u8], room: &mut [u8]) {
                self.at(now);
                loop {
                    match self.decode(&mut piece) {
                        Ok(Some($event::$data(data))) => host::write(data.payload()),
                        Ok(Some($event::Ping(payload) | $event::Pong(payload))) => host::write(payload),
                        Ok(Some($event::Close(close))) => host::write(close.reason().as_bytes()),
                        Ok(None) => break,
                        Err(error) => {
                            host::write(&error.offset().to_le_bytes());
                            break;
                        }
                    }
                    let len = self.write_control(room);
                    host::write(room.get(..len).unwrap_or_default());
                }
                match call {
                    0..10 => self.fail(CloseFrame::EMPTY),
                    10..20 => _ = self.close(room, CloseFrame::EMPTY),
                    20..25 => self.end(),
                    _ => _ = self.encoder().text(room, "text"),
                }
                host::write(&[u8::from(self.has_control())]);
                if let Some(deadline) = self.deadline() {
                    host::write(&(deadline.as_micros() as u64).to_le_bytes());
                }
                if let Some(outcome) = self.outcome() {
                    host::write(outcome.reason().as_bytes());
                    host::write(&outcome.code().get().to_le_bytes());
                    host::write(&[u8::from(outcome.is_clean()), u8::from(outcome.is_unfinished())]);
                }
                let millis = self.latency().map_or(0, |latency| latency.as_millis() as u64);
                host::write(&[u8::from(self.transport() == Transport::Drop), millis as u8]);
            }
        }
    };
}

conducted!(Decoder, Event, Chunk);
conducted!(Assembler, MessageEvent, Message);

/// Shows each header, and forwards what was received into a buffer that grows until memory runs out.
/// permessage-deflate: both ends of the negotiation, over any bytes.
fn negotiate(bytes: &[u8]) {
    for policy in [Policy::SMALL, Policy::BALANCED] {
        host::write(policy.offer().as_bytes());
        let lines = || bytes.split(|byte| *byte == b'\n');
        if let Some((agreed, value)) = policy.answer(lines()) {
            host::write(value.as_bytes());
            host::write(&[agreed.sending(Role::Server).window().get(), agreed.receiving(Role::Server).window().get()]);
        }
        match policy.check(lines()) {
            Ok(Some(agreed)) => host::write(&[u8::from(agreed.sending(Role::Client).takeover())]),
            Ok(None) => host::write(b"-"),
            Err(error) => host::write(&[error as u8]),
        }
    }
}

/// An engine that copies.
struct Copying;

impl Inflate for Copying {
    fn inflate(&mut self, input: &[u8], out: &mut [u8], at: usize) -> Result<Step, InflateError> {
        let room = out.get_mut(at..).unwrap_or_default();
        let len = input.iter().zip(room).map(|(from, to)| *to = *from).count();
        Ok(Step { taken: len, written: len })
    }

    fn finish(&mut self, _: &mut [u8], _: usize) -> Result<usize, InflateError> {
        Ok(0)
    }

    fn forget(&mut self) {}

    fn look_back(&self) -> usize {
        host::random_key()[0].into()
    }
}

impl Deflate for Copying {
    fn deflate(&mut self, message: &[u8], out: &mut [u8]) -> Option<usize> {
        let body = message.iter().chain(&[0, 0, 0xff, 0xff]);
        Some(out.iter_mut().zip(body).map(|(to, from)| *to = *from).count())
    }

    fn bound(&self, len: usize) -> usize {
        len.saturating_add(4)
    }

    fn forget(&mut self) {}
}

/// Compressed messages in pieces, in messages, and sent.
fn compressed(input: &mut [u8]) {
    let direction = Direction::new(WindowBits::MAX, input.len() % 2 == 0);
    let agreed = Agreement::new(direction, direction);
    let mut copy = [0; 4096];
    let copy = copied(input, &mut copy);
    let mut inflater = Inflater::new(Copying, agreed, Role::Client).with_max_message_len(1000);
    let mut decoder = Decoder::with_config(Role::Client, Config::CLIENT.with_allowed_rsv(Rsv::RSV1));
    let mut scratch = [0; 100];
    let mut rest = &mut copy[..];
    while let Ok(Some(event)) = decoder.decode(&mut rest) {
        if let Event::Chunk(chunk) = event
            && inflater.inflate(&chunk, &mut scratch, |piece| host::write(piece.payload())).is_err()
        {
            break;
        }
    }
    let mut compressor = Compressor::new(Copying, agreed, Role::Client).with_threshold(3);
    let mut encoder = Encoder::client(|| host::random_key());
    let (mut out, mut appended) = ([0; 5000], Vec::new());
    if let Ok(len) = encoder.encode_compressed(&mut out, &mut compressor, Frame::binary(input)) {
        host::write(out.get(..len).unwrap_or_default());
    }
    _ = encoder.append_compressed(&mut appended, &mut compressor, Frame::opaque(MessageKind::Text, Rsv::NONE, input));
    compressor.release();
    host::write(&appended);
}

fn inspect(role: Role, mut input: &mut [u8]) {
    let mut inspector = Inspector::new(role);
    let (mut out, mut server) = (Vec::new(), Encoder::server());
    loop {
        let forwarded = match inspector.decode(&mut input) {
            Ok(Some(Event::Chunk(chunk))) => {
                host::write(chunk.text().unwrap_or_default().as_bytes());
                server.append(&mut out, &chunk)
            }
            Ok(Some(Event::Ping(payload) | Event::Pong(payload))) => server.append(&mut out, Frame::pong(payload)),
            Ok(Some(Event::Close(close))) => server.append(&mut out, close),
            Ok(None) | Err(_) => break,
        };
        if let (Ok(len), Some(header)) = (forwarded, inspector.header()) {
            host::write(&(len as u64 + header.payload_len()).to_le_bytes());
        }
    }
    host::write(&out);
}

fn state(state: wsframe::State) -> u8 {
    state as u8
}

/// Decodes `input` and sends everything back, into an output of a size that the input chooses.
fn connection<K: Masking>(mut decoder: Decoder, mut encoder: Encoder<K>, input: &mut [u8]) {
    let mut out = [0; 5000];
    let size = input.first().map_or(0, |byte| usize::from(*byte) * 20).min(out.len());
    let (out, _) = out.split_at_mut(size);
    let mut mask = Mask::new(host::random_key());
    let (first, second) = input.split_at_mut(size.min(input.len()));
    for mut piece in [first, second] {
        loop {
            let written = match decoder.decode(&mut piece) {
                Ok(None) => break,
                Err(error) => {
                    host::write(&error.offset().to_le_bytes());
                    host::write(error.violation().reason().as_bytes());
                    encoder.close(out, error.violation().close_frame())
                }
                Ok(Some(Event::Chunk(chunk))) => {
                    host::write(chunk.text().unwrap_or_default().as_bytes());
                    let (kind, rsv, fin) = (chunk.kind(), chunk.rsv(), chunk.ends_message());
                    let payload = chunk.into_payload();
                    mask.apply(payload);
                    let _ = encoder.header(kind, Rsv::NONE, false, payload.len());
                    let _ = encoder.binary(out, payload);
                    let _ = encoder.encode(out, Frame::text_fragment(str::from_utf8(payload).unwrap_or_default(), fin));
                    let _ = encoder.text(out, str::from_utf8(payload).unwrap_or_default());
                    let _ = encoder.encode(out, Frame::fragment(MessageKind::Text, payload, fin));
                    encoder.encode(out, Frame::fragment(kind, payload, fin).with_rsv(rsv))
                }
                Ok(Some(Event::Ping(ping))) => encoder.pong(out, ping),
                Ok(Some(Event::Pong(pong))) => encoder.ping(out, pong),
                Ok(Some(Event::Close(close))) => encoder.close(out, close.reply()),
            };
            host::write(decoder.control_payload());
            match written {
                Ok(len) => host::write(out.get(..len).unwrap_or_default()),
                Err(_) if decoder.position() > 1 << 40 => return,
                Err(_) => break,
            }
        }
    }
    if let Some(close) = decoder.received_close() {
        host::write(close.reason().as_bytes());
    }
    host::write(&[state(decoder.state())]);
    let mut rest = &mut *out;
    let stopped: Result<(), DecodeError> = decoder.try_for_each(&mut rest, |_| Ok(()));
    host::write(&[u8::from(stopped.is_ok())]);
}
