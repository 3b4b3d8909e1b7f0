//! Texts in greetings: bounded, and printable, since they end up in logs and on terminals.

use super::super::cursor::{Cursor, Malformed};

/// Longest name or address in bytes.
pub const NAME_MAX: usize = 255;
/// Longest text of a refusal in bytes.
pub const TEXT_MAX: usize = 1024;

/// Appends a text with its length (u16).
pub(super) fn put(body: &mut Vec<u8>, text: &str, max: usize) -> Result<(), Malformed> {
    check(text, max)?;
    body.extend_from_slice(&(text.len() as u16).to_le_bytes());
    body.extend_from_slice(text.as_bytes());
    Ok(())
}

pub(super) fn read(from: &mut Cursor<'_>, max: usize) -> Result<String, Malformed> {
    let len = from.u16()?.into();
    let text = std::str::from_utf8(from.take(len)?).or(Err("has a text that is not UTF-8"))?;
    check(text, max)?;
    Ok(text.to_owned())
}

/// Appends a name or an address.
pub(super) fn put_name(body: &mut Vec<u8>, name: &str) -> Result<(), Malformed> {
    check_name(name)?;
    put(body, name, NAME_MAX)
}

pub(super) fn read_name(from: &mut Cursor<'_>) -> Result<String, Malformed> {
    let name = read(from, NAME_MAX)?;
    check_name(&name)?;
    Ok(name)
}

fn check_name(name: &str) -> Result<(), Malformed> {
    if name.is_empty() { Err("has an empty name or address") } else { Ok(()) }
}

fn check(text: &str, max: usize) -> Result<(), Malformed> {
    if text.len() > max {
        return Err("has a text above its limit");
    }
    if is_printable(text) { Ok(()) } else { Err("has a text that is not printable") }
}

/// Goes by what Rust prints as itself in `{:?}`: no control or format characters, no line ends, no accent without its
/// letter.
fn is_printable(text: &str) -> bool {
    let unquoted = text.replace(['"', '\'', '\\'], "-");
    unquoted.escape_debug().eq(unquoted.chars())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_people_are_printable_and_those_that_fool_a_terminal_are_not() {
        for text in ["", "host-1.example:7000", "näher \"dran\"", "नमस्ते", "C:\\x", "e\u{301}"] {
            assert!(is_printable(text), "{text:?}");
        }
        for text in ["a\nb", "\u{1b}[2J", "\0", "a\u{202e}b", "\u{2028}", "a\u{200b}", "\u{301}", "\u{7f}"] {
            assert!(!is_printable(text), "{text:?}");
        }
    }
}
