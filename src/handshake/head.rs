//! Where a head ends, and what is in it.

use super::refusal::Refusal;
use crate::extension::trim;

/// The most fields that a head may have.
pub(super) const MAX_FIELDS: usize = 100;

/// Finds the end of a head, however it comes, and looks at each byte once.
///
/// ```
/// use wsframe::handshake::HeadFinder;
///
/// let mut finder = HeadFinder::new();
/// // All that was received so far, each time.
/// assert_eq!(finder.find(b"GET / HTTP/1.1\r\nHost: a\r\n\r"), Ok(None));
/// assert_eq!(finder.find(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n\x81"), Ok(Some(27)));
/// ```
#[derive(Clone, Debug)]
pub struct HeadFinder {
    max_head: usize,
    /// How many bytes were looked at.
    seen: usize,
    /// Where the current line begins.
    line: usize,
    /// Whether a line with something in it came.
    has_begun: bool,
}

impl HeadFinder {
    /// The most bytes of a head by default.
    pub const MAX_HEAD: usize = 16 * 1024;

    /// For a head of at most 16 KiB.
    pub const fn new() -> HeadFinder {
        HeadFinder::with_max_head(HeadFinder::MAX_HEAD)
    }

    /// For a head of at most this many bytes.
    pub const fn with_max_head(max_head: usize) -> HeadFinder {
        HeadFinder { max_head, seen: 0, line: 0, has_begun: false }
    }

    /// Returns the length of the head in bytes, with its empty line, once that is there; what follows belongs to the decoder.
    /// `received` is all that was received so far, from its first byte. `Ok(None)` means that more is needed.
    ///
    /// # Errors
    /// [`Refusal::HeadTooLong`], and [`Refusal::Malformed`] for a line that ends with LF alone: some take that for the end of a
    /// line and some do not, which lets requests be smuggled.
    pub fn find(&mut self, received: &[u8]) -> Result<Option<usize>, Refusal> {
        let looked_at = received.get(..received.len().min(self.max_head)).unwrap_or_default();
        while let Some(rest) = looked_at.get(self.seen..)
            && let Some(at) = memchr::memchr(b'\n', rest)
        {
            let end = self.seen + at;
            let Some([line @ .., b'\r']) = looked_at.get(self.line..end) else { return Err(Refusal::Malformed) };
            (self.seen, self.line) = (end + 1, end + 1);
            if !line.is_empty() {
                self.has_begun = true;
            } else if self.has_begun {
                return Ok(Some(self.seen));
            }
        }
        self.seen = self.seen.max(looked_at.len());
        if received.len() >= self.max_head { Err(Refusal::HeadTooLong) } else { Ok(None) }
    }
}

impl Default for HeadFinder {
    fn default() -> HeadFinder {
        HeadFinder::new()
    }
}

/// The fields of a head, which can be walked more than once: names and values.
///
/// It is implemented for [`HeadFields`], and for closures that return an iterator. For `http::HeaderMap` of any version, that is
/// `|| headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()))`.
pub trait Fields<'h> {
    /// One walk.
    type Iter: Iterator<Item = (&'h str, &'h [u8])>;

    /// The fields in their order.
    fn iter(&self) -> Self::Iter;
}

impl<'h> Fields<'h> for HeadFields<'h> {
    type Iter = HeadFields<'h>;

    fn iter(&self) -> HeadFields<'h> {
        *self
    }
}

impl<'h, F: Fn() -> I, I: Iterator<Item = (&'h str, &'h [u8])>> Fields<'h> for F {
    type Iter = I;

    fn iter(&self) -> I {
        self()
    }
}

