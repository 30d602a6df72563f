//! Unmask and validate a piece of payload in one pass: in place, or on the way to another place.

#[cfg(feature = "alloc")]
use alloc::{collections::TryReserveError, vec::Vec};
use core::slice;

use crate::kernels::{text, xor};
use crate::mask::MaskKey;
use crate::utf8::Utf8Validator;

/// Text goes through the kernels in blocks of this many bytes. Where unmasking and validating are two loops, the second
/// then reads from the first-level cache, and where a block is refused, only that block is walked again.
const BLOCK: usize = 16 * 1024;

/// What is to be done to a piece of payload.
pub(crate) struct Pass<'a> {
    /// The key as it falls on the first byte, if the frame is masked.
    pub(crate) key: Option<MaskKey>,
    /// The validator of the message, if it is text.
    pub(crate) text: Option<&'a mut Utf8Validator>,
}

/// Why a pass ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PassError {
    /// The byte at this index decides that the message is not UTF-8.
    NotUtf8(usize),
    /// The destination has no room for the piece. Nothing was written.
    #[cfg(feature = "alloc")]
    NoRoom,
}

impl Pass<'_> {
    /// Unmasks and validates `piece` in place.
    #[inline(always)]
    pub(crate) fn in_place(self, piece: &mut [u8]) -> Result<(), PassError> {
        match self {
            // Field by field: a reference to the whole would keep it in memory.
            Pass { key, text } if piece.len() > xor::SHORT => long_in_place(key, text, piece),
            Pass { key: Some(key), text } => {
                let ascii = xor::in_place(piece, key);
                match text {
                    Some(text) if !ascii || !text.is_complete() => update(text, piece),
                    _ => Ok(()),
                }
            }
            Pass { key: None, text: Some(text) } if !xor::is_ascii(piece) || !text.is_complete() => update(text, piece),
            Pass { key: None, .. } => Ok(()),
        }
    }

    /// Appends `piece` to `to`, unmasking and validating on the way. `to` must have room for it.
    #[cfg(feature = "alloc")]
    #[allow(unsafe_code, reason = "a vector is made longer by bytes that were written")]
    pub(crate) fn append(self, piece: &[u8], to: &mut Vec<u8>) -> Result<(), PassError> {
        let key = self.key.unwrap_or_default();
        let Some(room) = to.spare_capacity_mut().get_mut(..piece.len()) else {
            debug_assert!(false, "the caller makes room");
            return Err(PassError::NoRoom);
        };
        match self.text {
            // SAFETY: `piece` is valid for reads and `room`, which has its length, for writes; a shared and an exclusive
            // borrow do not overlap.
            Some(text) => unsafe { xor_text(piece.as_ptr(), room.as_mut_ptr().cast(), piece.len(), key, text)? },
            None => xor::copy_uninit(piece, room, key).ok_or(PassError::NoRoom)?,
        }
        // SAFETY: the `piece.len()` bytes after the end lie within the capacity, and were all written: both calls write all
        // of them unless they return an error.
        unsafe { to.set_len(to.len() + piece.len()) };
        Ok(())
    }

    /// Moves the `len` bytes at `from` to `to`, which must not lie after it, unmasking and validating on the way.
    #[cfg(feature = "bytes")]
    #[allow(unsafe_code, reason = "one kernel for every way of passing the bytes")]
    pub(crate) fn shift(self, bytes: &mut [u8], from: usize, to: usize, len: usize) -> Result<(), PassError> {
        if to > from || bytes.len().checked_sub(len).is_none_or(|most| from > most) {
            debug_assert!(false, "the piece lies in the buffer, and moves to its front");
            return Err(PassError::NoRoom);
        }
        let (at, key) = (bytes.as_mut_ptr(), self.key.unwrap_or_default());
        // SAFETY: `from + len` and, since `to <= from`, `to + len` are at most the length of the slice; the destination does
        // not lie after the source.
        unsafe {
            let (from, to) = (at.add(from), at.add(to));
            match self.text {
                Some(text) => xor_text(from, to, len, key, text),
                None => {
                    xor::xor_raw(from, to, len, key);
                    Ok(())
                }
            }
        }
    }
}

