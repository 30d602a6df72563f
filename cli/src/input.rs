//! Where the bytes come from: a file or standard input, as they are or as text that stands for them.

use std::fs::File;
use std::io::{self, BufReader, Cursor, ErrorKind, Read};
use std::path::Path;

use wsframe::Role;
use wsframe_inspect::text::{self, Reader, SNIFF, Wanted};

/// How much is read at once, in bytes.
pub(crate) const READ: usize = 64 * 1024;

/// A stream of bytes, and its name for messages.
pub(crate) struct Input {
    source: Box<dyn Read + Send>,
    name: String,
    len: Option<u64>,
    is_file: bool,
}

/// What an input is.
pub(crate) enum Opened {
    /// The bytes of one direction.
    Stream(Input),
    /// A file of packets.
    Capture(Input),
    /// Text that stands for packets, and the link that they begin with.
    Packets(Input, Box<Reader>, text::Link),
}

/// Standard input, until it is taken.
pub(crate) type Stdin = Option<Box<dyn Read + Send>>;

impl Input {
    /// Opens an input and tells its form; an error is a line.
    pub(crate) fn open(path: &Path, wanted: Option<Wanted>, role: Role, stdin: &mut Stdin) -> Result<Opened, String> {
        let (source, name, len): (Box<dyn Read + Send>, _, _) = if path.as_os_str() == "-" {
            let source = stdin.take().ok_or("standard input can be one of two streams; give a file for the other")?;
            (source, "standard input".to_owned(), None)
        } else {
            let name = format!("{path:?}");
            let file = File::open(path).map_err(|error| format!("cannot open {name}: {error}; check the path"))?;
            let len = file.metadata().ok().filter(|about| about.is_file()).map(|about| about.len());
            (Box::new(file), name, len)
        };
        let mut input = Input { source, name, is_file: len.is_some(), len };
        let mut beginning = Vec::new();
        let mut is_all = false;
        let found = loop {
            match text::sniff(&beginning, is_all, wanted, role) {
                Ok(Some(found)) => break found,
                Ok(None) => is_all = input.read_more(&mut beginning, SNIFF)? == 0,
                Err(error) => return Err(format!("{} {error}", input.name)),
            }
        };
        input.put_back(beginning);
        Ok(match found {
            text::Input::Raw => Opened::Stream(input),
            text::Input::Capture => Opened::Capture(input),
            text::Input::Packets(reader, link) => Opened::Packets(input, reader, link),
            text::Input::Text(reader) => {
                let Input { source, name, is_file, .. } = input;
                let source = TextSource {
                    source: BufReader::with_capacity(READ, source),
                    reader,
                    bytes: Vec::new(),
                    at: 0,
                    end: None,
                };
                Opened::Stream(Input { source: Box::new(source), name, len: None, is_file })
            }
        })
    }

    /// Appends what one read gives, up to `most` bytes in all.
    fn read_more(&mut self, bytes: &mut Vec<u8>, most: usize) -> Result<usize, String> {
        let len = bytes.len();
        bytes.resize(most, 0);
        let read = self.read(&mut bytes[len..]);
        bytes.truncate(len + *read.as_ref().unwrap_or(&0));
        read
    }

    fn put_back(&mut self, bytes: Vec<u8>) {
        let rest = core::mem::replace(&mut self.source, Box::new(io::empty()));
        self.source = Box::new(Cursor::new(bytes).chain(rest));
    }

    /// What it begins with, which stays there: so many bytes, or all up to the end or an error, which the next read returns.
    pub(crate) fn peek(&mut self, most: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < most && self.read_more(&mut bytes, most).is_ok_and(|len| len > 0) {}
        self.put_back(bytes.clone());
        bytes
    }

    /// For messages.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it can be opened and read again.
    pub(crate) fn is_file(&self) -> bool {
        self.is_file
    }

    /// How many bytes there are in all, if that is known.
    pub(crate) fn len(&self) -> Option<u64> {
        self.len
    }

    /// Fills all of `buffer`, or as much as there is before the end or a failure, which the next call returns.
    pub(crate) fn read_full(&mut self, buffer: &mut [u8]) -> Result<usize, String> {
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

    /// Fills `buffer` from its front as far as one read goes; 0 at the end. An error is a line.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, String> {
        loop {
            match self.source.read(buffer) {
                Ok(len) => return Ok(len),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::InvalidData => return Err(format!("{} {error}", self.name)),
                Err(error) => {
                    let name = &self.name;
                    return Err(format!("cannot read {name}: {error}; give a readable file, or -"));
                }
            }
        }
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.source.read(buffer)
    }
}

/// Bytes from the text that stands for them.
struct TextSource<R> {
    source: BufReader<R>,
    reader: Box<Reader>,
    /// Bytes that were read, and how many of them were given away.
    bytes: Vec<u8>,
    at: usize,
    /// The end, or what is wrong behind the bytes.
    end: Option<Result<(), String>>,
}

impl<R: Read> Read for TextSource<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.bytes.len() {
            if let Some(end) = &self.end {
                return end.clone().map(|()| 0).map_err(|error| {
                    io::Error::new(ErrorKind::InvalidData, format!("is not {}: {error}", self.reader.name()))
                });
            }
            self.bytes.clear();
            self.at = 0;
            let mut text = [0; 8192];
            let len = self.source.read(&mut text)?;
            let read = match len {
                0 => self.reader.finish(&mut self.bytes),
                len => self.reader.push(&text[..len], &mut self.bytes),
            };
            if len == 0 || read.is_err() {
                self.end = Some(read);
            }
        }
        let len = buffer.len().min(self.bytes.len() - self.at);
        buffer[..len].copy_from_slice(&self.bytes[self.at..self.at + len]);
        self.at += len;
        Ok(len)
    }
}
