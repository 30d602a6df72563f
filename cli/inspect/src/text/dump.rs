//! Rows of hex with an offset before them and perhaps letters behind: xxd, `hexdump -C`, `od -Ax -tx1`, Wireshark, tcpdump.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Peers, Position, digit};

/// The longest row, in bytes.
const LINE: usize = 4096;

/// The most bytes that a row with an asterisk stands for.
const REPEATED: u64 = 16 * 1024 * 1024;

/// A part of a dump whose offsets begin anew, such as a packet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Block {
    /// How many bytes came before it, from all blocks.
    pub start: u64,
    /// The time of day in the line before it, in microseconds, as tcpdump writes it.
    pub time: Option<u64>,
}

/// What the first byte of a packet belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// An Ethernet header.
    Ethernet,
    /// An IP header.
    Ip,
    /// Four bytes of an address family.
    Loopback,
    /// The header of Linux for any device, version 1.
    Cooked,
    /// The same, version 2.
    Cooked2,
}

/// Whether a block is a packet.
pub(super) fn link_of(block: &[u8]) -> Option<Link> {
    if is_ip(block) {
        return Some(Link::Ip);
    }
    const FAMILIES: [u8; 5] = [2, 10, 24, 28, 30];
    let family = match block.first_chunk::<4>()? {
        [family, 0, 0, 0] | [0, 0, 0, family] => FAMILIES.contains(family),
        _ => false,
    };
    if family && is_ip(block.get(4..)?) {
        return Some(Link::Loopback);
    }
    let is_behind = |type_at: usize, ip_at: usize| {
        let ether_type = block.get(type_at..type_at + 2);
        let has_type = ether_type == Some(&[0x08, 0x00]) || ether_type == Some(&[0x86, 0xdd]);
        has_type && block.get(ip_at..).is_some_and(is_ip)
    };
    let has_vlan = block.get(12..14) == Some(&[0x81, 0x00]);
    if is_behind(12, 14) || (has_vlan && is_behind(16, 18)) {
        Some(Link::Ethernet)
    } else if is_behind(14, 16) {
        Some(Link::Cooked)
    } else {
        is_behind(0, 20).then_some(Link::Cooked2)
    }
}

/// Whether it is a packet of TCP over IP.
fn is_ip(packet: &[u8]) -> bool {
    let Some(header) = packet.first_chunk::<20>() else { return false };
    let len = |at: usize| usize::from(u16::from_be_bytes([header[at], header[at + 1]]));
    match header[0] >> 4 {
        4 => header[0] & 15 >= 5 && header[9] == 6 && (40..).contains(&len(2)),
        6 => packet.len() >= 60 && (20..).contains(&len(4)) && matches!(header[6], 0 | 6 | 43 | 44 | 60),
        _ => false,
    }
}

#[derive(Clone, Debug)]
pub(super) struct Dump {
    peers: Peers,
    line: Vec<u8>,
    radix: Option<u32>,
    /// Whether a row came.
    has_begun: bool,
    /// Whether the first line has an offset of 0 or a colon behind one, as no other form has.
    pub(super) is_certain: bool,
    /// The offset that comes next.
    next: u64,
    /// The row before, for an asterisk.
    row: Vec<u8>,
    is_repeated: bool,
    /// How many bytes came in all.
    total: u64,
    /// The time in the line before a block.
    time: Option<u64>,
    /// Whether the rows are of bytes that were made of those of a packet.
    is_derived: bool,
    /// Whether lines with a time came, as tcpdump writes them: then every row has a prefix.
    has_times: bool,
    pub(super) blocks: Vec<Block>,
}

/// A row that was taken apart.
struct Row<'t> {
    /// The offset as it is written, without prefix and colon.
    offset: &'t str,
    has_colon: bool,
    is_indented: bool,
    bytes: Vec<u8>,
    /// Whether its groups are of two bytes, in an order that is not known.
    has_words: bool,
}

impl Dump {
    pub(super) fn new(peers: Peers) -> Dump {
        Dump {
            peers,
            line: Vec::new(),
            radix: None,
            has_begun: false,
            is_certain: false,
            next: 0,
            row: Vec::new(),
            is_repeated: false,
            total: 0,
            time: None,
            is_derived: false,
            has_times: false,
            blocks: Vec::new(),
        }
    }

