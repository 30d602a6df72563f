//! Text in pieces, and text in a masked frame: valid or broken at the byte where the naive automaton says so. Which kernels
//! run depends on the machine and on `--cfg wsframe_force`.

use crate::{input, pieces, reference};
use arbitrary::Arbitrary;
use wsframe::{Decoder, Role, Utf8Validator};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    /// Letters before the text move it across blocks.
    letters: u16,
    /// A valid character, repeated, before it.
    character: char,
    characters: u8,
    key: [u8; 4],
    cuts: Vec<u16>,
    letters_behind: u8,
    text: &'a [u8],
}

pub(super) fn check(data: &[u8]) {
    let Some(input) = input::<Input<'_>>(data) else { return };
    let mut text = vec![b'a'; usize::from(input.letters) % 20_000];
    text.extend(input.character.to_string().repeat(input.characters.into()).bytes());
    text.extend(input.text);
    text.extend(vec![b'z'; input.letters_behind.into()]);
    let (broken, valid) = reference::utf8(&text);
    assert_eq!(valid, std::str::from_utf8(&text).is_ok());

    let mut validator = Utf8Validator::new();
    let mut at = 0;
    let mut found = None;
    for piece in pieces(&text, &input.cuts) {
        if let Err(error) = validator.update(piece) {
            found = Some(at + error.index());
            break;
        }
        at += piece.len();
    }
    assert_eq!(found, broken);
    assert_eq!(validator.is_complete(), valid);

    let mut frame = vec![0x81, 0xff];
    frame.extend((text.len() as u64).max(65_536).to_be_bytes());
    frame.extend(input.key);
    let len = frame.len();
    frame.extend(&text);
    wsframe_dev::mask(&mut frame[len..], input.key, 0);
    for cuts in [&[][..], &input.cuts] {
        let mut decoder = Decoder::new(Role::Server);
        let mut error = None;
        for piece in pieces(&frame, cuts) {
            error = decoder.for_each(&mut piece.to_vec(), |_| {}).err();
            if error.is_some() {
                break;
            }
        }
        // The frame declares at least 65,536 bytes: text that is not there yet leaves its end open.
        if text.len() < 65_536 {
            assert_eq!(error.map(|error| error.offset() as usize), broken.map(|index| len + index));
        }
    }
}
