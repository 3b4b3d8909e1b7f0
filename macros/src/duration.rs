//! Lengths of time as options write them: `"30s"`.

/// Reads a whole number with a unit (`ms`, `s`, `m`, `h`) as milliseconds. The error says what to write.
pub(crate) fn millis(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit_millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60 * 1_000,
        "h" => 60 * 60 * 1_000,
        _ => {
            return Err(format!(
                "`{text}` is not a length of time: write a whole number and ms, s, m or h, as in \"30s\""
            ));
        }
    };
    if number.is_empty() {
        return Err(format!("`{text}` has no number: write one before the unit, as in \"30s\""));
    }
    let millis = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit_millis));
    match millis {
        Some(0) => Err("no task ends in no time: write at least \"1ms\"".to_owned()),
        Some(millis) => Ok(millis),
        None => Err(format!("`{text}` is too long: leave the timeout out for none")),
    }
}

#[cfg(test)]
mod tests {
    use super::millis;

    #[test]
    fn every_unit_is_read() {
        for (text, expected) in [("1ms", 1), ("250ms", 250), ("30s", 30_000), ("5m", 300_000), ("2h", 7_200_000)] {
            assert_eq!(millis(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_length_of_time_is_refused_with_an_example() {
        for text in ["", "30", "s", "ms", "30 s", "1.5s", "-1s", "+1s", "30sec", "1d", "30S", "٣s"] {
            assert!(millis(text).unwrap_err().contains("\"30s\""), "{text}");
        }
    }

    #[test]
    fn no_time_at_all_is_refused() {
        assert!(millis("0s").unwrap_err().contains("1ms"));
    }

    #[test]
    fn more_than_a_u64_of_milliseconds_is_refused() {
        for text in ["18446744073709551615h", "99999999999999999999ms"] {
            assert!(millis(text).unwrap_err().contains("too long"), "{text}");
        }
        assert_eq!(millis("18446744073709551615ms"), Ok(u64::MAX));
    }
}
