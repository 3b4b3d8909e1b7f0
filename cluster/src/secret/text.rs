//! A secret as text: hex, and base64url without padding (RFC 4648, section 5).

use super::SECRET_BYTES;

const HEX_CHARACTERS: usize = 2 * SECRET_BYTES;
const BASE64_CHARACTERS: usize = (8 * SECRET_BYTES).div_ceil(6);

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads either form, told apart by its length; nothing when it is neither.
pub(super) fn parse(text: &str) -> Option<[u8; SECRET_BYTES]> {
    let text = text.as_bytes();
    match text.strip_suffix(b"=").unwrap_or(text) {
        digits if digits.len() == HEX_CHARACTERS && digits == text => pack(digits, 4, hex_digit),
        letters if letters.len() == BASE64_CHARACTERS => pack(letters, 6, base64_digit),
        _ => None,
    }
}

/// Strings `bits` bits of each character together. Bits left over at the end must be zero, so that one secret has one
/// spelling.
fn pack(text: &[u8], bits: u32, digit: fn(u8) -> Option<u8>) -> Option<[u8; SECRET_BYTES]> {
    let mut bytes = [0; SECRET_BYTES];
    let mut packed = bytes.iter_mut();
    let (mut held, mut held_bits) = (0_u32, 0);
    for &character in text {
        held = held << bits | u32::from(digit(character)?);
        held_bits += bits;
        if held_bits >= 8 {
            held_bits -= 8;
            *packed.next()? = (held >> held_bits) as u8;
            held &= (1 << held_bits) - 1;
        }
    }
    (held == 0).then_some(bytes)
}

fn hex_digit(character: u8) -> Option<u8> {
    char::from(character).to_digit(16).map(|digit| digit as u8)
}

fn base64_digit(character: u8) -> Option<u8> {
    match character {
        b'A'..=b'Z' => Some(character - b'A'),
        b'a'..=b'z' => Some(character - b'a' + 26),
        b'0'..=b'9' => Some(character - b'0' + 52),
        b'-' => Some(62),
        b'_' => Some(63),
        _ => None,
    }
}
