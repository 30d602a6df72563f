//! The loops over payload bytes. They know nothing of the protocol: a key is four bytes, a length is a number.

#[cfg(target_arch = "x86_64")]
mod avx512;
mod cpu;
pub(crate) mod utf8;
pub(crate) mod xor;

use core::slice;

pub use self::cpu::kernels;

/// Writes `from` XOR the key to `to` and validates the result as text that begins with a whole code point. `None` if it is
/// not UTF-8, except that a code point may be open at its end, which is not decided here; otherwise whether it is known to be
/// all ASCII.
///
/// # Safety
/// As [`xor::xor_raw`].
#[inline]
#[allow(unsafe_code, reason = "one kernel for every way of passing the bytes")]
pub(crate) unsafe fn xor_text(from: *const u8, to: *mut u8, len: usize, key: [u8; 4]) -> Option<bool> {
    #[cfg(target_arch = "x86_64")]
    if len > xor::SHORT && cpu::path() == cpu::Path::Avx512 {
        // SAFETY: the pointers are as the caller promises; `path` found AVX-512 F and BW and BMI2 on this machine.
        return unsafe { avx512::xor_text(from, to, len, key) };
    }
    // SAFETY: the pointers are as the caller promises, and `xor_raw` initializes all `len` bytes at `to`.
    unsafe {
        if xor::xor_raw(from, to, len, key) {
            return Some(true);
        }
        utf8::see(slice::from_raw_parts(to, len))
    }
}
