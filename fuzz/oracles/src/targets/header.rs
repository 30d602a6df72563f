//! Headers: the crate agrees with a naive parser at every prefix, looks at no byte after the header, and writes what it read.

use wsframe::{Header, Opcode, Role, Rsv};

use crate::reference::{self, Limits};
use crate::{Setup, input};

pub(super) fn check(data: &[u8]) {
    let Some((setup, bytes)) = input::<(Setup, &[u8])>(data) else { return };
    let limits = setup.limits();
    for len in 0..=bytes.len().min(15) {
        // A place of its own: a sanitizer sees a read beyond it.
        let place: Box<[u8]> = bytes[..len].into();
        one(&limits, setup.role(), &place);
    }
}

fn one(limits: &Limits, receiver: Role, bytes: &[u8]) {
    let rsv = Rsv::from_first_byte(limits.allowed_rsv);
    let parsed = Header::parse(bytes, receiver, rsv);
    match (parsed, reference::header(limits, None, bytes)) {
        (Err(error), Err((rule, code, index))) => {
            assert_eq!((error.violation().name(), error.index()), (rule, index));
            assert_eq!(error.violation().close_code().get(), code);
        }
        (Ok(None), Ok(None)) => {}
        (Ok(Some(header)), Ok(Some(expected))) => {
            let len = header.encoded_len();
            assert_eq!(len, expected.header_len);
            assert_eq!((header.fin(), header.rsv().bits()), (expected.fin, expected.rsv));
            assert_eq!(header.opcode() as u8, expected.opcode);
            assert_eq!((header.mask_key(), header.payload_len()), (expected.key, expected.len));
            assert_eq!(header.encode().as_ref(), &bytes[..len]);
            let again =
                Header::new(header.fin(), header.rsv(), header.opcode(), header.mask_key(), header.payload_len());
            assert_eq!(again, Ok(header));
            let place: Box<[u8]> = bytes[..len].into();
            assert_eq!(Header::parse(&place, receiver, rsv), Ok(Some(header)));
            assert_eq!(Opcode::from_u8(expected.opcode), Some(header.opcode()));
        }
        (parsed, expected) => panic!("{parsed:?} instead of {expected:?}"),
    }
}
