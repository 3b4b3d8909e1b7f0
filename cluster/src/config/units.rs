//! Durations and sizes as people write them: `250ms`, `64MiB`.

/// Splits `text` into its number and its unit.
fn split(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, text[end..].trim()))
}

pub(super) mod duration {
    use std::time::Duration;

    pub(crate) fn parse(text: &str) -> Option<Duration> {
        let (number, unit) = super::split(text)?;
        match unit {
            "ms" => Some(Duration::from_millis(number)),
            "s" => Some(Duration::from_secs(number)),
            "m" => Some(Duration::from_secs(number.checked_mul(60)?)),
            "h" => Some(Duration::from_secs(number.checked_mul(3600)?)),
            _ => None,
        }
    }

    /// What `parse` reads, in the largest unit that fits; what no unit fits is shown as Rust does.
    pub(crate) fn show(duration: Duration) -> String {
        let seconds = duration.as_secs();
        match (seconds, duration.subsec_nanos()) {
            (1.., 0) if seconds.is_multiple_of(3600) => format!("{}h", seconds / 3600),
            (1.., 0) if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
            (_, 0) => format!("{seconds}s"),
            (_, rest) if rest.is_multiple_of(1_000_000) => format!("{}ms", duration.as_millis()),
            _ => format!("{duration:?}"),
        }
    }
}

pub(super) mod size {
    const UNITS: [(&str, usize); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

    pub(crate) fn parse(text: &str) -> Option<usize> {
        let (number, unit) = super::split(text)?;
        let factor = match unit {
            "" | "B" => 1,
            _ => UNITS.iter().find(|(name, _)| *name == unit)?.1,
        };
        usize::try_from(number).ok()?.checked_mul(factor)
    }

    /// What `parse` reads, in the largest unit that fits.
    pub(crate) fn show(bytes: usize) -> String {
        match UNITS.iter().find(|(_, factor)| bytes > 0 && bytes.is_multiple_of(*factor)) {
            Some((unit, factor)) => format!("{}{unit}", bytes / factor),
            None => bytes.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{duration, size};

    #[test]
    fn units_are_read_and_nonsense_is_not() {
        assert_eq!(duration::parse("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(duration::parse(" 2 m"), Some(Duration::from_secs(120)));
        assert_eq!(size::parse("64MiB"), Some(64 << 20));
        for nonsense in ["", "s", "3", "-1s", "3 weeks", "99999999999999999999s"] {
            assert_eq!(duration::parse(nonsense), None, "{nonsense}");
        }
        assert_eq!(size::parse("18446744073709551615GiB"), None);
    }

    #[test]
    fn what_is_shown_reads_back() {
        for shown in ["0s", "1ms", "1500ms", "59s", "2m", "720h"] {
            assert_eq!(duration::parse(shown).map(duration::show).as_deref(), Some(shown));
        }
        for shown in ["0", "4097", "64KiB", "1025MiB", "1GiB"] {
            assert_eq!(size::parse(shown).map(size::show).as_deref(), Some(shown));
        }
    }
}
