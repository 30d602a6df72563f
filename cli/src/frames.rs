//! Where frames begin and end, seen from outside the decoder: what `--frames` shows, and where in its frame a violation is.

use wsframe::{Header, Role, Rsv};

/// Follows a stream frame by frame.
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
    pub(crate) fn new(role: Role, allowed_rsv: Rsv) -> Frames {
        Frames { role, allowed_rsv, held: Vec::new(), header: None, remaining: 0, start: 0, count: 0 }
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

    /// The number of the current frame; the first is 1.
    pub(crate) fn number(&self) -> u64 {
        self.count
    }

    /// The byte of the key that falls on the byte at this offset, if it is payload of the current frame and masked.
    pub(crate) fn mask_at(&self, offset: u64) -> Option<u8> {
        let header = self.header?;
        let index = offset.checked_sub(self.start + header.encoded_len() as u64)?;
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
