//! `simd128`, 16 bytes.

#![allow(unsafe_code, reason = "the trait has an instruction set as its condition; this one is the target's")]

use core::arch::wasm32::*;

use super::{Vector, Word};

impl Word for v128 {
    #[inline(always)]
    unsafe fn repeat(key: [u8; 4]) -> Self {
        u32x4_splat(u32::from_ne_bytes(key))
    }

    #[inline(always)]
    unsafe fn xor(self, other: Self) -> Self {
        v128_xor(self, other)
    }

    #[inline(always)]
    unsafe fn or(self, other: Self) -> Self {
        v128_or(self, other)
    }

    #[inline(always)]
    unsafe fn is_ascii(self) -> bool {
        u8x16_bitmask(self) == 0
    }
}

impl Vector for v128 {
    #[inline(always)]
    unsafe fn splat(byte: u8) -> Self {
        u8x16_splat(byte)
    }

    #[inline(always)]
    unsafe fn table(table: &[u8; 16]) -> Self {
        // SAFETY: the table is as long as the register.
        unsafe { v128_load(table.as_ptr().cast()) }
    }

    #[inline(always)]
    unsafe fn look_up(self, at: Self) -> Self {
        u8x16_swizzle(self, at)
    }

    #[inline(always)]
    unsafe fn and(self, other: Self) -> Self {
        v128_and(self, other)
    }

    #[inline(always)]
    unsafe fn saturating_sub(self, other: Self) -> Self {
        u8x16_sub_sat(self, other)
    }

    #[inline(always)]
    unsafe fn high_nibbles(self) -> Self {
        u8x16_shr(self, 4)
    }

    #[inline(always)]
    unsafe fn after<const FROM: i32>(self, previous: Self) -> Self {
        match FROM {
            15 => u8x16_shuffle::<15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30>(previous, self),
            14 => u8x16_shuffle::<14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29>(previous, self),
            _ => u8x16_shuffle::<13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28>(previous, self),
        }
    }

    #[inline(always)]
    unsafe fn is_zero(self) -> bool {
        !v128_any_true(self)
    }
}
