//! Durations and sizes as people write them: `250ms`, `64MiB`.

/// Splits `text` into its number and its unit.
fn split(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, text[end..].trim()))
}

pub(super) mod duration {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, de::Error};

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text)
            .ok_or_else(|| D::Error::custom(format!("`{text}` is no duration: write `250ms`, `3s`, `2m` or `1h`")))
    }

    pub(super) fn parse(text: &str) -> Option<Duration> {
        let (number, unit) = super::split(text)?;
        match unit {
            "ms" => Some(Duration::from_millis(number)),
            "s" => Some(Duration::from_secs(number)),
            "m" => Some(Duration::from_secs(number.checked_mul(60)?)),
            "h" => Some(Duration::from_secs(number.checked_mul(3600)?)),
            _ => None,
        }
    }
}

pub(super) mod bytes {
    use serde::{Deserialize, Deserializer, de::Error};

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text)
            .ok_or_else(|| D::Error::custom(format!("`{text}` is no size: write `4096`, `64KiB`, `64MiB` or `1GiB`")))
    }

    pub(super) fn parse(text: &str) -> Option<usize> {
        let (number, unit) = super::split(text)?;
        let factor = match unit {
            "" | "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return None,
        };
        usize::try_from(number).ok()?.checked_mul(factor)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    #[test]
    fn units_are_read_and_nonsense_is_not() {
        assert_eq!(super::duration::parse("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(super::duration::parse(" 2 m"), Some(Duration::from_secs(120)));
        assert_eq!(super::bytes::parse("64MiB"), Some(64 << 20));
        for nonsense in ["", "s", "3", "-1s", "3 weeks", "99999999999999999999s"] {
            assert_eq!(super::duration::parse(nonsense), None, "{nonsense}");
        }
        assert_eq!(super::bytes::parse("18446744073709551615GiB"), None);
    }
}
