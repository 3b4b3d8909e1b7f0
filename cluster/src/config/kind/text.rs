//! Names, addresses, paths, secrets, and lists of such.

use std::path::PathBuf;

use super::{Kind, ValueKind, quote, words};
use crate::{
    address::{Address, AddressError},
    config::Hidden,
    secret::{Secret, SecretError},
};

/// Most bytes of a name.
const TEXT_MAX: usize = 255;
/// Most entries of a list.
const LIST_MAX: usize = 1024;

/// A name of something.
pub(in crate::config) struct Text;

impl Kind for Text {
    type Value = String;

    fn name(&self) -> String {
        "text".to_owned()
    }

    fn allowed(&self) -> String {
        format!("a text of 1 to {TEXT_MAX} bytes without control characters")
    }

    fn convert(&self, found: &ValueKind) -> Result<String, String> {
        let ValueKind::String(text) = found else { return Err(words(found)) };
        Ok(text.clone())
    }

    fn check(&self, text: &String) -> Result<(), String> {
        let allowed = (1..=TEXT_MAX).contains(&text.len()) && !text.chars().any(char::is_control);
        if allowed { Ok(()) } else { Err(quote(text)) }
    }

    fn show(&self, text: &String) -> Option<String> {
        Some(format!("{text:?}"))
    }
}

/// Where a node listens.
pub(in crate::config) struct AddressText;

impl Kind for AddressText {
    type Value = String;

    fn name(&self) -> String {
        "address".to_owned()
    }

    fn allowed(&self) -> String {
        "an address: `unix`, `unix:NAME`, `unix:/absolute/path`, `HOST:PORT` or `[IPV6]:PORT`".to_owned()
    }

    fn convert(&self, found: &ValueKind) -> Result<String, String> {
        Text.convert(found)
    }

    fn check(&self, text: &String) -> Result<(), String> {
        let parsed: Result<Address, AddressError> = text.parse();
        parsed.map(drop).map_err(|error| format!("{} ({})", quote(text), error.problem()))
    }

    fn show(&self, text: &String) -> Option<String> {
        Text.show(text)
    }
}

/// Several of one kind: in brackets, or in one text with commas between them.
pub(in crate::config) struct List<K>(pub(in crate::config) K);

impl<K: Kind> Kind for List<K> {
    type Value = Vec<K::Value>;

    fn name(&self) -> String {
        format!("list ({})", self.0.name())
    }

    fn allowed(&self) -> String {
        format!(
            "a list, in brackets or as one text with commas, of at most {LIST_MAX} entries, each {}",
            self.0.allowed()
        )
    }

    fn convert(&self, found: &ValueKind) -> Result<Self::Value, String> {
        match found {
            ValueKind::Array(entries) => entries.iter().map(|entry| self.0.convert(&entry.kind)).collect(),
            ValueKind::String(text) => {
                let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
                entries.map(|entry| self.0.convert(&entry.into())).collect()
            }
            _ => Err(words(found)),
        }
    }

    fn check(&self, entries: &Self::Value) -> Result<(), String> {
        if entries.len() > LIST_MAX {
            return Err(format!("a list of {} entries", entries.len()));
        }
        entries.iter().try_for_each(|entry| self.0.check(entry))
    }

    fn show(&self, entries: &Self::Value) -> Option<String> {
        let entries: Vec<_> = entries.iter().filter_map(|entry| self.0.show(entry)).collect();
        Some(format!("[{}]", entries.join(", ")))
    }
}

/// A file.
pub(in crate::config) struct FilePath;

impl Kind for FilePath {
    type Value = PathBuf;

    fn name(&self) -> String {
        "path".to_owned()
    }

    fn allowed(&self) -> String {
        "a path, absolute or from the folder that the program is started in".to_owned()
    }

    fn convert(&self, found: &ValueKind) -> Result<PathBuf, String> {
        Text.convert(found).map(PathBuf::from)
    }

    fn check(&self, path: &PathBuf) -> Result<(), String> {
        if path.as_os_str().is_empty() { Err("empty".to_owned()) } else { Ok(()) }
    }

    fn show(&self, path: &PathBuf) -> Option<String> {
        Some(format!("{path:?}"))
    }
}

/// The cluster's secret: nothing of it is ever shown.
pub(in crate::config) struct SecretText;

impl Kind for SecretText {
    type Value = Hidden;

    fn name(&self) -> String {
        "secret".to_owned()
    }

    fn allowed(&self) -> String {
        "32 random bytes as 64 hexadecimal digits or 43 characters of base64url; `atasks secret` makes them".to_owned()
    }

    fn convert(&self, found: &ValueKind) -> Result<Hidden, String> {
        let ValueKind::String(text) = found else { return Err("not a text (it is not shown)".to_owned()) };
        Ok(Hidden(text.clone()))
    }

    fn check(&self, secret: &Hidden) -> Result<(), String> {
        let parsed: Result<Secret, SecretError> = secret.0.parse();
        parsed.map(drop).map_err(|error| match error {
            SecretError::Malformed { found } => format!("{found} characters of something else (they are not shown)"),
            SecretError::Guessable { why } => format!("guessable: {why} (it is not shown)"),
            other => other.to_string(),
        })
    }

    fn show(&self, _: &Hidden) -> Option<String> {
        None
    }
}
