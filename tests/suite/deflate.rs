//! permessage-deflate: the vectors, in every decoder, however they are cut; what engines may do; what is sent.

use wsframe::deflate::{Agreement, Inflater};
use wsframe::{Assembler, Config, Role, State};
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
        (Some((Event::Violation { offset, rule, .. }, before)), Some((Event::Violation { offset: exact, rule: right, .. }, right_before)))
            if (rule == "TextNotUtf8" || rule == "InflatedTooLong") && rule == right =>
        {
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
        let (events, state) = assemble_with(
            assembler(vector.role(), vector.config(), vector.agreed().unwrap()),
            [&stream[..]],
        );
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
