//! Unmask and validate a piece of payload in one pass: where it lies, or on the way to where it belongs.

#[cfg(feature = "alloc")]
use alloc::{collections::TryReserveError, vec::Vec};

use crate::mask::{self, MaskKey};
use crate::utf8::Utf8Validator;

/// Text is unmasked and then validated in blocks of this many bytes, so that it is read from the first-level cache the
/// second time; a multiple of four, so that each block begins at the same phase of the key.
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
    #[inline]
    pub(crate) fn in_place(self, piece: &mut [u8]) -> Result<(), usize> {
        let Pass { key, text } = self;
        let Some(text) = text else {
            if let Some(key) = key {
                mask::xor(piece, key);
            }
            return Ok(());
        };
        for (i, block) in piece.chunks_mut(BLOCK).enumerate() {
            let ascii = key.is_some_and(|key| mask::xor(block, key));
            check(text, block, ascii).map_err(|index| i * BLOCK + index)?;
        }
        Ok(())
    }

    /// Appends `piece` to `to`, unmasking and validating on the way; `to` must have room for it. `Err` as above.
    #[cfg(feature = "alloc")]
    #[expect(unsafe_code, reason = "bytes are written to the spare room of a vector, which is then made longer")]
    pub(crate) fn append(self, piece: &[u8], to: &mut Vec<u8>) -> Result<(), usize> {
        let Pass { key, mut text } = self;
        for (i, block) in piece.chunks(BLOCK).enumerate() {
            let start = to.len();
            let Some(ascii) = mask::xor_copy(block, to.spare_capacity_mut(), key.unwrap_or_default()) else {
                break;
            };
            // SAFETY: `xor_copy` found room for the block behind `start`, and wrote all of it.
            unsafe { to.set_len(start + block.len()) };
            if let (Some(text), Some(block)) = (&mut text, to.get(start..)) {
                check(text, block, ascii).map_err(|index| i * BLOCK + index)?;
            }
        }
        Ok(())
    }
}

/// ASCII after a whole code point is valid as it stands.
#[inline]
fn check(text: &mut Utf8Validator, block: &[u8], ascii: bool) -> Result<(), usize> {
    if ascii && text.is_complete() { Ok(()) } else { text.update(block).map_err(|error| error.index()) }
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
