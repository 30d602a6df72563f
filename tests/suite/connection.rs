//! The connection: every row of the table in its documentation, for both roles and over each decoder; calls in any order.

use core::time::Duration;

use wsframe::codec::{BufMut, Message, MessageDecoder};
use wsframe::{
    Assembler, Cause, CloseCode, CloseFrame, Config, Connection, DecodeError, Decoder, EncodeError, EncoderConfig,
    Event, Frame, Masking, MessageEvent, MessageKind, Outcome, Role, State, Timing, Transport, Unmasked, Violation,
};
use wsframe_dev::frame;

const KEY: [u8; 4] = [1, 2, 3, 4];
type Keys = fn() -> [u8; 4];

fn keys() -> [u8; 4] {
    [9, 9, 9, 9]
}

/// What a decoder of any kind reported.
#[derive(Clone, Debug, PartialEq)]
enum Seen {
    Data(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>),
    Error(Violation),
}

/// A connection over any decoder and in any role.
trait End {
    fn role(&self) -> Role;
    fn receive(&mut self, bytes: &[u8]) -> Vec<Seen>;
    fn send(&mut self, frame: Frame<'_>) -> Result<Vec<u8>, EncodeError>;
    fn close(&mut self, room: usize, close: CloseFrame<'_>) -> Result<Vec<u8>, EncodeError>;
    fn fail(&mut self, close: CloseFrame<'static>);
    fn control(&mut self, room: usize) -> Vec<u8>;
    fn has_control(&self) -> bool;
    fn is_sending_closed(&mut self) -> bool;
    fn at(&mut self, millis: u64);
    fn deadline(&mut self) -> Option<u64>;
    fn end(&mut self);
    fn transport(&self) -> Transport;
    fn outcome(&self) -> Option<Outcome<'_>>;
    fn position(&self) -> u64;
    fn decoder_state(&self) -> State;
    fn latency(&self) -> Option<Duration>;
}

macro_rules! end {
    ($decoder:ty, $receive:expr) => {
        impl<K: Masking> End for Connection<$decoder, K> {
            fn role(&self) -> Role {
                if K::MASKED { Role::Client } else { Role::Server }
            }
            fn receive(&mut self, bytes: &[u8]) -> Vec<Seen> {
                let mut seen = Vec::new();
                let receive: fn(&mut Self, &[u8], &mut Vec<Seen>) -> Result<(), DecodeError> = $receive;
                if let Err(error) = receive(self, bytes, &mut seen) {
                    seen.push(Seen::Error(error.violation()));
                }
                seen
            }
            fn send(&mut self, frame: Frame<'_>) -> Result<Vec<u8>, EncodeError> {
                let mut out = Vec::new();
                self.encoder().append(&mut out, frame)?;
                Ok(out)
            }
            fn close(&mut self, room: usize, close: CloseFrame<'_>) -> Result<Vec<u8>, EncodeError> {
                let mut out = vec![0; room];
                let len = Connection::close(self, &mut out[..], close)?;
                out.truncate(len);
                Ok(out)
            }
            fn fail(&mut self, close: CloseFrame<'static>) {
                Connection::fail(self, close);
            }
            fn control(&mut self, room: usize) -> Vec<u8> {
                let mut out = vec![0; room];
                let len = self.write_control(&mut out[..]);
                out.truncate(len);
                out
            }
            fn has_control(&self) -> bool {
                Connection::has_control(self)
            }
            fn is_sending_closed(&mut self) -> bool {
                self.encoder().is_closed()
            }
            fn at(&mut self, millis: u64) {
                Connection::at(self, Duration::from_millis(millis));
            }
            fn deadline(&mut self) -> Option<u64> {
                Connection::deadline(self).map(|time| time.as_millis() as u64)
            }
            fn end(&mut self) {
                Connection::end(self);
            }
            fn transport(&self) -> Transport {
                Connection::transport(self)
            }
            fn outcome(&self) -> Option<Outcome<'_>> {
                Connection::outcome(self)
            }
            fn position(&self) -> u64 {
                self.decoder().position()
            }
            fn decoder_state(&self) -> State {
                self.decoder().state()
            }
            fn latency(&self) -> Option<Duration> {
                Connection::latency(self)
            }
        }
    };
}

end!(Decoder, |connection, bytes, seen| {
    let mut buffer = bytes.to_vec();
    let mut input = &mut buffer[..];
    let mut message = Vec::new();
    while let Some(event) = connection.decode(&mut input)? {
        match event {
            Event::Chunk(chunk) => {
                message.extend_from_slice(chunk.payload());
                if chunk.ends_message() {
                    seen.push(Seen::Data(core::mem::take(&mut message)));
                }
            }
            Event::Ping(payload) => seen.push(Seen::Ping(payload.to_vec())),
            Event::Pong(payload) => seen.push(Seen::Pong(payload.to_vec())),
            Event::Close(close) => seen.push(Seen::Close(close.code().map(u16::from))),
        }
    }
    Ok(())
});

end!(Assembler, |connection, bytes, seen| {
    let mut buffer = bytes.to_vec();
    let mut input = &mut buffer[..];
    while let Some(event) = connection.decode(&mut input)? {
        seen.push(match event {
            MessageEvent::Message(message) => Seen::Data(message.payload().to_vec()),
            MessageEvent::Ping(payload) => Seen::Ping(payload.to_vec()),
            MessageEvent::Pong(payload) => Seen::Pong(payload.to_vec()),
            MessageEvent::Close(close) => Seen::Close(close.code().map(u16::from)),
        });
    }
    Ok(())
});

end!(MessageDecoder, |connection, bytes, seen| {
    connection.put_slice(bytes);
    while let Some(message) = connection.decode()? {
        seen.push(match message {
            Message::Ping(payload) => Seen::Ping(payload.to_vec()),
            Message::Pong(payload) => Seen::Pong(payload.to_vec()),
            Message::Close(close) => Seen::Close(close.code().map(u16::from)),
            message => Seen::Data(message.payload().to_vec()),
        });
    }
    Ok(())
});

/// Each role over each decoder.
fn ends() -> Vec<Box<dyn End>> {
    vec![
        Box::new(Connection::<Decoder, _>::server()),
        Box::new(Connection::<Decoder, Keys>::client(keys)),
        Box::new(Connection::<Assembler, _>::server()),
        Box::new(Connection::<Assembler, Keys>::client(keys)),
        Box::new(Connection::<MessageDecoder, _>::server()),
        Box::new(Connection::<MessageDecoder, Keys>::client(keys)),
    ]
}

/// A frame that this end receives.
fn incoming(end: &dyn End, first: u8, payload: &[u8]) -> Vec<u8> {
    frame(first, (end.role() == Role::Server).then_some(KEY), payload)
}

/// A frame that this end sends.
fn outgoing(end: &dyn End, first: u8, payload: &[u8]) -> Vec<u8> {
    frame(first, (end.role() == Role::Client).then_some(keys()), payload)
}

/// The letter of the state, from what a caller sees.
fn letter(end: &mut dyn End) -> char {
    match end.transport() {
        Transport::Drop => 'E',
        Transport::Finish | Transport::Await => match end.outcome().expect("it is decided").cause() {
            Cause::Violation(_) | Cause::Failed => 'F',
            _ => 'D',
        },
        _ if !end.is_sending_closed() => 'O',
        _ if !end.has_control() => 'S',
        _ if end.decoder_state() == State::Closed => 'R',
        _ => 'V',
    }
}

const BYE: CloseFrame<'static> = CloseFrame::from_static(CloseCode::GOING_AWAY, "bye");

/// Brings a new connection into a state, at the time 0.
fn into_state(end: &mut dyn End, state: char) {
    end.at(0);
    match state {
        'O' => {}
        'S' => _ = end.close(200, BYE).unwrap(),
        'R' => _ = end.receive(&incoming(end, 0x88, b"\x03\xe8done")),
        'V' => _ = end.receive(&incoming(end, 0x83, b"")),
        'D' => {
            into_state(end, 'R');
            assert!(!end.control(200).is_empty());
        }
        'F' => {
            into_state(end, 'V');
            assert!(!end.control(200).is_empty());
        }
        'E' => end.end(),
        state => panic!("there is no state {state}"),
    }
    assert_eq!(letter(end), state);
}

/// Waits as a caller does that sleeps until the deadline, up to this time.
fn wait(end: &mut dyn End, until: u64) {
    while let Some(deadline) = end.deadline().filter(|deadline| *deadline <= until) {
        end.at(deadline);
        if end.transport() == Transport::Drop || end.deadline() == Some(deadline) {
            break;
        }
    }
    end.at(until);
}

/// What a row does, from the given state; it checks what the row says that it does.
fn walk(row: &str, state: char, end: &mut dyn End) {
    let closed = Err(EncodeError::Closed);
    match row {
        "1" => {
            let sent = end.close(200, BYE).unwrap();
            assert_eq!(sent, outgoing(end, 0x88, b"\x03\xe9bye"));
            for frame in [Frame::text("x"), Frame::ping(b""), Frame::pong(b""), Frame::close(BYE)] {
                assert_eq!(end.send(frame), closed);
            }
            assert_eq!(end.deadline(), Some(10_000));
        }
        "2" => {
            let room = outgoing(end, 0x88, b"\x03\xe9bye").len() - 1;
            assert_eq!(end.close(room, BYE), Err(EncodeError::BufferTooSmall { needed: room + 1 }));
            assert!(end.send(Frame::text("x")).is_ok());
        }
        "3" => {
            assert_eq!(end.receive(&incoming(end, 0x88, b"\x0f\xa1why")), [Seen::Close(Some(4001))]);
            assert_eq!(end.deadline(), Some(10_000));
            assert_eq!(end.control(200), outgoing(end, 0x88, b"\x0f\xa1"));
            assert_eq!(end.outcome().unwrap().code().get(), 4001);
            // The state of the row is the one before it was answered.
            end.end();
        }
        "4" => {
            assert_eq!(end.receive(&incoming(end, 0x88, b"")), [Seen::Close(None)]);
            assert_eq!(end.control(200), outgoing(end, 0x88, b""));
            let outcome = end.outcome().unwrap();
            assert_eq!((outcome.code().get(), outcome.sent(), outcome.received()), {
                let none = Some(CloseCode::NO_STATUS_RECEIVED);
                (1005, none, none)
            });
        }
        "5" => {
            let pings = [incoming(end, 0x89, b"are you there?"), incoming(end, 0x88, b"\x03\xe8")].concat();
            assert_eq!(end.receive(&pings).len(), 2);
            assert_eq!(end.control(200), outgoing(end, 0x88, b"\x03\xe8"));
        }
        "6" => {
            let bytes = [incoming(end, 0x01, b"begun"), incoming(end, 0x88, b"\x03\xe8")].concat();
            assert_eq!(end.receive(&bytes).last(), Some(&Seen::Close(Some(1000))));
            assert!(!end.control(200).is_empty());
            assert!(end.outcome().unwrap().is_unfinished());
        }
        "7" => {
            end.send(Frame::text_fragment("begun", false)).unwrap();
            end.receive(&incoming(end, 0x88, b"\x03\xe8"));
            assert_eq!(end.send(Frame::text_fragment("rest", true)), closed);
        }
        "8" => {
            assert_eq!(end.control(200), outgoing(end, 0x88, b"\x03\xe8"));
            let outcome = end.outcome().unwrap();
            assert_eq!((outcome.cause(), outcome.reason(), outcome.is_clean()), (Cause::ClosedByPeer, "done", true));
            assert_eq!(end.deadline(), Some(2_000));
        }
        "9" => {
            let needed = outgoing(end, 0x88, b"\x03\xe8").len();
            for room in 0..needed {
                assert_eq!(end.control(room), b"");
            }
            assert!(end.has_control());
        }
        "9a" => {
            wait(end, 9_999);
            assert_eq!(letter(end), 'R');
            wait(end, 10_000);
            let outcome = end.outcome().unwrap();
            assert_eq!((outcome.code().get(), outcome.is_clean(), outcome.sent()), (1000, false, None));
        }
        "10" => {
            assert_eq!(end.close(200, BYE), closed);
            for frame in [Frame::text("x"), Frame::ping(b""), Frame::fragment(MessageKind::Binary, b"", false)] {
                assert_eq!(end.send(frame), closed);
            }
        }
        "11" => {
            let whole = incoming(end, 0x82, b"whole");
            assert_eq!(end.receive(&whole), [Seen::Data(b"whole".to_vec())]);
            let pieces = [incoming(end, 0x02, b"pie"), incoming(end, 0x80, b"ces")].concat();
            assert_eq!(end.receive(&pieces), [Seen::Data(b"pieces".to_vec())]);
        }
        "12" => {
            assert_eq!(end.receive(&incoming(end, 0x89, b"?")), [Seen::Ping(b"?".to_vec())]);
            assert_eq!((end.control(200), end.has_control()), (Vec::new(), false));
        }
        "13" => assert_eq!(end.receive(&incoming(end, 0x8a, b"!")), [Seen::Pong(b"!".to_vec())]),
        "14" => {
            end.receive(&incoming(end, 0x88, b"\x0f\xa1other"));
            let outcome = end.outcome().unwrap();
            assert_eq!((outcome.cause(), outcome.is_clean()), (Cause::ClosedByUs, true));
            assert_eq!((outcome.code().get(), outcome.reason()), (4001, "other"));
            assert_eq!(outcome.sent(), Some(CloseCode::GOING_AWAY));
            assert_eq!((end.control(200), end.has_control()), (Vec::new(), false));
        }
        "15" => {
            assert_eq!(end.receive(&incoming(end, 0x83, b"")), [Seen::Error(Violation::ReservedOpcode)]);
            assert_eq!((end.control(200), end.has_control()), (Vec::new(), false));
            let outcome = end.outcome().unwrap();
            assert!(
                matches!(outcome.cause(), Cause::Violation(error) if error.violation() == Violation::ReservedOpcode)
            );
            assert_eq!((outcome.code().get(), outcome.is_clean()), (1002, false));
        }
        "16" => {
            wait(end, 9_999);
            assert_eq!(letter(end), 'S');
            wait(end, 10_000);
            let outcome = end.outcome().unwrap();
            assert_eq!((outcome.cause(), outcome.code().get(), outcome.is_clean()), (Cause::NoClose, 1006, false));
        }
        "17" => {
            end.end();
            let outcome = end.outcome().unwrap();
            assert_eq!((outcome.cause(), outcome.code().get(), outcome.is_clean()), (Cause::Lost, 1006, false));
            assert_eq!(outcome.sent(), Some(CloseCode::GOING_AWAY));
        }
        "18" => {
            // By turns the decoder and the application.
            let failed = CloseFrame::from_static(CloseCode::INTERNAL_ERROR, "oops");
            let ping = incoming(end, 0x89, b"dropped");
            end.receive(&ping);
            if end.role() == Role::Server {
                end.fail(failed);
                assert_eq!(end.receive(&incoming(end, 0x81, b"discarded")), []);
                assert_eq!(letter(end), 'V');
                assert_eq!(end.control(200), outgoing(end, 0x88, b"\x03\xf3oops"));
                let outcome = end.outcome().unwrap();
                assert_eq!((outcome.cause(), outcome.code().get(), outcome.reason()), (Cause::Failed, 1011, "oops"));
                return;
            }
            assert_eq!(end.receive(&incoming(end, 0x83, b"")), [Seen::Error(Violation::ReservedOpcode)]);
            assert_eq!(end.deadline(), Some(2_000));
        }
        "19" => {
            let broken: [(&[u8], u16); 3] = [(b"\x03\xed", 1002), (b"\x03", 1002), (b"\x03\xe8\xff", 1007)];
            for (i, (body, code)) in broken.into_iter().enumerate() {
                // Of the new connections of this role, one for each.
                let mut others = ends();
                let mut other = others.swap_remove(2 * i + usize::from(end.role() == Role::Client));
                assert_eq!(other.role(), end.role());
                assert!(matches!(other.receive(&incoming(end, 0x88, body))[..], [Seen::Error(_)]));
                assert_eq!(letter(&mut *other), 'V');
                let close = other.control(200);
                let body_at = if end.role() == Role::Client { 6 } else { 2 };
                let mut sent = close[body_at..][..2].to_vec();
                if end.role() == Role::Client {
                    wsframe_dev::mask(&mut sent, keys(), 0);
                }
                assert_eq!(sent, code.to_be_bytes());
            }
            end.receive(&incoming(end, 0x88, b"\x03\xed"));
        }
        "20" => {
            assert!(end.control(200).starts_with(&outgoing(end, 0x88, b"")[..1]));
            assert_eq!(end.outcome().unwrap().sent(), Some(CloseCode::PROTOCOL_ERROR));
            assert_eq!(end.deadline(), Some(2_000));
        }
        "21" => {
            let error = Seen::Error(Violation::ReservedOpcode);
            for first in [0x81, 0x89, 0x88] {
                assert_eq!(end.receive(&incoming(end, first, b"")), core::slice::from_ref(&error));
            }
        }
        "22" => {
            wait(end, 1_999);
            assert_eq!(letter(end), 'V');
            wait(end, 2_000);
            let outcome = end.outcome().unwrap();
            assert_eq!((outcome.code().get(), outcome.sent(), outcome.is_clean()), (1002, None, false));
        }
        "23" | "24" => {
            let expected = if end.role() == Role::Server { Transport::Finish } else { Transport::Await };
            assert_eq!(end.transport(), expected);
        }
        "25" | "26" => {
            let before = format!("{:?}", end.outcome().unwrap());
            if row == "25" {
                end.end();
            } else {
                wait(end, 1_999);
                assert_eq!(letter(end), state);
                wait(end, 2_000);
            }
            assert_eq!(format!("{:?}", end.outcome().unwrap()), before);
        }
        "27" => {
            let position = end.position();
            end.receive(&incoming(end, 0x81, b"late"));
            assert_eq!(end.position(), position);
        }
        "28" => {
            end.end();
            let outcome = end.outcome().unwrap();
            let expected = if state == 'O' { (Cause::Lost, 1006) } else { (Cause::ClosedByPeer, 1000) };
            assert_eq!((outcome.cause(), outcome.code().get()), expected);
            assert!(!outcome.is_clean() && !outcome.is_unfinished());
        }
        "29" => {
            end.receive(&incoming(end, 0x01, b"begun")[..5]);
            end.end();
            let outcome = end.outcome().unwrap();
            assert_eq!((outcome.cause(), outcome.is_unfinished()), (Cause::Lost, true));
        }
        "30" => {
            wait(end, 19_999);
            assert!(!end.has_control());
            wait(end, 20_000);
            let ping = end.control(200);
            assert_eq!(ping.len(), outgoing(end, 0x89, &[0; 8]).len());
            // Its Pong tells the latency.
            end.at(20_250);
            let mut payload = ping[ping.len() - 8..].to_vec();
            if end.role() == Role::Client {
                wsframe_dev::mask(&mut payload, keys(), 0);
            }
            end.receive(&incoming(end, 0x8a, &payload));
            assert_eq!(end.latency(), Some(Duration::from_millis(250)));
            // One Ping at a time, and the next one after as long.
            assert_eq!(end.deadline(), Some(40_250));
        }
        "31" => {
            for second in 1..100 {
                wait(end, second * 15_000);
                end.receive(&incoming(end, 0x8a, b"busy"));
                assert!(!end.has_control());
            }
        }
        "32" => {
            wait(end, 20_000);
            assert!(!end.control(200).is_empty());
            wait(end, 39_999);
            assert_eq!(letter(end), 'O');
            wait(end, 40_000);
            let outcome = end.outcome().unwrap();
            assert_eq!((outcome.cause(), outcome.code().get(), outcome.sent()), (Cause::NoPong, 1006, None));
        }
        "33" => {
            // The peer sends Pings for ever, and there is never room for a Pong.
            for second in 0..40 {
                end.at(second * 1_000);
                end.receive(&incoming(end, 0x89, &[second as u8]));
                assert_eq!(end.control(2), b"");
                end.deadline();
            }
            assert_eq!(letter(end), 'O');
            wait(end, 40_000);
            let outcome = end.outcome().unwrap();
            assert_eq!((outcome.cause(), outcome.code().get()), (Cause::Stalled, 1006));
        }
        "34" => {
            let before = format!("{:?}", end.outcome());
            end.receive(&incoming(end, 0x89, b""));
            assert_eq!(end.send(Frame::text("x")), closed);
            assert_eq!(end.close(200, BYE), closed);
            assert_eq!((end.control(200), end.has_control(), end.deadline()), (Vec::new(), false, None));
            end.fail(BYE);
            end.end();
            end.at(1_000_000);
            assert_eq!(format!("{:?}", end.outcome()), before);
        }
        "35" => {
            end.at(1_000);
            let deadline = end.deadline();
            end.at(10);
            end.at(0);
            assert_eq!(end.deadline(), deadline);
        }
        row => panic!("the test does not know row {row}"),
    }
}

/// Rows that the walk takes further than the row says, because only then its effect is seen.
const FURTHER: [(&str, char); 6] = [("3", 'E'), ("4", 'D'), ("5", 'D'), ("6", 'D'), ("18", 'F'), ("18", 'V')];

#[test]
fn every_row_of_the_table_holds_for_both_roles_and_all_decoders() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/connection/connection.md")).unwrap();
    let rows = page.lines().skip_while(|line| *line != "| # | state | what happens | then | what it does |").skip(2);
    let mut walked = 0;
    for row in rows.take_while(|line| line.starts_with('|')) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let (number, from, then) = (cells[1], cells[2], cells[4]);
        let froms: Vec<char> = from.split(", ").map(|state| state.chars().next().unwrap()).collect();
        let thens: Vec<char> = then.split(", ").map(|state| state.chars().next().unwrap()).collect();
        for (i, state) in froms.iter().enumerate() {
            let expected = thens[i.min(thens.len() - 1)];
            for mut end in ends() {
                into_state(&mut *end, *state);
                walk(number, *state, &mut *end);
                let found = letter(&mut *end);
                let further = FURTHER.contains(&(number, found));
                assert!(found == expected || further, "row {number} from {state} leads to {found}: {row}");
            }
        }
        walked += 1;
    }
    assert_eq!(walked, 36);
}