/// Unmasks and validates `piece` in place, as the continuation of `text`.
#[inline(always)]
#[allow(unsafe_code, reason = "one kernel for every way of passing the bytes")]
pub(crate) fn text_in_place(key: Option<MaskKey>, text: &mut Utf8Validator, piece: &mut [u8]) -> Result<(), PassError> {
    let Some(key) = key else { return update(text, piece) };
    let at = piece.as_mut_ptr();
    // SAFETY: `piece` is valid for reads and writes of its length; source and destination are the same.
    unsafe { xor_text(at, at, piece.len(), key, text) }
}

fn update(text: &mut Utf8Validator, piece: &[u8]) -> Result<(), PassError> {
    text.update(piece).map_err(|error| PassError::NotUtf8(error.index()))
}

/// [`Pass::in_place`] for more bytes than are done inline.
#[inline(never)]
fn long_in_place(key: Option<MaskKey>, text: Option<&mut Utf8Validator>, piece: &mut [u8]) -> Result<(), PassError> {
    match (key, text) {
        (key, Some(text)) => text_in_place(key, text, piece),
        (Some(key), None) => {
            xor::in_place(piece, key);
            Ok(())
        }
        (None, None) => Ok(()),
    }
}

/// Writes `from` XOR the key to `to`, and validates it as the continuation of `text`. On an error, not all of it may have
/// been written.
///
/// # Safety
/// As [`xor::xor_raw`].
#[allow(unsafe_code, reason = "one kernel for every way of passing the bytes")]
unsafe fn xor_text(
    from: *const u8,
    to: *mut u8,
    len: usize,
    key: MaskKey,
    text: &mut Utf8Validator,
) -> Result<(), PassError> {
    let mut at = 0;
    while at < len {
        // The kernels begin with a whole code point: the rest of one that was left open comes first, by itself.
        let missing = text.missing();
        let most = if missing != 0 { missing } else { BLOCK - to.addr() % 64 };
        let block_len = most.min(len - at);
        let key = xor::advance(key, at);
        // SAFETY: the block lies within the caller's `len` bytes, and is written before it is read as a slice.
        let (block, seen) = unsafe {
            let (from, to) = (from.add(at), to.add(at));
            let seen = if missing != 0 {
                xor::xor_raw(from, to, block_len, key);
                None
            } else {
                text::xor_text(from, to, block_len, key)
            };
            (slice::from_raw_parts(to, block_len), seen)
        };
        let taken = if missing != 0 { text.update(block) } else { text.take_seen(block, seen) };
        taken.map_err(|error| PassError::NotUtf8(at + error.index()))?;
        at += block_len;
    }
    Ok(())
}

/// Makes room in `buffer` for `more` bytes. It grows to twice its length, but not beyond the `most` bytes that the message
/// can have, unless the bytes that are here need more.
#[cfg(feature = "alloc")]
pub(crate) fn make_room(buffer: &mut Vec<u8>, more: usize, most: u64) -> Result<(), TryReserveError> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let wanted = buffer.len().saturating_mul(2).min(most).saturating_sub(buffer.len());
    buffer.try_reserve_exact(wanted.max(more))
}

/// Makes a buffer longer by this many zeros, and by no more room than they need.
#[cfg(all(feature = "deflate", feature = "alloc"))]
#[allow(unsafe_code, reason = "a vector is made longer by bytes that were written")]
pub(crate) fn append_zeros(buffer: &mut Vec<u8>, len: usize) -> Result<(), TryReserveError> {
    buffer.try_reserve_exact(len)?;
    let start = buffer.len();
    // Not `resize`, which could panic.
    if let Some(room) = buffer.spare_capacity_mut().get_mut(..len) {
        room.fill(core::mem::MaybeUninit::new(0));
        // SAFETY: the `len` bytes after the end lie within the capacity, and were all written.
        unsafe { buffer.set_len(start + len) };
    }
    Ok(())
}
