//! Owned messages are those of the assembler, in any cut and however the bytes get into the buffer; they do not change
//! afterwards, and can be sent again; and what is held is bounded by what arrived.

use arbitrary::Arbitrary;
use bytes::{BufMut, BytesMut};
use wsframe::codec::{Message, MessageDecoder};
use wsframe::{Config, Encoder, Kind, Role, Rsv, State};

use crate::alloc::peak;
use crate::{Event, Setup, assemble, input, pieces, violation};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    setup: Setup,
    kept: u16,
    /// Which messages are kept until the end, in turns.
    keep: u8,
    /// How the pieces get into the buffer, in turns.
    feedings: Vec<Feeding>,
    cuts: Vec<u16>,
    stream: &'a [u8],
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Feeding {
    /// Behind what the buffer has, wherever that grows to.
    Onto,
    /// Into the room that the decoder left, as far as it goes.
    Room,
    /// Into the buffer, after so much room was asked for.
    Reserve(u8),
    /// In a buffer of its own.
    Apart,
    /// In the middle of a buffer whose other parts somebody holds.
    Shared,
}

/// An event of the assembler, without what owned messages do not tell.
fn without_place(event: Event) -> Event {
    match event {
        Event::Message { text, rsv, payload, .. } => Event::Message { text, rsv, offset: 0, fragments: 0, payload },
        Event::Ping(_, payload) => Event::Ping(0, payload),
        Event::Pong(_, payload) => Event::Pong(0, payload),
        Event::Close(_, code, reason) => Event::Close(0, code, reason),
        violation => violation,
    }
}

fn event(message: &Message) -> Event {
    let data =
        |text, rsv, payload: &[u8]| Event::Message { text, rsv, offset: 0, fragments: 0, payload: payload.into() };
    match message {
        Message::Text(text) => {
            assert!(std::str::from_utf8(text.as_bytes()).is_ok());
            data(true, 0, text.as_bytes())
        }
        Message::Binary(payload) => data(false, 0, payload),
        Message::Opaque(opaque) => data(opaque.kind == Kind::Text, opaque.rsv.bits(), &opaque.payload),
        Message::Ping(payload) => Event::Ping(0, payload.to_vec()),
        Message::Pong(payload) => Event::Pong(0, payload.to_vec()),
        Message::Close(close) => Event::Close(0, close.code().map(u16::from), close.reason().to_owned()),
    }
}

/// What the decoder makes of the pieces.
fn receive(input: &Input<'_>, pieces: &[&[u8]]) -> (Vec<Event>, State, Vec<Message>) {
    let setup = &input.setup;
    let mut decoder = MessageDecoder::with_config(setup.role(), setup.config()).keep(input.kept.into());
    let mut buffer = BytesMut::new();
    let (mut events, mut kept, mut held_by_others) = (Vec::new(), Vec::new(), Vec::new());
    'pieces: for (turn, piece) in pieces.iter().enumerate() {
        let mut rest = *piece;
        while !rest.is_empty() {
            let mut now = rest.len();
            match input.feedings.get(turn % input.feedings.len().max(1)).copied().unwrap_or(Feeding::Onto) {
                Feeding::Room if buffer.capacity() != 0 => {
                    now = now.min(buffer.capacity());
                    buffer.put_slice(&rest[..now]);
                }
                Feeding::Onto | Feeding::Room => buffer.extend_from_slice(rest),
                Feeding::Reserve(room) => {
                    buffer.reserve(usize::from(room) * 64);
                    buffer.extend_from_slice(rest);
                }
                Feeding::Apart => buffer = BytesMut::from(rest),
                Feeding::Shared => {
                    buffer = BytesMut::from(&[b"before", rest, b"behind"].concat()[..]);
                    held_by_others.push(buffer.split_off(6 + rest.len()));
                    held_by_others.push(buffer.split_to(6));
                }
            }
            rest = &rest[now..];
            loop {
                match decoder.decode(&mut buffer) {
                    Ok(Some(message)) => {
                        if input.keep >> (events.len() % 8) & 1 == 1 {
                            kept.push((events.len(), message.clone()));
                        }
                        events.push(event(&message));
                    }
                    Ok(None) => break,
                    Err(error) => {
                        assert_eq!(decoder.position(), error.offset() + 1);
                        assert_eq!(decoder.decode(&mut BytesMut::from(&[0x81][..])).unwrap_err(), error);
                        events.push(violation(error));
                        break 'pieces;
                    }
                }
            }
            assert!(buffer.is_empty(), "bytes were left");
        }
    }
    for (place, message) in &kept {
        assert_eq!(event(message), events[*place], "a message changed after it was given out");
    }
    assert!(held_by_others.iter().all(|part| [&b"before"[..], b"behind"].contains(&&part[..])));
    (events, decoder.state(), kept.into_iter().map(|(_, message)| message).collect())
}

pub(super) fn check(data: &[u8]) {
    let Some(input) = input::<Input<'_>>(data) else { return };
    let pieces = pieces(input.stream, &input.cuts);
    let (events, state, messages) = receive(&input, &pieces);
    let (expected, expected_state) = assemble(&input.setup, pieces.iter().copied());
    assert_eq!((events, state), (expected.into_iter().map(without_place).collect(), expected_state));

    // Sent again, and received again.
    let config = Config::CLIENT.allowed_rsv(Rsv::from_first_byte(input.setup.limits().allowed_rsv));
    let mut encoder = Encoder::server_with_config(config);
    let (mut whole, mut in_parts) = (BytesMut::new(), BytesMut::new());
    for message in &messages {
        encoder.clone().put(&mut whole, message).expect("what was received can be sent");
        for part in encoder.parts(message.clone()).expect("what was received can be sent") {
            in_parts.extend_from_slice(&part);
        }
    }
    assert_eq!(whole, in_parts);
    let mut decoder = MessageDecoder::with_config(Role::Client, config);
    for message in &messages {
        assert_eq!(decoder.decode(&mut whole).expect("it may be sent").as_ref(), Some(message));
    }

    // With no limit at all: what a header declares must not be believed.
    let config = Config::preset(input.setup.role()).max_frame_len(u64::MAX).max_message_len(u64::MAX);
    let mut decoder = MessageDecoder::with_config(input.setup.role(), config);
    let mut came = 0;
    let mut buffer = BytesMut::new();
    for piece in pieces {
        came += piece.len();
        let (result, held) = peak(|| {
            buffer.extend_from_slice(piece);
            while decoder.decode(&mut buffer)?.is_some() {}
            Ok::<(), wsframe::Error>(())
        });
        assert!(held <= 8 * came + 16 * 1024, "{held} bytes are held when {came} came");
        if result.is_err() {
            break;
        }
    }
}