/// The values of the fields with this name, in any case.
pub(super) fn values<'h, F: Fields<'h>>(fields: &F, name: &'static str) -> impl Iterator<Item = &'h [u8]> + use<'h, F> {
    fields.iter().filter(move |(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| trim(value))
}

/// The only value of a field; `Err` if there is more than one.
pub(super) fn only_value<'h, F: Fields<'h>>(fields: &F, name: &'static str) -> Result<Option<&'h [u8]>, ()> {
    let mut values = values(fields, name);
    let first = values.next();
    if values.next().is_some() { Err(()) } else { Ok(first) }
}

/// The fields of a head that was parsed.
#[derive(Clone, Copy, Debug)]
pub struct HeadFields<'h> {
    /// Lines that were checked.
    rest: &'h [u8],
}

impl<'h> Iterator for HeadFields<'h> {
    type Item = (&'h str, &'h [u8]);

    fn next(&mut self) -> Option<(&'h str, &'h [u8])> {
        let end = memchr::memchr(b'\n', self.rest)?;
        let (line, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest.get(1..)?;
        let (name, value) = line.split_at_checked(memchr::memchr(b':', line)?)?;
        let value = value.get(1..)?.strip_suffix(b"\r").unwrap_or_default();
        Some((core::str::from_utf8(name).ok()?, trim(value)))
    }
}

impl<'h> HeadFields<'h> {
    /// The fields after the first line of a head.
    fn of(head: &'h [u8]) -> HeadFields<'h> {
        // Empty lines may come first (RFC 9112 §2.2).
        let mut rest = head;
        while let Some(after) = rest.strip_prefix(b"\r\n") {
            rest = after;
        }
        let after = memchr::memchr(b'\n', rest).and_then(|end| rest.get(end + 1..));
        HeadFields { rest: after.unwrap_or_default() }
    }
}

/// Whether the parser took all of the head, and nothing else for its end.
fn is_all(parsed: httparse::Result<usize>, head: &[u8]) -> Result<(), Refusal> {
    match parsed {
        Ok(httparse::Status::Complete(len)) if len == head.len() => Ok(()),
        Err(httparse::Error::TooManyHeaders) => Err(Refusal::TooManyFields),
        _ => Err(Refusal::Malformed),
    }
}

/// The head of a request: its first line and its fields.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'h> {
    method: &'h str,
    target: &'h str,
    is_http11: bool,
    fields: HeadFields<'h>,
}

impl<'h> RequestHead<'h> {
    /// Parses a head, with its empty line, as [`HeadFinder`] finds it.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] and [`Refusal::TooManyFields`].
    pub fn parse(head: &'h [u8]) -> Result<RequestHead<'h>, Refusal> {
        let mut room = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut request = httparse::Request::new(&mut room);
        is_all(request.parse(head), head)?;
        let (Some(method), Some(target), Some(version)) = (request.method, request.path, request.version) else {
            return Err(Refusal::Malformed);
        };
        Ok(RequestHead { method, target, is_http11: version >= 1, fields: HeadFields::of(head) })
    }

    /// The method, such as `"GET"`.
    pub const fn method(&self) -> &'h str {
        self.method
    }

    /// The target, such as `"/chat?room=1"`.
    pub const fn target(&self) -> &'h str {
        self.target
    }

    /// Whether the version is HTTP/1.1.
    pub const fn is_http11(&self) -> bool {
        self.is_http11
    }

    /// The fields in their order.
    pub const fn fields(&self) -> HeadFields<'h> {
        self.fields
    }

    /// The values of the fields with this name, in any case, without spaces around them.
    pub fn field(&self, name: &'static str) -> impl Iterator<Item = &'h [u8]> + use<'h> {
        values(&self.fields, name)
    }
}

/// The head of a response: its status and its fields.
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'h> {
    status: u16,
    fields: HeadFields<'h>,
}

impl<'h> ResponseHead<'h> {
    /// Parses a head, with its empty line, as [`HeadFinder`] finds it.
    pub(crate) fn parse(head: &'h [u8]) -> Result<ResponseHead<'h>, Refusal> {
        let mut room = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut response = httparse::Response::new(&mut room);
        is_all(response.parse(head), head)?;
        let status = response.code.ok_or(Refusal::Malformed)?;
        Ok(ResponseHead { status, fields: HeadFields::of(head) })
    }

    /// The status, such as 401.
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The fields in their order.
    pub const fn fields(&self) -> HeadFields<'h> {
        self.fields
    }

    /// The values of the fields with this name, in any case, without spaces around them.
    pub fn field(&self, name: &'static str) -> impl Iterator<Item = &'h [u8]> + use<'h> {
        values(&self.fields, name)
    }
}
