//! Headers by themselves: written, measured and read.

use wsframe::{Header, Mask, Opcode, Role, Rsv, Violation};

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
                assert_eq!(Header::parse(bytes, receiver, Rsv::RSV1), Ok(Some(header)));
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

#[test]
fn a_header_that_breaks_a_rule_cannot_be_made() {
    let header = |fin, rsv, opcode, len| Header::new(fin, rsv, opcode, None, len).unwrap_err();
    assert_eq!(header(true, Rsv::RSV1, Opcode::Ping, 0), Violation::ReservedBits);
    assert_eq!(header(true, Rsv::RSV1, Opcode::Continuation, 0), Violation::ReservedBits);
    assert_eq!(header(false, Rsv::NONE, Opcode::Ping, 0), Violation::ControlFragmented);
    assert_eq!(header(true, Rsv::NONE, Opcode::Pong, 126), Violation::ControlTooLong);
    assert_eq!(header(true, Rsv::NONE, Opcode::Close, 1), Violation::CloseBodyOneByte);
    assert_eq!(header(true, Rsv::NONE, Opcode::Binary, 1 << 63), Violation::LengthTopBitSet);
    assert!(Header::new(true, Rsv::RSV1, Opcode::Text, None, (1 << 63) - 1).is_ok());
    assert_eq!(Header::MAX_LEN, 14);
}

#[test]
fn a_mask_goes_on_where_its_last_piece_ended() {
    for cut in 0..=11 {
        let mut bytes: Vec<u8> = (0..11).collect();
        let mut mask = Mask::new([0x10, 0x20, 0x40, 0x80]);
        let (first, second) = bytes.split_at_mut(cut);
        mask.apply(first);
        mask.apply(second);
        let expected: Vec<u8> = (0..11).map(|i| i ^ [0x10, 0x20, 0x40, 0x80][usize::from(i) % 4]).collect();
        assert_eq!(bytes, expected, "cut at {cut}");
    }
    assert!(!format!("{:?}", Mask::new([0x10, 0x20, 0x40, 0x80])).contains("16"));
}

/// The name against what the machine has, as the standard library sees it.
#[test]
fn the_kernels_are_the_best_that_the_machine_and_the_build_allow() {
    let name = wsframe::kernels();
    let forced = ["portable", "sse2", "ssse3", "avx2", "avx512"]
        .into_iter()
        .find(|name| option_env!("RUSTFLAGS").unwrap_or_default().contains(&format!("wsframe_force=\"{name}\"")));
    #[cfg(target_arch = "x86_64")]
    {
        let has = [
            ("avx512", is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw")),
            ("avx2", is_x86_feature_detected!("avx2")),
            ("ssse3", is_x86_feature_detected!("ssse3")),
            ("sse2", true),
            ("portable", true),
        ];
        let allowed = has.iter().skip_while(|(name, _)| forced.is_some_and(|forced| forced != *name));
        let (expected, _) = allowed.into_iter().find(|(_, has)| *has).unwrap();
        assert_eq!(name, *expected);
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let neon = cfg!(all(target_arch = "aarch64", target_feature = "neon", target_endian = "little"));
        assert_eq!(name, if neon && forced.is_none() { "neon" } else { "portable" });
    }
}
