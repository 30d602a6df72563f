//! The fragmentation automaton of RFC 6455 §5.4, with the limits that count over a message. Blind to role, so that the
//! decoder and the encoder hold to the same rules.

use crate::config::Limits;
use crate::opcode::Opcode;
use crate::violation::Violation;

/// Where in a message the stream is, between two frames or inside one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sequence {
    /// The payload that the frames of the open message declared so far, in bytes.
    message_len: u64,
    max_message_len: u64,
    max_frame_len: u64,
    /// The frames of the open message so far; 0 when none is open.
    fragments: u32,
    max_fragments: u32,
}

impl Sequence {
    pub(crate) const fn new(limits: Limits) -> Sequence {
        Sequence {
            message_len: 0,
            max_message_len: limits.max_message_len,
            max_frame_len: limits.max_frame_len,
            fragments: 0,
            max_fragments: limits.max_fragments,
        }
    }

    /// Whether a message has begun and not ended.
    #[inline]
    pub(crate) const fn is_open(&self) -> bool {
        self.fragments != 0
    }

    /// The frames of the open message so far.
    #[inline]
    pub(crate) const fn fragments(&self) -> u32 {
        self.fragments
    }

    /// The payload that the frames of the open message declared so far, in bytes.
    #[cfg(feature = "alloc")]
    pub(crate) const fn message_len(&self) -> u64 {
        self.message_len
    }

    /// The limit on that, in bytes.
    #[cfg(feature = "alloc")]
    pub(crate) const fn max_message_len(&self) -> u64 {
        self.max_message_len
    }

    /// May a frame of this opcode come now?
    #[inline]
    pub(crate) fn check_order(&self, opcode: Opcode) -> Result<(), Violation> {
        match opcode {
            // "Control frames MAY be injected in the middle of a fragmented message."
            Opcode::Close | Opcode::Ping | Opcode::Pong => Ok(()),
            Opcode::Continuation if !self.is_open() => Err(Violation::ContinuationUnexpected),
            // "The fragments of one message MUST NOT be interleaved between the fragments of another message."
            Opcode::Text | Opcode::Binary if self.is_open() => Err(Violation::ContinuationExpected),
            _ if self.fragments >= self.max_fragments => Err(Violation::TooManyFragments),
            _ => Ok(()),
        }
    }

    /// May a frame of this opcode and length, in bytes, come now? Control frames are never counted. Compressed data that did not
    /// shrink may be longer than the limits by what compressing adds at most.
    #[inline]
    pub(crate) fn check_len(&self, opcode: Opcode, len: u64, is_compressed: bool) -> Result<(), Violation> {
        let limit = |len: u64| if is_compressed { len.saturating_add(len / 7 + 64) } else { len };
        if opcode.is_control() {
            Ok(())
        } else if len > limit(self.max_frame_len) {
            Err(Violation::FrameTooLong)
        } else if len > limit(self.max_message_len).saturating_sub(self.message_len) {
            Err(Violation::MessageTooLong)
        } else {
            Ok(())
        }
    }

    /// Whether the length, in bytes, of a message in one frame is within the limits.
    #[inline]
    pub(crate) fn admits_whole(&self, len: u64) -> bool {
        len <= self.max_frame_len && len <= self.max_message_len
    }

    /// Takes a data frame that passed both checks.
    #[inline]
    pub(crate) fn begin_frame(&mut self, len: u64) {
        self.fragments += 1;
        self.message_len += len;
    }

    /// The message is over.
    #[inline]
    pub(crate) fn end_message(&mut self) {
        self.fragments = 0;
        self.message_len = 0;
    }
}
