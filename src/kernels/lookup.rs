//! UTF-8 validation in registers, by itself or in one pass with unmasking.
//!
//! It is the lookup algorithm of Keiser and Lemire, "Validating UTF-8 In Less Than One Instruction Per Byte"
//! (arXiv 2010.03090): three tables, looked up by the nibbles of two neighbouring bytes, whose bits say which rules the
//! pair may break; a rule is broken where all three agree. A run of ASCII takes a shortcut.

#![allow(unsafe_code, reason = "instruction sets, and pointers that may be the same")]

use super::vector::Vector;
use super::xor::advance;

/// The least length of text that [`xor_and_validate`] takes, in bytes: four of the longest registers.
pub(super) const LONG: usize = 256;

/// After how much ASCII, in bytes, text is expected to go on with it.
const RUN: usize = 128;

/// Writes `from` XOR the key to `to`. `None` if that is not UTF-8, but for a code point that may be open at the end, which is
/// not decided here; otherwise whether it is all ASCII. Without `XOR`, `from` and `to` are the same, and nothing is written.
///
/// # Safety
/// The machine must have the instruction set of `V`. `len` must be at least [`LONG`]. `from` must be valid for reads of `len`
/// bytes, and `to` for writes of `len` bytes, with `XOR`. The two must be equal, or not overlap, or overlap with `to` at the
/// lower address.
#[inline(always)]
pub(super) unsafe fn xor_and_validate<V: Vector, const XOR: bool, const GROUP: usize, const PART: usize>(
    from: *const u8,
    to: *mut u8,
    len: usize,
    key: [u8; 4],
) -> Option<bool> {
    let size = size_of::<V>();
    debug_assert!(len >= LONG && LONG >= 3 * size, "the first and the last register do not overlap");
    // The loop begins where a register of the destination is aligned, and ends with the last that is whole. What is before
    // and after it is read as part of the first and the last register, before anything is written, and written at last:
    // where they overlap with the loop, the same bytes are written twice.
    let head = match to.addr().wrapping_neg() % size {
        // Four bytes are there to see the first aligned register with.
        head @ 1..4 => head + size / 2,
        head => head,
    };
    // SAFETY: the machine has the instruction set, and all places are within the caller's `len` bytes.
    unsafe {
        let ([first], _) = load::<V, XOR, 1>(from, V::repeat(key));
        let ([last], _) = load::<V, XOR, 1>(from.add(len - size), V::repeat(advance(key, len - size)));
        let key = advance(key, head);
        let mut check = Check::new();
        if head != 0 {
            check.block(first);
            let before = from.add(head - 4).cast::<u32>().read_unaligned() ^ u32::from_ne_bytes(key);
            check.previous = V::repeat(before.to_ne_bytes());
        }
        let at = check.run::<XOR, GROUP, PART>(from, to, head, len, V::repeat(key));
        if at < len {
            if last.is_ascii() {
                check.ascii();
            } else {
                // Some of its bytes are looked at for the second time.
                check.previous = to.add(len - 2 * size).cast::<V>().read_unaligned();
                check.text(last);
            }
        }
        if XOR {
            to.cast::<V>().write_unaligned(first);
            to.add(len - size).cast::<V>().write_unaligned(last);
        }
        check.result()
    }
}

/// `None` if the text is not UTF-8, but for a code point that may be open at the end, which is not decided here; otherwise
/// whether it is all ASCII.
///
/// # Safety
/// The machine must have the instruction set of `V`.
#[inline(always)]
pub(super) unsafe fn validate<V: Vector, const GROUP: usize, const PART: usize>(text: &[u8]) -> Option<bool> {
    let (from, len) = (text.as_ptr(), text.len());
    // SAFETY: the machine has the instruction set, and all places are within the text.
    unsafe {
        if len >= LONG {
            return xor_and_validate::<V, false, GROUP, PART>(from, from.cast_mut(), len, [0; 4]);
        }
        let mut check = Check::<V>::new();
        let head = len % size_of::<V>();
        if head != 0 {
            check.block(V::load_at_end(from, head));
        }
        check.run::<false, GROUP, PART>(from, from.cast_mut(), head, len, V::splat(0));
        check.result()
    }
}