    pub(super) fn take(&mut self, byte: u8, at: Position, out: &mut Vec<u8>) -> Result<(), String> {
        if byte == b'\n' {
            return self.end_line(at, out);
        }
        if self.line.len() == LINE {
            return Err(at.error("a row of more than 4096 letters"));
        }
        self.line.push(byte);
        Ok(())
    }

    pub(super) fn finish(&mut self, at: Position, out: &mut Vec<u8>) -> Result<(), String> {
        self.end_line(at, out)?;
        match self.is_repeated {
            true => Err(at.error("an asterisk, and no row behind it that says how many bytes it stands for,")),
            false => Ok(()),
        }
    }

    fn end_line(&mut self, at: Position, out: &mut Vec<u8>) -> Result<(), String> {
        let line = core::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        let text = line.trim();
        if text.is_empty() {
            self.is_derived = false;
            return Ok(());
        }
        if text.starts_with('#') || (!self.has_begun && is_heading(text)) || text.starts_with("+--") {
            return Ok(());
        }
        if text == "*" && self.has_begun {
            self.is_repeated = true;
            return Ok(());
        }
        let start = Position { column: 1, ..at };
        let is_verbose = self.has_times && !text.starts_with("0x");
        let Some(row) = Row::read(&line).filter(|_| !is_verbose) else {
            self.is_certain |= !self.has_begun && Row::begins(&line);
            match between(text) {
                Some(Between::Packet(time)) => {
                    self.has_times |= time.is_some();
                    (self.time, self.is_derived) = (time, false);
                }
                Some(Between::Derived) => self.is_derived = true,
                // What tcpdump -v says of a packet.
                None if is_verbose && line.starts_with(['\t', ' ']) => {}
                None => return Err(start.error("a line that is no row of a dump,")),
            }
            return Ok(());
        };
        self.is_certain |= !self.has_begun && (row.has_colon || row.offset.bytes().all(|byte| byte == b'0'));
        let is_wanted = match self.peers {
            Peers::All => true,
            Peers::First => !row.is_indented,
            Peers::Second => row.is_indented,
        };
        if !is_wanted || self.is_derived {
            return Ok(());
        }
        if row.has_words && !row.has_colon {
            return Err(start.error(
                "numbers of 16 bits or more, whose byte order is that of the machine that wrote them; use xxd or hexdump -C: row",
            ));
        }
        self.place(&row, start, out)?;
        self.next += row.bytes.len() as u64;
        self.total += row.bytes.len() as u64;
        out.extend_from_slice(&row.bytes);
        if !row.bytes.is_empty() {
            self.row = row.bytes;
        }
        Ok(())
    }

    /// Checks the offset of a row against the bytes before it.
    fn place(&mut self, row: &Row<'_>, at: Position, out: &mut Vec<u8>) -> Result<(), String> {
        // od writes octal offsets with seven digits; decimal ones may have any width (xxd -d).
        let may_be = |radix: u32| match self.radix {
            Some(known) => known == radix,
            None => radix != 8 || (row.offset.len() == 7 && !row.has_colon),
        };
        let values = || [16, 8, 10].into_iter().filter(|radix| may_be(*radix));
        let value = |radix: u32| u64::from_str_radix(row.offset, radix).ok();
        let is_zero = row.offset.bytes().all(|byte| byte == b'0');
        if !self.has_begun || (is_zero && self.next != 0 && !row.bytes.is_empty()) {
            if self.is_repeated {
                return Err(at.error("an asterisk before a row with the offset 0"));
            }
            self.has_begun = true;
            self.blocks.push(Block { start: self.total, time: self.time.take() });
            self.next = value(16).unwrap_or_default();
            return Ok(());
        }
        let repeated = core::mem::take(&mut self.is_repeated);
        let len = self.row.len() as u64;
        let fits = |value: &u64| {
            if repeated {
                *value > self.next
                    && len > 0
                    && (value - self.next).is_multiple_of(len)
                    && value - self.next <= REPEATED
            } else {
                *value == self.next
            }
        };
        let found = values().find_map(|radix| Some((radix, value(radix).filter(fits)?)));
        let Some((radix, value)) = found else {
            let expected = match self.radix {
                Some(8) => format!("{:o}", self.next),
                Some(10) => format!("{}", self.next),
                _ => format!("{:x}", self.next),
            };
            let offset = row.offset;
            return Err(at.error(&format!("offset {offset} where the bytes before it lead to {expected},")));
        };
        // Small offsets are the same in several radixes.
        if values().filter(|radix| u64::from_str_radix(row.offset, *radix).ok() == Some(value)).count() == 1 {
            self.radix = Some(radix);
        }
        while self.next < value {
            out.extend_from_slice(&self.row);
            self.next += len;
            self.total += len;
        }
        Ok(())
    }
}

