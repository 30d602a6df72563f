//! permessage-deflate: the vectors, in every decoder, however they are cut.

use wsframe::deflate::{Agreement, Inflater};
use wsframe::{Assembler, Config, Role, State};
use wsframe_dev::vectors::{self, Vector};
use wsframe_dev::{Event, FEEDINGS, assemble_with, inflate, own_with};

fn without_places(events: &[Event]) -> Vec<Event> {
    events.iter().cloned().map(Event::without_place).collect()
}

fn assembler(role: Role, config: Config, agreed: Agreement) -> Assembler {
    Assembler::with_config(role, config).with_inflater(Inflater::zlib(agreed, role))
}

/// Cuts in two: everywhere in short streams, and at some places of long ones.
fn cuts(len: usize) -> impl Iterator<Item = usize> {
    (1..len).filter(move |at| len < 400 || at % (len / 40) == 7)
}

/// The streams with their offsets, whole and byte by byte, and cut anywhere.
#[test]
fn every_vector_gives_its_events_at_every_cut() {
    let mut wrong = Vec::new();
    for vector in vectors::deflate() {
        let (stream, role, config) = (vector.stream(), vector.role(), vector.config());
        let agreed = vector.agreed().unwrap();
        let expected = (vector.events.clone(), vector.state());
        let mut check = |how: &str, found: (Vec<Event>, State)| {
            if found != expected {
                wrong.push(format!("{}: {how}\n  {:?}\n  {:?}", vector.name, found.0.last(), expected.0.last()));
            }
        };
        check("whole", assemble_with(assembler(role, config, agreed), [&stream[..]]));
        check("byte by byte", assemble_with(assembler(role, config, agreed), stream.chunks(1)));
        for cut in cuts(stream.len()) {
            let (a, b) = stream.split_at(cut);
            check(&format!("cut at {cut}"), assemble_with(assembler(role, config, agreed), [a, b]));
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong[..wrong.len().min(40)].join("\n"));
}
