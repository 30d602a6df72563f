//! A user's own loop around each decoder: it skips what it does not want, and returns early with what it wants.

use wsframe::codec::{BufMut, Message as Owned, MessageDecoder};
use wsframe::{
    Assembler, Chunk, CloseFrame, DecodeError, Decoder, Event, Inspector, Message, MessageEvent, Role, Violation,
};

/// A Pong, a Ping, "Hel" "lo" with a Pong between them, "whole", a Close.
const STREAM: &[u8] = b"\x8a\x01p\x89\x02hi\x01\x03Hel\x8a\x00\x80\x02lo\x81\x05whole\x8a\x00\x88\x05\x03\xe8bye";

enum FromDecoder<'d, 'b> {
    Chunk(Chunk<'b>),
    Ping(&'d [u8]),
    Close(CloseFrame<'d>),
}

struct AroundDecoder {
    decoder: Decoder,
    pongs: usize,
}

impl AroundDecoder {
    fn next<'d, 'b>(&'d mut self, input: &mut &'b mut [u8]) -> Result<Option<FromDecoder<'d, 'b>>, DecodeError> {
        loop {
            match self.decoder.decode(input)? {
                Some(Event::Pong(_)) => self.pongs += 1,
                Some(Event::Chunk(chunk)) => return Ok(Some(FromDecoder::Chunk(chunk))),
                Some(Event::Ping(_)) => return Ok(Some(FromDecoder::Ping(self.decoder.control_payload()))),
                Some(Event::Close(_)) => return Ok(self.decoder.received_close().map(FromDecoder::Close)),
                None => return Ok(None),
            }
        }
    }
}

enum FromAssembler<'m, 'b> {
    Message(Message<'m, 'b>),
    Ping(&'m [u8]),
    Close(CloseFrame<'m>),
}

struct AroundAssembler {
    assembler: Assembler,
    pongs: usize,
}

impl AroundAssembler {
    fn next<'m, 'b: 'm>(&'m mut self, input: &mut &'b mut [u8]) -> Result<Option<FromAssembler<'m, 'b>>, DecodeError> {
        loop {
            match self.assembler.decode(input)? {
                Some(MessageEvent::Pong(_)) => self.pongs += 1,
                Some(MessageEvent::Message(message)) => {
                    return Ok(match message.into_input() {
                        Some(message) => Some(FromAssembler::Message(message)),
                        None => self.assembler.gathered().map(FromAssembler::Message),
                    });
                }
                Some(MessageEvent::Ping(_)) => return Ok(Some(FromAssembler::Ping(self.assembler.control_payload()))),
                Some(MessageEvent::Close(_)) => return Ok(self.assembler.received_close().map(FromAssembler::Close)),
                None => return Ok(None),
            }
        }
    }
}

struct AroundOwned {
    decoder: MessageDecoder,
    pongs: usize,
}

impl AroundOwned {
    fn next(&mut self) -> Result<Option<Owned>, DecodeError> {
        loop {
            match self.decoder.decode()? {
                Some(Owned::Pong(_)) => self.pongs += 1,
                message => return Ok(message),
            }
        }
    }
}

#[test]
fn a_wrapper_of_the_decoder_loses_nothing() {
    let mut stream = STREAM.to_vec();
    let mut input = &mut stream[..];
    let mut around = AroundDecoder { decoder: Decoder::new(Role::Client), pongs: 0 };
    let (mut texts, mut pings, mut closes) = (String::new(), 0, 0);
    while let Some(event) = around.next(&mut input).unwrap() {
        match event {
            FromDecoder::Chunk(chunk) => texts.push_str(core::str::from_utf8(chunk.payload()).unwrap()),
            FromDecoder::Ping(payload) => {
                assert_eq!(payload, b"hi");
                pings += 1;
            }
            FromDecoder::Close(close) => {
                assert_eq!((close.code().unwrap().get(), close.reason()), (1000, "bye"));
                closes += 1;
            }
        }
    }
    assert_eq!((&*texts, pings, closes, around.pongs), ("Hellowhole", 1, 1, 3));
}

#[test]
fn a_wrapper_of_the_assembler_loses_nothing() {
    for size in [STREAM.len(), 3, 1] {
        let mut around = AroundAssembler { assembler: Assembler::new(Role::Client), pongs: 0 };
        let (mut texts, mut pings, mut closes) = (Vec::new(), 0, 0);
        for piece in STREAM.to_vec().chunks_mut(size) {
            let mut input = piece;
            while let Some(event) = around.next(&mut input).unwrap() {
                match event {
                    FromAssembler::Message(message) => texts.push(message.text().unwrap().to_owned()),
                    FromAssembler::Ping(payload) => {
                        assert_eq!(payload, b"hi");
                        pings += 1;
                    }
                    FromAssembler::Close(close) => {
                        assert_eq!((close.code().unwrap().get(), close.reason()), (1000, "bye"));
                        closes += 1;
                    }
                }
            }
        }
        assert_eq!((pings, closes, around.pongs), (1, 1, 3));
        assert_eq!(texts, ["Hello", "whole"]);
    }
}

#[test]
fn a_wrapper_of_the_owned_decoder_loses_nothing() {
    let mut around = AroundOwned { decoder: MessageDecoder::new(Role::Client), pongs: 0 };
    around.decoder.put_slice(STREAM);
    let mut messages = Vec::new();
    while let Some(message) = around.next().unwrap() {
        messages.push(message);
    }
    let close = Owned::close(wsframe::CloseCode::NORMAL, "bye").unwrap();
    assert_eq!(messages, [Owned::Ping("hi".into()), "Hello".into(), "whole".into(), close]);
    assert_eq!(around.pongs, 3);
}

/// Only the last call's gathered message can be had again, and only from its own assembler.
#[test]
fn a_gathered_message_is_there_until_the_next_call() {
    let mut assembler = Assembler::new(Role::Client);
    let mut stream = b"\x01\x03Hel\x80\x02lo\x81\x02hi".to_vec();
    let mut input = &mut stream[..];
    assert!(assembler.gathered().is_none());
    assert!(
        matches!(assembler.decode(&mut input), Ok(Some(MessageEvent::Message(message))) if message.into_input().is_none())
    );
    assert_eq!(assembler.gathered().unwrap().text(), Some("Hello"));
    assert_eq!(assembler.gathered().unwrap().text(), Some("Hello"));
    let Ok(Some(MessageEvent::Message(message))) = assembler.decode(&mut input) else { panic!("a message") };
    let whole = message.into_input().unwrap();
    assert!(assembler.gathered().is_none());
    assert_eq!(whole.text(), Some("hi"));
}

#[derive(Debug, PartialEq)]
enum Stop {
    Peer(Violation),
    Enough,
}

impl From<DecodeError> for Stop {
    fn from(error: DecodeError) -> Stop {
        Stop::Peer(error.violation())
    }
}

/// The rest of the input is there for the next call.
#[test]
fn a_loop_can_stop_with_an_error_and_go_on_later() {
    let stream = b"\x81\x01a\x81\x01b\x89\x00\x81\x01c\x83";
    let count = |limit: usize| {
        let mut seen = 0;
        move || {
            seen += 1;
            if seen == limit { Err(Stop::Enough) } else { Ok(()) }
        }
    };

    let mut buffer = stream.to_vec();
    let mut input = &mut buffer[..];
    let mut decoder = Decoder::new(Role::Client);
    let mut two = count(2);
    assert_eq!(decoder.try_for_each(&mut input, |_| two()), Err(Stop::Enough));
    assert_eq!(input, b"\x89\x00\x81\x01c\x83");
    assert_eq!(decoder.try_for_each(&mut input, |_| Ok(())), Err(Stop::Peer(Violation::ReservedOpcode)));

    let mut buffer = stream.to_vec();
    let mut input = &mut buffer[..];
    let mut assembler = Assembler::new(Role::Client);
    let mut two = count(2);
    assert_eq!(assembler.try_for_each(&mut input, |_| two()), Err(Stop::Enough));
    assert_eq!(input, b"\x89\x00\x81\x01c\x83");
    assert_eq!(assembler.try_for_each(&mut input, |_| Ok(())), Err(Stop::Peer(Violation::ReservedOpcode)));

    let mut decoder = MessageDecoder::new(Role::Client);
    decoder.put_slice(stream);
    let mut two = count(2);
    assert_eq!(decoder.try_for_each(|_| two()), Err(Stop::Enough));
    let mut messages = Vec::new();
    let last = decoder.try_for_each(|message| {
        messages.push(message);
        Ok(())
    });
    assert_eq!(last, Err(Stop::Peer(Violation::ReservedOpcode)));
    assert_eq!(messages, [Owned::Ping("".into()), "c".into()]);
}

#[test]
fn an_inspector_gives_the_events_of_the_decoder_and_each_header() {
    let mut stream = STREAM.to_vec();
    let mut input = &mut stream[..];
    let mut inspector = Inspector::new(Role::Client);
    assert!(inspector.header().is_none());
    let mut frames = Vec::new();
    while let Some(event) = inspector.decode(&mut input).unwrap() {
        let is_chunk = matches!(event, Event::Chunk(_));
        let header = *inspector.header().unwrap();
        assert_eq!(is_chunk, !header.opcode().is_control());
        frames.push((header.fin(), header.opcode() as u8, header.payload_len()));
    }
    let expected = [
        (true, 10, 1),
        (true, 9, 2),
        (false, 1, 3),
        (true, 10, 0),
        (true, 0, 2),
        (true, 1, 5),
        (true, 10, 0),
        (true, 8, 5),
    ];
    assert_eq!(frames, expected);
    assert_eq!(inspector.decoder().position(), STREAM.len() as u64);
    // Cut anywhere, and refused, it is the decoder too.
    for vector in wsframe_dev::vectors::all() {
        let (mut inspector, mut decoder) = (
            Inspector::with_config(vector.role(), vector.config()),
            Decoder::with_config(vector.role(), vector.config()),
        );
        for piece in vector.stream().chunks(3) {
            let (mut a, mut b) = (piece.to_vec(), piece.to_vec());
            let (mut a, mut b) = (&mut a[..], &mut b[..]);
            loop {
                let (one, two) = (inspector.decode(&mut a), decoder.decode(&mut b));
                assert_eq!(format!("{one:?}"), format!("{two:?}"), "{}", vector.name);
                if !matches!(two, Ok(Some(_))) {
                    break;
                }
            }
        }
        assert_eq!(inspector.decoder().state(), vector.state());
    }
}
