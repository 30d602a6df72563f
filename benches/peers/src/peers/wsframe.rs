//! wsframe itself: the streaming decoder, the assembler, owned messages, the encoder.

use std::hint::black_box;

use wsframe::codec::{Bytes, Message as Owned, MessageDecoder, PreparedFrame};
use wsframe::deflate::{Agreement, Compressor, Direction, Inflater, WindowBits, ZlibDeflate};
use wsframe::{
    Assembler, Connection, Decoder, Encoder, Event, Frame, MaskKey, Masking, MessageEvent, MessageKind as WsKind,
    Role as WsRole, Unmasked,
};

use super::{Codec, Encode, Peer, Rank, as_str, text};
use crate::feed::{Feed, READ};
use crate::tally::{Kind, Message, Tally};
use crate::workloads::Role;
use wsframe_dev::Rng;

pub const DECODER: Codec = Codec {
    name: "wsframe decoder",
    package: "wsframe",
    rank: Rank::Own,
    owns: false,
    mode: "Decoder: pieces, in the buffer that was read into",
    unchecked: "nothing; a message that came in several pieces is not assembled",
    decoder: Some(|feed, role| Box::new(Streaming { feed, decoder: Decoder::new(ws_role(role)) })),
    encoder: None,
};

pub const CONNECTION: Codec = Codec {
    name: "wsframe connection",
    package: "wsframe",
    rank: Rank::Own,
    owns: false,
    mode: "Connection over the Decoder: pieces, with all that an endpoint must do by itself; Pongs go nowhere",
    unchecked: "nothing; a message that came in several pieces is not assembled",
    decoder: Some(|feed, role| match role {
        Role::Server => Box::new(Conducted { feed, connection: Connection::<Decoder, _>::server() }),
        Role::Client => {
            let keys = (|| [0; 4]) as fn() -> MaskKey;
            Box::new(Conducted { feed, connection: Connection::<Decoder, _>::client(keys) })
        }
    }),
    encoder: None,
};

pub const ASSEMBLER: Codec = Codec {
    name: "wsframe assembler",
    package: "wsframe",
    rank: Rank::Own,
    owns: false,
    mode: "Assembler: whole messages; it keeps its buffer, as the others do",
    unchecked: "nothing",
    decoder: Some(|feed, role| {
        let assembler = Assembler::new(ws_role(role)).with_max_idle_buffer(feed.longest());
        Box::new(Whole { feed, assembler })
    }),
    encoder: None,
};

pub const CODEC: Codec = Codec {
    name: "wsframe codec",
    package: "wsframe",
    rank: Rank::Own,
    owns: true,
    mode: "codec: owned messages, read into the decoder's buffer; it keeps it, as the others do",
    unchecked: "nothing",
    decoder: Some(|feed, role| {
        let decoder =
            MessageDecoder::new(ws_role(role)).with_read_size(READ).with_max_idle_buffer(feed.longest().max(READ) * 4);
        Box::new(OwnedMessages { feed, decoder })
    }),
    encoder: None,
};

pub const ENCODER: Codec = Codec {
    name: "wsframe encoder",
    package: "wsframe",
    rank: Rank::Own,
    owns: false,
    mode: "Encoder into a slice; keys from the harness' generator",
    unchecked: "nothing",
    decoder: None,
    encoder: Some(|_, role, message| {
        let encoder = match role {
            Role::Server => Either::Server(Encoder::server()),
            Role::Client => {
                let mut rng = Rng(3);
                Either::Client(Encoder::client(Box::new(move || rng.key())))
            }
        };
        Box::new(Encoding { encoder, message, out: Vec::new(), len: 0 })
    }),
};

fn ws_role(role: Role) -> WsRole {
    match role {
        Role::Server => WsRole::Server,
        Role::Client => WsRole::Client,
    }
}

fn kind(kind: WsKind) -> Kind {
    match kind {
        WsKind::Text => Kind::Text,
        WsKind::Binary => Kind::Binary,
    }
}

