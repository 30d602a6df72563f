//! Bytes written as text: any text is read the same however it is cut, and what is written in a form is found again.

use arbitrary::Arbitrary;
use wsframe::Role;
use wsframe_inspect::text::{Input, Reader, Wanted, sniff};

use crate::input;

#[derive(Arbitrary, Debug)]
struct Text<'a> {
    server: bool,
    form: u8,
    width: u8,
    cut: u8,
    bytes: &'a [u8],
}

/// The most bytes that a letter of text stands for, but for the asterisk of a dump.
const ASTERISK: usize = 16 * 1024 * 1024;

pub(super) fn check(data: &[u8]) {
    let Some(input) = input::<Text<'_>>(data) else { return };
    let role = if input.server { Role::Server } else { Role::Client };
    any(&input, role);
    written(&input, role);
}

/// Any text.
fn any(input: &Text<'_>, role: Role) {
    let wanted = [None, Some(Wanted::Hex), Some(Wanted::Dump), Some(Wanted::Base64)][usize::from(input.form) % 4];
    type Read = (Vec<u8>, Result<(), String>);
    let read = |step: usize| -> Result<Option<Read>, String> {
        let Some(found) = sniff(input.bytes, true, wanted, role)? else { return Ok(None) };
        let (Input::Text(mut reader) | Input::Packets(mut reader, _)) = found else { return Ok(None) };
        let mut out = Vec::new();
        let result = read_in_pieces(&mut reader, input.bytes, step, &mut out);
        Ok(Some((out, result)))
    };
    let whole = read(usize::MAX);
    assert_eq!(read(usize::from(input.cut) + 1), whole);
    if let Ok(Some((out, result))) = whole {
        let repeated = input.bytes.iter().filter(|byte| **byte == b'*').count();
        assert!(out.len() <= input.bytes.len() + repeated * ASTERISK);
        // What was told by its content is read to its end.
        assert!(wanted.is_some() || result.is_ok(), "{result:?}");
    }
}

fn read_in_pieces(reader: &mut Reader, text: &[u8], step: usize, out: &mut Vec<u8>) -> Result<(), String> {
    for piece in text.chunks(step) {
        reader.push(piece, out)?;
    }
    reader.finish(out)
}

/// Bytes in each form.
fn written(input: &Text<'_>, role: Role) {
    // A frame at the front, as a capture has it.
    let bytes = [&[0x82, 0xfe, 0x40, 0][..], input.bytes].concat();
    let width = usize::from(input.width) % 40 + 1;
    let hex =
        |bytes: &[u8], between: &str| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(between);
    let letter = |byte: &u8| if (32..127).contains(byte) { char::from(*byte) } else { '.' };
    let decimals: Vec<_> = bytes.iter().map(u8::to_string).collect();
    let (text, wanted) = match input.form {
        0 => (hex(&bytes, [" ", ":", ", ", "", "-", "\r\n"][width % 6]), None),
        1 => (format!("const unsigned char frame[] = {{ 0x{} }};", hex(&bytes, ", 0x")), None),
        2 => (format!("[{}]", decimals.join(", ")), None),
        3 => {
            let escaped: String = bytes.iter().map(|byte| format!("{}", byte.escape_ascii())).collect();
            (format!("b\"{escaped}\""), None)
        }
        4 => {
            let rows = bytes.chunks(width).enumerate().map(|(i, row)| {
                let letters: String = row.iter().map(letter).collect();
                format!("{:08x}: {:columns$}  {letters}\n", i * width, hex(row, " "), columns = 3 * width)
            });
            (rows.collect(), Some(Wanted::Dump))
        }
        5 => {
            let rows = bytes.chunks(width).enumerate().map(|(i, row)| {
                let letters: String = row.iter().map(letter).collect();
                format!("{:08x}  {}  |{letters}|\n", i * width, hex(row, " "))
            });
            (rows.chain([format!("{:08x}\n", bytes.len())]).collect(), Some(Wanted::Dump))
        }
        _ => (base64(&bytes, width), Some(Wanted::Base64)),
    };
    let found = sniff(text.as_bytes(), true, wanted, role).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let Some(Input::Text(mut reader) | Input::Packets(mut reader, _)) = found else {
        panic!("{found:?}: {text}");
    };
    // The form is told by the first 64 KiB; what stands behind is read all the same.
    let mut out = Vec::new();
    let result = read_in_pieces(&mut reader, text.as_bytes(), usize::from(input.cut) + 1, &mut out);
    assert_eq!((result, out), (Ok(()), bytes), "{text}");
}

/// In lines of some length.
fn base64(bytes: &[u8], width: usize) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut letters = Vec::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        let used = group.len() + 1;
        letters.extend((0..used).map(|i| LETTERS[(bits >> (18 - 6 * i) & 63) as usize]));
        letters.extend((used..4).map(|_| b'='));
    }
    letters.chunks(4 * width).map(|line| String::from_utf8_lossy(line).into_owned() + "\n").collect()
}