impl<'t> Row<'t> {
    /// `|00000000| 81 85 37 |..7 |`
    fn framed(offset: &'t str, rest: &str, is_indented: bool) -> Option<Row<'t>> {
        let (digits, letters) = rest.strip_suffix('|')?.split_once('|')?;
        let (bytes, has_words) = row_bytes(digits.trim_end())?;
        are_letters(letters, &bytes).then_some(Row { offset, has_colon: true, is_indented, bytes, has_words })
    }

    /// Whether a line begins with an offset of 0, or with one and a colon.
    fn begins(line: &str) -> bool {
        let token = line.split_whitespace().next().unwrap_or_default();
        let digits = token.trim_end_matches(':');
        (4..=16).contains(&digits.len())
            && line.trim().len() > token.len()
            && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
            && (token.ends_with(':') || digits.bytes().all(|byte| byte == b'0'))
    }

    fn read(line: &'t str) -> Option<Row<'t>> {
        let line = line.trim_end();
        let text = line.trim_start();
        let is_indented = line.len() > text.len();
        // Netty draws a frame around rows.
        let text = text.strip_prefix('|').unwrap_or(text);
        let text = match text.split_once("|") {
            Some((offset, rest)) if offset.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                return Row::framed(offset, rest, is_indented);
            }
            _ => text,
        };
        let offset_end = text.find([' ', '\t']).unwrap_or(text.len());
        let (token, rest) = text.split_at(offset_end);
        // gdb names what an address belongs to; openssl writes a dash behind an offset.
        let (token, rest) = match (rest.trim_start().strip_prefix('<'), rest.strip_prefix(" -")) {
            (Some(symbol), _) => (token, symbol.split_once(">:")?.1),
            (None, Some(rest)) => (token, rest),
            (None, None) => (token, rest),
        };
        let (token, has_colon) = token.strip_suffix(':').map_or((token, false), |token| (token, true));
        let offset = token.strip_prefix("0x").unwrap_or(token);
        let is_offset = (3..=16).contains(&offset.len()) && offset.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_offset {
            return None;
        }
        let (bytes, has_words) = row_bytes(rest)?;
        Some(Row { offset, has_colon, is_indented, bytes, has_words })
    }
}

/// The bytes behind an offset, and whether they are in groups of two. Letters may stand behind them: they are told from digits
/// by what they must be.
fn row_bytes(text: &str) -> Option<(Vec<u8>, bool)> {
    let raw = text.as_bytes();
    let mut bytes = Vec::new();
    let mut has_words = true;
    let mut at = 0;
    loop {
        let blanks = raw[at..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let rest = &text[at + blanks..];
        if rest.is_empty() {
            return Some((bytes.clone(), has_words && !bytes.is_empty()));
        }
        let is_column = blanks >= 2 || rest.starts_with(['|', '>']);
        if is_column && !bytes.is_empty() && are_letters(rest, &bytes) {
            return Some((bytes, has_words));
        }
        let end = rest.find([' ', '\t']).unwrap_or(rest.len());
        let group = &rest.as_bytes()[..end];
        // openssl writes a dash between the two halves of a row.
        if let [a, b, b'-', c, d] = group
            && bytes.len() == 7
            && let (Some(a), Some(b), Some(c), Some(d)) = (digit(*a), digit(*b), digit(*c), digit(*d))
        {
            has_words = false;
            bytes.extend([a << 4 | b, c << 4 | d]);
            at += blanks + end;
            continue;
        }
        // gdb writes a prefix before each byte.
        let group = group.strip_prefix(b"0x").filter(|digits| digits.len() == 2).unwrap_or(group);
        let digits: Option<Vec<u8>> = group.iter().map(|byte| digit(*byte)).collect();
        match digits {
            Some(digits) if blanks > 0 && digits.len().is_multiple_of(2) && digits.len() <= 32 => {
                has_words &= digits.len() >= 4 || !bytes.is_empty();
                bytes.extend(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]));
            }
            _ => return None,
        }
        at += blanks + end;
    }
}