#[test]
fn each_ping_is_answered_while_there_is_room_else_the_latest() {
    for mut end in ends() {
        let mut answers = Vec::new();
        let mut expected = Vec::new();
        for i in 0..10 {
            end.receive(&incoming(&*end, 0x89, &[i; 125]));
            answers.extend(end.control(200));
            expected.extend(outgoing(&*end, 0x8a, &[i; 125]));
        }
        assert_eq!(answers, expected);
        for i in 0..10 {
            end.receive(&incoming(&*end, 0x89, &[i; 125]));
            assert_eq!(end.control(130 - 4 * usize::from(end.role() == Role::Server) - 4), b"");
        }
        assert_eq!(end.control(200), outgoing(&*end, 0x8a, &[9; 125]));
        assert!(!end.has_control());
    }
}

/// A call too late or out of order is late, and never early.
#[test]
fn a_caller_that_tells_the_time_late_loses_nothing() {
    for mut end in ends() {
        end.at(0);
        assert_eq!(end.deadline(), Some(20_000));
        // It wakes for a Close at 15 s, decodes first, and tells the time then.
        end.receive(&incoming(&*end, 0x88, b"\x03\xe8"));
        end.at(15_000);
        assert_eq!((letter(&mut *end), end.deadline()), ('R', Some(25_000)));
    }
    for mut end in ends() {
        // The first time that is told is when it all begins.
        end.close(200, BYE).unwrap();
        assert_eq!(end.deadline(), None);
        end.at(1_000_000_000);
        assert_eq!(end.deadline(), Some(1_000_010_000));
    }
    for mut end in ends() {
        // Nothing was called for an hour: the Ping is due now, and its Pong has its time from now.
        end.at(0);
        end.at(3_600_000);
        assert!(!end.control(200).is_empty());
        end.at(3_600_001);
        assert_eq!((letter(&mut *end), end.deadline()), ('O', Some(3_620_000)));
    }
}