/// Registers, XORed with the key where `XOR` is set, and all of them together.
///
/// # Safety
/// The machine must have the instruction set of `V`; `from` must be valid for reads of them.
#[inline(always)]
unsafe fn load<V: Vector, const XOR: bool, const N: usize>(from: *const u8, key: V) -> ([V; N], V) {
    // SAFETY: as the caller's.
    unsafe {
        let mut blocks = from.cast::<[V; N]>().read_unaligned();
        let mut any = V::splat(0);
        for block in &mut blocks {
            if XOR {
                *block = block.xor(key);
            }
            any = any.or(*block);
        }
        (blocks, any)
    }
}

/// What is wrong so far, and what the next block has to be seen with.
struct Check<V> {
    /// Not zero where a rule is broken.
    error: V,
    /// The block before, of which the last three bytes matter; zeros if it was ASCII.
    previous: V,
    /// Whether all blocks were ASCII.
    ascii: bool,
}

/// The methods may be called where the machine has the instruction set of `V`.
impl<V: Vector> Check<V> {
    #[inline(always)]
    unsafe fn new() -> Check<V> {
        // SAFETY: as the caller's.
        unsafe { Check { error: V::splat(0), previous: V::splat(0), ascii: true } }
    }

    #[inline(always)]
    unsafe fn block(&mut self, block: V) {
        // SAFETY: as the caller's.
        unsafe { if block.is_ascii() { self.ascii() } else { self.text(block) } }
    }

    /// Takes registers from `at` on, up to the last that is whole, and returns where it stopped. `GROUP` registers a step as
    /// long as they are ASCII, else `PART` of them. Where `XOR` is set, they are XORed with the key, and written.
    #[inline(always)]
    unsafe fn run<const XOR: bool, const GROUP: usize, const PART: usize>(
        &mut self,
        from: *const u8,
        to: *mut u8,
        mut at: usize,
        len: usize,
        key: V,
    ) -> usize {
        // SAFETY: as the caller's; all places are within the caller's `len` bytes, and each step reads before it writes.
        unsafe {
            loop {
                while len - at >= size_of::<[V; GROUP]>() {
                    let (group, any) = load::<V, XOR, GROUP>(from.add(at), key);
                    if !any.is_ascii() {
                        break;
                    }
                    self.ascii();
                    if XOR {
                        to.add(at).cast::<[V; GROUP]>().write_unaligned(group);
                    }
                    at += size_of::<[V; GROUP]>();
                }
                let mut ascii_len = 0;
                loop {
                    if len - at < size_of::<[V; PART]>() {
                        while len - at >= size_of::<V>() {
                            let ([block], _) = load::<V, XOR, 1>(from.add(at), key);
                            if XOR {
                                to.add(at).cast::<V>().write_unaligned(block);
                            }
                            self.block(block);
                            at += size_of::<V>();
                        }
                        return at;
                    }
                    let (part, any) = load::<V, XOR, PART>(from.add(at), key);
                    if XOR {
                        to.add(at).cast::<[V; PART]>().write_unaligned(part);
                    }
                    at += size_of::<[V; PART]>();
                    if any.is_ascii() {
                        self.ascii();
                        ascii_len += size_of::<[V; PART]>();
                        if ascii_len >= RUN {
                            break;
                        }
                    } else {
                        ascii_len = 0;
                        for block in part {
                            self.text(block);
                        }
                    }
                }
            }
        }
    }

    /// A block that is not all ASCII.
    #[inline(always)]
    unsafe fn text(&mut self, block: V) {
        self.ascii = false;
        // SAFETY: as the caller's.
        unsafe {
            let back1 = block.after::<15>(self.previous);
            let back2 = block.after::<14>(self.previous);
            let back3 = block.after::<13>(self.previous);
            let first_high = V::table(&FIRST_HIGH).look_up(back1.high_nibbles());
            let first_low = V::table(&FIRST_LOW).look_up(back1.and(V::splat(0x0f)));
            let second_high = V::table(&SECOND_HIGH).look_up(block.high_nibbles());
            let broken = first_high.and(first_low).and(second_high);
            // The top bit: this byte must be the third or fourth of a code point.
            let third = back2.saturating_sub(V::splat(0xe0 - 0x80));
            let fourth = back3.saturating_sub(V::splat(0xf0 - 0x80));
            let must = third.or(fourth).and(V::splat(0x80));
            // In a pair of continuation bytes, TWO_CONTINUATIONS is that same bit: right where it must be, wrong elsewhere.
            self.error = self.error.or(must.xor(broken));
        }
        self.previous = block;
    }