struct Streaming {
    feed: Feed,
    decoder: Decoder,
}

impl Peer for Streaming {
    fn run(&mut self, tally: &mut Tally) -> Result<(), String> {
        let mut scratch = self.feed.take_scratch();
        loop {
            let len = self.feed.read(&mut scratch);
            if len == 0 {
                break;
            }
            let taken = self.decoder.for_each(&mut scratch[..len], |event| match event {
                Event::Chunk(chunk) => tally.piece(kind(chunk.kind()), chunk.payload(), chunk.ends_message()),
                Event::Ping(payload) => tally.ping(payload),
                Event::Pong(_) | Event::Close(_) => {}
            });
            taken.map_err(text)?;
        }
        self.feed.put_scratch(scratch);
        Ok(())
    }
}

struct Conducted<K> {
    feed: Feed,
    connection: Connection<Decoder, K>,
}

impl<K: Masking> Peer for Conducted<K> {
    fn run(&mut self, tally: &mut Tally) -> Result<(), String> {
        let mut scratch = self.feed.take_scratch();
        loop {
            let len = self.feed.read(&mut scratch);
            if len == 0 {
                break;
            }
            let mut input = &mut scratch[..len];
            while let Some(event) = self.connection.decode(&mut input).map_err(text)? {
                match event {
                    Event::Chunk(chunk) => tally.piece(kind(chunk.kind()), chunk.payload(), chunk.ends_message()),
                    Event::Ping(payload) => tally.ping(payload),
                    Event::Pong(_) | Event::Close(_) => {}
                }
                // As the decoder's own loop.
                if input.is_empty() {
                    break;
                }
            }
        }
        self.feed.put_scratch(scratch);
        Ok(())
    }
}

struct Whole {
    feed: Feed,
    assembler: Assembler,
}

impl Peer for Whole {
    fn run(&mut self, tally: &mut Tally) -> Result<(), String> {
        let mut scratch = self.feed.take_scratch();
        loop {
            let len = self.feed.read(&mut scratch);
            if len == 0 {
                break;
            }
            let taken = self.assembler.for_each(&mut scratch[..len], |event| match event {
                MessageEvent::Message(message) => tally.message(kind(message.kind()), message.payload()),
                MessageEvent::Ping(payload) => tally.ping(payload),
                MessageEvent::Pong(_) | MessageEvent::Close(_) => {}
            });
            taken.map_err(text)?;
        }
        self.feed.put_scratch(scratch);
        Ok(())
    }
}

struct OwnedMessages {
    feed: Feed,
    decoder: MessageDecoder,
}

impl Peer for OwnedMessages {
    fn run(&mut self, tally: &mut Tally) -> Result<(), String> {
        while self.feed.read_buf(&mut self.decoder) > 0 {
            while let Some(message) = self.decoder.decode().map_err(text)? {
                match message {
                    Owned::Text(text) => tally.message(Kind::Text, text.as_bytes()),
                    Owned::Binary(payload) => tally.message(Kind::Binary, &payload),
                    Owned::Ping(payload) => tally.ping(&payload),
                    Owned::Pong(_) | Owned::Close(_) | Owned::Opaque(_) => {}
                }
            }
        }
        Ok(())
    }
}

enum Either {
    Server(Encoder<Unmasked>),
    Client(Encoder<Box<dyn FnMut() -> MaskKey>>),
}

struct Encoding {
    encoder: Either,
    message: Message,
    out: Vec<u8>,
    len: usize,
}

impl Encode for Encoding {
    fn batch(&mut self, count: usize) -> Result<(), String> {
        self.out.resize(count * (self.message.payload.len() + 14), 0);
        self.len = 0;
        for _ in 0..count {
            let this = black_box(&mut *self);
            let (payload, out) = (&this.message.payload[..], &mut this.out[this.len..]);
            let len = match (&mut this.encoder, this.message.kind) {
                (Either::Server(encoder), Kind::Text) => encoder.text(out, as_str(payload)),
                (Either::Server(encoder), Kind::Binary) => encoder.binary(out, payload),
                (Either::Client(encoder), Kind::Text) => encoder.text(out, as_str(payload)),
                (Either::Client(encoder), Kind::Binary) => encoder.binary(out, payload),
            };
            this.len += len.map_err(text)?;
        }
        Ok(())
    }

