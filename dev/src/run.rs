//! Decoders run over a stream that is cut into pieces. They check what holds for every stream, and return what came out.

use bytes::{BufMut, BytesMut};
use tokio_util::codec::Decoder as _;
use wsframe::codec::{CodecError, Message, MessageCodec, MessageDecoder};
use wsframe::deflate::{Agreement, Inflate, Inflater};
use wsframe::{
    Assembler, Config, DecodeError, Decoder, EncoderConfig, Event as Found, MessageEvent, MessageKind, Role, State,
};

use crate::Event;

/// A decoder, with the messages put together from its chunks.
#[derive(Debug)]
pub struct Run {
    /// The decoder.
    pub decoder: Decoder,
    /// What came out.
    pub events: Vec<Event>,
    message: Vec<u8>,
    start: u64,
}

impl Run {
    /// With nothing received yet.
    pub fn new(role: Role, config: Config) -> Run {
        Run { decoder: Decoder::with_config(role, config), events: Vec::new(), message: Vec::new(), start: 0 }
    }

    /// Feeds a piece, and checks what holds for any piece.
    pub fn feed(&mut self, piece: &[u8]) {
        if matches!(self.events.last(), Some(Event::Violation { .. })) {
            return;
        }
        let mut buffer = piece.to_vec();
        let mut input = &mut buffer[..];
        loop {
            let (position, received) = (self.decoder.position(), input.len() as u64);
            match self.decoder.decode(&mut input) {
                Ok(None) => {
                    assert!(input.is_empty(), "C1: bytes were left");
                    if self.decoder.state() != State::Closed {
                        assert_eq!(self.decoder.position(), position + received, "C1: position");
                    }
                    return;
                }
                Err(error) => {
                    assert!(input.is_empty(), "C6: input is left empty");
                    assert_eq!(self.decoder.position(), error.offset() + 1, "C6: position after the deciding byte");
                    let mut more = [0x81];
                    let again = self.decoder.decode(&mut &mut more[..]).unwrap_err();
                    assert_eq!(again, error, "C6: the same error again");
                    self.events.push(Event::violation(error));
                    return;
                }
                Ok(Some(Found::Chunk(chunk))) => {
                    if chunk.starts_message() {
                        assert!(self.message.is_empty());
                        self.start = chunk.offset();
                    }
                    if chunk.payload().is_empty() {
                        let nothing_after_header = input.is_empty() && chunk.frame_remaining() > 0;
                        assert!(chunk.ends_frame() || nothing_after_header, "an empty chunk for no reason");
                    }
                    self.message.extend_from_slice(chunk.payload());
                    let is_text = chunk.kind() == MessageKind::Text;
                    if chunk.starts_message() && chunk.ends_message() && is_text && chunk.rsv().is_empty() {
                        assert_eq!(chunk.text().map(str::as_bytes), Some(&self.message[..]));
                        assert!(core::str::from_utf8(&self.message).is_ok());
                    } else {
                        assert_eq!(chunk.text(), None, "text without proof");
                    }
                    if chunk.ends_message() {
                        self.events.push(Event::Message {
                            text: is_text,
                            rsv: chunk.rsv().bits(),
                            offset: self.start,
                            fragments: chunk.fragments(),
                            payload: core::mem::take(&mut self.message),
                        });
                    }
                }
                Ok(Some(Found::Ping(payload))) => {
                    let payload = payload.to_vec();
                    assert_eq!(self.decoder.control_payload(), payload);
                    self.events.push(Event::Ping { offset: self.decoder.control_offset(), payload });
                }
                Ok(Some(Found::Pong(payload))) => {
                    let payload = payload.to_vec();
                    assert_eq!(self.decoder.control_payload(), payload);
                    self.events.push(Event::Pong { offset: self.decoder.control_offset(), payload });
                }
                Ok(Some(Found::Close(close))) => {
                    let mut event = Event::close(0, close);
                    let received = self.decoder.received_close().expect("a Close was received");
                    let offset = self.decoder.control_offset();
                    assert_eq!(event, Event::close(0, received));
                    if let Event::Close { offset: at, .. } = &mut event {
                        *at = offset;
                    }
                    self.events.push(event);
                }
            }
        }
    }
}

