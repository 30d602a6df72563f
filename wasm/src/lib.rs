//! The module's functions. `wsframe.js` calls them; the page and other programs call that.
//!
//! Bytes go in through memory that [`wsframe_alloc`] gives; what comes out is JSON in a buffer of the module's, whose place and
//! length a call returns as one number: the address in the lower 32 bits, the length above.

use core::cell::RefCell;
use core::convert::Infallible;
use core::mem;

use serde::Serialize;
use wsframe::Role;
use wsframe_inspect::explain;
use wsframe_inspect::head::WIDEST;
use wsframe_inspect::record::{Hex, Record};
use wsframe_inspect::shown::{self, Content, Shown};
use wsframe_inspect::stream::{self, Ending, Options, Stream, zlib};
use wsframe_inspect::text::{Input, Reader, Wanted, sniff};

thread_local! {
    /// What the last call returned.
    static OUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Keeps the bytes until the next call, and tells where they are.
fn give(bytes: Vec<u8>) -> u64 {
    let place = (bytes.len() as u64) << 32 | bytes.as_ptr().addr() as u64;
    OUT.set(bytes);
    place
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

/// Memory for so many bytes, to be given back to [`wsframe_push`] or [`wsframe_explain`], which free it.
#[unsafe(no_mangle)]
pub extern "C" fn wsframe_alloc(len: usize) -> *mut u8 {
    Box::leak(vec![0; len].into_boxed_slice()).as_mut_ptr()
}

/// Memory of [`wsframe_alloc`].
///
/// # Safety
/// `at` and `len` are those of a call that was not given back yet.
unsafe fn given(at: *mut u8, len: usize) -> Box<[u8]> {
    // SAFETY: `wsframe_alloc` leaked such a box.
    unsafe { Box::from_raw(core::ptr::slice_from_raw_parts_mut(at, len)) }
}

/// What an input turned out to be.
#[derive(Debug)]
enum Source {
    /// Not known yet: what came so far.
    Unknown(Vec<u8>),
    Raw,
    Text(Box<Reader>),
    /// It is nothing that can be decoded, and why.
    Refused(String),
    /// Text that is broken, and how: what stands before that was decoded.
    Broken(String),
}

/// The most of a text or of bytes in a row, in bytes.
const MOST: usize = 2000;

/// One input that is decoded.
#[derive(Debug)]
pub struct Decoding {
    stream: Stream,
    source: Source,
    wanted: Option<Wanted>,
    role: Role,
    /// Rows for people, and not records.
    shows: bool,
    out: Vec<u8>,
}

/// How an input ended.
#[derive(Serialize)]
struct Over<'a> {
    violation: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<&'static str>,
}

/// A part of what is shown.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Part<'a> {
    Row {
        offset: u64,
        event: &'a str,
        bytes: Option<u64>,
        frames: Option<u32>,
        words: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        hex: Option<String>,
        /// The rest of the text or of the bytes was left out.
        cut: bool,
    },
    Note {
        label: &'a str,
        /// The part that comes from the stream; the rest is ours.
        foreign: &'a str,
        text: &'a str,
    },
    /// Rows of 16 bytes, and of 8 for a narrow page.
    Dump {
        wide: Vec<String>,
        narrow: Vec<String>,
    },
    Count(String),
}

fn part<T>(shown: Shown<'_>, to: impl FnOnce(&Part<'_>) -> T) -> T {
    match shown {
        Shown::Row(row) => {
            let (words, text, bytes) = match &row.content {
                Content::Words(words) => (&**words, None, None),
                Content::Text(words, text) => (&**words, Some(*text), None),
                Content::Bytes(words, bytes) => (&**words, None, Some(*bytes)),
                Content::Line(line) => ("", Some(*line), None),
            };
            let len = text.map_or(0, str::len) + bytes.map_or(0, <[u8]>::len);
            let text = text.map(|text| {
                let end = (0..=MOST.min(text.len())).rfind(|end| text.is_char_boundary(*end));
                &text[..end.unwrap_or_default()]
            });
            let hex = bytes.map(|bytes| Hex(&bytes[..bytes.len().min(MOST)]).to_string());
            let (offset, event) = (row.offset, row.event);
            to(&Part::Row { offset, event, bytes: row.bytes, frames: row.frames, words, text, hex, cut: len > MOST })
        }
        Shown::Note(note) => to(&Part::Note { label: note.label, foreign: &note.foreign, text: &note.text }),
        Shown::Dump(dump) => to(&Part::Dump { wide: dump.rows(16), narrow: dump.rows(8) }),
        Shown::Count(line) => to(&Part::Count(line)),
    }
}

