//! The small grammars of HTTP fields: tokens, lists, quoted strings, base64. Each walks its bytes once.

/// Whether this byte may be part of a token (RFC 9110 §5.6.2).
pub(super) const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

/// Whether this is a token.
pub(super) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|byte| is_token_byte(*byte))
}

/// Without spaces and tabs at either end (RFC 9110 §5.6.3).
pub(super) const fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// The elements of a list of tokens; what is not a token is passed on as it is (RFC 9110 §5.6.1).
pub(super) fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    value.split(|byte| *byte == b',').map(trim)
}

/// The text of a token.
pub(super) fn token_text(token: &[u8]) -> Option<&str> {
    if is_token(token) { core::str::from_utf8(token).ok() } else { None }
}

/// Whether a field may have this value when we send it: no control characters, which could end the field (RFC 9110 §5.5).
pub(super) fn is_field_value(value: &str) -> bool {
    value.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f))
}

/// Whether a request may have this target: visible ASCII, and not empty (RFC 9112 §3.2).
pub(super) fn is_target(target: &str) -> bool {
    !target.is_empty() && target.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether this is 16 bytes in base64. The unused bits of the last character are not looked at.
pub(super) fn is_key(value: &[u8]) -> bool {
    let Some((digits, b"==")) = value.split_last_chunk::<2>() else { return false };
    digits.len() == 22 && digits.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

/// The next element of a list of extensions at the front of `value`, and the rest after its comma (RFC 6455 §9.1); `None` if
/// it breaks the grammar.
pub(super) fn split_extension(value: &[u8]) -> Option<(Extension<'_>, Option<&[u8]>)> {
    let (name, mut rest) = take_token(trim(value))?;
    let params = rest;
    loop {
        rest = trim(rest);
        match rest {
            [] => return Some((Extension { name, params }, None)),
            [b',', after @ ..] => {
                let len = params.len() - rest.len();
                return Some((Extension { name, params: params.get(..len)? }, Some(after)));
            }
            _ => (_, rest) = take_param(rest)?,
        }
    }
}

/// A token at the front, and the rest.
fn take_token(text: &[u8]) -> Option<(&str, &[u8])> {
    let len = text.iter().position(|byte| !is_token_byte(*byte)).unwrap_or(text.len());
    let (token, rest) = text.split_at_checked(len)?;
    Some((token_text(token)?, rest))
}

/// The name of a parameter, and its value if it has one.
type Param<'h> = (&'h str, Option<Value<'h>>);

/// A parameter of an extension at the front, with its semicolon, and the rest.
fn take_param(text: &[u8]) -> Option<(Param<'_>, &[u8])> {
    let [b';', rest @ ..] = text else { return None };
    let (name, rest) = take_token(trim_start(rest))?;
    let [b'=', value @ ..] = trim_start(rest) else { return Some(((name, None), rest)) };
    let value = trim_start(value);
    let [b'"', quoted @ ..] = value else {
        let (value, rest) = take_token(value)?;
        return Some(((name, Some(Value { raw: value })), rest));
    };
    // "When using the quoted-string syntax variant, the value after quoted-string unescaping MUST conform to the 'token'
    // ABNF."
    let mut len = 0;
    let mut chars = 0;
    loop {
        let byte = match quoted.get(len..)? {
            [b'"', rest @ ..] => {
                let raw = core::str::from_utf8(quoted.get(..len)?).ok()?;
                return (chars > 0).then_some(((name, Some(Value { raw })), rest));
            }
            [b'\\', byte, ..] => {
                len += 1;
                byte
            }
            [byte, ..] => byte,
            [] => return None,
        };
        if !is_token_byte(*byte) {
            return None;
        }
        len += 1;
        chars += 1;
    }
}

fn trim_start(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    text
}

/// An extension that was offered or accepted, with its parameters (RFC 6455 §9.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension<'h> {
    name: &'h str,
    /// They were checked.
    params: &'h [u8],
}

impl<'h> Extension<'h> {
    /// The name.
    pub const fn name(&self) -> &'h str {
        self.name
    }

    /// The parameters in their order, with their values if they have one.
    pub fn params(&self) -> impl Iterator<Item = (&'h str, Option<Value<'h>>)> + Clone + use<'h> {
        let mut rest = self.params;
        core::iter::from_fn(move || {
            let (param, after) = take_param(trim(rest))?;
            rest = after;
            Some(param)
        })
    }
}

/// The value of a parameter: a token, perhaps with backslashes of a quoted string.
#[derive(Clone, Copy, Debug)]
pub struct Value<'h> {
    raw: &'h str,
}

impl Value<'_> {
    /// The characters of the token.
    pub fn chars(&self) -> impl Iterator<Item = char> + Clone + '_ {
        // A backslash is no token character, so each one is the escape of what follows.
        self.raw.chars().filter(|letter| *letter != '\\')
    }

    /// The number that it spells in decimal digits, without a sign.
    pub fn number(&self) -> Option<u32> {
        let mut digits = self.chars().peekable();
        digits.peek()?;
        digits.try_fold(0_u32, |number, digit| number.checked_mul(10)?.checked_add(digit.to_digit(10)?))
    }
}

impl PartialEq for Value<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.chars().eq(other.chars())
    }
}

impl Eq for Value<'_> {}

impl PartialEq<str> for Value<'_> {
    fn eq(&self, other: &str) -> bool {
        self.chars().eq(other.chars())
    }
}

impl PartialEq<&str> for Value<'_> {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

impl core::fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.chars().try_for_each(|letter| core::fmt::Write::write_char(f, letter))
    }
}
