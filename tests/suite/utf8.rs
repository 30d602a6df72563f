//! UTF-8 validation against `core::str::from_utf8`, which tells a sequence that is broken from one that is unfinished.

use wsframe::Utf8Validator;

/// The first byte after which `text` cannot become valid: of all beginnings, the shortest that is broken.
fn oracle(text: &[u8]) -> Option<usize> {
    (0..text.len()).find(|i| core::str::from_utf8(&text[..=*i]).is_err_and(|error| error.error_len().is_some()))
}

fn check<'a>(text: &[u8], pieces: impl Iterator<Item = &'a [u8]>) {
    let mut validator = Utf8Validator::new();
    let mut at = 0;
    for piece in pieces {
        match validator.update(piece) {
            Ok(()) => at += piece.len(),
            Err(error) => {
                assert_eq!(Some(at + error.index()), oracle(text), "{text:02x?}");
                assert!(!validator.is_complete());
                assert_eq!(validator.update(b"a").unwrap_err().index(), 0, "an error stays");
                return;
            }
        }
    }
    assert_eq!(oracle(text), None, "{text:02x?} was accepted");
    assert_eq!(validator.is_complete(), core::str::from_utf8(text).is_ok(), "{text:02x?}");
}

#[test]
fn all_sequences_of_one_and_two_bytes_and_every_third_class() {
    // For the third byte, each edge of each range that any table knows, and its neighbours.
    let edges = [0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xe0, 0xed, 0xf0, 0xf4, 0xf5, 0xff];
    for a in 0..=255 {
        check(&[a], [a].chunks(1));
        for b in 0..=255 {
            check(&[a, b], [a, b].chunks(2));
            check(&[a, b], [a, b].chunks(1));
            for c in edges {
                check(&[a, b, c], [a, b, c].chunks(3));
                check(&[a, b, c], [a, b, c].chunks(1));
                if a >= 0xf0 {
                    for d in edges {
                        check(&[a, b, c, d], [a, b, c, d].chunks(4));
                        check(&[a, b, c, d], [a, b, c, d].chunks(3));
                    }
                }
            }
        }
    }
}

#[test]
fn one_wrong_byte_is_found_at_every_position_of_long_text() {
    let text = "aé€𝄞 plain letters, mehr Text, ещё текст, 文字 ".repeat(4);
    for wrong in [0x80, 0xc0, 0xe0, 0xed, 0xf4, 0xff, b'x'] {
        for i in 0..text.len() {
            let mut text = text.clone().into_bytes();
            text[i] = wrong;
            check(&text, text.chunks(text.len()));
            check(&text, text.chunks(67));
            check(&text, text.chunks(7));
        }
    }
}

#[test]
fn every_cut_of_valid_text_is_accepted() {
    let text = "\u{7f}\u{80}\u{7ff}\u{800}\u{d7ff}\u{e000}\u{ffff}\u{10000}\u{10ffff}".repeat(8);
    for size in 1..=text.len() {
        check(text.as_bytes(), text.as_bytes().chunks(size));
    }
}