impl Decoding {
    /// Takes decoded bytes.
    fn decode(&mut self, bytes: &mut [u8]) {
        let Decoding { stream, shows, out, .. } = self;
        let Ok(()) = stream.push(bytes, &mut |record: &Record<'_>| write(out, *shows, record));
    }

    /// Takes the input as it is, or what text stands for.
    fn push(&mut self, mut bytes: Box<[u8]>, is_all: bool) {
        if let Source::Unknown(beginning) = &mut self.source {
            beginning.extend_from_slice(&bytes);
            let source = match sniff(beginning, is_all, self.wanted, self.role) {
                Ok(None) => return,
                Ok(Some(Input::Raw)) => Source::Raw,
                Ok(Some(Input::Text(reader))) => Source::Text(reader),
                Ok(Some(Input::Capture | Input::Packets(..))) => {
                    Source::Refused("is a capture of packets, which the command-line tool wsframe decodes".to_owned())
                }
                Err(error) => Source::Refused(error),
            };
            bytes = mem::take(beginning).into();
            self.source = source;
        }
        match &mut self.source {
            Source::Raw => self.decode(&mut bytes),
            Source::Text(reader) => {
                let mut read = Vec::new();
                let mut result = reader.push(&bytes, &mut read);
                if is_all && result.is_ok() {
                    result = reader.finish(&mut read);
                }
                if let Err(error) = result {
                    self.source = Source::Broken(format!("is not {}: {error}", reader.name()));
                }
                self.decode(&mut read);
            }
            Source::Unknown(_) | Source::Refused(_) | Source::Broken(_) => {}
        }
    }
}

fn write(out: &mut Vec<u8>, shows: bool, record: &Record<'_>) -> Result<(), Infallible> {
    let mut line = |value: Vec<u8>| {
        out.extend_from_slice(&value);
        out.push(b'\n');
    };
    if shows {
        return shown::show(record, &mut |shown| {
            line(part(shown, |part| json(part)));
            Ok(())
        });
    }
    line(json(record));
    Ok(())
}

/// Frames are shown.
const FRAMES: u32 = 1;
/// Counts are shown at the end.
const STATS: u32 = 2;
/// Compressed messages are inflated though no head says so.
const DEFLATE: u32 = 4;
/// Rows for people, and not records.
const SHOWS: u32 = 8;

/// Begins to decode. `server` is 1 for what a server received; `form` is 0 to tell it by the content, then those of [`Wanted`].
/// A limit below 0 is the preset.
#[unsafe(no_mangle)]
pub extern "C" fn wsframe_open(
    server: u32,
    form: u32,
    flags: u32,
    max_frame: f64,
    max_message: f64,
    max_fragments: f64,
) -> Box<Decoding> {
    let role = if server != 0 { Role::Server } else { Role::Client };
    let limit = |limit: f64| (limit >= 0.0).then_some(limit);
    let bytes = |of: f64| limit(of).map(|bytes| bytes as u64);
    let max_fragments = limit(max_fragments).map(|frames| frames as u32);
    let config = stream::config(role, bytes(max_frame), bytes(max_message), max_fragments);
    let shows = flags & SHOWS != 0;
    let options = Options {
        frames: flags & FRAMES != 0,
        stats: flags & STATS != 0,
        dump: shows,
        waits: true,
        deflate: (flags & DEFLATE != 0).then_some(WIDEST),
        inflate: Some(zlib),
    };
    let wanted = match form {
        1 => Some(Wanted::Raw),
        2 => Some(Wanted::Hex),
        3 => Some(Wanted::Dump),
        4 => Some(Wanted::Base64),
        _ => None,
    };
    let stream = Stream::new(role, config, options);
    Box::new(Decoding { stream, source: Source::Unknown(Vec::new()), wanted, role, shows, out: Vec::new() })
}

/// Takes the next bytes of the input; returns what they told, an object a line.
///
/// # Safety
/// `at` and `len` are those of [`wsframe_alloc`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsframe_push(decoding: &mut Decoding, at: *mut u8, len: usize) -> u64 {
    // SAFETY: that of this function.
    decoding.push(unsafe { given(at, len) }, false);
    give(mem::take(&mut decoding.out))
}

/// Ends the input; returns the rest of what it told. The last object is an [`Over`].
#[unsafe(no_mangle)]
pub extern "C" fn wsframe_close(mut decoding: Box<Decoding>) -> u64 {
    decoding.push(Box::default(), true);
    let Decoding { stream, source, shows, out, .. } = &mut *decoding;
    let ending = match source {
        Source::Refused(_) => Ending::default(),
        _ => {
            let Ok(ending) = stream.finish(None, &mut |record: &Record<'_>| write(out, *shows, record));
            ending
        }
    };
    let error = match source {
        Source::Refused(error) | Source::Broken(error) => Some(&**error),
        _ => ending.unusable.as_deref(),
    };
    let over = Over { violation: ending.is_violation, error, warning: ending.warning };
    out.extend_from_slice(&json(&over));
    give(mem::take(out))
}

/// What a close code, a rule or a refusal means, as JSON; nothing if there is none of that name. Without a word, all codes.
///
/// # Safety
/// `at` and `len` are those of [`wsframe_alloc`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wsframe_explain(at: *mut u8, len: usize) -> u64 {
    // SAFETY: that of this function.
    let word = unsafe { given(at, len) };
    let answer = match str::from_utf8(&word) {
        Ok("") => Some(explain::all()),
        Ok(word) => explain::find(word),
        Err(_) => None,
    };
    give(answer.map_or(Vec::new(), |answer| json(&answer)))
}
