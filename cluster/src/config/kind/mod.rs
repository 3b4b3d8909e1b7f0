//! What kinds of values there are: how each is read, checked, shown, and told of.
//!
//! Nothing here knows a key or where a value came from. What is found instead of a value that is allowed goes out as
//! words, which never show a secret.

mod quantity;
mod text;
mod word;

pub(super) use config::ValueKind;

pub(super) use self::{
    quantity::{Count, Share, Size, Time},
    text::{AddressText, FilePath, List, SecretText, Text},
    word::Word,
};

/// Most characters of a found text that an error repeats.
const SHOWN_MAX: usize = 60;

/// A kind of values.
pub(super) trait Kind {
    /// The type of the field.
    type Value;

    /// Its name, for listings.
    fn name(&self) -> String;

    /// With which units it is written, where it has any.
    fn units(&self) -> Option<&'static str> {
        None
    }

    /// What may stand there, for errors and listings.
    fn allowed(&self) -> String;

    /// Makes a value of what a file or a variable holds; variables hold texts only.
    ///
    /// # Errors
    /// What was found instead.
    fn convert(&self, found: &ValueKind) -> Result<Self::Value, String>;

    /// Whether the value is within its bounds.
    ///
    /// # Errors
    /// The value, as text.
    fn check(&self, value: &Self::Value) -> Result<(), String>;

    /// The value as it stands in a file; nothing where it is not set, or not to be shown.
    fn show(&self, value: &Self::Value) -> Option<String>;

    /// What holds while it is not set, where it needs not be.
    fn unset(&self) -> Option<Unset> {
        None
    }

    /// Makes a value and checks it.
    ///
    /// # Errors
    /// What was found instead.
    fn read(&self, found: &ValueKind) -> Result<Self::Value, String> {
        let value = self.convert(found)?;
        self.check(&value)?;
        Ok(value)
    }
}

/// What is told of a value that needs not be set.
#[derive(Clone, Copy)]
pub(super) struct Unset {
    /// What holds instead, in words.
    pub(super) instead: &'static str,
    /// What could be set, as it would stand in a file.
    pub(super) sample: &'static str,
}

/// A value that needs not be set.
pub(super) struct Optional<K>(pub(super) K, pub(super) Unset);

impl<K: Kind> Kind for Optional<K> {
    type Value = Option<K::Value>;

    fn name(&self) -> String {
        self.0.name()
    }

    fn units(&self) -> Option<&'static str> {
        self.0.units()
    }

    fn allowed(&self) -> String {
        self.0.allowed()
    }

    fn convert(&self, found: &ValueKind) -> Result<Self::Value, String> {
        self.0.convert(found).map(Some)
    }

    fn check(&self, value: &Self::Value) -> Result<(), String> {
        value.as_ref().map_or(Ok(()), |value| self.0.check(value))
    }

    fn show(&self, value: &Self::Value) -> Option<String> {
        value.as_ref().and_then(|value| self.0.show(value))
    }

    fn unset(&self) -> Option<Unset> {
        Some(self.1)
    }
}

/// The value in words.
pub(super) fn words(found: &ValueKind) -> String {
    match found {
        ValueKind::String(text) => quote(text),
        ValueKind::Boolean(value) => value.to_string(),
        ValueKind::Array(_) => "a list".to_owned(),
        ValueKind::Table(_) => "a section".to_owned(),
        ValueKind::Nil => "nothing".to_owned(),
        ValueKind::I64(number) => format!("the number {number}"),
        ValueKind::I128(number) => format!("the number {number}"),
        ValueKind::U64(number) => format!("the number {number}"),
        ValueKind::U128(number) => format!("the number {number}"),
        ValueKind::Float(number) => format!("the number {number}"),
    }
}

/// The beginning of `text`, on one line.
pub(super) fn quote(text: &str) -> String {
    if text.is_empty() {
        return "empty".to_owned();
    }
    let shown: String = text.chars().take(SHOWN_MAX).flat_map(char::escape_debug).collect();
    let more = if text.chars().nth(SHOWN_MAX).is_some() { ".." } else { "" };
    format!("`{shown}{more}`")
}
