//! What the tests, fuzz oracles and benchmarks share: decoders run over a stream that is cut into pieces, the test vectors,
//! frames built by hand, an allocator that counts, random numbers, and futures that are dropped before their end.

pub mod alloc;
mod event;
mod frame;
mod hex;
mod inflate;
mod polls;
mod rng;
mod run;
pub mod vectors;

pub use event::Event;
pub use frame::{mask, push_frame};
pub use hex::{hex, unhex};
pub use inflate::inflate_plainly;
pub use polls::some_polls;
pub use rng::Rng;
pub use run::{FEEDINGS, Feeding, Run, assemble, assemble_with, decode, inflate, own, own_with};

/// A frame with this first byte, masked if there is a key.
pub fn frame(first: u8, key: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    push_frame(&mut frame, first, key, payload);
    frame
}
