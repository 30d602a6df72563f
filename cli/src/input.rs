//! Where the bytes come from: a file or standard input, raw or as hex text, with or without an HTTP head.

use core::mem;
use std::fs::File;
use std::io::{self, BufReader, Cursor, ErrorKind, Read};
use std::path::Path;

use memchr::memmem;

use crate::Failure;

/// How much is read at once, in bytes.
pub(crate) const READ: usize = 64 * 1024;

/// An HTTP head must end within this many bytes.
const MAX_HEAD: usize = 64 * 1024;

/// A stream of bytes, and its name for messages.
pub(crate) struct Input {
    source: Box<dyn Read>,
    name: String,
    len: Option<u64>,
}

/// The HTTP head at the front of a stream.
pub(crate) struct Head {
    /// In bytes.
    pub(crate) len: usize,
    /// Whether a server answered with it.
    pub(crate) is_response: bool,
    /// Whether it offers or accepts permessage-deflate (RFC 7692).
    pub(crate) deflate: bool,
}

impl Input {
    pub(crate) fn open(path: &Path, hex: bool, stdin: &mut Option<Box<dyn Read>>) -> Result<Input, Failure> {
        let (source, name, len): (Box<dyn Read>, _, _) = if path.as_os_str() == "-" {
            let twice =
                || Failure::Unusable("standard input can be one of two streams; give a file for the other".into());
            (stdin.take().ok_or_else(twice)?, "standard input".to_owned(), None)
        } else {
            let name = format!("{path:?}");
            match File::open(path) {
                Ok(file) => {
                    let len = file.metadata().ok().filter(|about| about.is_file()).map(|about| about.len());
                    (Box::new(file), name, len)
                }
                Err(error) => {
                    return Err(Failure::Unusable(format!("cannot open {name}: {error}; check the path")));
                }
            }
        };
        let source = BufReader::with_capacity(READ, source);
        let (source, len): (Box<dyn Read>, _) =
            if hex { (Box::new(HexReader::new(source)), None) } else { (Box::new(source), len) };
        Ok(Input { source, name, len })
    }

    /// How many bytes there are in all, if that is known.
    pub(crate) fn len(&self) -> Option<u64> {
        self.len
    }

    /// Fills all of `buffer`, or as much as there is before the end or a failure, which the next call returns.
    pub(crate) fn read_full(&mut self, buffer: &mut [u8]) -> Result<usize, Failure> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(len) => filled += len,
                Err(failure) if filled == 0 => return Err(failure),
                Err(_) => break,
            }
        }
        Ok(filled)
    }

    /// Fills `buffer` from its front as far as one read goes; 0 at the end.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Failure> {
        loop {
            match self.source.read(buffer) {
                Ok(len) => return Ok(len),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::InvalidData => {
                    return Err(Failure::Unusable(format!("{} is not hex: {error}", self.name)));
                }
                Err(error) => {
                    let name = &self.name;
                    return Err(Failure::Unusable(format!("cannot read {name}: {error}; give a readable file, or -")));
                }
            }
        }
    }

    /// If the stream begins with an HTTP head, takes it.
    pub(crate) fn take_head(&mut self) -> Result<Option<Head>, Failure> {
        let mut buffer = Vec::new();
        let head = self.find_head(&mut buffer)?.map(|len| {
            let head: Vec<u8> = buffer.drain(..len).collect();
            Head { len, is_response: head.starts_with(b"HTTP/"), deflate: names_deflate(&head) }
        });
        let rest = mem::replace(&mut self.source, Box::new(io::empty()));
        self.source = Box::new(Cursor::new(buffer).chain(rest));
        Ok(head)
    }

    /// Reads until it is clear whether the stream begins with a head, and where it ends. Appends what it read.
    fn find_head(&mut self, buffer: &mut Vec<u8>) -> Result<Option<usize>, Failure> {
        let starts = [&b"GET "[..], b"HTTP/"];
        let mut searched: usize = 0;
        loop {
            let is_head = starts.iter().any(|start| buffer.starts_with(start));
            if !is_head && !starts.iter().any(|start| start.starts_with(buffer)) {
                return Ok(None);
            }
            // The end may have come in two reads.
            let from = searched.saturating_sub(3);
            let end = memmem::find(&buffer[from..], b"\r\n\r\n").map(|at| from + at + 4);
            if let Some(end) = end
                && is_head
            {
                self.check_head(&buffer[..end])?;
                return Ok(Some(end));
            }
            searched = buffer.len();
            if searched == MAX_HEAD {
                return Err(self.endless_head("within 64 KiB"));
            }
            buffer.resize(MAX_HEAD, 0);
            let read = self.read(&mut buffer[searched..]);
            buffer.truncate(searched + *read.as_ref().unwrap_or(&0));
            let len = read?;
            if len == 0 {
                // No frame begins like a head: the decoder will say what is wrong with a few letters of one.
                return if is_head { Err(self.endless_head("before the end of the input")) } else { Ok(None) };
            }
        }
    }

    fn check_head(&self, head: &[u8]) -> Result<(), Failure> {
        let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
        let is_upgrade = line == b"HTTP/1.1 101" || line.starts_with(b"HTTP/1.1 101 ");
        if line.starts_with(b"HTTP/") && !is_upgrade {
            let line = String::from_utf8_lossy(line).escape_debug().to_string();
            return Err(Failure::Unusable(format!(
                "{} begins with the HTTP response \"{line}\": no WebSocket frames follow it; only 101 opens a connection",
                self.name
            )));
        }
        Ok(())
    }

    fn endless_head(&self, limit: &str) -> Failure {
        Failure::Unusable(format!(
            "{} begins with an HTTP head that does not end {limit}; cut the head off, or capture the whole of it",
            self.name
        ))
    }
}

