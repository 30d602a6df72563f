//! Any stream, whole: the decoder and the assembler give what the reference gives.

use crate::{Setup, assemble, decode, input, reference};

pub(super) fn check(data: &[u8]) {
    let Some((setup, stream)) = input::<(Setup, &[u8])>(data) else { return };
    let expected = reference::decode(&setup.limits(), stream);
    assert_eq!(decode(&setup, [stream]), expected);
    assert_eq!(assemble(&setup, [stream]), expected);
}
