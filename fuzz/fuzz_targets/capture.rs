#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wsframe_oracles::targets::check("capture", data));
