//! The bodies of HTTP messages that come before the frames: only their lengths matter (RFC 9112 §6, §7.1).

/// Follows a body to its end.
#[derive(Debug)]
pub(crate) struct Body {
    framing: Framing,
    /// How many bytes it has had so far.
    len: u64,
}

#[derive(Debug)]
enum Framing {
    /// So many bytes are still to come.
    Length(u64),
    Chunked(Chunked),
    /// To the end of the connection.
    Close,
    Over,
}

/// Where in a chunked body.
#[derive(Debug)]
enum Chunked {
    /// In the digits of a size.
    Size(u64),
    /// Behind them, up to the end of the line.
    SizeLine(u64),
    /// So many bytes of a chunk are still to come, with the end of its line.
    Data(u64),
    /// In the trailer: how many bytes the current line has.
    Trailer(u64),
}

impl Body {
    pub(crate) fn with_length(bytes: u64) -> Body {
        Body { framing: if bytes == 0 { Framing::Over } else { Framing::Length(bytes) }, len: 0 }
    }

    pub(crate) fn chunked() -> Body {
        Body { framing: Framing::Chunked(Chunked::Size(0)), len: 0 }
    }

    pub(crate) fn to_close() -> Body {
        Body { framing: Framing::Close, len: 0 }
    }

    /// How many bytes it has had so far, with the framing of its chunks.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(self.framing, Framing::Over)
    }

    /// Whether only the end of the connection ends it.
    pub(crate) fn is_to_close(&self) -> bool {
        matches!(self.framing, Framing::Close)
    }

    /// Takes what belongs to it from the front of `bytes`, and returns how much.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> usize {
        let taken = match &mut self.framing {
            Framing::Over => 0,
            Framing::Close => bytes.len(),
            Framing::Length(left) => {
                let taken = (*left).min(bytes.len() as u64);
                *left -= taken;
                if *left == 0 {
                    self.framing = Framing::Over;
                }
                taken as usize
            }
            Framing::Chunked(chunked) => {
                let (taken, is_over) = chunked.take(bytes);
                if is_over {
                    self.framing = Framing::Over;
                }
                taken
            }
        };
        self.len += taken as u64;
        taken
    }
}

impl Chunked {
    /// How many bytes belong to the body, and whether it ends with them.
    fn take(&mut self, bytes: &[u8]) -> (usize, bool) {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            at += 1;
            *self = match *self {
                Chunked::Size(size) => match char::from(*byte).to_digit(16) {
                    Some(digit) => Chunked::Size(size.saturating_mul(16).saturating_add(digit.into())),
                    None if *byte == b'\n' => Chunked::after_size(size),
                    None => Chunked::SizeLine(size),
                },
                Chunked::SizeLine(size) if *byte == b'\n' => Chunked::after_size(size),
                Chunked::SizeLine(size) => Chunked::SizeLine(size),
                Chunked::Data(left) => {
                    let more = (left - 1).min((bytes.len() - at) as u64);
                    at += more as usize;
                    match left - 1 - more {
                        0 => Chunked::Size(0),
                        left => Chunked::Data(left),
                    }
                }
                Chunked::Trailer(0) if *byte == b'\n' => return (at, true),
                Chunked::Trailer(_) if *byte == b'\n' => Chunked::Trailer(0),
                Chunked::Trailer(len) if *byte == b'\r' => Chunked::Trailer(len),
                Chunked::Trailer(len) => Chunked::Trailer(len.saturating_add(1)),
            };
        }
        (at, false)
    }

    fn after_size(size: u64) -> Chunked {
        if size == 0 { Chunked::Trailer(0) } else { Chunked::Data(size.saturating_add(2)) }
    }
}
