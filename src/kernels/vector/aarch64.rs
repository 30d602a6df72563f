//! NEON, 16 bytes.

#![allow(unsafe_code, reason = "an instruction set")]

use core::arch::aarch64::*;

use super::{Vector, Word};

impl Word for uint8x16_t {
    #[inline(always)]
    unsafe fn repeat(key: [u8; 4]) -> Self {
        // SAFETY: the caller has NEON.
        unsafe { vreinterpretq_u8_u32(vdupq_n_u32(u32::from_ne_bytes(key))) }
    }

    #[inline(always)]
    unsafe fn xor(self, other: Self) -> Self {
        // SAFETY: the caller has NEON.
        unsafe { veorq_u8(self, other) }
    }

    #[inline(always)]
    unsafe fn or(self, other: Self) -> Self {
        // SAFETY: the caller has NEON.
        unsafe { vorrq_u8(self, other) }
    }

    #[inline(always)]
    unsafe fn is_ascii(self) -> bool {
        // SAFETY: the caller has NEON.
        unsafe { vmaxvq_u8(self) < 0x80 }
    }
}

impl Vector for uint8x16_t {
    #[inline(always)]
    unsafe fn splat(byte: u8) -> Self {
        // SAFETY: the caller has NEON.
        unsafe { vdupq_n_u8(byte) }
    }

    #[inline(always)]
    unsafe fn table(table: &[u8; 16]) -> Self {
        // SAFETY: the caller has NEON; the table is as long as the register.
        unsafe { vld1q_u8(table.as_ptr()) }
    }

    #[inline(always)]
    unsafe fn look_up(self, at: Self) -> Self {
        // SAFETY: the caller has NEON.
        unsafe { vqtbl1q_u8(self, at) }
    }

    #[inline(always)]
    unsafe fn and(self, other: Self) -> Self {
        // SAFETY: the caller has NEON.
        unsafe { vandq_u8(self, other) }
    }

    #[inline(always)]
    unsafe fn saturating_sub(self, other: Self) -> Self {
        // SAFETY: the caller has NEON.
        unsafe { vqsubq_u8(self, other) }
    }

    #[inline(always)]
    unsafe fn high_nibbles(self) -> Self {
        // SAFETY: the caller has NEON.
        unsafe { vshrq_n_u8::<4>(self) }
    }

    #[inline(always)]
    unsafe fn after<const FROM: i32>(self, previous: Self) -> Self {
        // SAFETY: the caller has NEON.
        unsafe { vextq_u8::<FROM>(previous, self) }
    }

    #[inline(always)]
    unsafe fn is_zero(self) -> bool {
        // SAFETY: the caller has NEON.
        unsafe { vmaxvq_u8(self) == 0 }
    }
}
