//! fastwebsockets: asynchronous, polled by hand.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use fastwebsockets::{FragmentCollector, OpCode, Role, WebSocket};

use super::{Pipe, Seen, Verdict};

pub(super) fn run(server: bool, stream: &[u8]) -> Verdict {
    let role = if server { Role::Server } else { Role::Client };
    let mut socket = WebSocket::after_handshake(Pipe::new(stream), role);
    socket.set_auto_close(false);
    socket.set_auto_pong(false);
    socket.set_max_message_size(16 << 20);
    let mut socket = FragmentCollector::new(socket);
    let mut seen = Vec::new();
    let refused = loop {
        let frame = match pin!(socket.read_frame()).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(frame)) => frame,
            Poll::Ready(Err(_)) => break true,
            Poll::Pending => break false,
        };
        let payload = frame.payload.to_vec();
        seen.push(match frame.opcode {
            OpCode::Text => Seen::Message { text: true, payload },
            OpCode::Binary => Seen::Message { text: false, payload },
            OpCode::Ping => Seen::Ping(payload),
            OpCode::Pong => Seen::Pong(payload),
            OpCode::Close => {
                seen.push(Seen::Close(payload.first_chunk().map(|code| u16::from_be_bytes(*code))));
                break false;
            }
            OpCode::Continuation => continue,
        });
    };
    Verdict { seen, refused }
}