    /// A block that is all ASCII: it is right, if nothing was open before it.
    #[inline(always)]
    unsafe fn ascii(&mut self) {
        // SAFETY: as the caller's; the array is as long as the longest register, and its end as any.
        unsafe {
            let most = LAST_IF_COMPLETE.as_ptr().add(LAST_IF_COMPLETE.len() - size_of::<V>());
            self.error = self.error.or(self.previous.saturating_sub(most.cast::<V>().read_unaligned()));
            self.previous = V::splat(0);
        }
    }

    #[inline(always)]
    unsafe fn result(self) -> Option<bool> {
        // SAFETY: as the caller's.
        unsafe { self.error.is_zero().then_some(self.ascii) }
    }
}

/// What the last three bytes of a block may be at most, if no code point continues after them.
const LAST_IF_COMPLETE: [u8; 64] = {
    let mut most = [0xff; 64];
    (most[61], most[62], most[63]) = (0xf0 - 1, 0xe0 - 1, 0xc0 - 1);
    most
};

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
    use super::super::text;
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
        for (name, xor_and_validate, validate) in text::instances() {
            // SAFETY: the machine has the instances, and all places are in the buffer.
            #[allow(unsafe_code, reason = "kernels that need an instruction set")]
            unsafe {
                assert_eq!(validate(text), oracle(text), "{name}: {text:02x?}");
                if text.len() < super::LONG {
                    continue;
                }
                for to in [from, from - (text.len() + phase) % 70, base + text.len() + 140 + 63 - align] {
                    buffer.fill(0xee);
                    buffer[from..from + text.len()].copy_from_slice(&masked);
                    let mut expected = buffer.clone();
                    expected[to..to + text.len()].copy_from_slice(text);
                    let at = buffer.as_mut_ptr();
                    let seen = xor_and_validate(at.add(from), at.add(to), text.len(), key);
                    assert_eq!(seen, oracle(text), "{name}: {text:02x?}, {align}, {phase}, {from} to {to}");
                    assert!(buffer == expected, "{name}: {align}, {phase}, {from} to {to}");
                }
            }
        }
    }

    #[test]
    fn every_length_phase_and_alignment() {
        let text = "aé€𝄞 plain letters that are a run, ещё текст, 文字 ".repeat(20).into_bytes();
        let ascii = Vec::from([b'x'; 1000]);
        for len in 0..=400 {
            // Phase and alignment matter where there is something to unmask.
            for align in 0..if len < super::LONG { 1 } else { 64 } {
                let phase = (align + len) % 4;
                check(&text[..len], align, phase);
                check(&ascii[..len], align, phase);
            }
        }
    }

    /// Code points of each kind between runs of ASCII: whole, broken off, and with a byte too many.
    #[test]
    fn code_points_between_runs_of_ascii() {
        for before in 190..330 {
            for point in ["é", "߿", "€", "\u{ffff}", "𝄞", "\u{40000}", "\u{10ffff}"] {
                for len in 1..=point.len() + 1 {
                    let mut text = Vec::from([b'x'; 600]);
                    let with_one_more = [point.as_bytes(), b"\x80"].concat();
                    text[before..before + len].copy_from_slice(&with_one_more[..len]);
                    assert_eq!(oracle(&text).is_some(), len == point.len());
                    check(&text, before % 64, before % 4);
                    check(&text[..before + len], 3, 2);
                }
            }
        }
    }

    /// Among bytes of each kind, and where runs of ASCII begin and end.
    #[test]
    fn every_wrong_byte_at_every_position() {
        let mixed = "aé€𝄞 plain letters that are a run, ещё текст, 文字, 🙂 and so on ".repeat(7).into_bytes();
        let mut runs = Vec::from([b'x'; 600]);
        runs[290..292].copy_from_slice("é".as_bytes());
        for text in [mixed[..500].to_vec(), runs, "é".repeat(230).into_bytes(), "€".repeat(150).into_bytes()] {
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
