//! Where the space is small, all of it.

use std::thread;

use wsframe::{Decoder, Event, Role, Utf8Validator, Violation};

/// The index of the byte that decides that `text` is broken, by the standard library; and whether it is complete.
fn expected(text: &[u8]) -> (Option<usize>, bool) {
    match core::str::from_utf8(text) {
        Ok(_) => (None, true),
        Err(error) if error.error_len().is_none() => (None, false),
        Err(error) => {
            // "Invalid" is told of the bytes before the one that cannot follow them, or of one that can begin nothing.
            let start = error.valid_up_to();
            let begins = matches!(text[start], 0xc2..=0xf4);
            (Some(start + if begins { error.error_len().unwrap() } else { 0 }), false)
        }
    }
}

/// Whole, and cut before the last byte, the last two, the last three: `open` are the validators of these beginnings, or where
/// they failed.
fn check<const N: usize>(text: [u8; N], open: &[Result<Utf8Validator, usize>; N]) {
    let expected = expected(&text);
    for (cut, before) in open.iter().enumerate() {
        let found = before.and_then(|mut validator| match validator.update(&text[cut..]) {
            Ok(()) => Ok(validator.is_complete()),
            Err(error) => Err(cut + error.index()),
        });
        let found = (found.err(), found == Ok(true));
        assert_eq!(found, expected, "{text:02x?} cut at {cut}");
    }
}

/// The validator behind one byte more.
fn then(before: Result<Utf8Validator, usize>, at: usize, byte: u8) -> Result<Utf8Validator, usize> {
    let mut validator = before?;
    validator.update(&[byte]).map_err(|_| at)?;
    Ok(validator)
}

fn sequences(lead: u8) {
    let start = Ok(Utf8Validator::new());
    check([lead], &[start]);
    let one = then(start, 0, lead);
    for second in 0..=255 {
        check([lead, second], &[start, one]);
        let two = then(one, 1, second);
        for third in 0..=255 {
            check([lead, second, third], &[start, one, two]);
            if !matches!(lead, 0xf0..=0xf7) {
                continue;
            }
            let three = then(two, 2, third);
            for fourth in 0..=255 {
                check([lead, second, third, fourth], &[start, one, two, three]);
            }
        }
    }
}

/// All sequences of one, two and three bytes, and all of four that a byte from F0 to F7 leads.
#[test]
fn every_short_sequence_is_judged_as_by_the_standard_library() {
    thread::scope(|scope| {
        for half in 0..2_u8 {
            scope.spawn(move || (0..=255_u8).filter(|lead| lead % 2 == half).for_each(sequences));
        }
    });
}

/// One wrong byte at every position of texts of up to 256 bytes at every alignment, in frames of both roles. Which kernels
/// see it depends on the machine and on `--cfg wsframe_force`.
#[test]
fn one_wrong_byte_is_found_wherever_it_is() {
    let ascii = [b'a'; 256];
    let mut mixed = [0; 256];
    for (to, from) in mixed.iter_mut().zip("aé€𝄞 plain letters, ".bytes().cycle()) {
        *to = from;
    }
    let mut buffer = vec![0; 512];
    for text in [ascii, mixed] {
        for len in (1..=256).filter(|len| *len <= 70 || len % 31 == 0 || *len >= 254) {
            for at in 0..len {
                let mut text = text;
                text[at] = 0xff;
                for align in 0..64 {
                    for role in [Role::Server, Role::Client] {
                        let key = [0x37, 0xfa, 0x21, 0x3d_u8];
                        let mut header = vec![0x81];
                        let mask_bit = if role == Role::Server { 0x80 } else { 0 };
                        match len {
                            0..126 => header.push(mask_bit | len as u8),
                            _ => header.extend([mask_bit | 126, (len >> 8) as u8, len as u8]),
                        }
                        if role == Role::Server {
                            header.extend(key);
                        }
                        // The payload begins at this alignment.
                        let start = (buffer.as_ptr().addr().wrapping_neg() + align) % 64 + 64;
                        let front = start - header.len();
                        buffer[front..start].copy_from_slice(&header);
                        for (i, (to, from)) in buffer[start..].iter_mut().zip(&text[..len]).enumerate() {
                            *to = from ^ if role == Role::Server { key[i % 4] } else { 0 };
                        }
                        let frame = &mut buffer[front..start + len];
                        let error = Decoder::new(role).for_each(frame, |event| panic!("{event:?}")).unwrap_err();
                        assert_eq!(error.violation(), Violation::TextNotUtf8);
                        assert_eq!(error.offset(), (header.len() + at) as u64, "{len} bytes at {align}, {role}");
                    }
                }
            }
        }
    }
}

/// Every close code, in both roles.
#[test]
fn every_close_code_is_judged_the_same_in_both_roles() {
    for code in 0..=u16::MAX {
        let allowed = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
        let [a, b] = code.to_be_bytes();
        for (role, mut frame) in
            [(Role::Server, vec![0x88, 0x82, 1, 2, 3, 4, a ^ 1, b ^ 2]), (Role::Client, vec![0x88, 0x02, a, b])]
        {
            let last = frame.len() as u64 - 1;
            let mut found = None;
            let result = Decoder::new(role).for_each(&mut frame, |event| {
                let Event::Close(close) = event else { panic!("{event:?}") };
                found = close.code().map(u16::from);
            });
            let error = result.err().map(|error| (error.violation(), error.offset()));
            assert_eq!(error, (!allowed).then_some((Violation::CloseCodeForbidden, last)), "{code}, {role}");
            assert_eq!(found, allowed.then_some(code), "{role}");
        }
    }
}

/// A kernel that looks at 64 bytes at a time must remember what the last three of them began, even where ASCII follows.
#[test]
fn a_code_point_that_breaks_off_before_ascii_is_found_wherever_it_is() {
    let begins = (0xc2..=0xf4_u8).flat_map(|lead| {
        let second = if lead == 0xe0 {
            0xa0
        } else if lead == 0xf0 {
            0x90
        } else {
            0x80
        };
        let len = 1 + usize::from(lead >= 0xe0) + usize::from(lead >= 0xf0);
        (1..=len).map(move |len| [lead, second, 0x80][..len].to_vec())
    });
    for begun in begins {
        for at in 0..200 {
            let mut text = vec![b'a'; 256];
            text[at..at + begun.len()].copy_from_slice(&begun);
            let error = Utf8Validator::new().update(&text).unwrap_err();
            assert_eq!(error.index(), at + begun.len(), "{begun:02x?} at {at}");
        }
    }
}
