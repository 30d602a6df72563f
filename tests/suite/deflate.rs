//! permessage-deflate: the vectors, in every decoder, however they are cut; what engines may do; what is sent.

use bytes::BufMut;
use wsframe::codec::{Message, MessageCodec, MessageDecoder, PreparedFrame};
use wsframe::deflate::{
    Agreement, Compressor, Deflate, Direction, Inflate, InflateError, Inflater, Step, WindowBits, ZlibDeflate,
};
use wsframe::{
    Assembler, Config, EncodeError, Encoder, EncoderConfig, Frame, Header, KeySource, Mask, MessageEvent, MessageKind,
    NoKey, Role, Rsv, State, Violation,
};
use wsframe_dev::vectors::{self, Vector};
use wsframe_dev::{Event, FEEDINGS, Rng, assemble_with, inflate, own_with};

fn assembler(role: Role, config: Config, agreed: Agreement) -> Assembler {
    Assembler::with_config(role, config).with_inflater(Inflater::zlib(agreed, role))
}

/// What comes of a stream in these pieces, in each decoder. Events are without their places, but for violations.
fn receive<'a>(vector: &Vector, decoder: usize, pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Event>, State) {
    let (role, config, agreed) = (vector.role(), vector.config(), vector.agreed().unwrap());
    let (mut events, state) = match decoder {
        0 => assemble_with(assembler(role, config, agreed), pieces),
        1..=4 => {
            let inflater = Inflater::zlib(agreed, role).with_max_message_len(config.max_message_len());
            inflate(role, config, inflater, [1, 7, 300, 4096][decoder - 1], pieces)
        }
        _ => own_with(role, config, Some(agreed), 1000, pieces.map(|piece| (piece, FEEDINGS[decoder - 5]))),
    };
    events = events.into_iter().map(Event::without_place).collect();
    (events, state)
}

const DECODERS: core::ops::Range<usize> = 0..11;

/// Whether what was found is what is expected. The offset of broken text is exact only if its byte is the last that was given: it
/// may lie anywhere in the rest of the read that has this byte.
fn is_right(found: &(Vec<Event>, State), expected: &(Vec<Event>, State), read_end: impl Fn(u64) -> u64) -> bool {
    match (found.0.split_last(), expected.0.split_last()) {
        (
            Some((Event::Violation { offset, rule, .. }, before)),
            Some((Event::Violation { offset: exact, rule: right, .. }, right_before)),
        ) if (rule == "TextNotUtf8" || rule == "InflatedTooLong") && rule == right => {
            before == right_before && (*exact..read_end(*exact)).contains(offset) && found.1 == expected.1
        }
        _ => found == expected,
    }
}

/// Cuts in two: everywhere in short streams, and at some places of long ones.
fn cuts(len: usize) -> impl Iterator<Item = usize> {
    (1..len).filter(move |at| len < 400 || at % (len / 40) == 7)
}