/// What a decoder makes of a stream in these pieces.
pub fn decode<'a>(role: Role, config: Config, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Event>, State) {
    let mut run = Run::new(role, config);
    pieces.into_iter().for_each(|piece| run.feed(piece));
    (run.events, run.decoder.state())
}

/// What an assembler makes of a stream in these pieces.
pub fn assemble<'a>(role: Role, config: Config, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Event>, State) {
    assemble_with(Assembler::with_config(role, config), pieces)
}

/// What this assembler makes of a stream in these pieces.
pub fn assemble_with<'a>(mut assembler: Assembler, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Event>, State) {
    let mut events = Vec::new();
    'pieces: for piece in pieces {
        let mut buffer = piece.to_vec();
        let mut input = &mut buffer[..];
        loop {
            let event = match assembler.decode(&mut input) {
                Ok(None) => {
                    assert!(input.is_empty(), "C1: bytes were left");
                    break;
                }
                Err(error) => {
                    assert!(input.is_empty(), "C6: input is left empty");
                    assert_eq!(assembler.position(), error.offset() + 1, "C6: position after the deciding byte");
                    events.push(Event::violation(error));
                    break 'pieces;
                }
                Ok(Some(MessageEvent::Message(message))) => {
                    let text = message.kind() == MessageKind::Text;
                    let is_checked = text && message.rsv().is_empty();
                    assert_eq!(message.text().map(str::as_bytes), is_checked.then_some(message.payload()));
                    assert!(!is_checked || core::str::from_utf8(message.payload()).is_ok());
                    let payload = message.payload().to_vec();
                    let event = Event::Message {
                        text,
                        rsv: message.rsv().bits(),
                        offset: message.offset(),
                        fragments: message.fragments(),
                        payload,
                    };
                    if message.into_input().is_none() {
                        let again = assembler.gathered().expect("it was gathered");
                        assert!(matches!(&event, Event::Message { payload, .. } if payload == again.payload()));
                    } else {
                        assert!(assembler.gathered().is_none());
                    }
                    event
                }
                Ok(Some(MessageEvent::Ping(payload))) => {
                    let payload = payload.to_vec();
                    assert_eq!(assembler.control_payload(), payload);
                    Event::Ping { offset: assembler.control_offset(), payload }
                }
                Ok(Some(MessageEvent::Pong(payload))) => {
                    let payload = payload.to_vec();
                    assert_eq!(assembler.control_payload(), payload);
                    Event::Pong { offset: assembler.control_offset(), payload }
                }
                Ok(Some(MessageEvent::Close(_))) => {
                    let close = assembler.received_close().expect("a Close was received");
                    Event::close(assembler.control_offset(), close)
                }
            };
            events.push(event);
        }
    }
    (events, assembler.state())
}

