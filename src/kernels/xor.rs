//! XOR with a key of four bytes, at any phase.
//!
//! One loop body serves payloads that are unmasked in place and payloads that are copied, with the registers of every
//! architecture. While the bytes are in registers, it also finds out whether all of them are ASCII.

#[cfg(feature = "alloc")]
use core::mem::MaybeUninit;

use super::cpu::{Path, path};
use super::vector::{Word, Word16};

/// The key, rotated so that its first byte belongs to the byte `by` bytes further on.
#[inline]
pub(crate) fn advance(key: [u8; 4], by: usize) -> [u8; 4] {
    // In memory order, a turn to the left is a turn to the right of a little-endian number.
    u32::from_le_bytes(key).rotate_right(8 * (by % 4) as u32).to_le_bytes()
}

/// Up to this length, in bytes, the loop costs more than it saves.
pub(crate) const SHORT: usize = 64;

/// XORs `bytes` with the key in place; returns whether the result is all ASCII.
#[inline]
#[allow(unsafe_code, reason = "one kernel for every way of passing the bytes")]
pub(crate) fn in_place(bytes: &mut [u8], key: [u8; 4]) -> bool {
    let at = bytes.as_mut_ptr();
    // SAFETY: `bytes` is valid for reads and writes of its length, and source and destination are the same.
    unsafe { xor_raw(at, at, bytes.len(), key) }
}

/// Writes `from` XOR the key to the front of `to`, as many bytes as both have.
#[inline]
#[allow(unsafe_code, reason = "one kernel for every way of passing the bytes")]
pub(crate) fn copy(from: &[u8], to: &mut [u8], key: [u8; 4]) {
    let len = from.len().min(to.len());
    // SAFETY: `from` is valid for reads and `to` for writes of `len` bytes, and a shared and an exclusive borrow do not
    // overlap.
    unsafe { xor_raw(from.as_ptr(), to.as_mut_ptr(), len, key) };
}

/// Moves the `len` bytes at `from` to `to`, which must not lie after it, XOR the key. Nothing happens if they are not there.
#[cfg(feature = "deflate")]
#[allow(unsafe_code, reason = "one kernel for every way of passing the bytes")]
pub(crate) fn shift(bytes: &mut [u8], from: usize, len: usize, to: usize, key: [u8; 4]) {
    if to > from || bytes.len().checked_sub(len).is_none_or(|most| from > most) {
        debug_assert!(false, "the bytes are there, and move to the front");
        return;
    }
    let at = bytes.as_mut_ptr();
    // SAFETY: `from + len` and, since `to <= from`, `to + len` are at most the length of the slice; the destination does not lie
    // after the source.
    unsafe { xor_raw(at.add(from), at.add(to), len, key) };
}

/// Writes `from` XOR the key to the front of `to`. `None`, with nothing written, if `to` is shorter than `from`; otherwise
/// all of its first `from.len()` bytes are initialized.
#[cfg(feature = "alloc")]
#[inline]
#[allow(unsafe_code, reason = "one kernel for every way of passing the bytes")]
pub(crate) fn copy_uninit(from: &[u8], to: &mut [MaybeUninit<u8>], key: [u8; 4]) -> Option<()> {
    let to = to.get_mut(..from.len())?;
    // SAFETY: `from` is valid for reads and `to`, which has its length, for writes; a shared and an exclusive borrow do not
    // overlap.
    unsafe { xor_raw(from.as_ptr(), to.as_mut_ptr().cast(), from.len(), key) };
    Some(())
}

/// Whether at most [`SHORT`] bytes are all ASCII.
#[inline]
#[allow(unsafe_code, reason = "one kernel for every way of passing the bytes")]
pub(crate) fn is_ascii(bytes: &[u8]) -> bool {
    // SAFETY: `bytes` is valid for reads of its length, which is at most 64, and nothing is written.
    unsafe { walk_short::<false>(bytes.as_ptr(), core::ptr::null_mut(), bytes.len().min(SHORT), [0; 4]) }
}

