//! Unmasking and UTF-8 validation in one pass over memory, 64 bytes in a register.
//!
//! The validation is the lookup algorithm of Keiser and Lemire, "Validating UTF-8 In Less Than One Instruction Per Byte"
//! (arXiv 2010.03090): three tables, looked up by the nibbles of two neighbouring bytes, whose bits say which rules the
//! pair may break; a rule is broken where all three agree. A run of ASCII takes a shortcut.

#![allow(unsafe_code, reason = "an instruction set, and pointers that may be the same")]

use core::arch::x86_64::*;

/// Writes `from` XOR the key to `to`. `None` if that is not UTF-8, but for a code point that may be open at the end, which
/// is not decided here; otherwise whether it is all ASCII.
///
/// # Safety
/// The machine must have AVX-512 F and BW and BMI2. `from` must be valid for reads of `len` bytes, and `to` for writes of
/// `len` bytes. The two must be equal, or not overlap, or overlap with `to` at the lower address.
#[target_feature(enable = "avx512f,avx512bw,bmi2")]
pub(crate) unsafe fn xor_text(from: *const u8, to: *mut u8, len: usize, key: [u8; 4]) -> Option<bool> {
    // SAFETY: as the caller's.
    unsafe { walk::<true>(from, to, len, key) }
}

/// `None` if `text` is not UTF-8, but for a code point that may be open at the end, which is not decided here; otherwise
/// whether it is all ASCII.
///
/// # Safety
/// The machine must have AVX-512 F and BW and BMI2.
#[target_feature(enable = "avx512f,avx512bw,bmi2")]
pub(crate) unsafe fn see(text: &[u8]) -> Option<bool> {
    // SAFETY: the slice is valid for reads, and nothing is written.
    unsafe { walk::<false>(text.as_ptr(), core::ptr::null_mut(), text.len(), [0; 4]) }
}

/// What is wrong so far, and what the next block has to be seen with.
struct Check {
    /// Not zero where a rule is broken.
    error: __m512i,
    /// The block before.
    previous: __m512i,
    /// Not zero if a code point was open at its end.
    open: __m512i,
    /// Whether all blocks were ASCII.
    ascii: bool,
}

impl Check {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,bmi2")]
    fn block(&mut self, block: __m512i) {
        if _mm512_movepi8_mask(block) == 0 { self.ascii() } else { self.text(block) }
    }

    /// A block that is not all ASCII.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,bmi2")]
    fn text(&mut self, block: __m512i) {
        self.ascii = false;
        // The previous block, moved so that each 16-byte lane's predecessor is at hand.
        let lanes = _mm512_alignr_epi32::<12>(block, self.previous);
        let back1 = _mm512_alignr_epi8::<15>(block, lanes);
        let back2 = _mm512_alignr_epi8::<14>(block, lanes);
        let back3 = _mm512_alignr_epi8::<13>(block, lanes);
        let low = _mm512_set1_epi8(0x0f);
        let high_of = |bytes| _mm512_and_si512(_mm512_srli_epi16::<4>(bytes), low);
        let first_high = _mm512_shuffle_epi8(table(FIRST_HIGH), high_of(back1));
        let first_low = _mm512_shuffle_epi8(table(FIRST_LOW), _mm512_and_si512(back1, low));
        let second_high = _mm512_shuffle_epi8(table(SECOND_HIGH), high_of(block));
        let broken = _mm512_and_si512(_mm512_and_si512(first_high, first_low), second_high);
        // The top bit: this byte must be the third or fourth of a code point.
        let third = _mm512_subs_epu8(back2, _mm512_set1_epi8(0x60));
        let fourth = _mm512_subs_epu8(back3, _mm512_set1_epi8(0x70));
        let must = _mm512_and_si512(_mm512_or_si512(third, fourth), _mm512_set1_epi8(0x80_u8 as i8));
        // In a pair of continuation bytes, TWO_CONTINUATIONS is that same bit: right where it must be, wrong elsewhere.
        self.error = _mm512_or_si512(self.error, _mm512_xor_si512(must, broken));
        self.previous = block;
        self.open = open_at_end(block);
    }