/// Whether the text beside a row stands for its bytes.
fn are_letters(text: &str, bytes: &[u8]) -> bool {
    // hexdump -C and od -z write them between bars or brackets.
    let within =
        [('|', '|'), ('>', '<')].into_iter().find_map(|(open, close)| text.strip_prefix(open)?.strip_suffix(close));
    // Blanks may be cut, or added between two halves; tcpdump writes a point for them.
    let fits = |text: &str, has_blanks: bool| {
        let mut letters = text.chars().filter(|letter| !letter.is_whitespace());
        let mut bytes = bytes.iter().filter(|byte| has_blanks || **byte != b' ');
        // What is not printed is a point, or a letter of some other alphabet.
        bytes.all(|byte| {
            letters.next().is_some_and(|letter| {
                letter == '.' || letter == char::from(*byte) || (!byte.is_ascii_graphic() && !letter.is_ascii())
            })
        }) && letters.next().is_none()
    };
    [Some(text), within].into_iter().flatten().any(|text| fits(text, false) || fits(text, true))
}

/// Whether a line belongs to the frame or the heading of a dump: Netty, PowerShell.
fn is_heading(text: &str) -> bool {
    let is_drawn = text.starts_with('+') && text.chars().all(|letter| matches!(letter, '+' | '-'));
    let columns = text.trim_start_matches(['|', ' ']);
    is_drawn
        || columns.starts_with("0  1  2  3")
        || columns.starts_with("00 01 02 03 04 05 06 07")
        || text.starts_with("Offset Bytes")
        || text.starts_with("Label: ")
        || text.starts_with("Path: ")
        || text.chars().all(|letter| matches!(letter, '-' | ' '))
}

/// A line between packets, as tcpdump and tshark write it.
enum Between {
    /// Before a packet, perhaps with a time of day.
    Packet(Option<u64>),
    /// Before bytes that were made of those of the packet.
    Derived,
}

fn between(text: &str) -> Option<Between> {
    if text.ends_with(" bytes):") || text.ends_with(" byte):") {
        return Some(if text.starts_with("Frame (") { Between::Packet(None) } else { Between::Derived });
    }
    let first = text.split_whitespace().next()?;
    let time = time_of_day(first);
    let is_line = time.is_some()
        || text.contains(" > ")
        || text.contains('\u{2192}')
        || ["Frame ", "Follow: ", "Filter: ", "Node ", "===="].iter().any(|start| text.starts_with(start));
    is_line.then_some(Between::Packet(time))
}

/// A time such as `12:34:56.789`, in microseconds.
fn time_of_day(text: &str) -> Option<u64> {
    let (minutes, seconds) = text.rsplit_once(':')?;
    let (hours, minutes) = minutes.split_once(':')?;
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    let number = |digits: &str| digits.parse::<u32>().ok().map(u64::from);
    let micros = number(&format!("{fraction:0<6.6}"))?;
    Some(((number(hours)? * 60 + number(minutes)?) * 60 + number(seconds)?) * 1_000_000 + micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day_are_microseconds() {
        assert_eq!(time_of_day("01:02:03.5"), Some(3_723_500_000));
        assert_eq!(time_of_day("23:59:59.1234567"), Some(86_399_123_456));
        assert_eq!(time_of_day("0:0:1"), Some(1_000_000));
        for text in ["1:2", "a:0:0", "1:2:3:4", "1732000000.5", "::", "1:2:3.x"] {
            assert_eq!(time_of_day(text), None, "{text}");
        }
    }

    fn row(text: &str) -> Option<Vec<u8>> {
        row_bytes(text).map(|(bytes, _)| bytes)
    }

    #[test]
    fn letters_are_told_from_digits() {
        assert_eq!(row("  61 62  ab").unwrap(), b"ab");
        assert_eq!(row("  61 62   ab").unwrap(), b"ab");
        assert_eq!(row(" 36 31 61").unwrap(), b"\x36\x31\x61");
        assert_eq!(row(" 8185 37fa 213d 7f9f 4d51 58                 ..7.!=..MQX").unwrap().len(), 11);
        assert_eq!(row("  81 85 37 fa 21 3d 7f 9f  4d 51 58   ..7.!=.. MQX").unwrap().len(), 11);
        assert_eq!(row("  20 20  |  |").unwrap(), b"  ");
        assert_eq!(row("  2e31 0d20 54    .1..T").unwrap(), b".1\r T");
        assert_eq!(row(" 41 xx"), None);
    }
}
