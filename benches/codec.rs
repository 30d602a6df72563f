//! The codec on streams: decoding in both roles, assembling, owned messages (with the feature `bytes`), encoding, and sending
//! to many. A read is a copy into the reader's buffer, of at most 64 KiB or as many bytes as the name says.

use core::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use wsframe::{Assembler, Decoder, Encoder, Frame, MessageKind, Role};
use wsframe_dev::{Rng, push_frame};

const READ: usize = 64 * 1024;

#[derive(Clone, Copy, PartialEq)]
enum Content {
    Ascii,
    Multilingual,
    Binary,
}

const CONTENTS: [(Content, &str); 3] =
    [(Content::Ascii, "text-ascii"), (Content::Multilingual, "text-multilingual"), (Content::Binary, "binary")];

fn payload(content: Content, len: usize) -> Vec<u8> {
    match content {
        Content::Binary => (0..len).map(|i| (i * 131 % 251) as u8).collect(),
        Content::Ascii => "plain letters, digits 0123 and so on; ".bytes().cycle().take(len).collect(),
        Content::Multilingual => {
            let mut text: Vec<u8> = "naïve, ещё, 文字, 🙂; ".bytes().cycle().take(len).collect();
            while core::str::from_utf8(&text).is_err() {
                text.pop();
            }
            text.resize(len, b' ');
            text
        }
    }
}

/// Frames that an end of this role receives.
struct Stream {
    role: Role,
    bytes: Vec<u8>,
    frames: u64,
    keys: Rng,
}

impl Stream {
    fn new(role: Role) -> Stream {
        Stream { role, bytes: Vec::new(), frames: 0, keys: Rng(1) }
    }

    fn push(&mut self, first: u8, payload: &[u8]) {
        self.frames += 1;
        let key = (self.role == Role::Server).then(|| self.keys.key());
        push_frame(&mut self.bytes, first, key, payload);
    }

    /// Such messages, at least one, until the stream has so many bytes.
    fn messages(role: Role, content: Content, len: usize, bytes: usize) -> Stream {
        let mut stream = Stream::new(role);
        let payload = payload(content, len);
        let first = if content == Content::Binary { 0x82 } else { 0x81 };
        while stream.bytes.len() < bytes {
            stream.push(first, &payload);
        }
        stream
    }
}

fn decode(stream: &Stream, read: usize, buffer: &mut [u8]) {
    let mut decoder = Decoder::new(stream.role);
    for bytes in stream.bytes.chunks(read) {
        let buffer = &mut buffer[..bytes.len()];
        buffer.copy_from_slice(bytes);
        decoder.for_each(buffer, |event| _ = black_box(event)).unwrap();
    }
}

fn assemble(stream: &Stream, read: usize, buffer: &mut [u8]) {
    let mut assembler = Assembler::new(stream.role);
    for bytes in stream.bytes.chunks(read) {
        let buffer = &mut buffer[..bytes.len()];
        buffer.copy_from_slice(bytes);
        assembler.for_each(buffer, |event| _ = black_box(event)).unwrap();
    }
}

/// Owned messages, out of a buffer of the decoder's own.
#[cfg(feature = "bytes")]
fn own(stream: &Stream, read: usize, _: &mut [u8]) {
    use wsframe::codec::{BufMut, MessageDecoder};
    let mut decoder = MessageDecoder::new(stream.role).with_read_size(READ).with_max_idle_buffer(1 << 22);
    for bytes in stream.bytes.chunks(read) {
        decoder.put_slice(bytes);
        decoder.for_each(|message| _ = black_box(message)).unwrap();
    }
}