/// What a decoder and an inflater make of a stream in these pieces, in this much memory. After a violation of the inflater,
/// the state is `Failed`.
pub fn inflate<'a>(
    role: Role,
    config: Config,
    mut inflater: Inflater<impl Inflate>,
    scratch_len: usize,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Event>, State) {
    let mut decoder = Decoder::with_config(role, config).expecting_compressed();
    let (mut events, mut scratch) = (Vec::new(), vec![0; scratch_len]);
    let (mut message, mut start) = (None::<Vec<u8>>, 0);
    for piece in pieces {
        let mut buffer = piece.to_vec();
        let mut input = &mut buffer[..];
        loop {
            let event = match decoder.decode(&mut input) {
                Ok(None) => break,
                Err(error) => {
                    events.push(Event::violation(error));
                    return (events, State::Failed);
                }
                Ok(Some(Found::Chunk(chunk))) => {
                    if chunk.starts_message() {
                        start = chunk.offset();
                    }
                    let mut ended = None;
                    let result = inflater.inflate(&chunk, &mut scratch, |piece| {
                        assert!(ended.is_none(), "nothing comes after the last piece");
                        assert_eq!(piece.starts_message(), message.is_none());
                        message.get_or_insert_default().extend_from_slice(piece.payload());
                        if piece.ends_message() {
                            ended = Some((piece.kind() == MessageKind::Text, piece.rsv().bits()));
                        }
                    });
                    if let Err(error) = result {
                        events.push(Event::violation(error));
                        return (events, State::Failed);
                    }
                    assert_eq!(ended.is_some(), chunk.ends_message());
                    let Some((text, rsv)) = ended else { continue };
                    let payload = message.take().expect("it has ended");
                    Event::Message { text, rsv, offset: start, fragments: chunk.fragments(), payload }
                }
                Ok(Some(Found::Ping(payload))) => {
                    let payload = payload.to_vec();
                    Event::Ping { offset: decoder.control_offset(), payload }
                }
                Ok(Some(Found::Pong(payload))) => {
                    let payload = payload.to_vec();
                    Event::Pong { offset: decoder.control_offset(), payload }
                }
                Ok(Some(Found::Close(_))) => {
                    let close = decoder.received_close().expect("a Close was received");
                    Event::close(decoder.control_offset(), close)
                }
            };
            events.push(event);
        }
    }
    (events, decoder.state())
}

/// How received bytes get into the decoder of owned messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feeding {
    /// Into the decoder as a `BufMut`.
    Put,
    /// Into its initialized room.
    Spare,
    /// Into the buffer of a `Framed`, wherever that grows to.
    Onto,
    /// Into the room that a `Framed`'s buffer has, as a socket does.
    Room,
    /// As a `Framed`'s buffer of its own each time.
    Apart,
    /// As the middle of a buffer whose other parts somebody else holds.
    Shared,
}

/// Every way.
pub const FEEDINGS: [Feeding; 6] =
    [Feeding::Put, Feeding::Spare, Feeding::Onto, Feeding::Room, Feeding::Apart, Feeding::Shared];

/// The two owners of a read buffer.
enum Owned {
    Decoder(MessageDecoder),
    Codec(MessageCodec<fn() -> [u8; 4]>, BytesMut),
    ServerCodec(MessageCodec<wsframe::Unmasked>, BytesMut),
}

impl Owned {
    fn decode(&mut self) -> Result<Option<Message>, DecodeError> {
        let result = match self {
            Owned::Decoder(decoder) => return decoder.decode(),
            Owned::Codec(codec, buffer) => codec.decode(buffer),
            Owned::ServerCodec(codec, buffer) => codec.decode(buffer),
        };
        result.map_err(|error| match error {
            CodecError::Violation(error) => error,
            error => panic!("decoding ends with {error}"),
        })
    }

    fn position_and_state(&self) -> (u64, State) {
        match self {
            Owned::Decoder(decoder) => (decoder.position(), decoder.state()),
            Owned::Codec(codec, _) => (codec.position(), codec.state()),
            Owned::ServerCodec(codec, _) => (codec.position(), codec.state()),
        }
    }

    /// Feeds the front of `piece` and returns its rest.
    fn feed<'a>(&mut self, piece: &'a [u8], feeding: Feeding, others: &mut Vec<BytesMut>) -> &'a [u8] {
        let (Owned::Codec(_, buffer) | Owned::ServerCodec(_, buffer)) = self else {
            let Owned::Decoder(decoder) = self else { unreachable!("the other two have a buffer") };
            if feeding == Feeding::Put {
                decoder.put_slice(piece);
                return &[];
            }
            let spare = decoder.spare_mut();
            assert!(spare.len() >= 1024);
            let (now, later) = piece.split_at(piece.len().min(spare.len()));
            spare[..now.len()].copy_from_slice(now);
            decoder.commit(now.len());
            return later;
        };
        match feeding {
            Feeding::Room if buffer.capacity() > buffer.len() => {
                let (now, later) = piece.split_at(piece.len().min(buffer.capacity() - buffer.len()));
                buffer.put_slice(now);
                return later;
            }
            Feeding::Apart => *buffer = BytesMut::from(piece),
            Feeding::Shared => {
                *buffer = BytesMut::from(&[b"before", piece, b"after"].concat()[..]);
                others.push(buffer.split_off(6 + piece.len()));
                others.push(buffer.split_to(6));
            }
            _ => buffer.extend_from_slice(piece),
        }
        &[]
    }
}