    /// A block that is all ASCII: it is right, if nothing was open before it.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,bmi2")]
    fn ascii(&mut self) {
        self.error = _mm512_or_si512(self.error, self.open);
        self.previous = _mm512_setzero_si512();
        self.open = _mm512_setzero_si512();
    }
}

/// From this length on, in bytes, aligned stores are worth a head that is done separately.
const LONG: usize = 256;

/// Where `XOR` is set, writes `from` XOR the key to `to`; otherwise `to` and `key` are not used.
///
/// # Safety
/// As [`xor_text`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,bmi2")]
unsafe fn walk<const XOR: bool>(from: *const u8, to: *mut u8, len: usize, key: [u8; 4]) -> Option<bool> {
    // The head ends where an aligned block of the destination begins.
    let start = if XOR { to.cast_const() } else { from };
    let head = if len < LONG { 0 } else { (start as usize).wrapping_neg() % 64 };
    let key = _mm512_set1_epi32(i32::from_ne_bytes(key).rotate_right(8 * (head % 4) as u32));
    let zero = _mm512_setzero_si512();
    let mut check = Check { error: zero, previous: zero, open: zero, ascii: true };
    let unmask = |block| if XOR { _mm512_xor_si512(block, key) } else { block };
    if head != 0 {
        // At the end of a block whose first bytes are zeros, which are ASCII.
        let here = u64::MAX << (64 - head);
        let back = 64 - head;
        // SAFETY: of the block that begins `back` bytes before, only those of the mask `here` are read and written: the first
        // `head` of the caller's `len` bytes.
        let block = unsafe {
            let block = unmask(_mm512_maskz_loadu_epi8(here, from.wrapping_sub(back).cast()));
            if XOR {
                _mm512_mask_storeu_epi8(to.wrapping_sub(back).cast(), here, block);
            }
            _mm512_maskz_mov_epi8(here, block)
        };
        check.block(block);
    }
    let mut at = head;
    while len - at >= 256 {
        // SAFETY: `at..at + 256` is within the caller's `len` bytes; all of it is read before any of it is written.
        let blocks = unsafe {
            let blocks = [0, 64, 128, 192].map(|i| unmask(_mm512_loadu_si512(from.add(at + i).cast())));
            if XOR {
                for (block, i) in blocks.into_iter().zip([0, 64, 128, 192]) {
                    _mm512_storeu_si512(to.add(at + i).cast(), block);
                }
            }
            blocks
        };
        at += 256;
        let [a, b, c, d] = blocks;
        let any = _mm512_or_si512(_mm512_or_si512(a, b), _mm512_or_si512(c, d));
        if _mm512_movepi8_mask(any) == 0 {
            check.ascii();
        } else {
            check.text(a);
            check.text(b);
            check.text(c);
            check.text(d);
        }
    }
    while len - at >= 64 {
        // SAFETY: `at..at + 64` is within the caller's `len` bytes, and read before it is written.
        let block = unsafe {
            let block = unmask(_mm512_loadu_si512(from.add(at).cast()));
            if XOR {
                _mm512_storeu_si512(to.add(at).cast(), block);
            }
            block
        };
        at += 64;
        check.block(block);
    }
    if at < len {
        let here = _bzhi_u64(u64::MAX, (len - at) as u32);
        // SAFETY: only the bytes of the mask `here` are read and written: those up to the caller's `len`.
        let block = unsafe {
            let block = unmask(_mm512_maskz_loadu_epi8(here, from.add(at).cast()));
            if XOR {
                _mm512_mask_storeu_epi8(to.add(at).cast(), here, block);
            }
            _mm512_maskz_mov_epi8(here, block)
        };
        if _mm512_movepi8_mask(block) == 0 {
            check.ascii();
        } else {
            let before = check.error;
            check.text(block);
            // What follows the end is not there: it cannot be wrong.
            check.error = _mm512_or_si512(before, _mm512_maskz_mov_epi8(here, check.error));
        }
    }
    (_mm512_test_epi8_mask(check.error, check.error) == 0).then_some(check.ascii)
}

