//! Every close code against a table written out by hand.

use std::collections::HashSet;

use wsframe::{CloseCode, CloseCodeError, CloseFrame, Decoder, Event, Reconnect, Role, SentBy, Violation};

/// First and last of a range; whether it has a meaning; whether it may travel.
const TABLE: [(u16, u16, Result<bool, CloseCodeError>); 11] = [
    (0, 999, Err(CloseCodeError::Unused)),
    (1000, 1003, Ok(true)),
    (1004, 1006, Ok(false)),
    (1007, 1014, Ok(true)),
    (1015, 1015, Ok(false)),
    (1016, 2999, Err(CloseCodeError::Unassigned)),
    (3000, 3999, Ok(true)),
    (4000, 4999, Ok(true)),
    (5000, 9999, Err(CloseCodeError::OutOfRange)),
    (10_000, 49_999, Err(CloseCodeError::OutOfRange)),
    (50_000, 65_535, Err(CloseCodeError::OutOfRange)),
];

#[test]
fn all_65536_close_codes_are_classified_and_received_as_the_table_says() {
    let mut next = 0;
    for (first, last, class) in TABLE {
        assert_eq!(u32::from(first), next);
        next = u32::from(last) + 1;
        for number in first..=last {
            assert_eq!(CloseCode::try_from(number).map(CloseCode::on_wire), class, "{number}");
            if let Ok(code) = CloseCode::new(number) {
                assert_eq!((code.get(), u16::from(code)), (number, number));
                assert_eq!(CloseFrame::new(code, "").is_ok(), code.on_wire(), "{number}");
            }
            for role in [Role::Server, Role::Client] {
                let [high, low] = number.to_be_bytes();
                let mut frame = match role {
                    Role::Server => vec![0x88, 0x82, 0, 0, 0, 0, high, low],
                    Role::Client => vec![0x88, 0x02, high, low],
                };
                let deciding = frame.len() as u64 - 1;
                let mut seen = None;
                let result = Decoder::new(role).for_each(&mut frame, |event| {
                    if let Event::Close(close) = event {
                        seen = close.code();
                    }
                });
                if class == Ok(true) {
                    assert_eq!((result, seen.map(CloseCode::get)), (Ok(()), Some(number)));
                } else {
                    let error = result.unwrap_err();
                    assert_eq!((error.violation(), error.offset()), (Violation::CloseCodeForbidden, deciding));
                }
            }
        }
    }
    assert_eq!(next, 65_536);
}

#[test]
fn every_code_has_its_own_words() {
    let ranges = [3500, 4500].map(|code| CloseCode::new(code).unwrap());
    let codes: Vec<_> = CloseCode::NAMED.iter().copied().chain(ranges).collect();
    for text in [
        CloseCode::name,
        CloseCode::meaning,
        CloseCode::cause,
        CloseCode::client_remedy,
        CloseCode::server_remedy,
        CloseCode::reconnect_advice,
    ] {
        let texts: HashSet<_> = codes.iter().map(|code| text(*code)).collect();
        assert_eq!(texts.len(), codes.len());
        assert!(texts.iter().all(|text| text.len() > 5));
    }
    let numbers: Vec<_> = CloseCode::NAMED.iter().map(|code| code.get()).collect();
    let expected: Vec<_> = (1000..=1015).chain([3000, 3003, 3008]).collect();
    assert_eq!(numbers, expected);
}

#[test]
fn who_sends_what_and_who_should_come_back() {
    use Reconnect::*;
    use SentBy::*;
    let table = [
        (1000, Either, WhenNeeded),
        (1001, Either, WithBackoff),
        (1002, Either, AfterChange),
        (1003, Either, AfterChange),
        (1004, Nobody, AfterChange),
        (1005, Nobody, ApplicationDecides),
        (1006, Nobody, WithBackoff),
        (1007, Either, AfterChange),
        (1008, Either, AfterChange),
        (1009, Either, AfterChange),
        (1010, Client, AfterChange),
        (1011, Either, WithBackoff),
        (1012, Server, WithBackoff),
        (1013, Server, WithBackoff),
        (1014, Server, WithBackoff),
        (1015, Nobody, AfterChange),
        (3000, Either, AfterChange),
        (3003, Either, AfterChange),
        (3008, Either, WithBackoff),
        (3999, Either, ApplicationDecides),
        (4000, Either, ApplicationDecides),
    ];
    for (number, sender, reconnect) in table {
        let code = CloseCode::new(number).unwrap();
        assert_eq!((code.sent_by(), code.reconnect()), (sender, reconnect), "{number}");
        assert_eq!(code.sent_by() == Nobody, !code.on_wire(), "{number}");
    }
}

#[test]
fn names_are_those_of_the_iana_registry() {
    let names: Vec<_> = CloseCode::NAMED.iter().map(|code| code.name()).collect();
    let expected = [
        "Normal Closure",
        "Going Away",
        "Protocol Error",
        "Unsupported Data",
        "Reserved",
        "No Status Received",
        "Abnormal Closure",
        "Invalid Frame Payload Data",
        "Policy Violation",
        "Message Too Big",
        "Mandatory Extension",
        "Internal Error",
        "Service Restart",
        "Try Again Later",
        "Bad Gateway",
        "TLS Handshake",
        "Unauthorized",
        "Forbidden",
        "Timeout",
    ];
    assert_eq!(names, expected);
}

