//! Masking in pieces, at any alignment, and masking while copying, are the naive loop. Which kernels run depends on the
//! machine and on `--cfg wsframe_force`.

use crate::{input, pieces};
use arbitrary::Arbitrary;
use wsframe::{Encoder, Mask};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    key: [u8; 4],
    align: u8,
    times: u8,
    cuts: Vec<u16>,
    bytes: &'a [u8],
}

pub(super) fn check(data: &[u8]) {
    let Some(input) = input::<Input<'_>>(data) else { return };
    let align = usize::from(input.align) % 64;
    let bytes = input.bytes.repeat(1 + usize::from(input.times));
    let mut expected = bytes.clone();
    wsframe_dev::mask(&mut expected, input.key, 0);

    // In place: the pieces lie behind each other in one buffer.
    let mut buffer = vec![0x55; align];
    buffer.extend_from_slice(&bytes);
    let mut mask = Mask::new(input.key);
    let mut rest = &mut buffer[align..];
    for piece in pieces(&bytes, &input.cuts) {
        let (now, behind) = rest.split_at_mut(piece.len());
        mask.apply(now);
        rest = behind;
    }
    assert_eq!(buffer[align..], expected);
    assert!(buffer[..align].iter().all(|byte| *byte == 0x55));

    // Copying, into an output of any alignment, and not one byte further.
    let mut encoder = Encoder::client(|| input.key);
    let mut out = vec![0x55; align + bytes.len() + 20];
    let len = encoder.binary(&mut out[align..], &bytes).unwrap();
    assert_eq!(out[align + len - bytes.len()..align + len], expected);
    assert!(out[..align].iter().chain(&out[align + len..]).all(|byte| *byte == 0x55));
}
