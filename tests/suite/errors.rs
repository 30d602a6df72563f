//! The errors: their texts, their causes, and what they can be turned into.

use core::error::Error as _;
use std::collections::HashSet;
use std::io;

use wsframe::codec::{CodecError, MessageCodec};
use wsframe::{
    CloseCode, CloseFrame, DecodeError, Decoder, EncodeError, Encoder, EncoderConfig, Header, NoKey, Reconnect, Role,
    Rsv, SentBy, Utf8Validator, Violation,
};

fn violation() -> DecodeError {
    Decoder::new(Role::Server).for_each(&mut [0x81, 0x00], |_| {}).unwrap_err()
}

#[test]
fn each_error_has_a_text_of_its_own_and_names_its_cause() {
    let forbidden = Encoder::server().ping(&mut [0; 200], &[0; 126]).unwrap_err();
    assert_eq!(forbidden.source().unwrap().to_string(), Violation::ControlTooLong.to_string());
    let over_limit =
        Encoder::server_with_config(EncoderConfig::new().with_max_frame_len(1)).text(&mut [0; 9], "no").unwrap_err();
    assert_eq!(over_limit.source().unwrap().to_string(), Violation::FrameTooLong.to_string());
    assert!(EncodeError::Closed.source().is_none());
    let too_small = Encoder::server().text(&mut [], &"x".repeat(1230)).unwrap_err();
    let code = EncodeError::from(CloseFrame::new(CloseCode::RESERVED, "").unwrap_err());
    assert!(code.source().is_some());
    let error = violation();
    assert_eq!(error.source().unwrap().to_string(), Violation::MaskMissing.to_string());
    let header = Header::parse(&[0x83, 0x00], Role::Client, Rsv::NONE).unwrap_err();
    assert_eq!(header.source().unwrap().to_string(), Violation::ReservedOpcode.to_string());

    let texts = [
        forbidden.to_string(),
        over_limit.to_string(),
        EncodeError::Closed.to_string(),
        EncodeError::NotPreparable.to_string(),
        EncodeError::NoKey.to_string(),
        too_small.to_string(),
        code.to_string(),
        error.to_string(),
        header.to_string(),
        NoKey::new().to_string(),
        Utf8Validator::new().update(b"\xff").unwrap_err().to_string(),
        CloseCode::NORMAL.to_string(),
        CloseCode::new(5000).unwrap_err().to_string(),
        Role::Server.to_string(),
        Role::Client.to_string(),
        SentBy::Either.to_string(),
        SentBy::Client.to_string(),
        SentBy::Server.to_string(),
        SentBy::Nobody.to_string(),
        Reconnect::WithBackoff.to_string(),
        Reconnect::AfterChange.to_string(),
    ];
    assert!(texts.iter().all(|text| text.len() > 3), "{texts:?}");
    assert_eq!(texts.iter().collect::<HashSet<_>>().len(), texts.len(), "{texts:?}");
    assert!(too_small.to_string().contains("1234") && error.to_string().contains("byte 1"), "{texts:?}");
    // Only rules of the protocol are the peer's to refuse.
    assert!(forbidden.to_string().contains("protocol") && !over_limit.to_string().contains("protocol"), "{texts:?}");
    assert!(over_limit.to_string().contains("own limit"), "{over_limit}");
}

#[test]
fn each_violation_says_what_decides_it_and_shows_an_example() {
    for violation in Violation::ALL {
        assert!(violation.deciding_byte().len() > 10, "{violation:?}");
        assert!(!violation.example().is_empty(), "{violation:?}");
    }
    let refused = [0, 1004, 1016, 5000].map(|code| match CloseCode::new(code) {
        Ok(code) => CloseFrame::new(code, "").unwrap_err().to_string(),
        Err(error) => error.to_string(),
    });
    assert_eq!(refused.iter().collect::<HashSet<_>>().len(), 4, "{refused:?}");
}