#[test]
fn every_vector_gives_its_events_at_every_cut() {
    let mut wrong = Vec::new();
    for vector in vectors::deflate() {
        let stream = vector.stream();
        let len = stream.len() as u64;
        let (events, state) =
            assemble_with(assembler(vector.role(), vector.config(), vector.agreed().unwrap()), [&stream[..]]);
        // With their places.
        let full = (vector.events.clone(), vector.state());
        if !is_right(&(events, state), &full, |_| len) {
            wrong.push(format!("{}: whole", vector.name));
        }
        let events = vector.events.iter().cloned().map(Event::without_place).collect();
        let expected = (events, vector.state());
        for decoder in DECODERS {
            let mut check = |how: &str, found: (Vec<Event>, State), read_end: &dyn Fn(u64) -> u64| {
                if !is_right(&found, &expected, read_end) {
                    let (found, expected) = (found.0.last(), expected.0.last());
                    wrong.push(format!("{}, decoder {decoder}, {how}\n  {found:?}\n  {expected:?}", vector.name));
                }
            };
            check("whole", receive(&vector, decoder, [&stream[..]].into_iter()), &|_| len);
            check("byte by byte", receive(&vector, decoder, stream.chunks(1)), &|exact| exact + 1);
            for cut in cuts(stream.len()) {
                let (a, b) = stream.split_at(cut);
                let read_end = |exact| if exact < cut as u64 { cut as u64 } else { len };
                check(&format!("cut at {cut}"), receive(&vector, decoder, [a, b].into_iter()), &read_end);
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong[..wrong.len().min(40)].join("\n"));
}

/// Streams with one byte changed: the same events and the same violation, whole and in pieces.
#[test]
fn broken_streams_give_the_same_however_they_are_cut() {
    let mut rng = Rng(7);
    let mut violations = 0;
    for vector in vectors::deflate() {
        let original = vector.stream();
        for _ in 0..if original.len() < 400 { 60 } else { 5 } {
            let mut stream = original.clone();
            let at = rng.below(stream.len());
            stream[at] ^= 1 << rng.below(8);
            let exact = receive(&vector, 0, stream.chunks(1));
            violations += usize::from(exact.1 == State::Failed);
            for decoder in DECODERS {
                let size = 1 + rng.below(40);
                let found = receive(&vector, decoder, stream.chunks(size));
                let read_end = |exact: u64| (exact / size as u64 + 1) * size as u64;
                assert!(
                    is_right(&found, &exact, read_end),
                    "{}, byte {at}, decoder {decoder}, reads of {size}\n  {:?}\n  {:?}",
                    vector.name,
                    found.0.last(),
                    exact.0.last(),
                );
                let whole = receive(&vector, decoder, [&stream[..]].into_iter());
                assert!(
                    is_right(&whole, &exact, |_| stream.len() as u64),
                    "{}, byte {at}, decoder {decoder}, whole\n  {:?}\n  {:?}",
                    vector.name,
                    whole.0.last(),
                    exact.0.last(),
                );
            }
        }
    }
    assert!(violations > 1000, "only {violations} streams were broken");
}

/// Text that compresses, of this length, different for each seed.
fn text(len: usize, seed: usize) -> String {
    let mut rng = Rng(seed as u64);
    let mut text = String::new();
    while text.len() < len {
        text.push_str(["price ", "é ", "{\"id\": 17}, ", "€ ", "again and again ", "x"][rng.below(6)]);
    }
    while text.len() > len {
        text.pop();
    }
    text
}

fn agreed(bits: u8, takeover: bool) -> Agreement {
    let direction = Direction::new(WindowBits::new(bits).unwrap(), takeover);
    Agreement::new(direction, direction)
}

/// The first byte, and the payload unmasked, of each frame.
fn frames(mut wire: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while !wire.is_empty() {
        let role = if wire[1] & 0x80 != 0 { Role::Server } else { Role::Client };
        let header = Header::parse(wire, role, Rsv::RSV1).unwrap().unwrap();
        let len = header.encoded_len();
        let (payload, rest) = wire[len..].split_at(header.payload_len() as usize);
        let mut payload = payload.to_vec();
        if let Some(key) = header.mask_key() {
            Mask::new(key).apply(&mut payload);
        }
        frames.push((wire[0], payload));
        wire = rest;
    }
    frames
}

/// What was sent comes out again, with every window and both kinds of output, and refers to no more than the window.
#[test]
fn what_is_compressed_comes_out_again() {
    for bits in 8..=15 {
        for takeover in [false, true] {
            for level in [0, 1, 2, 6, 9] {
                let agreed = agreed(bits, takeover);
                let engine = ZlibDeflate::new(agreed.sending(Role::Client)).with_level(level);
                let mut compressor = Compressor::new(engine, agreed, Role::Client).with_threshold(0);
                let mut encoder = Encoder::client(|| [1, 2, 3, 4]);
                let mut out = Vec::new();
                let texts: Vec<_> = [0, 0, 1, 5, 64, 125, 126, 127, 300, 5000, 70_000, 0, 700]
                    .iter()
                    .enumerate()
                    .map(|(seed, len)| text(*len, seed))
                    .collect();
                for (i, text) in texts.iter().enumerate() {
                    let frame = Frame::text(text);
                    let len = if i % 2 == 0 {
                        encoder.append_compressed(&mut out, &mut compressor, frame).unwrap()
                    } else {
                        let mut slice = vec![0; text.len() * 8 / 7 + 100];
                        let len = encoder.encode_compressed(&mut slice[..], &mut compressor, frame).unwrap();
                        out.extend_from_slice(&slice[..len]);
                        len
                    };
                    assert!(len >= 2);
                }
                let (events, state) = assemble_with(assembler(Role::Server, Config::SERVER, agreed), out.chunks(1000));
                assert_eq!(state, State::Idle);
                let found: Vec<_> = events
                    .iter()
                    .map(|event| match event {
                        Event::Message { payload, text: true, .. } => core::str::from_utf8(payload).unwrap(),
                        event => panic!("{event:?}"),
                    })
                    .collect();
                assert_eq!(found, texts, "{bits} bits, takeover {takeover}, level {level}");
                let mut history = Vec::new();
                for (first, payload) in frames(&out) {
                    if first & 0x40 == 0 {
                        continue;
                    }
                    if !takeover {
                        history.clear();
                    }
                    let farthest = wsframe_dev::inflate_plainly(&payload, &mut history).unwrap();
                    assert!(farthest <= 1 << bits, "{farthest} back, {bits} bits, level {level}");
                }
            }
        }
    }
}

#[test]
fn what_is_short_or_does_not_shrink_or_is_no_message_is_sent_plain() {
    let mut noise = vec![0; 1000];
    Rng(1).fill(&mut noise);
    for takeover in [false, true] {
        let agreed = agreed(15, takeover);
        let mut compressor = Compressor::zlib(agreed, Role::Server);
        let threshold = if takeover { 32 } else { 256 };
        let mut encoder = Encoder::server();
        let mut first = |frame: Frame<'_>| {
            let mut out = Vec::new();
            encoder.append_compressed(&mut out, &mut compressor, frame).unwrap();
            out[0]
        };
        assert_eq!(first(Frame::text(&"a".repeat(threshold - 1))), 0x81);
        assert_eq!(first(Frame::text(&"a".repeat(threshold))), 0xc1);
        assert_eq!(first(Frame::binary(&vec![0; threshold])), 0xc2);
        // With takeover, it is in the window, so it has to be sent compressed.
        assert_eq!(first(Frame::binary(&noise)), if takeover { 0xc2 } else { 0x82 });
        assert_eq!(first(Frame::ping(&[0; 100])), 0x89);
        assert_eq!(first(Frame::text_fragment(&"a".repeat(1000), false)), 0x01);
        assert_eq!(first(Frame::text_fragment(&"a".repeat(1000), true)), 0x80);
        assert_eq!(first(Frame::text(&"a".repeat(threshold))), 0xc1);
    }
}

/// A failure leaves the encoder, the engine and the output as they were.
#[test]
fn a_refused_message_changes_nothing() {
    let agreed = agreed(15, true);
    let mut compressor = Compressor::zlib(agreed, Role::Server);
    let config = EncoderConfig::new().with_max_message_len(2000);
    let mut encoder = Encoder::server_with_config(config);
    let mut out = Vec::new();
    let mut receiver = assembler(Role::Client, Config::CLIENT, agreed);
    for i in 0..20 {
        let before = out.clone();
        let long = text(2001, i);
        let error = encoder.append_compressed(&mut out, &mut compressor, Frame::text(&long)).unwrap_err();
        assert_eq!(error, EncodeError::OverLimit(Violation::MessageTooLong));
        let not_text = Frame::opaque(MessageKind::Text, Rsv::NONE, &[0xff; 500]);
        let error = encoder.append_compressed(&mut out, &mut compressor, not_text).unwrap_err();
        assert_eq!(error, EncodeError::Forbidden(Violation::TextNotUtf8));
        let message = text(2000, i);
        let mut small = vec![0xee; 2000];
        let error = encoder.encode_compressed(&mut small[..], &mut compressor, Frame::text(&message)).unwrap_err();
        let EncodeError::BufferTooSmall { needed } = error else { panic!("{error:?}") };
        assert!(small.iter().all(|byte| *byte == 0xee));
        assert_eq!(out, before);
        let mut enough = vec![0; needed];
        let len = encoder.encode_compressed(&mut enough[..], &mut compressor, Frame::text(&message)).unwrap();
        out.extend_from_slice(&enough[..len]);
    }
    let mut seen = 0;
    receiver
        .for_each(&mut out, |event| {
            let MessageEvent::Message(message) = event else { panic!() };
            assert!(message.was_compressed() && message.wire_len() < 2000);
            assert_eq!(message.text(), Some(&*text(2000, seen)));
            seen += 1;
        })
        .unwrap();
    assert_eq!(seen, 20);
    // Without a key nothing is compressed.
    struct Never;
    impl KeySource for Never {
        fn next_key(&mut self) -> Result<[u8; 4], NoKey> {
            Err(NoKey::new())
        }
    }
    let mut client = Encoder::client(Never);
    let mut out = vec![7];
    assert!(client.append_compressed(&mut out, &mut compressor, Frame::text(&text(500, 1))).is_err());
    assert_eq!(out, [7]);
}

/// With takeover, `release` and prepared frames make the compressor begin anew, and the peer understands all of it.
#[test]
fn messages_after_a_release_and_around_prepared_frames_are_understood() {
    let agreed = agreed(12, true);
    let mut shared = Compressor::zlib(self::agreed(12, false), Role::Server);
    let news = text(1000, 99);
    let prepared = PreparedFrame::compressed(Frame::text(&news), &mut shared).unwrap();
    assert!(prepared.compressed_bytes().unwrap().len() < prepared.as_bytes().len() / 2);
    let mut compressor = Compressor::zlib(agreed, Role::Server);
    let mut encoder = Encoder::server();
    let (mut out, mut expected) = (Vec::new(), Vec::new());
    let mut rng = Rng(4);
    for i in 0..200 {
        match rng.below(6) {
            0 => compressor.release(),
            1 | 2 => {
                let bytes = encoder.encode_prepared_compressed(&prepared, &mut compressor).unwrap();
                assert_eq!(bytes[0], 0xc1);
                out.extend_from_slice(&bytes);
                expected.push(news.clone());
            }
            _ => {
                let message = text(100 + i, i / 3);
                encoder.append_compressed(&mut out, &mut compressor, Frame::text(&message)).unwrap();
                expected.push(message);
            }
        }
    }
    let mut seen = Vec::new();
    assembler(Role::Client, Config::CLIENT, agreed)
        .for_each(&mut out, |event| {
            let MessageEvent::Message(message) = event else { panic!() };
            seen.push(message.text().unwrap().to_owned());
        })
        .unwrap();
    assert_eq!(seen, expected);
    // A smaller window gets the plain form.
    let mut small = Compressor::zlib(self::agreed(11, true), Role::Server);
    assert_eq!(encoder.encode_prepared_compressed(&prepared, &mut small).unwrap()[0], 0x81);
    assert_eq!(encoder.encode_prepared(&prepared).unwrap()[0], 0x81);
    // What does not shrink, or is no message, has no compressed form.
    assert!(PreparedFrame::compressed(Frame::text("short"), &mut shared).unwrap().compressed_bytes().is_none());
    assert!(PreparedFrame::compressed(Frame::ping(&[0; 100]), &mut shared).unwrap().compressed_bytes().is_none());
}

/// Two codecs of `Framed`, with every pair of policies.
#[test]
fn two_codecs_understand_each_other() {
    use bytes::BytesMut;
    use tokio_util::codec::{Decoder as _, Encoder as _};
    for takeover in [false, true] {
        let agreed = agreed(12, takeover);
        let mut server = MessageCodec::server().with_deflate(agreed);
        let mut client = MessageCodec::client(|| [9, 8, 7, 6]).with_deflate(agreed);
        let (mut to_client, mut to_server) = (BytesMut::new(), BytesMut::new());
        for i in 0..50 {
            let message = Message::from(text(i * 41, i % 7));
            server.set_compressing(i % 5 != 0);
            server.encode(message.clone(), &mut to_client).unwrap();
            assert_eq!(to_client[0] & 0x40 != 0, i % 5 != 0 && i * 41 >= if takeover { 32 } else { 256 });
            assert_eq!(client.decode(&mut to_client).unwrap(), Some(message.clone()));
            client.encode(message.clone(), &mut to_server).unwrap();
            assert_eq!(server.decode(&mut to_server).unwrap(), Some(message));
            if i % 10 == 0 {
                server.release_compressor();
            }
        }
        let shared = &mut Compressor::zlib(self::agreed(12, false), Role::Server);
        let prepared = PreparedFrame::compressed(Frame::text(&text(2000, 3)), shared).unwrap();
        server.set_compressing(true);
        server.encode(prepared, &mut to_client).unwrap();
        assert_eq!(to_client[0], 0xc1);
        assert_eq!(client.decode(&mut to_client).unwrap(), Some(Message::from(text(2000, 3))));
    }
}

/// Engines that count wrong, stand still, or never end.
#[test]
fn an_engine_that_lies_makes_the_connection_fail() {
    #[derive(Clone, Copy)]
    struct Liar(Result<Step, InflateError>, Result<usize, InflateError>);
    impl Inflate for Liar {
        fn inflate(&mut self, _: &[u8], _: &mut [u8], _: usize) -> Result<Step, InflateError> {
            self.0
        }
        fn finish(&mut self, _: &mut [u8], _: usize) -> Result<usize, InflateError> {
            self.1
        }
        fn forget(&mut self) {}
    }
    let step = |taken, written| Step { taken, written };
    let corrupt = InflateError::corrupt(step(usize::MAX, usize::MAX));
    use Violation::{DeflateCorrupt, InflatedTooLong};
    for (liar, first, expected) in [
        (Liar(Ok(step(8, 0)), Ok(0)), 0xc1, Some(DeflateCorrupt)),
        (Liar(Ok(step(usize::MAX, 0)), Ok(0)), 0xc1, Some(DeflateCorrupt)),
        (Liar(Ok(step(7, usize::MAX)), Ok(0)), 0xc1, Some(DeflateCorrupt)),
        (Liar(Ok(step(0, 0)), Ok(0)), 0xc1, Some(DeflateCorrupt)),
        (Liar(Err(corrupt), Ok(0)), 0xc1, Some(DeflateCorrupt)),
        (Liar(Err(InflateError::corrupt(step(3, 3))), Ok(0)), 0xc1, Some(DeflateCorrupt)),
        (Liar(Err(InflateError::no_memory()), Ok(0)), 0xc1, Some(InflatedTooLong)),
        (Liar(Ok(step(7, 0)), Ok(usize::MAX)), 0xc1, Some(DeflateCorrupt)),
        (Liar(Ok(step(7, 0)), Err(corrupt)), 0xc1, Some(DeflateCorrupt)),
        // One byte in each call, which is not enough to end: until the limit.
        (Liar(Ok(step(0, 1)), Ok(0)), 0xc1, Some(InflatedTooLong)),
        (Liar(Ok(step(7, 9)), Ok(9)), 0xc1, None),
        (Liar(Ok(step(7, 0)), Ok(0)), 0xc1, None),
    ] {
        let inflater = Inflater::new(liar, agreed(15, true), Role::Client).with_max_message_len(1000);
        let mut assembler = Assembler::new(Role::Client).with_inflater(inflater);
        let mut input = *b"\0\x07abcdefg";
        input[0] = first;
        let found = assembler.for_each(&mut input, |_| {}).err().map(|error| error.violation());
        assert_eq!(found, expected);
        let inflater = Inflater::new(liar, agreed(15, true), Role::Client).with_max_message_len(1000);
        let mut input = *b"\0\x07abcdefg";
        input[0] = first;
        let (events, _) = inflate(Role::Client, Config::CLIENT, inflater, 64, [&input[..]]);
        let found = match events.last() {
            Some(Event::Violation { rule, .. }) => Violation::from_name(rule),
            _ => None,
        };
        assert_eq!(found, expected);
    }
}

/// An engine without a window of its own, such as a device would bring: `miniz_oxide` writes into its own history.
struct Miniz(Box<miniz_oxide::inflate::core::DecompressorOxide>);

impl Miniz {
    fn step(&mut self, input: &[u8], out: &mut [u8], at: usize) -> Result<Step, InflateError> {
        use miniz_oxide::inflate::core::{decompress, inflate_flags};
        let flags = inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF | inflate_flags::TINFL_FLAG_HAS_MORE_INPUT;
        let (status, taken, written) = decompress(&mut self.0, input, out, at, flags);
        let step = Step { taken, written };
        if (status as i32) < 0 { Err(InflateError::corrupt(step)) } else { Ok(step) }
    }
}

impl Inflate for Miniz {
    fn inflate(&mut self, input: &[u8], out: &mut [u8], at: usize) -> Result<Step, InflateError> {
        self.step(input, out, at)
    }

    fn finish(&mut self, out: &mut [u8], at: usize) -> Result<usize, InflateError> {
        Ok(self.step(&[0, 0, 0xff, 0xff], out, at)?.written)
    }

    fn forget(&mut self) {
        self.0.init();
    }

    fn look_back(&self) -> usize {
        32 * 1024
    }
}

#[test]
fn another_engine_can_be_brought() {
    for seed in 0..20 {
        let agreed = agreed(15, false);
        let mut compressor = Compressor::zlib(agreed, Role::Server).with_threshold(0);
        let mut out = Vec::new();
        let texts: Vec<_> = (0..5).map(|i| text(1 + i * 17_000, seed + i)).collect();
        for text in &texts {
            Encoder::server().append_compressed(&mut out, &mut compressor, Frame::text(text)).unwrap();
        }
        let engine = || Miniz(Box::default());
        let texts_of = |events: Vec<Event>| -> Vec<String> {
            let text = |event| match event {
                Event::Message { payload, .. } => String::from_utf8(payload).unwrap(),
                event => panic!("{event:?}"),
            };
            events.into_iter().map(text).collect()
        };
        let inflater = Inflater::new(engine(), agreed, Role::Client);
        let assembler = Assembler::new(Role::Client).with_inflater(inflater);
        assert_eq!(texts_of(assemble_with(assembler, out.chunks(777)).0), texts);
        // In pieces: the history moves to the front of the scratch.
        for scratch in [33_000, 40_000, 100_000] {
            let inflater = Inflater::new(engine(), agreed, Role::Client);
            assert_eq!(texts_of(inflate(Role::Client, Config::CLIENT, inflater, scratch, out.chunks(777)).0), texts);
        }
        // Too little for what it looks back.
        let inflater = Inflater::new(engine(), agreed, Role::Client);
        let (events, _) = inflate(Role::Client, Config::CLIENT, inflater, 32 * 1024, out.chunks(777));
        assert!(matches!(events.last(), Some(Event::Violation { rule, .. }) if rule == "InflatedTooLong"));
    }
}

/// The vectors, and what they become with one byte changed, against an inflater that is plain and slow.
#[test]
fn messages_are_what_a_plain_inflater_makes_of_them() {
    let mut rng = Rng(11);
    let (mut messages, mut broken) = (0, 0);
    for vector in vectors::deflate() {
        for (first, payload) in frames_of(&vector.stream()) {
            if first & 0x70 != 0x40 || first & 0x80 == 0 || payload.is_empty() {
                continue;
            }
            for round in 0..40 {
                let mut payload = payload.clone();
                for _ in 0..round.min(3) {
                    let at = rng.below(payload.len());
                    payload[at] ^= 1 << rng.below(8);
                }
                let mut expected = Vec::new();
                let verdict = wsframe_dev::inflate_plainly(&payload, &mut expected);
                let stream = wsframe_dev::frame(0xc2, None, &payload);
                let head = stream.len() - payload.len();
                let agreed = agreed(15, false);
                let (events, _) =
                    assemble_with(assembler(Role::Client, Config::CLIENT, agreed), stream.chunks(1 + rng.below(50)));
                match (&events[..], verdict) {
                    ([Event::Message { payload, .. }], Ok(_)) => assert_eq!(payload, &expected),
                    ([Event::Violation { offset, rule, .. }], Err(index)) if rule == "DeflateCorrupt" => {
                        assert_eq!(*offset as isize, head as isize + index, "{}: {payload:02x?}", vector.name);
                        broken += 1;
                    }
                    (events, verdict) => panic!("{}: {events:?}, {verdict:?}: {payload:02x?}", vector.name),
                }
                messages += 1;
            }
        }
    }
    assert!(messages > 5000 && broken > 1000, "{broken} of {messages}");
}

/// [`frames`], as far as the stream has whole frames that the parser accepts.
fn frames_of(mut wire: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut found = Vec::new();
    while wire.len() > 1 {
        let role = if wire[1] & 0x80 != 0 { Role::Server } else { Role::Client };
        let Ok(Some(header)) = Header::parse(wire, role, Rsv::RSV1) else { break };
        let len = header.encoded_len();
        let end = len + header.payload_len() as usize;
        if end > wire.len() {
            break;
        }
        found.extend(frames(&wire[..end]));
        wire = &wire[end..];
    }
    found
}

/// An engine that writes to what it gave before cannot make text of what is none.
#[test]
fn an_engine_that_changes_what_was_validated_is_found() {
    struct Spoiler {
        look_back: usize,
    }
    impl Inflate for Spoiler {
        fn inflate(&mut self, input: &[u8], out: &mut [u8], at: usize) -> Result<Step, InflateError> {
            out[..at].fill(0xff);
            out[at..at + input.len()].fill(b'a');
            Ok(Step { taken: input.len(), written: input.len() })
        }
        fn finish(&mut self, _: &mut [u8], _: usize) -> Result<usize, InflateError> {
            Ok(0)
        }
        fn forget(&mut self) {}
        fn look_back(&self) -> usize {
            self.look_back
        }
    }
    for (look_back, expected) in [(0, None), (100, Some(Violation::TextNotUtf8))] {
        let inflater = Inflater::new(Spoiler { look_back }, agreed(15, false), Role::Client);
        let mut assembler = Assembler::new(Role::Client).with_inflater(inflater);
        let result = assembler.for_each(&mut b"\x41\x02xx\x80\x02yy".to_vec(), |event| {
            let MessageEvent::Message(message) = event else { panic!() };
            assert_eq!(message.text(), Some("aaaa"));
        });
        assert_eq!(result.err().map(|error| error.violation()), expected);
    }
}

/// An inflater that comes when a message is under way, or has been used for one, does not know its beginning.
#[test]
fn an_inflater_that_comes_late_refuses_the_message() {
    let zlib = || Inflater::zlib(agreed(15, true), Role::Client);
    let rest = b"\x80\x09\x00\x03\x00\xfc\xff\xff\xfe\xfd\x00";
    let allowed = Config::CLIENT.with_allowed_rsv(Rsv::RSV1);
    // Replaced, or added late.
    for mut assembler in
        [Assembler::new(Role::Client).with_inflater(zlib()), Assembler::with_config(Role::Client, allowed)]
    {
        assembler.for_each(&mut b"\x41\x01\x00".to_vec(), |_| {}).unwrap();
        let mut assembler = assembler.with_inflater(zlib());
        let error = assembler.for_each(&mut rest.to_vec(), |_| panic!()).unwrap_err();
        assert_eq!(error.violation(), Violation::DeflateCorrupt);
    }
    let mut decoder = MessageDecoder::with_config(Role::Client, allowed);
    decoder.put_slice(b"\x42\x05ABCDE");
    assert_eq!(decoder.decode(), Ok(None));
    let mut decoder = decoder.with_inflater(zlib());
    decoder.put_slice(b"\x00\x00\x00\x00\x80\x01\x00\x82\x01\x5a");
    assert_eq!(decoder.decode().unwrap_err().violation(), Violation::DeflateCorrupt);
    // Used before.
    let mut used = zlib();
    let mut decoder = wsframe::Decoder::with_config(Role::Client, allowed);
    let mut input = *b"\x41\x04\xf2\x48\xcd\xc9";
    decoder
        .for_each(&mut input, |event| {
            let wsframe::Event::Chunk(chunk) = event else { panic!() };
            used.inflate(&chunk, &mut [0; 100], |_| {}).unwrap();
        })
        .unwrap();
    let mut assembler = Assembler::new(Role::Client).with_inflater(used);
    let mut seen = 0;
    assembler.for_each(&mut b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00".to_vec(), |_| seen += 1).unwrap();
    assert_eq!(seen, 1);
}

/// Data that does not compress is longer on the wire; the limit is that of the message.
#[test]
fn limits_count_what_comes_out() {
    let mut noise = vec![0; 100_000];
    Rng(3).fill(&mut noise);
    for len in [0, 1, 5, 200, 1000, 100_000] {
        let agreed = agreed(15, true);
        let mut out = Vec::new();
        let mut compressor = Compressor::zlib(agreed, Role::Server).always();
        Encoder::server().append_compressed(&mut out, &mut compressor, Frame::binary(&noise[..len])).unwrap();
        for limit in [len.saturating_sub(1), len, len + 1] {
            let config = Config::CLIENT.with_max_message_len(limit as u64).with_max_frame_len(limit as u64);
            let (events, _) = assemble_with(assembler(Role::Client, config, agreed), [&out[..]]);
            match events.last() {
                Some(Event::Message { payload, .. }) => assert!(payload.len() == len && limit >= len),
                Some(Event::Violation { rule, .. }) => assert!(limit < len && rule == "InflatedTooLong", "{rule}"),
                event => panic!("{event:?}"),
            }
        }
        // Plain messages are held to it as ever.
        let mut plain = Vec::new();
        Encoder::server().append(&mut plain, Frame::binary(&noise[..len])).unwrap();
        let config = Config::CLIENT.with_max_message_len(len.saturating_sub(1) as u64);
        let (events, _) = assemble_with(assembler(Role::Client, config, agreed), [&plain[..]]);
        assert_eq!(matches!(events.last(), Some(Event::Violation { .. })), len > 0);
    }
    // Pieces have the limit of the role, unless there is another.
    let zeros = "\0".repeat((64 << 20) + 1);
    let mut out = Vec::new();
    let agreed = agreed(15, false);
    Encoder::server()
        .append_compressed(&mut out, &mut Compressor::zlib(agreed, Role::Server), Frame::text(&zeros))
        .unwrap();
    let mut inflater = Inflater::zlib(agreed, Role::Client);
    let mut decoder = wsframe::Decoder::with_config(Role::Client, Config::CLIENT.with_allowed_rsv(Rsv::RSV1));
    let (mut len, mut errors) = (0, Vec::new());
    for piece in out.chunks_mut(10_000) {
        decoder
            .for_each(piece, |event| {
                let wsframe::Event::Chunk(chunk) = event else { panic!() };
                let result = inflater.inflate(&chunk, &mut [0; 10_000], |piece| len += piece.payload().len());
                errors.extend(result.err().map(|error| error.violation()));
            })
            .unwrap();
    }
    assert!(len <= 64 << 20);
    assert!(!errors.is_empty() && errors.iter().all(|error| *error == Violation::InflatedTooLong), "{errors:?}");
}

/// Engines that ask for any room, or give nothing.
#[test]
fn a_compressor_with_an_odd_engine_sends_plain() {
    struct Odd {
        bounds: Vec<usize>,
        gives: usize,
        forgotten: std::sync::Arc<core::sync::atomic::AtomicUsize>,
    }
    impl Deflate for Odd {
        fn deflate(&mut self, _: &[u8], out: &mut [u8]) -> Option<usize> {
            let end = out.get_mut(self.gives..self.gives + 4)?;
            end.copy_from_slice(&[0, 0, 0xff, 0xff]);
            Some(self.gives + 4)
        }
        fn bound(&self, len: usize) -> usize {
            self.bounds.get(len % 3).copied().unwrap_or(len)
        }
        fn forget(&mut self) {
            self.forgotten.fetch_add(1, core::sync::atomic::Ordering::Relaxed);
        }
    }
    for gives in [0, 1, 1_000_000] {
        for bounds in [vec![0, 0, 0], vec![usize::MAX; 3], vec![5, usize::MAX, 1 << 30]] {
            for len in [10, 11, 12, 200, 70_000] {
                let forgotten = std::sync::Arc::default();
                let engine = Odd { bounds: bounds.clone(), gives, forgotten: std::sync::Arc::clone(&forgotten) };
                let mut compressor = Compressor::new(engine, agreed(15, true), Role::Server).with_threshold(0);
                let payload = vec![7; len];
                let (mut vec, mut bytes) = (Vec::new(), bytes::BytesMut::new());
                Encoder::server().append_compressed(&mut vec, &mut compressor, Frame::binary(&payload)).unwrap();
                Encoder::server().append_compressed(&mut bytes, &mut compressor, Frame::binary(&payload)).unwrap();
                assert_eq!(vec, bytes);
                let [(first, found)] = &frames(&vec)[..] else { panic!() };
                if *first == 0x82 {
                    assert_eq!(*found, payload);
                    assert!(forgotten.load(core::sync::atomic::Ordering::Relaxed) >= 1);
                } else {
                    assert_eq!((*first, found.len()), (0xc2, gives));
                }
            }
        }
    }
}