/// A stream, decoded in reads of so many bytes.
type Mode = (&'static str, fn(&Stream, usize, &mut [u8]));

const MODES: &[Mode] = &[
    ("decode", decode),
    ("assemble", assemble),
    #[cfg(feature = "bytes")]
    ("own", own),
];

/// In bytes, and then in frames.
fn both(c: &mut Criterion, name: &str, size: &str, stream: &Stream, read: usize) {
    let mut buffer = vec![0; READ];
    for (mode, run) in MODES {
        for throughput in [Throughput::Bytes(stream.bytes.len() as u64), Throughput::Elements(stream.frames)] {
            let unit = if matches!(throughput, Throughput::Bytes(_)) { "" } else { "-frames" };
            let mut group = c.benchmark_group(format!("{mode}/{}/{name}{unit}", stream.role));
            group.throughput(throughput).sample_size(20);
            group.bench_function(BenchmarkId::from_parameter(size), |b| b.iter(|| run(stream, read, &mut buffer)));
            group.finish();
        }
    }
}

fn streams(c: &mut Criterion) {
    for role in [Role::Server, Role::Client] {
        for (content, name) in CONTENTS {
            for (len, size) in [(16, "16B"), (64, "64B"), (1024, "1KiB"), (65_536, "64KiB"), (1 << 20, "1MiB")] {
                both(c, name, size, &Stream::messages(role, content, len, 1 << 20), READ);
            }
        }
        let mut fragments = Stream::new(role);
        let text = payload(Content::Multilingual, 1 << 20);
        for (i, piece) in text.chunks(4096).enumerate() {
            fragments.push(if i == 0 { 0x01 } else { 0x00 }, piece);
            if i % 16 == 15 {
                fragments.push(0x89, b"ping");
            }
        }
        fragments.push(0x80, b"");
        both(c, "fragments-and-pings", "4KiB", &fragments, READ);
        both(c, "reads-of-1460", "64KiB", &Stream::messages(role, Content::Ascii, 65_536, 1 << 20), 1460);
        both(c, "byte-by-byte", "64B", &Stream::messages(role, Content::Ascii, 64, 1 << 16), 1);

        // Many small messages, few large ones.
        let mut mix = Stream::new(role);
        let mut random = Rng(1);
        while mix.bytes.len() < 4 << 20 {
            let uniform = random.unit();
            let len = (20.0 / (1.0 - uniform).powf(1.1)).min(65_536.0) as usize;
            let (content, first) = if random.below(2) == 0 { (Content::Ascii, 0x81) } else { (Content::Binary, 0x82) };
            mix.push(first, &payload(content, len));
        }
        both(c, "mix", "20B-64KiB", &mix, READ);
    }
}

fn encode(c: &mut Criterion) {
    let mut out = vec![0; (1 << 20) + 14];
    for (len, size) in [(16, "16B"), (64, "64B"), (1024, "1KiB"), (65_536, "64KiB"), (1 << 20, "1MiB")] {
        let text = String::from_utf8(payload(Content::Ascii, len)).unwrap();
        let mut group = c.benchmark_group("encode");
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function(BenchmarkId::new("server/text", size), |b| {
            let mut encoder = Encoder::server();
            b.iter(|| encoder.text(black_box(&mut out[..]), black_box(&text)));
        });
        group.bench_function(BenchmarkId::new("client/text", size), |b| {
            let mut encoder = Encoder::client(|| [1, 2, 3, 4]);
            b.iter(|| encoder.text(black_box(&mut out[..]), black_box(&text)));
        });
        group.bench_function(BenchmarkId::new("client/text-from-bytes", size), |b| {
            let mut encoder = Encoder::client(|| [1, 2, 3, 4]);
            b.iter(|| {
                encoder.encode(
                    black_box(&mut out[..]),
                    Frame::fragment(MessageKind::Text, black_box(text.as_bytes()), true),
                )
            });
        });
        group.finish();
    }
}

/// One message to a thousand connections: encoded for each, and encoded once.
#[cfg(feature = "bytes")]
fn broadcast(c: &mut Criterion) {
    use bytes::BytesMut;
    use wsframe::codec::{Message, PreparedFrame};
    for (len, size) in [(64, "64B"), (1024, "1KiB"), (16_384, "16KiB")] {
        let message = Message::from(String::from_utf8(payload(Content::Ascii, len)).unwrap());
        let mut connections = vec![(Encoder::server(), BytesMut::with_capacity(len + 14)); 1000];
        let mut group = c.benchmark_group("to-1000-receivers");
        group.throughput(Throughput::Elements(1000)).sample_size(20);
        group.bench_function(BenchmarkId::new("encode-for-each", size), |b| {
            b.iter(|| {
                for (encoder, out) in &mut connections {
                    out.clear();
                    encoder.append(out, black_box(&message)).unwrap();
                }
            });
        });
        group.bench_function(BenchmarkId::new("encode-once", size), |b| {
            b.iter(|| {
                let frame = PreparedFrame::new(black_box(&message)).unwrap();
                for (encoder, _) in &mut connections {
                    black_box(encoder.encode_prepared(&frame).unwrap());
                }
            });
        });
        group.finish();
    }
}

#[cfg(not(feature = "bytes"))]
fn broadcast(_: &mut Criterion) {}

criterion_group!(benches, streams, encode, broadcast);
criterion_main!(benches);
