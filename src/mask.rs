//! The mask of a payload (RFC 6455 §5.3).

use core::fmt;

use crate::kernels::xor;

/// A masking key: its four bytes in the order of the header.
pub type MaskKey = [u8; 4];

/// The mask of one payload, which may come in pieces: each piece continues where the last one ended.
///
/// Masking and unmasking are the same operation.
///
/// ```
/// use wsframe::Mask;
///
/// // "Hello", as in RFC 6455 §5.7, in two pieces.
/// let mut payload = [0x7f, 0x9f, 0x4d, 0x51, 0x58];
/// let mut mask = Mask::new([0x37, 0xfa, 0x21, 0x3d]);
/// let (first, second) = payload.split_at_mut(3);
/// mask.apply(first);
/// mask.apply(second);
/// assert_eq!(&payload, b"Hello");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Mask {
    /// The key as it falls on the next byte.
    key: MaskKey,
}

impl Mask {
    /// The mask of a payload from its first byte.
    pub const fn new(key: MaskKey) -> Mask {
        Mask { key }
    }

    /// Masks or unmasks the next bytes of the payload.
    #[inline]
    pub fn apply(&mut self, piece: &mut [u8]) {
        xor::in_place(piece, self.key);
        self.key = xor::advance(self.key, piece.len());
    }
}

/// Hides the key: whoever reads it in a log could undo the mask.
impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mask").finish_non_exhaustive()
    }
}
