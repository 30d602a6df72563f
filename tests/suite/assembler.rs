//! What an assembler tells about its messages and its place.

use wsframe::{Assembler, MessageEvent, Role, State};

#[test]
fn an_assembler_tells_its_position() {
    let mut assembler = Assembler::new(Role::Client);
    assembler.for_each(&mut b"\x81\x02hi\x82\x05x".to_vec(), |_| {}).unwrap();
    assert_eq!((assembler.position(), assembler.state()), (7, State::InFrame));
    let shown = format!("{assembler:?}");
    assert!(shown.contains("position: 7") && shown.contains("gathered: 1"), "{shown}");
}

/// A message whose header alone was cut lies whole in the second piece, and is not copied.
#[test]
fn a_message_whose_header_was_cut_is_borrowed_from_the_input() {
    let stream = *b"\x81\x7e\x00\x80";
    for cut in 1..stream.len() {
        let mut assembler = Assembler::new(Role::Client);
        let (mut first, mut second) =
            (stream[..cut].to_vec(), [&stream[cut..], &[b'a'; 128][..], b"\x89\x00"].concat());
        assembler.for_each(&mut first, |_| panic!("nothing is complete")).unwrap();
        let range = second.as_ptr_range();
        let mut input = &mut second[..];
        let Ok(Some(MessageEvent::Message(message))) = assembler.decode(&mut input) else { panic!("a message") };
        assert_eq!((message.offset(), message.fragments(), message.payload()), (0, 1, &[b'a'; 128][..]));
        assert!(range.contains(&message.payload().as_ptr()));
        assert!(message.into_input().is_some());
        assert!(matches!(assembler.decode(&mut input), Ok(Some(MessageEvent::Ping(b"")))));
    }
}

#[test]
fn a_message_shows_its_length_for_debugging() {
    Assembler::new(Role::Client)
        .for_each(&mut b"\x82\x01x".to_vec(), |event| {
            let MessageEvent::Message(message) = event else { panic!("{event:?}") };
            assert!(format!("{message:?}").contains("len: 1"));
        })
        .unwrap();
}
