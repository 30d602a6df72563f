//! 16 bytes with SSSE3 (XOR needs SSE2 alone), 32 bytes with AVX2, 64 bytes with AVX-512 F and BW.

#![allow(unsafe_code, reason = "instruction sets")]

use core::arch::x86_64::*;

use super::{Vector, Word};

/// The instructions of one width, which differ in their names alone, and in what comes last.
macro_rules! register {
    (
        $register:ty, $splat32:ident, $splat8:ident, $xor:ident, $or:ident, $and:ident, $saturating_sub:ident,
        $shuffle:ident, $shift_right:ident, table: $table:expr, after: $after:expr, is_ascii: $is_ascii:expr,
        is_zero: $is_zero:expr $(, $load_at_end:item)? $(,)?
    ) => {
        impl Word for $register {
            #[inline(always)]
            unsafe fn repeat(key: [u8; 4]) -> Self {
                // SAFETY: the caller has the instruction set.
                unsafe { $splat32(i32::from_ne_bytes(key)) }
            }

            #[inline(always)]
            unsafe fn xor(self, other: Self) -> Self {
                // SAFETY: the caller has the instruction set.
                unsafe { $xor(self, other) }
            }

            #[inline(always)]
            unsafe fn or(self, other: Self) -> Self {
                // SAFETY: the caller has the instruction set.
                unsafe { $or(self, other) }
            }

            #[inline(always)]
            unsafe fn is_ascii(self) -> bool {
                // SAFETY: the caller has the instruction set.
                unsafe { $is_ascii(self) }
            }
        }

        impl Vector for $register {
            #[inline(always)]
            unsafe fn splat(byte: u8) -> Self {
                // SAFETY: the caller has the instruction set.
                unsafe { $splat8(byte as i8) }
            }

            #[inline(always)]
            unsafe fn table(table: &[u8; 16]) -> Self {
                // SAFETY: the caller has the instruction set; the table is as long as the register that is loaded.
                unsafe { $table(_mm_loadu_si128(table.as_ptr().cast())) }
            }

            #[inline(always)]
            unsafe fn look_up(self, at: Self) -> Self {
                // SAFETY: the caller has the instruction set.
                unsafe { $shuffle(self, at) }
            }

            #[inline(always)]
            unsafe fn and(self, other: Self) -> Self {
                // SAFETY: the caller has the instruction set.
                unsafe { $and(self, other) }
            }

            #[inline(always)]
            unsafe fn saturating_sub(self, other: Self) -> Self {
                // SAFETY: the caller has the instruction set.
                unsafe { $saturating_sub(self, other) }
            }

            #[inline(always)]
            unsafe fn high_nibbles(self) -> Self {
                // There is no shift of bytes.
                // SAFETY: the caller has the instruction set.
                unsafe { $and($shift_right::<4>(self), $splat8(0x0f)) }
            }

            #[inline(always)]
            unsafe fn after<const FROM: i32>(self, previous: Self) -> Self {
                // SAFETY: the caller has the instruction set.
                unsafe { $after(self, previous) }
            }

            #[inline(always)]
            unsafe fn is_zero(self) -> bool {
                // SAFETY: the caller has the instruction set.
                unsafe { $is_zero(self) }
            }

            $($load_at_end)?
        }
    };
}

register!(
    __m128i,
    _mm_set1_epi32,
    _mm_set1_epi8,
    _mm_xor_si128,
    _mm_or_si128,
    _mm_and_si128,
    _mm_subs_epu8,
    _mm_shuffle_epi8,
    _mm_srli_epi16,
    table: |table| table,
    after: |block, previous| _mm_alignr_epi8::<FROM>(block, previous),
    is_ascii: |block| _mm_movemask_epi8(block) == 0,
    is_zero: |block| _mm_movemask_epi8(_mm_cmpeq_epi8(block, _mm_setzero_si128())) == 0xffff,
);

register!(
    __m256i,
    _mm256_set1_epi32,
    _mm256_set1_epi8,
    _mm256_xor_si256,
    _mm256_or_si256,
    _mm256_and_si256,
    _mm256_subs_epu8,
    _mm256_shuffle_epi8,
    _mm256_srli_epi16,
    table: |table| _mm256_broadcastsi128_si256(table),
    // Each lane of 16 bytes needs the one before it.
    after: |block, previous| {
        _mm256_alignr_epi8::<FROM>(block, _mm256_permute2x128_si256::<0x21>(previous, block))
    },
    is_ascii: |block| _mm256_movemask_epi8(block) == 0,
    is_zero: |block| _mm256_testz_si256(block, block) != 0,
);

register!(
    __m512i,
    _mm512_set1_epi32,
    _mm512_set1_epi8,
    _mm512_xor_si512,
    _mm512_or_si512,
    _mm512_and_si512,
    _mm512_subs_epu8,
    _mm512_shuffle_epi8,
    _mm512_srli_epi16,
    table: |table| _mm512_broadcast_i32x4(table),
    after: |block, previous| _mm512_alignr_epi8::<FROM>(block, _mm512_alignr_epi32::<12>(block, previous)),
    is_ascii: |block| _mm512_movepi8_mask(block) == 0,
    is_zero: |block| _mm512_test_epi8_mask(block, block) == 0,
    #[inline(always)]
    unsafe fn load_at_end(from: *const u8, len: usize) -> Self {
        let here = u64::MAX.unbounded_shl((64 - len) as u32);
        // SAFETY: the caller has the instruction set, and promises the bytes of the mask, the only ones that are read.
        unsafe { _mm512_maskz_loadu_epi8(here, from.wrapping_add(len).wrapping_sub(64).cast()) }
    }
);
