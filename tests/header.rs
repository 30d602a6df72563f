//! Headers by themselves: written, measured and read.

use wsframe::{Header, Opcode, Role, Rsv};

#[test]
fn every_header_is_read_as_it_was_written() {
    for (payload_len, unmasked_len) in
        [(0, 2), (1, 2), (125, 2), (126, 4), (0xffff, 4), (0x1_0000, 10), (u64::MAX >> 1, 10)]
    {
        for (key, receiver) in [(Some([0x12, 0x34, 0x56, 0x78]), Role::Server), (None, Role::Client)] {
            for (fin, rsv, opcode) in [
                (true, Rsv::NONE, Opcode::Text),
                (false, Rsv::RSV1, Opcode::Binary),
                (false, Rsv::NONE, Opcode::Continuation),
            ] {
                let header = Header::new(fin, rsv, opcode, key, payload_len).unwrap();
                let len = unmasked_len + if key.is_some() { 4 } else { 0 };
                let bytes = header.encode();
                let bytes = bytes.as_ref();
                assert_eq!((header.encoded_len(), bytes.len()), (len, len), "{header:?}");
                assert_eq!(Header::parse(bytes, receiver, Rsv::RSV1), Ok(Some((header, len))));
                for shorter in 0..len {
                    assert_eq!(
                        Header::parse(&bytes[..shorter], receiver, Rsv::RSV1),
                        Ok(None),
                        "{shorter} of {header:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn the_debug_output_shows_whether_there_is_a_key_and_hides_it() {
    let header = Header::new(true, Rsv::NONE, Opcode::Ping, Some([201, 202, 203, 204]), 5).unwrap();
    let text = format!("{header:?} {:?}", header.encode());
    assert!(text.contains("masked: true") && text.contains("payload_len: 5") && text.contains("len: 6"), "{text}");
    assert!(!text.contains("201") && !text.contains("202"), "{text}");
}
