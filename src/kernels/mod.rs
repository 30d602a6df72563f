//! The loops over payload bytes. They know nothing of the protocol: a key is four bytes, a length is a number.

mod cpu;
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "not every target has registers"))]
mod lookup;
pub(crate) mod text;
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "not every target has registers"))]
mod vector;
pub(crate) mod xor;

pub use self::cpu::kernels;
