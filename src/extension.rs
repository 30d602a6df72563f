//! The grammar of `Sec-WebSocket-Extensions` (RFC 6455 §9.1): lists of extensions with parameters. It walks its bytes once.

/// Whether this byte may be part of a token (RFC 9110 §5.6.2).
const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

/// Whether this is a token.
pub(crate) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|byte| is_token_byte(*byte))
}

/// Without spaces and tabs at either end (RFC 9110 §5.6.3).
pub(crate) const fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// The text of a token.
pub(crate) fn token_text(token: &[u8]) -> Option<&str> {
    if is_token(token) { core::str::from_utf8(token).ok() } else { None }
}

/// The extensions of several values in their order, as one list; `None` for an element that breaks the grammar.
pub(crate) struct Extensions<'h, V> {
    values: V,
    rest: Option<&'h [u8]>,
}

impl<'h, V: Iterator<Item = &'h [u8]>> Extensions<'h, V> {
    pub(crate) fn new(values: V) -> Extensions<'h, V> {
        Extensions { values, rest: None }
    }
}

impl<'h, V: Iterator<Item = &'h [u8]>> Iterator for Extensions<'h, V> {
    type Item = Option<Extension<'h>>;

    fn next(&mut self) -> Option<Option<Extension<'h>>> {
        let value = self.rest.take().or_else(|| self.values.next())?;
        match split_extension(value) {
            Some((extension, rest)) => {
                self.rest = rest;
                Some(Some(extension))
            }
            None => {
                self.rest = after_comma(value);
                Some(None)
            }
        }
    }
}

/// What stands behind the first comma that is not in a quoted string.
fn after_comma(mut text: &[u8]) -> Option<&[u8]> {
    let mut is_quoted = false;
    loop {
        text = match text {
            [b',', rest @ ..] if !is_quoted => return Some(rest),
            [b'\\', _, rest @ ..] if is_quoted => rest,
            [b'"', rest @ ..] => {
                is_quoted = !is_quoted;
                rest
            }
            [_, rest @ ..] => rest,
            [] => return None,
        };
    }
}

/// The next element of a list of extensions at the front of `value`, and the rest after its comma (RFC 6455 §9.1); `None` if
/// it breaks the grammar.
fn split_extension(value: &[u8]) -> Option<(Extension<'_>, Option<&[u8]>)> {
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
