//! What the tool `wsframe` knows of its input, apart from files, arguments and the terminal: text forms of bytes ([`text`]),
//! the HTTP heads and the frames of a stream ([`stream`]), what bytes are that are no frames, and the meaning of close codes
//! and rules ([`explain`]). Everything that it says is a [`record`], which serializes to JSON.

#![no_std]
#![allow(
    clippy::exhaustive_enums,
    clippy::exhaustive_structs,
    reason = "not published: those who use it are changed with it"
)]

extern crate alloc;

mod body;
pub mod dump;
pub mod explain;
mod frames;
pub mod head;
pub mod hint;
pub mod pair;
pub mod record;
pub mod shown;
pub mod stats;
pub mod stream;
pub mod text;
pub mod value;
