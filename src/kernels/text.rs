//! Which kernel validates text, and unmasks it.

#![allow(unsafe_code, reason = "kernels that need an instruction set")]

use core::slice;

use super::cpu;
use super::xor;

/// How many bytes at the end of `text` are the beginning of a code point whose rest is not there: 0 to 3.
#[inline]
pub(crate) fn open_len(text: &[u8]) -> usize {
    for (back, byte) in (1..=3).zip(text.iter().rev()) {
        let len = match byte {
            0x80..=0xbf => continue,
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0.. => 4,
            _ => 0,
        };
        return if len > back { back } else { 0 };
    }
    0
}

/// `None` if `text` is not UTF-8, but for a code point that may be open at its end, which is not decided here; otherwise
/// whether it is known to be all ASCII.
#[inline]
pub(crate) fn see(text: &[u8]) -> Option<bool> {
    match cpu::path() {
        // SAFETY: the machine has the instruction set.
        #[cfg(target_arch = "x86_64")]
        cpu::Path::Avx512 => unsafe { avx512::validate(text) },
        // SAFETY: the machine has the instruction set.
        #[cfg(target_arch = "x86_64")]
        cpu::Path::Avx2 => unsafe { avx2::validate(text) },
        // SAFETY: the machine has the instruction set.
        #[cfg(target_arch = "x86_64")]
        cpu::Path::Ssse3 => unsafe { ssse3::validate(text) },
        // SAFETY: the target has the instruction set.
        #[cfg(all(target_arch = "aarch64", target_feature = "neon", target_endian = "little"))]
        cpu::Path::Neon => unsafe { neon::validate(text) },
        // SAFETY: the target has the instruction set.
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        cpu::Path::Simd128 => unsafe { simd128::validate(text) },
        _ => see_by_core(text),
    }
}

/// Writes `from` XOR the key to `to` and validates the result as text that begins with a whole code point. `None` if it is
/// not UTF-8, except that a code point may be open at its end, which is not decided here; otherwise whether it is known to be
/// all ASCII.
///
/// # Safety
/// As [`xor::xor_raw`].
#[inline]
pub(crate) unsafe fn xor_text(from: *const u8, to: *mut u8, len: usize, key: [u8; 4]) -> Option<bool> {
    // SAFETY: the pointers are as the caller promises, and the machine has the instruction set that `path` found; `xor_raw`
    // initializes all `len` bytes at `to`.
    unsafe {
        match cpu::path() {
            #[cfg(target_arch = "x86_64")]
            cpu::Path::Avx512 if len >= super::lookup::LONG => avx512::xor_and_validate(from, to, len, key),
            #[cfg(target_arch = "x86_64")]
            cpu::Path::Avx2 if len >= super::lookup::LONG => avx2::xor_and_validate(from, to, len, key),
            #[cfg(target_arch = "x86_64")]
            cpu::Path::Ssse3 if len >= super::lookup::LONG => ssse3::xor_and_validate(from, to, len, key),
            #[cfg(all(target_arch = "aarch64", target_feature = "neon", target_endian = "little"))]
            cpu::Path::Neon if len >= super::lookup::LONG => neon::xor_and_validate(from, to, len, key),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            cpu::Path::Simd128 if len >= super::lookup::LONG => simd128::xor_and_validate(from, to, len, key),
            _ if xor::xor_raw(from, to, len, key) => Some(true),
            _ => see(slice::from_raw_parts(to, len)),
        }
    }
}

/// The kernels of `lookup`, compiled for an instruction set: one that the target always has, or these features.
#[cfg_attr(not(target_arch = "x86_64"), allow(unused_macros, reason = "not every target has registers"))]
macro_rules! compiled {
    ($name:ident, $($features:literal,)? $arch:ident::$vector:ident, $group:literal, $part:literal) => {
        mod $name {
            use core::arch::$arch::$vector;

            use super::super::lookup;

            /// # Safety
            /// As [`lookup::xor_and_validate`].
            $(#[target_feature(enable = $features)])?
            pub(super) unsafe fn xor_and_validate(
                from: *const u8,
                to: *mut u8,
                len: usize,
                key: [u8; 4],
            ) -> Option<bool> {
                // SAFETY: as the caller's.
                unsafe { lookup::xor_and_validate::<$vector, true, $group, $part>(from, to, len, key) }
            }

            /// # Safety
            /// As [`lookup::validate`].
            $(#[target_feature(enable = $features)])?
            pub(super) unsafe fn validate(text: &[u8]) -> Option<bool> {
                // SAFETY: as the caller's.
                unsafe { lookup::validate::<$vector, $group, $part>(text) }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
compiled!(avx512, "avx512f,avx512bw", x86_64::__m512i, 4, 4);
#[cfg(target_arch = "x86_64")]
compiled!(avx2, "avx2", x86_64::__m256i, 8, 1);
#[cfg(target_arch = "x86_64")]
compiled!(ssse3, "ssse3", x86_64::__m128i, 8, 4);
#[cfg(all(target_arch = "aarch64", target_feature = "neon", target_endian = "little"))]
compiled!(neon, aarch64::uint8x16_t, 8, 4);
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
compiled!(simd128, wasm32::v128, 8, 4);

fn see_by_core(text: &[u8]) -> Option<bool> {
    match core::str::from_utf8(text) {
        // "The end of the input was reached unexpectedly", not "an unexpected byte".
        Err(error) if error.error_len().is_some() => None,
        _ => Some(false),
    }
}

/// The kernels of `lookup` that this machine has.
#[cfg(test)]
type Instance =
    (&'static str, unsafe fn(*const u8, *mut u8, usize, [u8; 4]) -> Option<bool>, unsafe fn(&[u8]) -> Option<bool>);

#[cfg(test)]
pub(super) fn instances() -> impl Iterator<Item = Instance> {
    #[cfg(target_arch = "x86_64")]
    let all: [(cpu::Path, Instance); 3] = [
        (cpu::Path::Ssse3, ("ssse3", ssse3::xor_and_validate, ssse3::validate)),
        (cpu::Path::Avx2, ("avx2", avx2::xor_and_validate, avx2::validate)),
        (cpu::Path::Avx512, ("avx512", avx512::xor_and_validate, avx512::validate)),
    ];
    #[cfg(all(target_arch = "aarch64", target_feature = "neon", target_endian = "little"))]
    let all: [(cpu::Path, Instance); 1] = [(cpu::Path::Neon, ("neon", neon::xor_and_validate, neon::validate))];
    #[cfg(not(any(
        target_arch = "x86_64",
        all(target_arch = "aarch64", target_feature = "neon", target_endian = "little")
    )))]
    let all: [(cpu::Path, Instance); 0] = [];
    all.into_iter().filter(|(least, _)| cpu::path() >= *least).map(|(_, instance)| instance)
}
