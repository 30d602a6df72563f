//! All 65,536 first two bytes of a frame × role × state, against a table written apart from the decoder.

use wsframe::{Config, Decoder, Role, Rsv, State, Violation};

/// A message that is open, and whether its kind can be seen from outside: no rule depends on it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Before {
    Nothing,
    OpenText,
    OpenBinary,
    /// Two of two allowed fragments have come.
    OpenAtLimit,
}

/// What the two bytes decide: a rule and the byte that breaks it, or nothing yet.
fn expected(first: u8, second: u8, role: Role, before: Before, rsv1_allowed: bool) -> Option<(Violation, u64)> {
    use Violation::*;
    let opcode = first % 16;
    let fin = first >= 128;
    let rsv: Vec<u8> = [64, 32, 16].into_iter().filter(|bit| first & bit != 0).collect();
    let open = before != Before::Nothing;

    let rsv_is_fine = rsv.is_empty() || (rsv1_allowed && rsv == [64] && [1, 2, 3, 4, 5, 6, 7].contains(&opcode));
    if !rsv_is_fine {
        return Some((ReservedBits, 0));
    }
    if [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].contains(&opcode) {
        return Some((ReservedOpcode, 0));
    }
    if [8, 9, 10].contains(&opcode) && !fin {
        return Some((ControlFragmented, 0));
    }
    if opcode == 0 && !open {
        return Some((ContinuationUnexpected, 0));
    }
    if (opcode == 1 || opcode == 2) && open {
        return Some((ContinuationExpected, 0));
    }
    if opcode == 0 && before == Before::OpenAtLimit {
        return Some((TooManyFragments, 0));
    }
    if role == Role::Server && second < 128 {
        return Some((MaskMissing, 1));
    }
    if role == Role::Client && second >= 128 {
        return Some((MaskUnexpected, 1));
    }
    let len = second % 128;
    if opcode >= 8 && len > 125 {
        return Some((ControlTooLong, 1));
    }
    if opcode == 8 && len == 1 {
        return Some((CloseBodyOneByte, 1));
    }
    // The limits of this test: 100 bytes a frame, 110 a message, 10 of which have come if one is open.
    if opcode < 8 && len <= 125 && len > 100 {
        return Some((FrameTooLong, 1));
    }
    None
}

fn decoder(role: Role, before: Before, rsv1_allowed: bool) -> Decoder {
    let rsv = if rsv1_allowed { Rsv::RSV1 } else { Rsv::NONE };
    let fragments = if before == Before::OpenAtLimit { 2 } else { 9 };
    let config = Config::preset(role)
        .with_max_frame_len(100)
        .with_max_message_len(110)
        .with_max_fragments(fragments)
        .with_allowed_rsv(rsv);
    let mut decoder = Decoder::with_config(role, config);
    let first = match before {
        Before::Nothing => return decoder,
        Before::OpenText | Before::OpenAtLimit => 0x01,
        Before::OpenBinary => 0x02,
    };
    let mut fragment = |first: u8| {
        let mut frame = match role {
            Role::Server => vec![first, 0x85, 0, 0, 0, 0],
            Role::Client => vec![first, 0x05],
        };
        frame.extend(*b"abcde");
        decoder.for_each(&mut frame, |_| {}).unwrap();
    };
    fragment(first);
    fragment(0x00);
    assert_eq!(decoder.state(), State::InMessage);
    decoder
}

#[test]
fn all_first_two_bytes_in_every_state_of_both_roles() {
    for role in [Role::Server, Role::Client] {
        for before in [Before::Nothing, Before::OpenText, Before::OpenBinary, Before::OpenAtLimit] {
            for rsv1_allowed in [false, true] {
                let decoder = decoder(role, before, rsv1_allowed);
                let start = decoder.position();
                for bytes in 0..=u16::MAX {
                    let bytes = bytes.to_be_bytes();
                    let expected = expected(bytes[0], bytes[1], role, before, rsv1_allowed);
                    let expected = expected.map(|(violation, index)| (violation, start + index));

                    let error = decoder.clone().for_each(&mut { bytes }, |_| {}).err();
                    let at = format!("{bytes:02x?}, {role:?}, {before:?}, rsv1 {rsv1_allowed}");
                    assert_eq!(error.map(|error| (error.violation(), error.offset())), expected, "{at}");

                    // Byte by byte, and not before the byte that decides.
                    let mut decoder = decoder.clone();
                    let one = decoder.for_each(&mut [bytes[0]], |_| {}).err();
                    let decided_by_first = expected.filter(|(_, offset)| *offset == start);
                    assert_eq!(one.map(|error| (error.violation(), error.offset())), decided_by_first, "{at}");
                    let two = decoder.for_each(&mut [bytes[1]], |_| {}).err();
                    assert_eq!(two.map(|error| (error.violation(), error.offset())), expected, "{at}");
                }
            }
        }
    }
}
