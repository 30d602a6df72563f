//! The connection, driven by operations in any order: its events are those of the bare decoder until it stops on purpose; what
//! it writes is a stream that a naive reference of the other end accepts, with nothing after a Close; each Pong answers a Ping
//! that came, in order; the state only goes forward; and every deadline leads somewhere.

use core::time::Duration;

use arbitrary::Arbitrary;
use wsframe::{
    Assembler, CloseCode, CloseFrame, Connection, EncoderConfig, Frame, Masking, MessageEvent, State, Timing, Transport,
};

use crate::reference::{self, Limits};
use crate::{Setup, assemble, input};

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    setup: Setup,
    /// In units of 100 ms: pings, pongs, Close, linger.
    timing: [u8; 4],
    operations: Vec<Operation>,
    stream: &'a [u8],
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Operation {
    Receive(u8),
    Control(u16),
    Close(u16, u8),
    Fail,
    Send(u8),
    /// The time, in units of 100 ms.
    At(u16),
    /// The time for which the connection asked.
    AtDeadline,
    End,
}

pub(super) fn check(data: &[u8]) {
    let Some(input) = input::<Input<'_>>(data) else { return };
    let config = input.setup.config();
    if input.setup.server {
        let connection = Connection::<Assembler, _>::server_with_config(config, EncoderConfig::new());
        run(&input, connection);
    } else {
        let keys = || [1, 2, 3, 4];
        run(&input, Connection::<Assembler, _>::client_with_config(keys, config, EncoderConfig::new()));
    }
}

fn rank(transport: Transport) -> u8 {
    match transport {
        Transport::Open => 0,
        Transport::Finish | Transport::Await => 1,
        _ => 2,
    }
}

fn run<K: Masking>(input: &Input<'_>, connection: Connection<Assembler, K>) {
    let units = |count: u8| Duration::from_millis(100) * u32::from(count);
    let [ping, pong, close, linger] = input.timing.map(units);
    let timing = Timing::new().with_pong_within(pong).with_close_within(close).with_linger(linger);
    let timing = if ping.is_zero() { timing.without_pings() } else { timing.with_ping_after(ping) };
    let mut connection = connection.with_timing(timing);

    let mut written = Vec::new();
    let mut received = 0;
    let mut events = 0;
    let mut pings = Vec::new();
    let mut told = None;
    let mut outcome = None;
    // Whether this end stopped the decoder on purpose: what is received then is discarded.
    let mut is_stopped = false;
    let mut is_broken = false;
    let mut seen = rank(connection.transport());
    for operation in &input.operations {
        match *operation {
            Operation::Receive(len) => {
                let len = usize::from(len).min(input.stream.len() - received);
                let mut piece = input.stream[received..received + len].to_vec();
                received += len;
                let mut rest = &mut piece[..];
                loop {
                    match connection.decode(&mut rest) {
                        Ok(Some(event)) => {
                            assert!(!is_stopped, "{event:?} after the connection was failed");
                            events += 1;
                            if let MessageEvent::Ping(payload) = event {
                                pings.push(payload.to_vec());
                            }
                        }
                        Ok(None) => break,
                        Err(_) => {
                            assert!(!is_stopped);
                            events += usize::from(!is_broken);
                            is_broken = true;
                            break;
                        }
                    }
                }
                assert!(rest.is_empty() || connection.decoder().state() == State::Failed);
            }
            Operation::Control(room) => {
                let mut room = vec![0; room.into()];
                let owes = connection.has_control();
                let len = connection.write_control(&mut room[..]);
                assert!(len <= 276 && (owes || len == 0));
                if owes && room.len() >= 276 {
                    assert!(len > 0 && !connection.has_control(), "there was room");
                }
                written.extend_from_slice(&room[..len]);
            }
            Operation::Close(code, room) => {
                let Ok(code) = CloseCode::new(code) else { continue };
                let Ok(frame) = CloseFrame::new(code, "bye") else { continue };
                let mut room = vec![0; room.into()];
                if let Ok(len) = connection.close(&mut room[..], frame) {
                    written.extend_from_slice(&room[..len]);
                }
            }
            Operation::Fail => {
                let has_close = connection.decoder().received_close().is_some();
                let is_late = is_broken || has_close || connection.outcome().is_some();
                connection.fail(CloseFrame::new(CloseCode::POLICY_VIOLATION, "no").expect("it may be sent"));
                is_stopped |= !is_late;
            }
            Operation::Send(len) => {
                let payload = vec![7; len.into()];
                _ = connection.encoder().append(&mut written, Frame::binary(&payload));
            }
            Operation::At(time) => {
                let time = Duration::from_millis(100) * u32::from(time);
                told = told.max(Some(time));
                connection.at(time);
            }
            Operation::AtDeadline => {
                if let Some(deadline) = connection.deadline() {
                    assert!(told.is_some(), "a deadline before any time was told");
                    told = told.max(Some(deadline));
                    connection.at(deadline);
                    // It must not ask for the same time for ever.
                    let again = (0..8).all(|_| {
                        let again = connection.deadline();
                        connection.at(deadline);
                        again.is_some_and(|again| again <= deadline)
                    });
                    assert!(!again, "{deadline:?} is asked for again and again");
                }
            }
            Operation::End => connection.end(),
        }
        let now = rank(connection.transport());
        assert!(now >= seen, "the transport goes back");
        seen = now;
        let ends = connection.outcome().map(|outcome| (outcome.cause(), outcome.code(), outcome.received()));
        assert!(outcome.is_none() || outcome == ends, "the outcome changes");
        assert!(ends.is_some() || now == 0, "an end without an outcome");
        outcome = ends;
    }

    // Both its events and its violation are those of a decoder alone.
    let (expected, _) = assemble(&input.setup, [&input.stream[..received]]);
    if is_stopped {
        assert!(events <= expected.len());
    } else {
        assert_eq!(events, expected.len());
    }
    other_end(input.setup.server, &written, &pings);
}

/// What was written, as the other end reads it.
fn other_end(by_server: bool, written: &[u8], pings: &[Vec<u8>]) {
    let limits = Limits {
        server: !by_server,
        max_frame_len: u64::MAX,
        max_message_len: u64::MAX,
        max_fragments: u32::MAX,
        allowed_rsv: 0,
    };
    let mut rest = written;
    let mut pings = pings.iter();
    while !rest.is_empty() {
        let header = reference::header(&limits, None, rest).expect("it keeps the protocol").expect("frames are whole");
        let end = header.header_len + header.len as usize;
        let mut payload = rest[header.header_len..end].to_vec();
        if let Some(key) = header.key {
            payload.iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
        }
        rest = &rest[end..];
        match header.opcode {
            0xA => assert!(pings.any(|ping| *ping == payload), "a Pong that answers nothing"),
            0x8 => assert!(rest.is_empty(), "something is written after a Close"),
            _ => {}
        }
    }
}