/// Not zero if one of the last three bytes begins a code point that continues after them.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn open_at_end(block: __m512i) -> __m512i {
    const MOST: [u8; 64] = {
        let mut most = [0xff; 64];
        (most[61], most[62], most[63]) = (0xf0 - 1, 0xe0 - 1, 0xc0 - 1);
        most
    };
    // SAFETY: the array is as long as the register.
    _mm512_subs_epu8(block, unsafe { _mm512_loadu_si512(MOST.as_ptr().cast()) })
}

#[inline]
#[target_feature(enable = "avx512f")]
fn table(table: [u8; 16]) -> __m512i {
    // SAFETY: the array is as long as the register.
    _mm512_broadcast_i32x4(unsafe { _mm_loadu_si128(table.as_ptr().cast()) })
}

// What a pair of bytes may break.
/// A lead byte that no continuation follows.
const TOO_SHORT: u8 = 1 << 0;
/// An ASCII byte that a continuation follows.
const TOO_LONG: u8 = 1 << 1;
/// E0, then less than A0.
const OVERLONG_3: u8 = 1 << 2;
/// F4, then 90 or more; F5 or more.
const TOO_LARGE: u8 = 1 << 3;
/// ED, then A0 or more.
const SURROGATE: u8 = 1 << 4;
/// C0 or C1.
const OVERLONG_2: u8 = 1 << 5;
/// F5 or more, then 80 to 8F.
const TOO_LARGE_1000: u8 = 1 << 6;
/// F0, then less than 90.
const OVERLONG_4: u8 = 1 << 6;
/// Two continuation bytes: wrong unless a lead byte of three or four stands before them.
const TWO_CONTINUATIONS: u8 = 1 << 7;
/// What the low nibble of the first byte says nothing about.
const CARRY: u8 = TOO_SHORT | TOO_LONG | TWO_CONTINUATIONS;

/// By the high nibble of the first byte.
const FIRST_HIGH: [u8; 16] = {
    let mut table = [TOO_LONG; 16];
    (table[0x8], table[0x9], table[0xa], table[0xb]) =
        (TWO_CONTINUATIONS, TWO_CONTINUATIONS, TWO_CONTINUATIONS, TWO_CONTINUATIONS);
    table[0xc] = TOO_SHORT | OVERLONG_2;
    table[0xd] = TOO_SHORT;
    table[0xe] = TOO_SHORT | OVERLONG_3 | SURROGATE;
    table[0xf] = TOO_SHORT | TOO_LARGE | TOO_LARGE_1000 | OVERLONG_4;
    table
};

/// By the low nibble of the first byte.
const FIRST_LOW: [u8; 16] = {
    let mut table = [CARRY | TOO_LARGE | TOO_LARGE_1000; 16];
    table[0x0] = CARRY | OVERLONG_3 | OVERLONG_2 | OVERLONG_4;
    table[0x1] = CARRY | OVERLONG_2;
    (table[0x2], table[0x3]) = (CARRY, CARRY);
    table[0x4] = CARRY | TOO_LARGE;
    table[0xd] |= SURROGATE;
    table
};