    fn output(&mut self) -> Vec<u8> {
        self.out[..self.len].to_vec()
    }
}

fn agreed(takeover: bool) -> Agreement {
    let direction = Direction::new(WindowBits::MAX, takeover);
    Agreement::new(direction, direction)
}

pub fn inflating(feed: Feed, takeover: bool) -> Box<dyn Peer> {
    let inflater = Inflater::zlib(agreed(takeover), WsRole::Server);
    Box::new(Whole { feed, assembler: Assembler::new(WsRole::Server).with_inflater(inflater) })
}

pub fn inflating_owned(feed: Feed, takeover: bool) -> Box<dyn Peer> {
    let inflater = Inflater::zlib(agreed(takeover), WsRole::Server);
    let decoder = MessageDecoder::new(WsRole::Server).with_read_size(READ).with_inflater(inflater);
    Box::new(OwnedMessages { feed, decoder })
}

pub fn deflating(_: Feed, messages: &[Message], takeover: bool) -> Box<dyn Encode> {
    let messages = messages.iter().map(|message| as_str(&message.payload).to_owned()).collect();
    let engine = ZlibDeflate::new(agreed(takeover).sending(WsRole::Server)).with_level(1);
    let compressor = Compressor::new(engine, agreed(takeover), WsRole::Server).with_threshold(0);
    Box::new(Deflating { encoder: Encoder::server(), compressor, messages, out: Vec::with_capacity(1 << 20) })
}

struct Deflating {
    encoder: Encoder<Unmasked>,
    compressor: Compressor<ZlibDeflate>,
    messages: Vec<String>,
    out: Vec<u8>,
}

impl Encode for Deflating {
    fn batch(&mut self, _: usize) -> Result<(), String> {
        self.out.clear();
        for message in &self.messages {
            let frame = Frame::text(message);
            self.encoder.append_compressed(&mut self.out, &mut self.compressor, frame).map_err(text)?;
        }
        Ok(())
    }

    fn output(&mut self) -> Vec<u8> {
        self.out.clone()
    }
}

/// One message to many, if these are all the same; each receiver has a compressor of its own, with context takeover.
pub fn broadcasting(messages: &[Message]) -> Option<Box<dyn Encode>> {
    let is_broadcast = messages.len() > 1 && messages.iter().all(|message| message.payload == messages[0].payload);
    is_broadcast.then(|| {
        let receiver = || (Encoder::server(), Compressor::zlib(agreed(true), WsRole::Server));
        let shared = Compressor::zlib(agreed(false), WsRole::Server);
        let message = as_str(&messages[0].payload).to_owned();
        let receivers = messages.iter().map(|_| receiver()).collect();
        Box::new(Broadcasting { message, shared, receivers, last: Bytes::new() }) as Box<dyn Encode>
    })
}

struct Broadcasting {
    message: String,
    shared: Compressor<ZlibDeflate>,
    receivers: Vec<(Encoder<Unmasked>, Compressor<ZlibDeflate>)>,
    last: Bytes,
}

impl Encode for Broadcasting {
    fn batch(&mut self, _: usize) -> Result<(), String> {
        let frame = PreparedFrame::compressed(Frame::text(&self.message), &mut self.shared).map_err(text)?;
        for (encoder, compressor) in &mut self.receivers {
            self.last = black_box(encoder.encode_prepared_compressed(&frame, compressor).map_err(text)?);
        }
        Ok(())
    }

    fn output(&mut self) -> Vec<u8> {
        self.last.repeat(self.receivers.len())
    }
}
