//! One word of a few: the variants of an enum, as serde names them.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize,
    de::{Error, value::StrDeserializer},
};

use super::{Kind, ValueKind, quote, words};

/// One of the variants of `T`, which has variants without fields only.
pub(in crate::config) struct Word<T>(PhantomData<T>);

impl<T: for<'de> Deserialize<'de> + PartialEq> Word<T> {
    pub(in crate::config) const NEW: Self = Self(PhantomData);

    fn parse(word: &str) -> Result<T, NotOneOf> {
        T::deserialize(StrDeserializer::<NotOneOf>::new(word))
    }

    /// No variant is named by the empty word, so the answer tells all that there are.
    fn all() -> &'static [&'static str] {
        Self::parse("").err().map_or(&[], |NotOneOf(all)| all)
    }
}

impl<T: for<'de> Deserialize<'de> + PartialEq> Kind for Word<T> {
    type Value = T;

    fn name(&self) -> String {
        "word".to_owned()
    }

    fn allowed(&self) -> String {
        let all: Vec<_> = Self::all().iter().map(|word| format!("`{word}`")).collect();
        all.join(" or ")
    }

    fn convert(&self, found: &ValueKind) -> Result<T, String> {
        let ValueKind::String(word) = found else { return Err(words(found)) };
        Self::parse(word).map_err(|_not_one_of| quote(word))
    }

    fn check(&self, _: &T) -> Result<(), String> {
        Ok(())
    }

    fn show(&self, value: &T) -> Option<String> {
        let word = Self::all().iter().find(|word| Self::parse(word).is_ok_and(|other| other == *value))?;
        Some(format!("{word:?}"))
    }
}

/// What serde says of a word that is no variant: the variants.
#[derive(Debug)]
struct NotOneOf(&'static [&'static str]);

impl Error for NotOneOf {
    fn custom<M: fmt::Display>(_: M) -> Self {
        Self(&[])
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self(expected)
    }
}

impl std::error::Error for NotOneOf {}

impl fmt::Display for NotOneOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not one of {:?}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Actors;

    #[test]
    fn every_variant_is_told_of_and_reads_back() {
        let kind = Word::<Actors>::NEW;
        assert_eq!(kind.allowed(), "`suspended` or `every`");
        for actors in [Actors::Suspended, Actors::Every] {
            let word = kind.show(&actors).unwrap().replace('"', "");
            assert_eq!(kind.read(&word.into()), Ok(actors));
        }
        assert_eq!(kind.read(&"Every".into()), Err("`Every`".to_owned()));
    }
}