#[test]
fn without_a_time_nothing_times_out_and_without_pings_an_idle_connection_stays() {
    for mut end in ends() {
        end.receive(&incoming(&*end, 0x89, b"?"));
        assert_eq!(end.deadline(), None);
        assert!(!end.control(200).is_empty());
    }
    let mut server = Connection::<Decoder, _>::server().with_timing(Timing::new().without_pings());
    End::at(&mut server, 0);
    assert_eq!(End::deadline(&mut server), None);
    End::at(&mut server, 1 << 40);
    assert_eq!(server.transport(), Transport::Open);
}

/// A Close that goes through the encoder by hand is a Close.
#[test]
fn what_is_decoded_after_the_end_does_not_change_the_outcome() {
    for late in [(0x88, &b"\x03\xe8"[..]), (0x83, b""), (0x01, b"begun")] {
        for mut end in ends() {
            end.end();
            let outcome = format!("{:?}", end.outcome());
            let late = incoming(&*end, late.0, late.1);
            end.receive(&late);
            assert_eq!(format!("{:?}", end.outcome()), outcome);
            assert_eq!(end.outcome().unwrap().code(), CloseCode::ABNORMAL_CLOSURE);
        }
    }
}

#[test]
fn a_close_sent_by_hand_counts() {
    for mut end in ends() {
        end.at(0);
        end.receive(&incoming(&*end, 0x89, b"dropped"));
        end.send(Frame::close(BYE)).unwrap();
        assert!(!end.has_control());
        assert_eq!((end.control(200), end.deadline()), (Vec::new(), Some(10_000)));
        end.receive(&incoming(&*end, 0x88, b"\x03\xe9"));
        let outcome = end.outcome().unwrap();
        assert_eq!((outcome.cause(), outcome.is_clean()), (Cause::ClosedByUs, true));
    }
}

