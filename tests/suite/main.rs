//! The tests that need neither a process nor an allocator of their own, in one program, so that it is linked once.

mod assembler;
mod captures;
mod close_codes;
mod conduct;
mod connection;
mod decoder;
mod deflate;
mod documents;
mod encoder;
mod endpoint;
mod errors;
mod exhaustive;
mod first_bytes;
mod framed;
mod handshake;
mod header;
mod layers;
mod long_text;
mod negotiation;
mod opaque;
mod owned;
mod roundtrip;
mod utf8;
mod vectors;
mod witness;
mod wrappers;
