//! Names of tasks that came from other nodes, kept for the life of the process.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Deserializer};

/// Most names that are kept, and most bytes of one.
const NAMES_MAX: usize = 4096;
const NAME_BYTES_MAX: usize = 512;

/// Stands for a name that is not kept.
const ANOTHER: &str = "(another task)";

static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

/// Reads a task's name. A cluster has few, so each is kept once, up to a bound.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'static str, D::Error> {
    String::deserialize(deserializer).map(|name| keep(&name))
}

fn keep(name: &str) -> &'static str {
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(kept) = names.get(name) {
        return kept;
    }
    if names.len() >= NAMES_MAX || name.len() > NAME_BYTES_MAX {
        return ANOTHER;
    }
    let kept: &'static str = Box::leak(name.into());
    names.insert(kept);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_once_and_their_number_is_bounded() {
        let one = keep("tests::one");
        assert!(std::ptr::eq(one, keep(&["tests", "one"].join("::"))));
        assert_eq!(keep(&"x".repeat(NAME_BYTES_MAX + 1)), ANOTHER);
        for n in 0..NAMES_MAX {
            keep(&format!("tests::{n}"));
        }
        assert_eq!(keep("tests::one more"), ANOTHER);
        assert_eq!(keep("tests::one"), "tests::one");
    }
}
