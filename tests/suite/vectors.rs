//! The vectors of `tests/vectors/`, through the decoder and the assembler: whole, byte by byte, and at every cut in two.

use wsframe::{Decoder, State, Violation};
use wsframe_dev::vectors::{self, Vector};
use wsframe_dev::{Event, Run, assemble, decode};

/// C2, and that the result is the right one.
#[test]
fn every_vector_gives_its_events_at_every_cut() {
    for vector in vectors::all() {
        let stream = vector.stream();
        let check = |how: &str, (events, state): (Vec<Event>, State)| {
            assert_eq!((events, state), (vector.events.clone(), vector.state()), "{}, {how}", vector.name);
        };
        let (role, config) = (vector.role(), vector.config());
        check("decoder, whole", decode(role, config, [&stream[..]]));
        check("decoder, byte by byte", decode(role, config, stream.chunks(1)));
        check("assembler, whole", assemble(role, config, [&stream[..]]));
        check("assembler, byte by byte", assemble(role, config, stream.chunks(1)));
        for cut in 0..=stream.len() {
            let (a, b) = stream.split_at(cut);
            check(&format!("decoder, cut at {cut}"), decode(role, config, [a, b]));
            check(&format!("assembler, cut at {cut}"), assemble(role, config, [a, b]));
        }
    }
}

fn violation_of(vector: &Vector) -> Option<u64> {
    match vector.events.last() {
        Some(Event::Violation { offset, .. }) => Some(*offset),
        _ => None,
    }
}

/// C3: one byte fewer is still accepted, and the deciding byte alone brings the violation. C5: what was complete before it
/// has been delivered by then.
#[test]
fn a_violation_comes_with_its_deciding_byte_and_not_before() {
    for vector in vectors::all() {
        let Some(offset) = violation_of(&vector) else { continue };
        let stream = vector.stream();
        let (before, behind) = stream.split_at(offset as usize);
        for pieces in [vec![before], before.chunks(1).collect()] {
            let mut run = Run::new(vector.role(), vector.config());
            pieces.into_iter().for_each(|piece| run.feed(piece));
            let (last, earlier) = vector.events.split_last().unwrap();
            assert_eq!(run.events, earlier, "{}: before the deciding byte", vector.name);
            assert_ne!(run.decoder.state(), State::Failed);
            run.feed(&behind[..1]);
            assert_eq!(run.events.last(), Some(last), "{}: with the deciding byte", vector.name);
        }
    }
}

/// C6.
#[test]
fn after_a_violation_every_call_returns_the_same_error() {
    for vector in vectors::all() {
        let Some(offset) = violation_of(&vector) else { continue };
        let mut decoder = Decoder::with_config(vector.role(), vector.config());
        let first = decoder.for_each(&mut vector.stream(), |_| {}).unwrap_err();
        for _ in 0..3 {
            let mut more = *b"\x81\x00 anything";
            let mut input = &mut more[..];
            assert_eq!(decoder.decode(&mut input).unwrap_err(), first, "{}", vector.name);
            assert!(input.is_empty());
            assert_eq!((decoder.position(), decoder.state()), (offset + 1, State::Failed));
            assert_eq!(decoder.decode(&mut &mut [][..]).unwrap_err(), first, "{}", vector.name);
        }
    }
}

/// C6.
#[test]
fn after_a_close_frame_input_is_swallowed() {
    for vector in vectors::all().iter().filter(|vector| vector.state() == State::Closed) {
        let mut decoder = Decoder::with_config(vector.role(), vector.config());
        decoder.for_each(&mut vector.stream(), |_| {}).unwrap();
        let position = decoder.position();
        let mut more = [0xff; 100];
        let mut input = &mut more[..];
        assert!(decoder.decode(&mut input).unwrap().is_none());
        assert!(input.is_empty());
        assert_eq!((decoder.position(), decoder.state()), (position, State::Closed));
    }
}

#[test]
fn the_vectors_break_every_rule() {
    let vectors = [vectors::all(), vectors::deflate()].concat();
    for violation in Violation::ALL {
        let breaks = |vector: &&Vector| matches!(vector.events.last(), Some(Event::Violation { rule, .. }) if *rule == violation.name());
        assert!(vectors.iter().filter(breaks).count() >= 2, "{violation:?}");
    }
}

/// A clone goes on from the same place, and both know nothing of each other.
#[test]
fn a_clone_is_a_snapshot() {
    for vector in vectors::all() {
        let stream = vector.stream();
        let mut run = Run::new(vector.role(), vector.config());
        let (a, b) = stream.split_at(stream.len() / 2);
        run.feed(a);
        let mut snapshot = run.decoder.clone();
        run.feed(b);
        let result = snapshot.for_each(&mut b.to_vec(), |_| {});
        assert_eq!(snapshot.state(), vector.state(), "{}", vector.name);
        assert_eq!(result.is_err(), violation_of(&vector).is_some(), "{}", vector.name);
    }
}
