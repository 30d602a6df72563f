//! A violation comes with its deciding byte and not before: every shorter prefix is accepted, whole and byte by byte, and
//! everything that was complete before it has been delivered.

use wsframe::{Assembler, Decoder, State};
use wsframe_dev::Event;

use crate::{Setup, assemble, decode, input, reference};

pub(super) fn check(data: &[u8]) {
    let Some((setup, stream)) = input::<(Setup, &[u8])>(data) else { return };
    let (expected, state) = reference::decode(&setup.limits(), stream);
    let (deciding, complete) = match expected.split_last() {
        Some((Event::Violation { offset, .. }, complete)) => (*offset as usize, complete),
        _ => (stream.len(), &expected[..]),
    };

    // One byte fewer: nothing is refused, and what was complete is there.
    let before = &stream[..deciding];
    for (events, state) in [decode(&setup, [before]), assemble(&setup, [before])] {
        assert_ne!(state, State::Failed);
        assert_eq!(events, complete);
    }

    // Byte by byte: the error comes with the deciding byte itself.
    let mut decoder = Decoder::with_config(setup.role(), setup.config());
    let mut assembler = Assembler::with_config(setup.role(), setup.config());
    for (at, byte) in stream.iter().enumerate().take(deciding + 1) {
        let found = [decoder.for_each(&mut [*byte], |_| {}).err(), assembler.for_each(&mut [*byte], |_| {}).err()];
        for error in found {
            assert_eq!(error.map(|error| error.offset() as usize), (at == deciding).then_some(deciding));
        }
    }
    assert_eq!((decoder.state(), assembler.state()), (state, state));
}
