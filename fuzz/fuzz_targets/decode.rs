//! Any stream, whole: the decoder and the assembler give what the reference gives.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wsframe_fuzz::{Setup, assemble, decode, reference};

fuzz_target!(|input: (Setup, &[u8])| {
    let (setup, stream) = input;
    let expected = reference::decode(&setup.limits(), stream);
    assert_eq!(decode(&setup, [stream]), expected);
    assert_eq!(assemble(&setup, [stream]), expected);
});