/// Writes `from` XOR the key to `to`; returns whether the result is all ASCII.
///
/// # Safety
/// `from` must be valid for reads of `len` bytes, and `to` for writes of `len` bytes. The two must be equal, or not overlap, or
/// overlap with `to` at the lower address.
#[inline]
#[allow(unsafe_code, reason = "pointers that may be the same")]
pub(crate) unsafe fn xor_raw(from: *const u8, to: *mut u8, len: usize, key: [u8; 4]) -> bool {
    if len <= SHORT {
        // SAFETY: as the caller's.
        return unsafe { walk_short::<true>(from, to, len, key) };
    }
    // SAFETY: as the caller's.
    unsafe { xor_long(from, to, len, key) }
}

/// # Safety
/// As [`xor_raw`]; `len` must be more than [`SHORT`].
#[inline(never)]
#[allow(unsafe_code, reason = "pointers that may be the same")]
unsafe fn xor_long(from: *const u8, to: *mut u8, len: usize, key: [u8; 4]) -> bool {
    // SAFETY: as the caller's; `path` found the instruction set.
    unsafe {
        match path() {
            #[cfg(target_arch = "x86_64")]
            Path::Avx2 | Path::Avx512 => xor_avx2(from, to, len, key),
            path if path > Path::Portable => xor_blocks::<Word16, 8>(from, to, len, key),
            _ => xor_blocks::<u64, 16>(from, to, len, key),
        }
    }
}

/// # Safety
/// As [`xor_long`]; the machine must have AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[allow(unsafe_code, reason = "compiled for an instruction set")]
unsafe fn xor_avx2(from: *const u8, to: *mut u8, len: usize, key: [u8; 4]) -> bool {
    // SAFETY: as the caller's.
    unsafe { xor_blocks::<core::arch::x86_64::__m256i, 4>(from, to, len, key) }
}

/// `GROUP` words a step.
///
/// # Safety
/// As [`xor_long`]; the machine must have the instruction set of `W`.
#[inline(always)]
#[allow(unsafe_code, reason = "pointers that may be the same")]
unsafe fn xor_blocks<W: Word, const GROUP: usize>(from: *const u8, to: *mut u8, len: usize, key: [u8; 4]) -> bool {
    let size = size_of::<W>();
    // The loop begins where a word of the destination is aligned, and ends with the last that is whole. What is before and
    // after it is read as part of the first and the last word, before anything is written, and written at last: where they
    // overlap with the loop, the same bytes are written twice.
    let head = to.addr().wrapping_neg() % size;
    // SAFETY: the machine has the instruction set, and all places are within the caller's `len` bytes.
    unsafe {
        let first = from.cast::<W>().read_unaligned().xor(W::repeat(key));
        let last = from.add(len - size).cast::<W>().read_unaligned().xor(W::repeat(advance(key, len - size)));
        let key = W::repeat(advance(key, head));
        let mut seen = [first.or(last); GROUP];
        let mut at = head;
        while len - at >= size_of::<[W; GROUP]>() {
            let mut group = from.add(at).cast::<[W; GROUP]>().read_unaligned();
            for (word, seen) in group.iter_mut().zip(&mut seen) {
                *word = word.xor(key);
                *seen = seen.or(*word);
            }
            to.add(at).cast::<[W; GROUP]>().write_unaligned(group);
            at += size_of::<[W; GROUP]>();
        }
        let mut any = first;
        for seen in seen {
            any = any.or(seen);
        }
        while len - at >= size {
            let word = from.add(at).cast::<W>().read_unaligned().xor(key);
            to.add(at).cast::<W>().write_unaligned(word);
            any = any.or(word);
            at += size;
        }
        to.cast::<W>().write_unaligned(first);
        to.add(len - size).cast::<W>().write_unaligned(last);
        any.is_ascii()
    }
}

