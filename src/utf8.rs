//! Incremental UTF-8 validation: can the text so far still become valid, and at which byte did it fail?
//!
//! Between pieces, an open code point is one byte of automaton state: which bytes may come next (Unicode, Table 3-7;
//! RFC 3629 §4). Inside a piece, a kernel decides about all whole code points. It does not say where it failed, so the
//! automaton walks over a piece that is refused.

use core::fmt;

use crate::kernels::text::{open_len, see};

/// Validates UTF-8 that comes in pieces, cut anywhere.
///
/// ```
/// use wsframe::Utf8Validator;
///
/// let mut text = Utf8Validator::new();
/// text.update(b"na\xc3")?;
/// assert!(!text.is_complete());
/// text.update(b"\xafve")?;
/// assert!(text.is_complete());
///
/// // 0xED may not be followed by 0xA0: that would be a surrogate.
/// assert_eq!(text.update(b"abc\xed\xa0\x80").unwrap_err().index(), 4);
/// # Ok::<(), wsframe::Utf8Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Utf8Validator(Expect);

/// Which byte may come next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Expect {
    /// The first byte of a code point.
    #[default]
    Start,
    /// The last byte: 80–BF.
    Last,
    /// Two more: 80–BF each.
    Two,
    /// Three more: 80–BF each.
    Three,
    /// After E0: A0–BF, then one more (less would be an overlong form).
    AfterE0,
    /// After ED: 80–9F, then one more (more would be a surrogate).
    AfterEd,
    /// After F0: 90–BF, then two more (less would be an overlong form).
    AfterF0,
    /// After F4: 80–8F, then two more (more would be above U+10FFFF).
    AfterF4,
    /// None: the text is broken.
    Nothing,
}

impl Expect {
    #[inline]
    fn then(self, byte: u8) -> Expect {
        match (self, byte) {
            (Expect::Start, 0x00..=0x7f) => Expect::Start,
            (Expect::Start, 0xc2..=0xdf) => Expect::Last,
            (Expect::Start, 0xe0) => Expect::AfterE0,
            (Expect::Start, 0xed) => Expect::AfterEd,
            (Expect::Start, 0xe1..=0xef) => Expect::Two,
            (Expect::Start, 0xf0) => Expect::AfterF0,
            (Expect::Start, 0xf1..=0xf3) => Expect::Three,
            (Expect::Start, 0xf4) => Expect::AfterF4,
            (Expect::Last, 0x80..=0xbf) => Expect::Start,
            (Expect::Two, 0x80..=0xbf) => Expect::Last,
            (Expect::Three, 0x80..=0xbf) => Expect::Two,
            (Expect::AfterE0, 0xa0..=0xbf) => Expect::Last,
            (Expect::AfterEd, 0x80..=0x9f) => Expect::Last,
            (Expect::AfterF0, 0x90..=0xbf) => Expect::Two,
            (Expect::AfterF4, 0x80..=0x8f) => Expect::Two,
            _ => Expect::Nothing,
        }
    }
}

impl Utf8Validator {
    /// No text yet, which is valid.
    pub const fn new() -> Utf8Validator {
        Utf8Validator(Expect::Start)
    }

    /// Takes the next piece of the text; `Ok` means that it can still become valid.
    ///
    /// # Errors
    /// [`Utf8Error`] has the first byte after which the text cannot become valid, whatever follows. From then on, every
    /// piece that is not empty fails at its first byte.
    pub fn update(&mut self, piece: &[u8]) -> Result<(), Utf8Error> {
        let mut rest = piece;
        while self.0 != Expect::Start {
            let Some((byte, after)) = rest.split_first() else { return Ok(()) };
            self.walk(core::slice::from_ref(byte), piece.len() - rest.len())?;
            rest = after;
        }
        // For so few bytes, the automaton is quicker than a kernel.
        let seen = if rest.len() < 8 { None } else { see(rest) };
        self.take_seen(rest, seen).map_err(|error| Utf8Error { index: piece.len() - rest.len() + error.index })
    }

    /// Takes `piece`, before which no code point was open, with what [`see`] found out about it.
    #[inline]
    pub(crate) fn take_seen(&mut self, piece: &[u8], seen: Option<bool>) -> Result<(), Utf8Error> {
        match seen {
            Some(true) => return Ok(()),
            Some(false) => {
                let open = open_state(piece);
                if open != Expect::Nothing {
                    self.0 = open;
                    return Ok(());
                }
            }
            None => {}
        }
        self.walk(piece, 0)
    }

    /// How many more bytes the open code point wants: 0 to 3.
    #[inline]
    pub(crate) fn missing(&self) -> usize {
        match self.0 {
            Expect::Start | Expect::Nothing => 0,
            Expect::Last => 1,
            Expect::Two | Expect::AfterE0 | Expect::AfterEd => 2,
            Expect::Three | Expect::AfterF0 | Expect::AfterF4 => 3,
        }
    }

    /// Whether the text so far is valid as it stands: no code point is open, and no error was found.
    #[inline]
    pub const fn is_complete(&self) -> bool {
        matches!(self.0, Expect::Start)
    }

    /// Takes bytes one by one; the first of them has index `at` in the piece.
    fn walk(&mut self, bytes: &[u8], at: usize) -> Result<(), Utf8Error> {
        for (i, byte) in bytes.iter().enumerate() {
            self.0 = self.0.then(*byte);
            if self.0 == Expect::Nothing {
                return Err(Utf8Error { index: at + i });
            }
        }
        Ok(())
    }
}

/// The state after text that is valid, except that its last code point may be open.
#[inline]
fn open_state(text: &[u8]) -> Expect {
    let open = text.get(text.len() - open_len(text)..).unwrap_or_default();
    open.iter().fold(Expect::Start, |state, byte| state.then(*byte))
}

/// Text that cannot become valid UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Utf8Error {
    index: usize,
}

impl Utf8Error {
    /// The index in the piece of the byte that decided.
    pub const fn index(&self) -> usize {
        self.index
    }
}

impl fmt::Display for Utf8Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not UTF-8 from byte {} of this piece", self.index)
    }
}

impl core::error::Error for Utf8Error {}
