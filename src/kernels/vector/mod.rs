//! Registers: what the loops over payload need of an instruction set.
//!
//! The loops are written once, over these traits, and compiled for each instruction set. A method may be called only where
//! the machine has the instruction set of its type: from a function that is compiled for it, into which all of this is
//! inlined.

#[cfg(all(target_arch = "aarch64", target_feature = "neon", target_endian = "little"))]
mod aarch64;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm32;
#[cfg(target_arch = "x86_64")]
mod x86_64;

use super::xor::walk_short;

/// 16 bytes, in a register if the target has one for them.
#[cfg(all(target_arch = "aarch64", target_feature = "neon", target_endian = "little"))]
pub(super) use core::arch::aarch64::uint8x16_t as Word16;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub(super) use core::arch::wasm32::v128 as Word16;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
pub(super) use core::arch::x86_64::__m128i as Word16;
#[cfg(not(any(
    all(target_arch = "aarch64", target_feature = "neon", target_endian = "little"),
    all(target_arch = "wasm32", target_feature = "simd128"),
    all(target_arch = "x86_64", target_feature = "sse2")
)))]
pub(super) use u128 as Word16;

/// Bytes that are XORed together.
#[allow(unsafe_code, reason = "an instruction set that the caller must have")]
pub(super) trait Word: Copy {
    /// The key, over and over.
    unsafe fn repeat(key: [u8; 4]) -> Self;
    unsafe fn xor(self, other: Self) -> Self;
    unsafe fn or(self, other: Self) -> Self;
    /// Whether no byte has its top bit set.
    unsafe fn is_ascii(self) -> bool;
}

/// A word that UTF-8 can be validated in.
#[allow(unsafe_code, reason = "an instruction set that the caller must have")]
pub(super) trait Vector: Word {
    /// `len` bytes, less than there is room for, at the end; zeros before them.
    ///
    /// # Safety
    /// `from` must be valid for reads of `len` bytes.
    #[inline(always)]
    unsafe fn load_at_end(from: *const u8, len: usize) -> Self {
        // SAFETY: as the caller's; at most 64 bytes are written, to the end of the register.
        unsafe {
            let mut register = Self::splat(0);
            let to = (&raw mut register).cast::<u8>().add(size_of::<Self>() - len);
            walk_short::<true>(from, to, len, [0; 4]);
            register
        }
    }

    /// The same byte everywhere.
    unsafe fn splat(byte: u8) -> Self;
    /// The table, in each 16 bytes.
    unsafe fn table(table: &[u8; 16]) -> Self;
    /// The entries of this table at the indices `at`, each less than 16.
    unsafe fn look_up(self, at: Self) -> Self;
    unsafe fn and(self, other: Self) -> Self;
    /// Each byte less the other, but not less than zero.
    unsafe fn saturating_sub(self, other: Self) -> Self;
    /// The high nibble of each byte.
    unsafe fn high_nibbles(self) -> Self;
    /// These bytes one, two or three places further on, with the end of `previous` before them: `FROM` is 15, 14 or 13.
    unsafe fn after<const FROM: i32>(self, previous: Self) -> Self;
    unsafe fn is_zero(self) -> bool;
}

macro_rules! integer_word {
    ($word:ty) => {
        #[allow(unsafe_code, reason = "the trait has an instruction set as its condition; integers need none")]
        impl Word for $word {
            #[inline(always)]
            unsafe fn repeat(key: [u8; 4]) -> $word {
                <$word>::from(u32::from_ne_bytes(key)) * (<$word>::MAX / <$word>::from(u32::MAX))
            }

            #[inline(always)]
            unsafe fn xor(self, other: $word) -> $word {
                self ^ other
            }

            #[inline(always)]
            unsafe fn or(self, other: $word) -> $word {
                self | other
            }

            #[inline(always)]
            unsafe fn is_ascii(self) -> bool {
                self & (<$word>::MAX / 0xff * 0x80) == 0
            }
        }
    };
}

integer_word!(u32);
integer_word!(u64);
#[cfg(not(any(
    all(target_arch = "aarch64", target_feature = "neon", target_endian = "little"),
    all(target_arch = "wasm32", target_feature = "simd128"),
    all(target_arch = "x86_64", target_feature = "sse2")
)))]
integer_word!(u128);
