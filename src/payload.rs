//! Unmask and validate a piece of payload in one pass: where it lies, or on the way to where it belongs.

#[cfg(feature = "alloc")]
use alloc::{collections::TryReserveError, vec::Vec};
#[cfg(feature = "alloc")]
use core::mem::MaybeUninit;
use core::slice;

#[cfg(feature = "bytes")]
use bytes::BytesMut;

#[cfg(target_arch = "x86_64")]
use crate::avx512;
#[cfg(target_arch = "x86_64")]
use crate::cpu;
use crate::mask::{self, MaskKey};
use crate::utf8::{self, Utf8Validator};

/// Text goes through the kernels in blocks of this many bytes: where unmasking and validating are two loops, the second
/// reads from the first-level cache, and where a block is refused, only that block is walked once more.
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
        match self {
            // Field by field: a reference to the whole would keep it in memory.
            Pass { key, text } if piece.len() > mask::SHORT => long_in_place(key, text, piece),
            Pass { key: Some(key), text } => {
                let ascii = mask::xor(piece, key);
                match text {
                    Some(text) if !ascii || !text.is_complete() => text.update(piece).map_err(|error| error.index()),
                    _ => Ok(()),
                }
            }
            Pass { key: None, text: Some(text) } if !mask::is_ascii(piece) || !text.is_complete() => {
                text.update(piece).map_err(|error| error.index())
            }
            Pass { key: None, .. } => Ok(()),
        }
    }

    /// Appends `piece` to `to`, unmasking and validating on the way; `to` must have room for it. `Err` as above.
    #[cfg(feature = "alloc")]
    #[allow(unsafe_code, reason = "a vector is made longer by what was written behind its end")]
    pub(crate) fn append(self, piece: &[u8], to: &mut Vec<u8>) -> Result<(), usize> {
        let written = self.write(piece, to.spare_capacity_mut())?;
        // SAFETY: so many bytes behind the end were written.
        unsafe { to.set_len(to.len() + written) };
        Ok(())
    }

    /// [`Pass::append`], to another kind of buffer.
    #[cfg(feature = "bytes")]
    #[allow(unsafe_code, reason = "a buffer is made longer by what was written behind its end")]
    pub(crate) fn append_bytes(self, piece: &[u8], to: &mut BytesMut) -> Result<(), usize> {
        let written = self.write(piece, to.spare_capacity_mut())?;
        // SAFETY: so many bytes behind the end were written.
        unsafe { to.set_len(to.len() + written) };
        Ok(())
    }

    /// Writes all of `piece` to the front of `room`, unmasking and validating on the way; tells how many bytes that were: none,
    /// if there is too little room.
    #[cfg(feature = "alloc")]
    #[allow(unsafe_code, reason = "one kernel for every way of passing the bytes")]
    fn write(self, piece: &[u8], room: &mut [MaybeUninit<u8>]) -> Result<usize, usize> {
        let Some(room) = room.get_mut(..piece.len()) else { return Ok(0) };
        let (from, to) = (piece.as_ptr(), room.as_mut_ptr().cast());
        // SAFETY: `piece` is valid for reads and `room`, which has its length, for writes; a shared and an exclusive borrow do
        // not overlap.
        unsafe { self.kernel(from, to, piece.len())? };
        Ok(piece.len())
    }

    /// Moves the `len` bytes at `from` to `to`, which is not behind it, unmasking and validating on the way. `Err` as above.
    #[cfg(feature = "bytes")]
    #[allow(unsafe_code, reason = "one kernel for every way of passing the bytes")]
    pub(crate) fn shift(self, bytes: &mut [u8], from: usize, to: usize, len: usize) -> Result<(), usize> {
        if to > from || bytes.len().checked_sub(len).is_none_or(|most| from > most) {
            return Ok(());
        }
        let at = bytes.as_mut_ptr();
        // SAFETY: both places are within the slice, and the destination is not behind the source.
        unsafe { self.kernel(at.add(from), at.add(to), len) }
    }

    /// # Safety
    /// As [`mask::xor_raw`].
    #[cfg(feature = "alloc")]
    #[allow(unsafe_code, reason = "one kernel for every way of passing the bytes")]
    unsafe fn kernel(self, from: *const u8, to: *mut u8, len: usize) -> Result<(), usize> {
        let key = self.key.unwrap_or_default();
        // SAFETY: as the caller's.
        unsafe {
            match self.text {
                Some(text) => xor_text(from, to, len, key, text),
                None => {
                    mask::xor_raw(from, to, len, key);
                    Ok(())
                }
            }
        }
    }
}