/// What the owner of a read buffer makes of a stream in these pieces, each with its way of feeding; the first way decides
/// whether that is a `MessageDecoder` or a codec. Every second message is kept until the end, the others are dropped. Events
/// are without their places, except for violations.
pub fn own<'a>(
    role: Role,
    config: Config,
    max_idle_buffer: usize,
    pieces: impl IntoIterator<Item = (&'a [u8], Feeding)>,
) -> (Vec<Event>, State) {
    own_with(role, config, None, max_idle_buffer, pieces)
}

/// [`own`], where this was agreed.
pub fn own_with<'a>(
    role: Role,
    config: Config,
    agreed: Option<Agreement>,
    max_idle_buffer: usize,
    pieces: impl IntoIterator<Item = (&'a [u8], Feeding)>,
) -> (Vec<Event>, State) {
    let mut pieces = pieces.into_iter().peekable();
    let in_decoder = pieces.peek().is_none_or(|(_, feeding)| matches!(feeding, Feeding::Put | Feeding::Spare));
    let sending = EncoderConfig::new();
    let mut owned = match role {
        _ if in_decoder => {
            Owned::Decoder(MessageDecoder::with_config(role, config).with_max_idle_buffer(max_idle_buffer))
        }
        Role::Client => {
            let keys = (|| [0; 4]) as fn() -> [u8; 4];
            let codec = MessageCodec::client_with_config(keys, config, sending);
            Owned::Codec(codec.with_max_idle_buffer(max_idle_buffer), BytesMut::new())
        }
        Role::Server => {
            let codec = MessageCodec::server_with_config(config, sending);
            Owned::ServerCodec(codec.with_max_idle_buffer(max_idle_buffer), BytesMut::new())
        }
    };
    if let Some(agreed) = agreed {
        let inflater = Inflater::zlib(agreed, role);
        owned = match owned {
            Owned::Decoder(decoder) => Owned::Decoder(decoder.with_inflater(inflater)),
            Owned::Codec(codec, buffer) => Owned::Codec(codec.with_inflater(inflater), buffer),
            Owned::ServerCodec(codec, buffer) => Owned::ServerCodec(codec.with_inflater(inflater), buffer),
        };
    }
    let (mut events, mut kept, mut others) = (Vec::new(), Vec::new(), Vec::new());
    'pieces: for (mut piece, feeding) in pieces {
        while !piece.is_empty() {
            piece = owned.feed(piece, feeding, &mut others);
            loop {
                match owned.decode() {
                    Ok(Some(message)) => {
                        if events.len() % 2 == 0 {
                            kept.push((events.len(), message.clone()));
                        }
                        events.push(Event::owned(&message));
                    }
                    Ok(None) => break,
                    Err(error) => {
                        assert_eq!(owned.position_and_state(), (error.offset() + 1, State::Failed), "C6");
                        owned.feed(&[0x81], feeding, &mut others);
                        assert_eq!(owned.decode().unwrap_err(), error, "C6: the same error again");
                        events.push(Event::violation(error));
                        break 'pieces;
                    }
                }
            }
            if let Owned::Codec(_, buffer) | Owned::ServerCodec(_, buffer) = &mut owned {
                assert!(buffer.is_empty(), "bytes were left");
                // Whoever has the buffer may write to its room: what is under way must not be there.
                let room = buffer.capacity();
                buffer.resize(room, 0xee);
                buffer.clear();
            }
        }
    }
    for (place, message) in &kept {
        assert_eq!(&Event::owned(message), &events[*place], "a message changed after it was given out");
    }
    assert!(others.iter().all(|part| [&b"before"[..], b"after"].contains(&&part[..])));
    (events, owned.position_and_state().1)
}
