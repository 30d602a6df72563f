//! Shows a close code and an error, as a small program does that logs them: the texts of the tables must not come along.

#![no_std]
#![no_main]

mod host;

use core::fmt::Write;

use wsframe::{CloseCode, Decoder, Role};

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

struct Output;

impl Write for Output {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        host::write(text.as_bytes());
        Ok(())
    }
}

fn run() {
    let mut input = [0; 64];
    let len = host::read(&mut input);
    let Some(bytes) = input.get_mut(..len) else { return };
    if let Some(code) = bytes.first_chunk()
        && let Ok(code) = CloseCode::new(u16::from_be_bytes(*code))
    {
        let _ = write!(Output, "{code}");
    }
    if let Err(error) = Decoder::new(Role::Server).for_each(bytes, |_| {}) {
        let _ = write!(Output, "; {error}");
    }
    let _ = host::random_key();
}