/// Whether a Sec-WebSocket-Extensions field of the head names permessage-deflate (RFC 6455 §9.1, RFC 7692 §7).
fn names_deflate(head: &[u8]) -> bool {
    let mut fields = [httparse::EMPTY_HEADER; 256];
    let parsed = if head.starts_with(b"HTTP/") {
        httparse::Response::new(&mut fields).parse(head).is_ok()
    } else {
        httparse::Request::new(&mut fields).parse(head).is_ok()
    };
    parsed
        && fields.iter().filter(|field| field.name.eq_ignore_ascii_case("Sec-WebSocket-Extensions")).any(|field| {
            field.value.split(|byte| *byte == b',').any(|extension| {
                let name = extension.split(|byte| *byte == b';').next().unwrap_or_default();
                name.trim_ascii().eq_ignore_ascii_case(b"permessage-deflate")
            })
        })
}

/// Hex text to bytes.
struct HexReader<R> {
    source: R,
    /// The high digit of a byte whose low digit has not come.
    high: Option<u8>,
    line: u64,
    column: u64,
    in_comment: bool,
    /// What is wrong behind the bytes that were read last.
    error: Option<String>,
}

impl<R: Read> HexReader<R> {
    fn new(source: R) -> HexReader<R> {
        HexReader { source, high: None, line: 1, column: 0, in_comment: false, error: None }
    }

    fn error(&self, what: &str) -> String {
        format!("{what} at line {}, column {}; write bytes as two hex digits each", self.line, self.column)
    }

    /// The byte that `text` completes, if it does.
    fn take(&mut self, text: u8) -> Result<Option<u8>, String> {
        self.column += 1;
        if text == b'\n' {
            (self.line, self.column, self.in_comment) = (self.line + 1, 0, false);
            return Ok(None);
        }
        if self.in_comment || text.is_ascii_whitespace() {
            return Ok(None);
        }
        if text == b'#' {
            self.in_comment = true;
            return Ok(None);
        }
        let Some(digit) = char::from(text).to_digit(16) else {
            return Err(self.error(&format!("\"{}\"", text.escape_ascii())));
        };
        let digit = digit as u8;
        match self.high.take() {
            Some(high) => Ok(Some(high << 4 | digit)),
            None => {
                self.high = Some(digit);
                Ok(None)
            }
        }
    }
}

impl<R: Read> Read for HexReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        // The text is read into the room that its bytes, of which there are fewer, are written to.
        while filled == 0 && self.error.is_none() && !buffer.is_empty() {
            let len = self.source.read(buffer)?;
            if len == 0 {
                if self.high.is_some() {
                    self.error = Some(self.error("half a byte before the end"));
                }
                break;
            }
            for i in 0..len {
                match self.take(buffer[i]) {
                    Ok(None) => {}
                    Ok(Some(byte)) => {
                        buffer[filled] = byte;
                        filled += 1;
                    }
                    Err(error) => {
                        self.error = Some(error);
                        break;
                    }
                }
            }
        }
        match &self.error {
            Some(error) if filled == 0 => Err(io::Error::new(ErrorKind::InvalidData, error.clone())),
            _ => Ok(filled),
        }
    }
}