#[test]
fn a_reason_is_cut_to_123_bytes_at_a_character() {
    let euro = "\u{20ac}".repeat(50);
    for (lead, kept) in [("", 123), ("a", 121), ("ab", 122)] {
        let reason = format!("{lead}{euro}");
        let close = CloseFrame::new(CloseCode::NORMAL, &reason).unwrap();
        assert_eq!(close.reason().len(), kept);
        assert!(reason.starts_with(close.reason()));
        assert_eq!(close.encode(None).as_ref().len(), 2 + 2 + kept);
    }
    assert_eq!(CloseFrame::new(CloseCode::NORMAL, &"x".repeat(200)).unwrap().reason().len(), 123);
}

#[test]
fn every_violation_has_a_ready_close_frame_that_the_peer_accepts() {
    for violation in Violation::ALL {
        assert!(violation.reason().len() <= 123);
        for (peer, key) in [(Role::Client, None), (Role::Server, Some([1, 2, 3, 4]))] {
            let frame = violation.close_frame().encode(key);
            let mut seen = None;
            Decoder::new(peer)
                .for_each(&mut frame.as_ref().to_vec(), |event| {
                    if let Event::Close(close) = event {
                        seen = Some((close.code(), close.reason().to_owned()));
                    }
                })
                .unwrap();
            assert_eq!(seen, Some((Some(violation.close_code()), violation.reason().to_owned())));
        }
    }
}

#[test]
fn violations_have_the_codes_and_sections_of_the_table() {
    use Violation::*;
    let table = [
        (ReservedBits, 1002, "5.2"),
        (ReservedOpcode, 1002, "5.2"),
        (ControlFragmented, 1002, "5.5"),
        (ContinuationUnexpected, 1002, "5.4"),
        (ContinuationExpected, 1002, "5.4"),
        (TooManyFragments, 1008, "7.4.1"),
        (MaskMissing, 1002, "5.1"),
        (MaskUnexpected, 1002, "5.1"),
        (ControlTooLong, 1002, "5.5"),
        (CloseBodyOneByte, 1002, "5.5.1"),
        (LengthTopBitSet, 1002, "5.2"),
        (LengthNotMinimal, 1002, "5.2"),
        (FrameTooLong, 1009, "7.4.1"),
        (MessageTooLong, 1009, "7.4.1"),
        (InflatedTooLong, 1009, "7.4.1"),
        (CloseCodeForbidden, 1002, "7.4"),
        (CloseReasonNotUtf8, 1007, "5.5.1"),
        (DeflateCorrupt, 1007, "7.4.1"),
        (TextNotUtf8, 1007, "8.1"),
    ];
    assert_eq!(Violation::ALL, table.map(|(violation, ..)| violation));
    for (violation, code, section) in table {
        assert_eq!((violation.close_code().get(), violation.section()), (code, section));
        assert_eq!(Violation::from_name(violation.name()), Some(violation));
        let text = violation.to_string();
        assert!(text.contains(violation.reason()) && text.contains(section) && text.contains(&code.to_string()));
    }
    for text in [Violation::name, Violation::reason, Violation::meaning, Violation::remedy] {
        let texts: HashSet<_> = Violation::ALL.iter().map(|violation| text(*violation)).collect();
        assert_eq!(texts.len(), Violation::ALL.len(), "each violation has its own words");
    }
}

/// The longest frame there is: 131 bytes.
#[test]
fn the_longest_reason_is_masked_and_read_again() {
    let reason = "r".repeat(123);
    let close = CloseFrame::new(CloseCode::GOING_AWAY, &reason).unwrap();
    let frame = close.encode(Some([0x11, 0x22, 0x33, 0x44]));
    assert_eq!(frame.as_ref().len(), 131);
    let mut decoder = Decoder::new(Role::Server);
    decoder.for_each(&mut frame.as_ref().to_vec(), |event| assert!(matches!(event, Event::Close(_)))).unwrap();
    assert_eq!(decoder.received_close(), Some(close));
}

#[test]
fn a_close_body_is_parsed_by_its_rules() {
    assert_eq!(CloseFrame::parse(b""), Ok(CloseFrame::EMPTY));
    assert_eq!(CloseFrame::parse(b"\x03"), Err(Violation::CloseBodyOneByte));
    assert_eq!(CloseFrame::parse(b"\x03\xe8"), Ok(CloseFrame::new(CloseCode::NORMAL, "").unwrap()));
    assert_eq!(CloseFrame::parse(b"\x03\xed"), Err(Violation::CloseCodeForbidden));
    assert_eq!(CloseFrame::parse(b"\x03\xe8\xc3"), Err(Violation::CloseReasonNotUtf8));
    let mut body = [b'a'; 126];
    (body[0], body[1]) = (0x03, 0xe8);
    assert_eq!(CloseFrame::parse(&body), Err(Violation::ControlTooLong));
    assert_eq!(CloseFrame::parse(&body[..125]).unwrap().reason().len(), 123);
}

#[test]
fn constants_need_no_unwrapping() {
    const EXPIRED: CloseCode = CloseCode::from_static(4001);
    const BYE: CloseFrame<'static> = CloseFrame::from_static(EXPIRED, "session expired");
    assert_eq!((BYE.code(), BYE.reason()), (Some(EXPIRED), "session expired"));
    for wrong in [0, 999, 1016, 2999, 5000] {
        assert!(std::panic::catch_unwind(|| CloseCode::from_static(wrong)).is_err(), "{wrong}");
    }
    assert!(std::panic::catch_unwind(|| CloseFrame::from_static(CloseCode::NO_STATUS_RECEIVED, "")).is_err());
}

#[test]
fn a_code_is_shown_with_its_name() {
    assert_eq!(CloseCode::NORMAL.to_string(), "1000 Normal Closure");
    assert_eq!(CloseCode::from_static(3999).to_string(), "3999 Registered Code");
    assert_eq!(CloseCode::from_static(4999).to_string(), "4999 Private Code");
    assert!(format!("{:?}", CloseCode::NORMAL).contains("1000"));
}
