//! Where frames begin and end, seen from outside the decoder: what `--frames` shows, and where in its frame a violation is.

use alloc::vec::Vec;

use wsframe::{Header, Opcode, Role, Rsv};

/// Follows a stream frame by frame.
#[derive(Debug)]
pub(crate) struct Frames {
    role: Role,
    allowed_rsv: Rsv,
    /// The header of the current frame, as far as it came.
    held: Vec<u8>,
    /// The header of the current frame, once it is complete.
    header: Option<Header>,
    /// The bytes of its payload that are still to come.
    remaining: u64,
    /// The offset of its first byte.
    start: u64,
    /// How many frames have begun.
    count: u64,
    /// The message that is open or was whole last.
    message: Message,
}

/// What the frames of a message are so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Message {
    pub(crate) is_text: bool,
    pub(crate) is_compressed: bool,
    /// The declared lengths of its frames together.
    pub(crate) declared: u64,
}

/// The next step through a stream.
pub(crate) struct Step {
    /// The bytes to feed before the header is complete: all but the last byte of it.
    pub(crate) before: usize,
    /// The header that the next byte completes.
    pub(crate) header: Option<Header>,
    /// The bytes to feed then: at most to the end of the frame.
    pub(crate) after: usize,
}

impl Frames {
    /// `count` frames came before.
    pub(crate) fn new(role: Role, allowed_rsv: Rsv, count: u64) -> Frames {
        Frames {
            role,
            allowed_rsv,
            held: Vec::new(),
            header: None,
            remaining: 0,
            start: 0,
            count,
            message: Message::default(),
        }
    }

    /// The next step through `bytes`, which stand at offset `at`. The header of a frame that the decoder will refuse may
    /// not come: then the rest is one step.
    pub(crate) fn step(&mut self, bytes: &[u8], at: u64) -> Step {
        if self.header.is_some() && self.remaining == 0 {
            self.header = None;
            self.held.clear();
        }
        if self.header.is_some() {
            return Step { before: 0, header: None, after: self.take_payload(bytes.len()) };
        }
        let held = self.held.len();
        if held == 0 {
            self.start = at;
            self.count += 1;
        }
        self.held.extend(bytes.iter().take(Header::MAX_LEN - held));
        let Ok(Some(header)) = Header::parse(&self.held, self.role, self.allowed_rsv) else {
            return Step { before: bytes.len(), header: None, after: 0 };
        };
        let len = header.encoded_len();
        self.held.truncate(len);
        self.header = Some(header);
        self.remaining = header.payload_len();
        match header.opcode() {
            Opcode::Continuation => self.message.declared = self.message.declared.saturating_add(header.payload_len()),
            opcode @ (Opcode::Text | Opcode::Binary) => {
                let is_compressed = header.rsv().contains(Rsv::RSV1);
                self.message =
                    Message { is_text: opcode == Opcode::Text, is_compressed, declared: header.payload_len() };
            }
            _ => {}
        }
        let header_bytes = len - held;
        let payload = self.take_payload(bytes.len() - header_bytes);
        Step { before: header_bytes - 1, header: Some(header), after: 1 + payload }
    }

    fn take_payload(&mut self, available: usize) -> usize {
        let len = self.remaining.min(available as u64);
        self.remaining -= len;
        len as usize
    }

    /// The offset of the first byte of the current frame.
    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    /// The reserved bits that an extension defines.
    pub(crate) fn allowed_rsv(&self) -> Rsv {
        self.allowed_rsv
    }

    /// The number of the current frame; the first is 1.
    pub(crate) fn number(&self) -> u64 {
        self.count
    }

    /// The header of the current frame, once it is complete and as far as it breaks no rule by itself.
    pub(crate) fn header(&self) -> Option<&Header> {
        self.header.as_ref()
    }

    /// The message that the current frame belongs to, or the one before a control frame.
    pub(crate) fn message(&self) -> Message {
        self.message
    }

    /// The offset of the first byte of the payload of the current frame, and that behind the last.
    pub(crate) fn payload(&self) -> Option<(u64, u64)> {
        let header = self.header?;
        let start = self.start + header.encoded_len() as u64;
        Some((start, start.saturating_add(header.payload_len())))
    }

    /// The byte of the key that falls on the byte at this offset, if it is payload of the current frame and masked.
    pub(crate) fn mask_at(&self, offset: u64) -> Option<u8> {
        let header = self.header?;
        let index = offset.checked_sub(self.payload()?.0)?;
        Some(header.mask_key()?[(index % 4) as usize])
    }
}

/// How the length is written: the bits that hold it.
pub(crate) fn length_form(header: &Header) -> u8 {
    match header.payload_len() {
        0..126 => 7,
        126..0x1_0000 => 16,
        _ => 64,
    }
}
