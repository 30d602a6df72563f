//! The codec on streams. Each public operation is a group, and the names are OPERATION/ROLE/CONTENT/SIZE: `decode`, `assemble`,
//! `own` (`codec::MessageDecoder`, with the feature `bytes`) and `conduct` (`Connection` over a `Decoder`) for what is received;
//! `encode`, `append`, `append_all` and `encode_prepared` for what is sent. A read is a copy into the reader's buffer, of at most
//! 64 KiB or as many bytes as the name says.

use core::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use wsframe::{Assembler, Connection, Decoder, Encoder, Frame, Masking, MessageKind, Role};
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
    keys: Rng,
}

impl Stream {
    fn new(role: Role) -> Stream {
        Stream { role, bytes: Vec::new(), keys: Rng(1) }
    }

    fn push(&mut self, first: u8, payload: &[u8]) {
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

/// As [`decode`], with what an endpoint does by itself; the Pongs are not written.
fn conduct(stream: &Stream, read: usize, buffer: &mut [u8]) {
    fn run<K: Masking>(mut connection: Connection<Decoder, K>, stream: &Stream, read: usize, buffer: &mut [u8]) {
        for bytes in stream.bytes.chunks(read) {
            let buffer = &mut buffer[..bytes.len()];
            buffer.copy_from_slice(bytes);
            let mut rest = &mut buffer[..];
            while let Some(event) = connection.decode(&mut rest).unwrap() {
                black_box(&event);
            }
        }
    }
    match stream.role {
        Role::Server => run(Connection::<Decoder, _>::server(), stream, read, buffer),
        Role::Client => run(Connection::<Decoder, _>::client(|| [1, 2, 3, 4]), stream, read, buffer),
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
    ("conduct", conduct),
    #[cfg(feature = "bytes")]
    ("own", own),
];

/// One stream in every mode.
fn each_mode(c: &mut Criterion, name: &str, size: &str, stream: &Stream, read: usize) {
    let mut buffer = vec![0; READ];
    for (mode, run) in MODES {
        let mut group = c.benchmark_group(*mode);
        group.throughput(Throughput::Bytes(stream.bytes.len() as u64)).sample_size(20);
        let id = BenchmarkId::new(format!("{}/{name}", stream.role), size);
        group.bench_function(id, |b| b.iter(|| run(stream, read, &mut buffer)));
        group.finish();
    }
}

fn streams(c: &mut Criterion) {
    for role in [Role::Server, Role::Client] {
        for (content, name) in CONTENTS {
            for (len, size) in [(16, "16B"), (64, "64B"), (1024, "1KiB"), (65_536, "64KiB"), (1 << 20, "1MiB")] {
                each_mode(c, name, size, &Stream::messages(role, content, len, 1 << 20), READ);
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
        each_mode(c, "fragments-and-pings", "4KiB", &fragments, READ);
        each_mode(c, "reads-of-1460", "64KiB", &Stream::messages(role, Content::Ascii, 65_536, 1 << 20), 1460);
        each_mode(c, "byte-by-byte", "64B", &Stream::messages(role, Content::Ascii, 64, 1 << 16), 1);

        // Many small messages, few large ones.
        let mut mix = Stream::new(role);
        let mut random = Rng(1);
        while mix.bytes.len() < 4 << 20 {
            let uniform = random.unit();
            let len = (20.0 / (1.0 - uniform).powf(1.1)).min(65_536.0) as usize;
            let (content, first) = if random.below(2) == 0 { (Content::Ascii, 0x81) } else { (Content::Binary, 0x82) };
            mix.push(first, &payload(content, len));
        }
        each_mode(c, "mix", "20B-64KiB", &mix, READ);
    }
}

/// The payload is hidden from the optimizer, and the encoder with it: nothing is known before it is sent.
fn encode(c: &mut Criterion) {
    let mut out = vec![0; (1 << 20) + 14];
    let mut group = c.benchmark_group("encode");
    for (len, size) in [(16, "16B"), (64, "64B"), (1024, "1KiB"), (65_536, "64KiB"), (1 << 20, "1MiB")] {
        let text = String::from_utf8(payload(Content::Ascii, len)).unwrap();
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function(BenchmarkId::new("server/text", size), |b| {
            let mut encoder = Encoder::server();
            b.iter(|| black_box(&mut encoder).text(black_box(&mut out[..]), black_box(&text)));
        });
        group.bench_function(BenchmarkId::new("client/text", size), |b| {
            let mut encoder = Encoder::client(|| [1, 2, 3, 4]);
            b.iter(|| black_box(&mut encoder).text(black_box(&mut out[..]), black_box(&text)));
        });
        group.bench_function(BenchmarkId::new("client/text-from-bytes", size), |b| {
            let mut encoder = Encoder::client(|| [1, 2, 3, 4]);
            b.iter(|| {
                black_box(&mut encoder).encode(
                    black_box(&mut out[..]),
                    Frame::fragment(MessageKind::Text, black_box(text.as_bytes()), true),
                )
            });
        });
    }
    group.finish();
}

/// A hundred messages at the end of a buffer: one by one, and as a batch.
fn append(c: &mut Criterion) {
    for (len, size) in [(16, "16B"), (64, "64B"), (1024, "1KiB")] {
        let messages = vec![String::from_utf8(payload(Content::Ascii, len)).unwrap(); 100];
        let throughput = Throughput::Bytes(100 * len as u64);
        let mut group = c.benchmark_group("append");
        group.throughput(throughput.clone());
        group.bench_function(BenchmarkId::new("server/text", size), |b| {
            let mut encoder = Encoder::server();
            b.iter_with_large_drop(|| {
                let mut out = Vec::new();
                for message in black_box(&messages) {
                    encoder.append(&mut out, message).unwrap();
                }
                out
            });
        });
        group.finish();
        let mut group = c.benchmark_group("append_all");
        group.throughput(throughput);
        group.bench_function(BenchmarkId::new("server/text", size), |b| {
            let mut encoder = Encoder::server();
            b.iter_with_large_drop(|| {
                let mut out = Vec::new();
                encoder.append_all(&mut out, black_box(&messages)).unwrap();
                out
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
        // Of payload that the receivers get.
        let throughput = Throughput::Bytes(1000 * len as u64);
        let mut group = c.benchmark_group("append");
        group.throughput(throughput.clone()).sample_size(20);
        group.bench_function(BenchmarkId::new("server/to-1000-receivers", size), |b| {
            b.iter(|| {
                for (encoder, out) in &mut connections {
                    out.clear();
                    encoder.append(out, black_box(&message)).unwrap();
                }
            });
        });
        group.finish();
        let mut group = c.benchmark_group("encode_prepared");
        group.throughput(throughput).sample_size(20);
        group.bench_function(BenchmarkId::new("server/to-1000-receivers", size), |b| {
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

criterion_group!(benches, streams, encode, append, broadcast);
criterion_main!(benches);
