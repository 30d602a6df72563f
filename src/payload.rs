//! Unmask and validate a piece of payload in one pass: where it lies, or on the way to where it belongs.

#[cfg(feature = "alloc")]
use alloc::{collections::TryReserveError, vec::Vec};
use core::slice;

#[cfg(target_arch = "x86_64")]
use crate::avx512;
#[cfg(target_arch = "x86_64")]
use crate::cpu;
use crate::mask::{self, MaskKey};
use crate::utf8::{self, Utf8Validator};

/// Text goes through the kernels in blocks of this many bytes: where unmasking and validating are two loops, the second
/// reads from the first-level cache, and where a block is refused, only that block is walked once more. A multiple of four,
/// so that each block begins at the same phase of the key.
const BLOCK: usize = 16 * 1024;

/// What is to be done to a piece of payload.
pub(crate) struct Pass<'a> {
    /// The key as it falls on the first byte, if the frame is masked.
    pub(crate) key: Option<MaskKey>,
    /// The validator of the message, if it is text.
    pub(crate) text: Option<&'a mut Utf8Validator>,
}

impl Pass<'_> {
    /// Unmasks and validates `piece` where it lies. `Err` is the index of the byte that decides that it is no text.
    #[inline(always)]
    pub(crate) fn in_place(self, piece: &mut [u8]) -> Result<(), usize> {
        let short = piece.len() <= mask::SHORT;
        match self {
            Pass { key: Some(key), text } if short => {
                let ascii = mask::xor(piece, key);
                match text {
                    Some(text) if !ascii || !text.is_complete() => text.update(piece).map_err(|error| error.index()),
                    _ => Ok(()),
                }
            }
            Pass { key: None, text: Some(text) } if short && text.is_complete() && piece.is_ascii() => Ok(()),
            Pass { key, text: Some(text) } => text_in_place(key, text, piece),
            Pass { key: Some(key), text: None } => {
                mask::xor(piece, key);
                Ok(())
            }
            Pass { key: None, text: None } => Ok(()),
        }
    }

    /// Appends `piece` to `to`, unmasking and validating on the way; `to` must have room for it. `Err` as above.
    #[cfg(feature = "alloc")]
    #[allow(unsafe_code, reason = "bytes are written to the spare room of a vector, which is then made longer")]
    pub(crate) fn append(self, piece: &[u8], to: &mut Vec<u8>) -> Result<(), usize> {
        let key = self.key.unwrap_or_default();
        let Some(text) = self.text else {
            if mask::xor_copy(piece, to.spare_capacity_mut(), key).is_some() {
                // SAFETY: `xor_copy` found room for the piece behind the length, and wrote all of it.
                unsafe { to.set_len(to.len() + piece.len()) };
            }
            return Ok(());
        };
        for (i, block) in piece.chunks(BLOCK).enumerate() {
            let Some(room) = to.spare_capacity_mut().get_mut(..block.len()) else { break };
            // SAFETY: `block` is valid for reads and `room`, which has its length, for writes; a shared and an exclusive
            // borrow do not overlap. All of the room was written, and it was behind the length.
            unsafe {
                text_block(block.as_ptr(), room.as_mut_ptr().cast(), block.len(), key, text)
                    .map_err(|index| i * BLOCK + index)?;
                to.set_len(to.len() + block.len());
            }
        }
        Ok(())
    }
}

/// Text of any length, block by block.
#[inline(never)]
#[allow(unsafe_code, reason = "one kernel for every way of passing the bytes")]
fn text_in_place(key: Option<MaskKey>, text: &mut Utf8Validator, piece: &mut [u8]) -> Result<(), usize> {
    for (i, block) in piece.chunks_mut(BLOCK).enumerate() {
        match key {
            Some(key) => {
                let at = block.as_mut_ptr();
                // SAFETY: `block` is valid for reads and writes of its length; source and destination are the same.
                unsafe { text_block(at, at, block.len(), key, text) }
            }
            None => text.update(block).map_err(|error| error.index()),
        }
        .map_err(|index| i * BLOCK + index)?;
    }
    Ok(())
}

/// Writes a block of `from` XOR the key to `to`, and validates it. `Err` is the index of the byte that decides that it is
/// no text; then not all of it may have been written.
///
/// # Safety
/// As [`mask::xor_raw`].
#[allow(unsafe_code, reason = "one kernel for every way of passing the bytes")]
unsafe fn text_block(
    from: *const u8,
    to: *mut u8,
    len: usize,
    key: MaskKey,
    text: &mut Utf8Validator,
) -> Result<(), usize> {
    // The end of a code point that was left open comes first: the kernels begin with a whole one.
    let head_len = text.missing().min(len);
    // SAFETY: head and rest lie within the caller's `len` bytes, and each is written before it is read as a slice.
    let (rest, valid) = unsafe {
        mask::xor_raw(from, to, head_len, key);
        text.update(slice::from_raw_parts(to, head_len)).map_err(|error| error.index())?;
        if head_len == len {
            return Ok(());
        }
        let (from, to, len) = (from.add(head_len), to.add(head_len), len - head_len);
        let valid = xor_text(from, to, len, mask::advance(key, head_len));
        (slice::from_raw_parts(to, len), valid)
    };
    if valid && text.skip(rest) {
        return Ok(());
    }
    text.update(rest).map_err(|error| head_len + error.index())
}

/// Writes `from` XOR the key to `to`; tells whether that is UTF-8, but for a code point that may be open at the
/// end: that one is not decided here.
///
/// # Safety
/// As [`mask::xor_raw`].
#[inline]
#[allow(unsafe_code, reason = "one kernel for every way of passing the bytes")]
unsafe fn xor_text(from: *const u8, to: *mut u8, len: usize, key: MaskKey) -> bool {
    #[cfg(target_arch = "x86_64")]
    if len > mask::SHORT && cpu::path() == cpu::Path::Avx512 {
        // SAFETY: as the caller's; the machine has AVX-512 F and BW and BMI2.
        return unsafe { avx512::xor_text(from, to, len, key) };
    }
    // SAFETY: as the caller's; behind `xor_raw`, all of the `len` bytes are initialized.
    unsafe { mask::xor_raw(from, to, len, key) || utf8::is_valid_but_open(slice::from_raw_parts(to, len)) }
}

/// Makes room in `buffer` for `more` bytes: in all, twice what it holds, but no more than the `most` that the message can
/// have, unless the bytes that are here need it.
#[cfg(feature = "alloc")]
pub(crate) fn make_room(buffer: &mut Vec<u8>, more: usize, most: u64) -> Result<(), TryReserveError> {
    if buffer.capacity() - buffer.len() >= more {
        return Ok(());
    }
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let wanted = buffer.len().saturating_mul(2).min(most).saturating_sub(buffer.len());
    buffer.try_reserve_exact(wanted.max(more))
}