/// By the high nibble of the second byte.
const SECOND_HIGH: [u8; 16] = {
    const CONTINUATION: u8 = TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS;
    let mut table = [TOO_SHORT; 16];
    table[0x8] = CONTINUATION | OVERLONG_3 | TOO_LARGE_1000 | OVERLONG_4;
    table[0x9] = CONTINUATION | OVERLONG_3 | TOO_LARGE;
    table[0xa] = CONTINUATION | SURROGATE | TOO_LARGE;
    table[0xb] = CONTINUATION | SURROGATE | TOO_LARGE;
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    extern crate std;
    use std::vec::Vec;

    /// The standard library's answer, without a last code point that is open.
    fn oracle(text: &[u8]) -> Option<bool> {
        valid_but_open(text).then_some(text.is_ascii())
    }

    fn valid_but_open(text: &[u8]) -> bool {
        let open = (1..=3).find(|back| text.len() >= *back && text[text.len() - back] >= 0xc0);
        let open = open.filter(|back| match text[text.len() - back] {
            0xc0..0xe0 => *back < 2,
            0xe0..0xf0 => *back < 3,
            _ => *back < 4,
        });
        match (core::str::from_utf8(&text[..text.len() - open.unwrap_or(0)]), open) {
            (Err(_), _) => false,
            // More than one byte of it: the pair that it begins with is seen.
            (Ok(_), Some(2..)) => core::str::from_utf8(text).is_err_and(|error| error.error_len().is_none()),
            (Ok(_), _) => true,
        }
    }

    /// Text at this alignment and phase of the key: seen, unmasked in place, to a place before, and to a place after.
    fn check(text: &[u8], align: usize, phase: usize) {
        let mut key = [0x9a, 0x01, 0xff, 0x5c];
        key.rotate_left(phase);
        let masked: Vec<u8> = text.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
        let mut buffer = Vec::from([0xee_u8; 64]);
        buffer.resize(2 * text.len() + 400, 0xee);
        let base = buffer.as_ptr().addr().wrapping_neg() % 64;
        let from = base + align + 70;
        // SAFETY: the tests run only where the machine has the kernels, and all places are in the buffer.
        unsafe {
            assert_eq!(see(text), oracle(text), "{text:02x?}");
            for to in [from, from - (text.len() + phase) % 70, base + text.len() + 140 + 63 - align] {
                buffer.fill(0xee);
                buffer[from..from + text.len()].copy_from_slice(&masked);
                let mut expected = buffer.clone();
                expected[to..to + text.len()].copy_from_slice(text);
                let at = buffer.as_mut_ptr();
                let seen = xor_text(at.add(from), at.add(to), text.len(), key);
                assert_eq!(seen, oracle(text), "{text:02x?}, {align}, {phase}, {from} to {to}");
                assert!(buffer == expected, "{align}, {phase}, {from} to {to}");
            }
        }
    }

    fn available() -> bool {
        let available = std::is_x86_feature_detected!("avx512f")
            && std::is_x86_feature_detected!("avx512bw")
            && std::is_x86_feature_detected!("bmi2");
        if !available {
            std::println!("SKIPPED: this machine has no AVX-512");
        }
        available
    }

    #[test]
    fn every_length_phase_and_alignment() {
        if !available() {
            return;
        }
        let text = "aé€𝄞 plain letters that are a run, ещё текст, 文字 ".repeat(20).into_bytes();
        let ascii = Vec::from([b'x'; 1000]);
        for len in 0..=300 {
            for align in 0..64 {
                for phase in 0..4 {
                    check(&text[..len], align, phase);
                    check(&ascii[..len], align, phase);
                }
            }
        }
    }

    #[test]
    fn every_wrong_byte_at_every_position() {
        if !available() {
            return;
        }
        let mixed = "aé€𝄞 plain letters that are a run, ещё текст, 文字, 🙂 and so on ".repeat(5).into_bytes();
        for text in [mixed, Vec::from([b'x'; 330]), "é".repeat(165).into_bytes(), "€".repeat(110).into_bytes()] {
            for at in 0..text.len() {
                for wrong in [0x00, 0x80, 0x8f, 0x9f, 0xbf, 0xc0, 0xc2, 0xe0, 0xed, 0xf0, 0xf4, 0xf5, 0xff] {
                    let mut text = text.clone();
                    text[at] = wrong;
                    check(&text, at % 64, at % 4);
                    check(&text[..at + 1], 5, 1);
                }
            }
        }
    }
}