#[test]
fn what_is_owed_is_bounded() {
    for mut end in ends() {
        end.at(0);
        wait(&mut *end, 20_000);
        end.receive(&incoming(&*end, 0x89, &[7; 125]));
        assert!(end.control(1000).len() <= 276);
    }
    assert!(size_of::<Connection<Decoder, Unmasked>>() <= 448);
    assert!(format!("{:?}", Connection::<Decoder, _>::server()).contains("Open"));
}

#[test]
fn both_halves_are_configured_for_both_roles() {
    let receiving = Config::SERVER.with_max_message_len(4);
    let sending = EncoderConfig::new().with_max_message_len(2);
    let mut server = Connection::<Assembler, _>::server_with_config(receiving, sending).with_max_idle_buffer(0);
    assert!(matches!(server.encoder().text(&mut [0; 9], "abc"), Err(EncodeError::OverLimit(_))));
    assert_eq!(
        server.receive(&frame(0x81, Some(KEY), b"hello")),
        [Seen::Error(Violation::FrameTooLong)].map(|_| Seen::Error(Violation::MessageTooLong))
    );
    let mut client = Connection::<MessageDecoder, Keys>::client_with_config(keys, receiving, sending)
        .with_read_size(2048)
        .with_max_idle_buffer(100)
        .with_received((&b"\x81\x02hi\x81\x01"[..]).into());
    assert_eq!(client.decode(), Ok(Some(Message::from("hi"))));
    assert_eq!(client.take_undecoded().unwrap(), &b"\x81\x01"[..]);
    assert_eq!(client.spare_mut().len(), 2048);
    client.spare_mut()[..3].copy_from_slice(b"\x89\x01?");
    client.commit(3);
    assert_eq!(client.decode(), Ok(Some(Message::Ping("?".into()))));
    let mut out = wsframe::codec::BytesMut::new();
    assert_eq!(client.append_control(&mut out), 7);
    assert_eq!(client.append_close(&mut out, BYE), Ok(11));
}

/// A Close that waits in the caller's output: the transport has its time from when it was written.
#[test]
fn the_time_to_linger_begins_when_the_close_was_written() {
    let mut connection = Connection::<Decoder, _>::server();
    let secs = Duration::from_secs;
    connection.at(secs(1));
    connection.wrote_close(secs(1));
    assert!(connection.decode(&mut &mut *b"\x88\x80\0\0\0\0".to_vec()).unwrap().is_some());
    assert_eq!(connection.write_control(&mut [0; 9]), 2);
    assert_eq!(connection.deadline(), Some(secs(3)));
    connection.wrote_close(secs(2));
    assert_eq!(connection.deadline(), Some(secs(4)));
    connection.at(secs(3));
    assert_eq!(connection.transport(), Transport::Finish);
    connection.at(secs(4));
    assert_eq!(connection.transport(), Transport::Drop);
}