/// Where the example of each violation is refused, against what the table says of the deciding byte.
#[test]
fn the_deciding_bytes_of_the_table_are_those_of_the_examples() {
    let compressed = [Violation::DeflateCorrupt, Violation::InflatedTooLong];
    for violation in Violation::ALL.iter().filter(|violation| !compressed.contains(violation)) {
        let mut bytes = wsframe_dev::unhex(violation.example());
        let role = if *violation == Violation::MaskUnexpected { Role::Client } else { Role::Server };
        let mut config = wsframe::Config::preset(role);
        if *violation == Violation::TooManyFragments {
            config = config.with_max_fragments(1);
        }
        let mut frame_start = 0;
        let mut decoder = wsframe::Inspector::with_config(role, config);
        let len = bytes.len();
        let mut input = &mut bytes[..];
        let error = loop {
            match decoder.decode(&mut input) {
                Ok(Some(_)) => frame_start = len - input.len(),
                Ok(None) => panic!("{violation:?} is not refused"),
                Err(error) => break error,
            }
        };
        assert_eq!(error.violation(), *violation);
        let index = error.offset() - frame_start as u64;
        let said = violation.deciding_byte();
        let extended = match bytes[frame_start + 1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let expected = match said {
            _ if said.starts_with("the 1st byte of the frame") => 0,
            _ if said.starts_with("the 2nd byte of the frame") => 1,
            _ if said.starts_with("the 1st byte of the extended length") => 2,
            _ if said.starts_with("the last length byte") => 1 + extended,
            _ if said.starts_with("the 2nd byte of the close code") => 7,
            _ if said.contains("the reason") => 8,
            _ if said.contains("the text") => 6,
            said => panic!("{violation:?}: nobody knows which byte {said} is"),
        };
        assert_eq!(index, expected, "{violation:?}: {said}");
    }
}

/// The same for compressed messages.
#[test]
fn the_examples_of_compressed_messages_are_refused_where_that_was_agreed() {
    use wsframe::deflate::{Inflater, Policy};
    let (agreed, _) = Policy::SMALL.answer([&b"permessage-deflate"[..]]).unwrap();
    for (violation, max_message_len, index) in
        [(Violation::DeflateCorrupt, u64::MAX, 0), (Violation::InflatedTooLong, 99, 4)]
    {
        let inflater = Inflater::zlib(agreed, Role::Server).with_max_message_len(max_message_len);
        let mut assembler = wsframe::Assembler::new(Role::Server).with_inflater(inflater);
        let mut bytes = wsframe_dev::unhex(violation.example());
        let error = bytes.chunks_mut(1).find_map(|byte| assembler.for_each(byte, |_| {}).err()).unwrap();
        assert_eq!((error.violation(), error.offset()), (violation, 6 + index));
    }
}

/// Numbers in texts against what the code does.
#[test]
fn the_numbers_in_the_texts_are_those_of_the_code() {
    let text = |violation: Violation| [violation.meaning(), violation.remedy(), violation.reason()].join(" ");
    let control = text(Violation::ControlTooLong);
    assert!(control.contains("125 bytes") && control.contains("within 123 bytes"), "{control}");
    assert!(Violation::ControlFragmented.remedy().contains("at most 125 bytes"));
    let length = text(Violation::LengthNotMinimal);
    assert!(
        length.contains("7 bits up to 125") && length.contains("16 bits up to 65535") && length.contains("64 bits")
    );
    let opcodes = text(Violation::ReservedOpcode);
    assert!(opcodes.contains("0x3-0x7 and 0xB-0xF") && opcodes.contains("0, 1, 2, 8, 9 and 10 only"), "{opcodes}");
    let codes = text(Violation::CloseCodeForbidden);
    assert!(codes.contains("1000-1003, 1007-1014 and 3000-4999") && codes.contains("1005, 1006 and 1015"), "{codes}");
    let body = text(Violation::CloseBodyOneByte);
    assert!(body.contains("one byte of payload") && body.contains("two bytes"), "{body}");
    for (number, words) in [(999, "0-999"), (2999, "1016-2999"), (5000, "4999")] {
        assert!(CloseCode::new(number).unwrap_err().to_string().contains(words));
    }
    assert!(CloseFrame::new(CloseCode::RESERVED, "").unwrap_err().to_string().contains("1004, 1005, 1006 and 1015"));
}

#[test]
fn errors_become_io_errors() {
    let cases: [(io::Error, io::ErrorKind); 6] = [
        (violation().into(), io::ErrorKind::InvalidData),
        (EncodeError::Closed.into(), io::ErrorKind::InvalidInput),
        (CloseCode::new(1).unwrap_err().into(), io::ErrorKind::InvalidInput),
        (CodecError::from(violation()).into(), io::ErrorKind::InvalidData),
        (CodecError::ConnectionLost.into(), io::ErrorKind::UnexpectedEof),
        (CodecError::from(io::Error::from(io::ErrorKind::TimedOut)).into(), io::ErrorKind::TimedOut),
    ];
    for (error, kind) in cases {
        assert_eq!(error.kind(), kind, "{error}");
    }
    assert!(io::Error::from(violation()).to_string().contains("not masked"));
}

#[test]
fn what_ends_a_framed_connection_says_why() {
    let errors = [
        CodecError::from(violation()),
        CodecError::from(Encoder::server().ping(&mut [], &[0; 126]).unwrap_err()),
        CodecError::ConnectionLost,
        CodecError::from(io::Error::from(io::ErrorKind::ConnectionReset)),
        CodecError::from(CloseCode::new(5000).unwrap_err()),
    ];
    let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert!(texts[0].contains("not masked") && texts[1].contains("125") && texts[2].contains("1006"), "{texts:?}");
    assert!(texts[3].contains("reset") && texts[4].contains("4999"), "{texts:?}");
    let causes = errors.each_ref().map(|error| error.source().is_some());
    assert_eq!(causes, [true, true, false, true, true]);
    let codes = errors.each_ref().map(|error| error.close_code().map(CloseCode::get));
    assert_eq!(codes, [Some(1002), None, Some(1006), Some(1006), None]);
    assert!(format!("{:?}", MessageCodec::server()).contains("encoder"));
}

#[test]
fn a_decoder_keeps_its_error() {
    let mut decoder = Decoder::new(Role::Server);
    assert_eq!(decoder.error(), None);
    let error = decoder.for_each(&mut b"\x81\x05".to_vec(), |_| {}).unwrap_err();
    assert_eq!(decoder.error(), Some(error));
}
