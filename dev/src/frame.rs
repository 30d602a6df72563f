//! Frames built by hand, with nothing of the crate.

/// XOR with the key, from this phase on.
pub fn mask(bytes: &mut [u8], key: [u8; 4], phase: usize) {
    for (byte, key) in bytes.iter_mut().zip(key.iter().cycle().skip(phase % 4)) {
        *byte ^= key;
    }
}

/// Appends a frame with this first byte, masked if there is a key.
pub fn push_frame(out: &mut Vec<u8>, first: u8, key: Option<[u8; 4]>, payload: &[u8]) {
    let mask_bit = if key.is_some() { 0x80 } else { 0 };
    out.push(first);
    match payload.len() {
        len @ 0..126 => out.push(mask_bit | len as u8),
        len @ 126..0x1_0000 => {
            out.push(mask_bit | 126);
            out.extend((len as u16).to_be_bytes());
        }
        len => {
            out.push(mask_bit | 127);
            out.extend((len as u64).to_be_bytes());
        }
    }
    out.extend(key.into_iter().flatten());
    let payload_at = out.len();
    out.extend(payload);
    if let Some(key) = key {
        mask(&mut out[payload_at..], key, 0);
    }
}
