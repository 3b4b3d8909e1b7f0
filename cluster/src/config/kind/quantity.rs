//! Times, sizes and numbers, each within bounds.

use std::time::Duration;

use super::{Kind, ValueKind, words};
use crate::config::units::{duration, size};

/// Longest that any time may be: 30 days.
const TIME_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

/// A length of time, always with its unit.
pub(in crate::config) struct Time {
    pub(in crate::config) least: Duration,
}

impl Kind for Time {
    type Value = Duration;

    fn name(&self) -> String {
        "time".to_owned()
    }

    fn units(&self) -> Option<&'static str> {
        Some("ms, s, m, h")
    }

    fn allowed(&self) -> String {
        let (least, most) = (duration::show(self.least), duration::show(TIME_MAX));
        format!("a time from {least} to {most}, with its unit, as in `250ms`, `3s`, `2m` or `1h`")
    }

    fn convert(&self, found: &ValueKind) -> Result<Duration, String> {
        let ValueKind::String(text) = found else { return Err(words(found)) };
        duration::parse(text).ok_or_else(|| words(found))
    }

    fn check(&self, value: &Duration) -> Result<(), String> {
        if (self.least..=TIME_MAX).contains(value) { Ok(()) } else { Err(duration::show(*value)) }
    }

    fn show(&self, value: &Duration) -> Option<String> {
        Some(format!("\"{}\"", duration::show(*value)))
    }
}

/// A number of bytes.
pub(in crate::config) struct Size {
    pub(in crate::config) least: usize,
    pub(in crate::config) most: usize,
}

impl Kind for Size {
    type Value = usize;

    fn name(&self) -> String {
        "size".to_owned()
    }

    fn units(&self) -> Option<&'static str> {
        Some("B, KiB, MiB, GiB")
    }

    fn allowed(&self) -> String {
        let least = size::show(self.least);
        let bounds = match self.most {
            usize::MAX => format!("of at least {least}"),
            most => format!("from {least} to {}", size::show(most)),
        };
        format!("a size {bounds}, in bytes or with its unit, as in `4096`, `64KiB`, `64MiB` or `1GiB`")
    }

    fn convert(&self, found: &ValueKind) -> Result<usize, String> {
        match found {
            ValueKind::String(text) => size::parse(text),
            ValueKind::I64(number) => usize::try_from(*number).ok(),
            _ => None,
        }
        .ok_or_else(|| words(found))
    }

    fn check(&self, value: &usize) -> Result<(), String> {
        if (self.least..=self.most).contains(value) { Ok(()) } else { Err(size::show(*value)) }
    }

    fn show(&self, value: &usize) -> Option<String> {
        Some(format!("\"{}\"", size::show(*value)))
    }
}

/// How many of something.
pub(in crate::config) struct Count {
    pub(in crate::config) least: usize,
    pub(in crate::config) most: usize,
}

impl Kind for Count {
    type Value = usize;

    fn name(&self) -> String {
        "number".to_owned()
    }

    fn allowed(&self) -> String {
        format!("a whole number from {} to {}", self.least, self.most)
    }

    fn convert(&self, found: &ValueKind) -> Result<usize, String> {
        match found {
            ValueKind::String(text) => text.trim().parse().ok(),
            ValueKind::I64(number) => usize::try_from(*number).ok(),
            _ => None,
        }
        .ok_or_else(|| words(found))
    }

    fn check(&self, value: &usize) -> Result<(), String> {
        if (self.least..=self.most).contains(value) { Ok(()) } else { Err(format!("the number {value}")) }
    }

    fn show(&self, value: &usize) -> Option<String> {
        Some(value.to_string())
    }
}

/// A part of something, from 0 to 1.
pub(in crate::config) struct Share;

impl Kind for Share {
    type Value = f64;

    fn name(&self) -> String {
        "number".to_owned()
    }

    fn allowed(&self) -> String {
        "a number from 0 to 1, as in `0.25`".to_owned()
    }

    fn convert(&self, found: &ValueKind) -> Result<f64, String> {
        match found {
            ValueKind::String(text) => text.trim().parse().ok(),
            ValueKind::Float(number) => Some(*number),
            ValueKind::I64(0) => Some(0.0),
            ValueKind::I64(1) => Some(1.0),
            _ => None,
        }
        .ok_or_else(|| words(found))
    }

    fn check(&self, value: &f64) -> Result<(), String> {
        if (0.0..=1.0).contains(value) { Ok(()) } else { Err(format!("the number {value}")) }
    }

    fn show(&self, value: &f64) -> Option<String> {
        Some(value.to_string())
    }
}