/// [`Pass::in_place`] for more bytes than are done inline.
#[inline(never)]
#[allow(unsafe_code, reason = "one kernel for every way of passing the bytes")]
fn long_in_place(key: Option<MaskKey>, text: Option<&mut Utf8Validator>, piece: &mut [u8]) -> Result<(), usize> {
    match (key, text) {
        (Some(key), Some(text)) => {
            let at = piece.as_mut_ptr();
            // SAFETY: `piece` is valid for reads and writes of its length; source and destination are the same.
            unsafe { xor_text(at, at, piece.len(), key, text) }
        }
        (Some(key), None) => {
            mask::xor(piece, key);
            Ok(())
        }
        (None, Some(text)) => text.update(piece).map_err(|error| error.index()),
        (None, None) => Ok(()),
    }
}

/// Writes `from` XOR the key to `to`, and validates it as what comes next of `text`. `Err` is the index of the byte that
/// decides that it is no text; then not all of it may have been written.
///
/// # Safety
/// As [`mask::xor_raw`].
#[allow(unsafe_code, reason = "one kernel for every way of passing the bytes")]
unsafe fn xor_text(
    from: *const u8,
    to: *mut u8,
    len: usize,
    key: MaskKey,
    text: &mut Utf8Validator,
) -> Result<(), usize> {
    let mut at = 0;
    while at < len {
        // The kernels begin with a whole code point: the end of one that was left open comes first, for itself.
        let missing = text.missing();
        let most = if missing != 0 { missing } else { BLOCK - to.addr() % 64 };
        let block_len = most.min(len - at);
        let key = mask::advance(key, at);
        // SAFETY: the block lies within the caller's `len` bytes, and is written before it is read as a slice.
        let (block, seen) = unsafe {
            let (from, to) = (from.add(at), to.add(at));
            let seen = if missing != 0 {
                mask::xor_raw(from, to, block_len, key);
                None
            } else {
                xor_and_see(from, to, block_len, key)
            };
            (slice::from_raw_parts(to, block_len), seen)
        };
        let taken = if missing != 0 { text.update(block) } else { text.take_seen(block, seen) };
        taken.map_err(|error| at + error.index())?;
        at += block_len;
    }
    Ok(())
}

/// Writes `from` XOR the key to `to`, and tells what [`utf8::see`] tells of that.
///
/// # Safety
/// As [`mask::xor_raw`].
#[inline]
#[allow(unsafe_code, reason = "one kernel for every way of passing the bytes")]
unsafe fn xor_and_see(from: *const u8, to: *mut u8, len: usize, key: MaskKey) -> Option<bool> {
    #[cfg(target_arch = "x86_64")]
    if len > mask::SHORT && cpu::path() == cpu::Path::Avx512 {
        // SAFETY: as the caller's; the machine has AVX-512 F and BW and BMI2.
        return unsafe { avx512::xor_text(from, to, len, key) };
    }
    // SAFETY: as the caller's; behind `xor_raw`, all of the `len` bytes are initialized.
    unsafe {
        if mask::xor_raw(from, to, len, key) {
            return Some(true);
        }
        utf8::see(slice::from_raw_parts(to, len))
    }
}

/// Makes room in `buffer` for `more` bytes: in all, twice what it holds, but no more than the `most` that the message can
/// have, unless the bytes that are here need it.
#[cfg(feature = "alloc")]
pub(crate) fn make_room(buffer: &mut Vec<u8>, more: usize, most: u64) -> Result<(), TryReserveError> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let wanted = buffer.len().saturating_mul(2).min(most).saturating_sub(buffer.len());
    buffer.try_reserve_exact(wanted.max(more))
}
