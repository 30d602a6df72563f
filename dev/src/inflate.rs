//! An inflater that is slow and plain: bit by bit, as RFC 1951 says. A reference for messages under permessage-deflate.

/// The first length or distance that a symbol stands for, and how many bits follow it.
const LENGTHS: [(usize, usize); 29] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
    (258, 0),
];
const DISTANCES: [(usize, usize); 30] = [
    (1, 0),
    (2, 0),
    (3, 0),
    (4, 0),
    (5, 1),
    (7, 1),
    (9, 2),
    (13, 2),
    (17, 3),
    (25, 3),
    (33, 4),
    (49, 4),
    (65, 5),
    (97, 5),
    (129, 6),
    (193, 6),
    (257, 7),
    (385, 7),
    (513, 8),
    (769, 8),
    (1025, 9),
    (1537, 9),
    (2049, 10),
    (3073, 10),
    (4097, 11),
    (6145, 11),
    (8193, 12),
    (12289, 12),
    (16385, 13),
    (24577, 13),
];
/// The order in which the lengths of the codes for lengths come.
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// What the sender of a message leaves out (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// Why it stops: what comes cannot be inflated, or ends too early.
struct Broken;

struct Bits<'a> {
    payload: &'a [u8],
    /// In bits.
    at: usize,
}

impl Bits<'_> {
    fn len(&self) -> usize {
        self.payload.len() + TAIL.len()
    }

    fn bit(&mut self) -> Result<usize, Broken> {
        let index = self.at / 8;
        let byte = match self.payload.get(index) {
            Some(byte) => *byte,
            None => *TAIL.get(index - self.payload.len()).ok_or(Broken)?,
        };
        let bit = byte >> (self.at % 8) & 1;
        self.at += 1;
        Ok(bit.into())
    }

    fn bits(&mut self, count: usize) -> Result<usize, Broken> {
        (0..count).try_fold(0, |number, place| Ok(number | self.bit()? << place))
    }

    fn align(&mut self) {
        self.at = self.at.next_multiple_of(8);
    }
}

/// A canonical code: how many codes have each length, and their symbols in order.
struct Code {
    counts: [usize; 16],
    symbols: Vec<usize>,
    /// In bits, and at least one.
    longest: usize,
}

impl Code {
    /// Refuses what zlib refuses: codes that are too many, and codes that are too few but for a single one of one bit.
    fn new(lengths: &[usize], may_be_single: bool) -> Result<Code, Broken> {
        let mut counts = [0; 16];
        lengths.iter().for_each(|length| counts[*length] += 1);
        counts[0] = 0;
        let mut symbols: Vec<_> = (0..lengths.len()).filter(|symbol| lengths[*symbol] != 0).collect();
        symbols.sort_by_key(|symbol| (lengths[*symbol], *symbol));
        let mut left = 1_usize;
        for count in &counts[1..] {
            left = (left * 2).checked_sub(*count).ok_or(Broken)?;
        }
        let longest = lengths.iter().max().copied().unwrap_or(0);
        if left != 0 && !(longest == 0 || may_be_single && longest == 1) {
            return Err(Broken);
        }
        Ok(Code { counts, symbols, longest: longest.max(1) })
    }

    fn symbol(&self, bits: &mut Bits<'_>) -> Result<usize, Broken> {
        let (mut code, mut first, mut index) = (0, 0, 0);
        for count in &self.counts[1..=self.longest] {
            code |= bits.bit()?;
            if code < first + count {
                return Ok(self.symbols[index + code - first]);
            }
            index += count;
            first = (first + count) * 2;
            code *= 2;
        }
        Err(Broken)
    }
}

/// Inflates a message to the end of `history`, which it may refer to; returns how far back it refers at most.
///
/// # Errors
/// The index of the byte that decides that it cannot be inflated, or of its last byte, if it is not complete; -1 for a message
/// without a byte. What was inflated before is in `history`.
pub fn inflate_plainly(payload: &[u8], history: &mut Vec<u8>) -> Result<usize, isize> {
    let mut bits = Bits { payload, at: 0 };
    let mut farthest = 0;
    loop {
        match block(&mut bits, history, &mut farthest) {
            Ok(is_final) => {
                if is_final {
                    bits.align();
                    if bits.at == payload.len() * 8 {
                        return Ok(farthest);
                    }
                }
                if bits.at == bits.len() * 8 {
                    return Ok(farthest);
                }
            }
            Err(Broken) => return Err((bits.at.div_ceil(8) as isize).min(payload.len() as isize) - 1),
        }
    }
}

/// Returns whether it was a final one.
fn block(bits: &mut Bits<'_>, out: &mut Vec<u8>, farthest: &mut usize) -> Result<bool, Broken> {
    let is_final = bits.bit()? == 1;
    let (literals, distances) = match bits.bits(2)? {
        0 => {
            bits.align();
            let (len, complement) = (bits.bits(16)?, bits.bits(16)?);
            if len ^ 0xffff != complement {
                return Err(Broken);
            }
            for _ in 0..len {
                out.push(bits.bits(8)? as u8);
            }
            return Ok(is_final);
        }
        1 => {
            let lengths: Vec<_> = [(8, 144), (9, 112), (7, 24), (8, 8)]
                .into_iter()
                .flat_map(|(length, count)| vec![length; count])
                .collect();
            (Code::new(&lengths, false)?, Code::new(&[5; 32], false)?)
        }
        2 => dynamic(bits)?,
        _ => return Err(Broken),
    };
    loop {
        match literals.symbol(bits)? {
            256 => return Ok(is_final),
            literal @ 0..256 => out.push(literal as u8),
            symbol => {
                let (base, extra) = *LENGTHS.get(symbol - 257).ok_or(Broken)?;
                let length = base + bits.bits(extra)?;
                let (base, extra) = *DISTANCES.get(distances.symbol(bits)?).ok_or(Broken)?;
                let distance = base + bits.bits(extra)?;
                *farthest = distance.max(*farthest);
                let from = out.len().checked_sub(distance).ok_or(Broken)?;
                (from..from + length).for_each(|at| out.push(out[at]));
            }
        }
    }
}

/// The two codes at the beginning of a block.
fn dynamic(bits: &mut Bits<'_>) -> Result<(Code, Code), Broken> {
    let (literals, distances, count) = (bits.bits(5)? + 257, bits.bits(5)? + 1, bits.bits(4)? + 4);
    if literals > 286 || distances > 30 {
        return Err(Broken);
    }
    let mut lengths = [0; 19];
    for place in &ORDER[..count] {
        lengths[*place] = bits.bits(3)?;
    }
    let code = Code::new(&lengths, false)?;
    let mut lengths = Vec::new();
    while lengths.len() < literals + distances {
        // Without any code, zlib reads zeros of one bit each, and refuses the lengths that come of them.
        let symbol = if code.symbols.is_empty() { bits.bit().map(|_| 0) } else { code.symbol(bits) };
        let (length, times) = match symbol? {
            // In this order in zlib: that there is nothing to repeat is found after the bits that follow.
            16 => {
                let times = 3 + bits.bits(2)?;
                (*lengths.last().ok_or(Broken)?, times)
            }
            17 => (0, 3 + bits.bits(3)?),
            18 => (0, 11 + bits.bits(7)?),
            length => (length, 1),
        };
        lengths.extend(core::iter::repeat_n(length, times));
    }
    if lengths.len() > literals + distances || lengths[256] == 0 {
        return Err(Broken);
    }
    let (literals, distances) = lengths.split_at(literals);
    Ok((Code::new(literals, true)?, Code::new(distances, true)?))
}