/// At most 64 bytes: two words that overlap in the middle, both read before either is written. If not `WRITE`, `to` is not
/// used.
///
/// # Safety
/// As [`xor_raw`]; `len` must be at most 64.
#[inline(always)]
#[allow(unsafe_code, reason = "pointers that may be the same")]
pub(super) unsafe fn walk_short<const WRITE: bool>(from: *const u8, to: *mut u8, len: usize, key: [u8; 4]) -> bool {
    /// # Safety
    /// As [`walk_short`]; `len` must be from the size of `N` words to twice that.
    #[inline(always)]
    unsafe fn two<W: Word, const N: usize, const WRITE: bool>(
        from: *const u8,
        to: *mut u8,
        len: usize,
        key: [u8; 4],
    ) -> bool {
        let last = len - size_of::<[W; N]>();
        // SAFETY: the target has the words' instruction set; both groups of words lie within the caller's `len` bytes, and both
        // are read before one is written.
        unsafe {
            let (key_a, key_b) = (W::repeat(key), W::repeat(advance(key, last)));
            let a = from.cast::<[W; N]>().read_unaligned().map(|word| word.xor(key_a));
            let b = from.add(last).cast::<[W; N]>().read_unaligned().map(|word| word.xor(key_b));
            if WRITE {
                to.cast::<[W; N]>().write_unaligned(a);
                to.add(last).cast::<[W; N]>().write_unaligned(b);
            }
            a.into_iter().chain(b).fold(W::repeat([0; 4]), |a, b| a.or(b)).is_ascii()
        }
    }
    // SAFETY: each arm has the length that it needs.
    unsafe {
        match len {
            32.. => two::<Word16, 2, WRITE>(from, to, len, key),
            16.. => two::<Word16, 1, WRITE>(from, to, len, key),
            8.. => two::<u64, 1, WRITE>(from, to, len, key),
            4.. => two::<u32, 1, WRITE>(from, to, len, key),
            _ => {
                let mut seen = 0;
                for (i, key) in (0..len).zip(key) {
                    let byte = from.add(i).read() ^ key;
                    if WRITE {
                        to.add(i).write(byte);
                    }
                    seen |= byte;
                }
                seen < 0x80
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    extern crate std;
    use std::vec::Vec;

    /// Every length, phase and alignment of every path, in place, to a separate place, and to an overlapping place before, against one byte at a time.
    #[test]
    fn every_path_equals_the_naive_loop() {
        type Kernel = unsafe fn(*const u8, *mut u8, usize, [u8; 4]) -> bool;
        #[cfg_attr(not(target_arch = "x86_64"), expect(unused_mut, reason = "there are no more"))]
        let mut paths: Vec<(usize, Kernel)> = Vec::from([
            (0, xor_raw as Kernel),
            (SHORT + 1, xor_blocks::<u64, 16>),
            (SHORT + 1, xor_blocks::<Word16, 8>),
        ]);
        #[cfg(target_arch = "x86_64")]
        if path() >= Path::Avx2 {
            paths.push((SHORT + 1, xor_avx2));
        }
        for len in (0_usize..=300).chain([1000, 4096, 65_537]) {
            for align in if len <= 300 { 0..64 } else { 63..64 } {
                for phase in 0..4 {
                    let key = advance([0x81, 0x42, 0x24, 0x18], phase);
                    let high = [None, Some(0), Some(len / 2), len.checked_sub(1)][(align + phase) % 4];
                    let mut plain: Vec<u8> = (0..len).map(|i| (i * 7 % 128) as u8).collect();
                    if let Some(byte) = high.and_then(|high| plain.get_mut(high)) {
                        *byte |= 0x80;
                    }
                    let masked: Vec<u8> = plain.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
                    for (_, path) in paths.iter().filter(|(least, _)| len >= *least) {
                        // The destination: the place itself, a few bytes before it, and a separate one.
                        for to in [align + 70, align + 70 - (len + phase) % 70, len + 140 + 63 - align] {
                            let mut buffer = Vec::from([0xee_u8; 64]);
                            buffer.resize(2 * len + 400, 0xee);
                            let base = buffer.as_ptr().addr().wrapping_neg() % 64;
                            let (from, to) = (base + align + 70, base + to);
                            buffer[from..from + len].copy_from_slice(&masked);
                            let mut expected = buffer.clone();
                            expected[to..to + len].copy_from_slice(&plain);
                            let at = buffer.as_mut_ptr();
                            // SAFETY: both places are in the buffer; the paths are those that this CPU has.
                            #[allow(unsafe_code, reason = "the paths are unsafe functions")]
                            let ascii = unsafe { path(at.add(from), at.add(to), len, key) };
                            assert!(
                                buffer == expected,
                                "length {len}, phase {phase}, alignment {align}, {from} to {to}"
                            );
                            assert_eq!(ascii, plain.is_ascii(), "length {len}, phase {phase}, alignment {align}");
                        }
                    }
                    if len <= SHORT {
                        assert_eq!(is_ascii(&plain), plain.is_ascii(), "length {len}");
                    }
                }
            }
        }
    }
}
