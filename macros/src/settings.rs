//! The list of `key` and `key = value` in an attribute, whatever the keys mean.

use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Expr, ExprLit, ExprPath, Ident, Lit, LitStr, Path, Token,
    ext::IdentExt,
    parse::{Parse, ParseStream},
};

use crate::errors::Errors;

/// The keys of one macro, each with an example of its use.
pub(crate) type Forms = &'static [(&'static str, &'static str)];

/// What stands in the parentheses of one attribute.
pub(crate) struct Settings {
    forms: Forms,
    given: Vec<Setting>,
}

struct Setting {
    key: Ident,
    value: Option<Expr>,
}

impl Parse for Setting {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let key = input.call(Ident::parse_any)?;
        let value = if input.parse::<Option<Token![=]>>()?.is_some() { Some(input.parse()?) } else { None };
        Ok(Self { key, value })
    }
}

impl Settings {
    /// Reads the list. Unknown and repeated keys are errors that name the known ones.
    pub(crate) fn parse(tokens: TokenStream, forms: Forms, errors: &mut Errors) -> Self {
        let mut given: Vec<Setting> = Vec::new();
        for part in split_at_commas(tokens) {
            match syn::parse2::<Setting>(part.clone()) {
                Ok(setting) if !forms.iter().any(|(known, _)| setting.key == known) => {
                    errors.at(&setting.key, unknown(&setting.key.to_string(), forms));
                }
                Ok(setting) if given.iter().any(|other| other.key == setting.key) => {
                    let message =
                        format!("`{}` is given twice: keep one; the options are {}", setting.key, list(forms));
                    errors.at(&setting.key, message);
                }
                Ok(setting) => given.push(setting),
                Err(_) => errors.at(part, malformed(forms)),
            }
        }
        Self { forms, given }
    }

    /// Whether `key` is there, which takes no value.
    pub(crate) fn flag(&mut self, key: &str, errors: &mut Errors) -> bool {
        match self.take(key) {
            Some(Setting { value: Some(value), .. }) => {
                errors.at(value, format!("`{key}` takes no value: write `{key}` alone, or leave it out"));
                true
            }
            setting => setting.is_some(),
        }
    }

    /// The text of `key`, which must not be empty.
    pub(crate) fn text(&mut self, key: &str, errors: &mut Errors) -> Option<LitStr> {
        let literal = self.value(key, errors, |value| match value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text),
            _ => None,
        })?;
        if literal.value().is_empty() {
            errors.at(&literal, format!("`{key}` is empty: write `{}`", self.example(key)));
        }
        Some(literal)
    }

    /// The whole number of `key`, which is at least `least`.
    pub(crate) fn number(&mut self, key: &str, least: u32, errors: &mut Errors) -> Option<u32> {
        let literal = self.value(key, errors, |value| match value {
            Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => Some(number),
            _ => None,
        })?;
        match literal.base10_parse::<u32>() {
            Ok(number) if number >= least => Some(number),
            _ => {
                let message =
                    format!("`{key}` is a number from {least} to {}: write `{}`", u32::MAX, self.example(key));
                errors.at(literal, message);
                None
            }
        }
    }

    /// The path of `key`.
    pub(crate) fn path(&mut self, key: &str, errors: &mut Errors) -> Option<Path> {
        self.value(key, errors, |value| match value {
            Expr::Path(ExprPath { qself: None, path, .. }) => Some(path),
            _ => None,
        })
    }

    /// The name of `key`.
    pub(crate) fn ident(&mut self, key: &str, errors: &mut Errors) -> Option<Ident> {
        self.value(key, errors, |value| match value {
            Expr::Path(ExprPath { qself: None, path, .. }) => path.get_ident().cloned(),
            _ => None,
        })
    }

    /// The key itself as it stands there, if it does.
    pub(crate) fn key(&self, key: &str) -> Option<&Ident> {
        self.given.iter().map(|setting| &setting.key).find(|given| *given == key)
    }

    fn value<T>(&mut self, key: &str, errors: &mut Errors, read: impl FnOnce(Expr) -> Option<T>) -> Option<T> {
        let setting = self.take(key)?;
        let example = self.example(key);
        let Some(value) = setting.value else {
            errors.at(setting.key, format!("`{key}` needs a value: write `{example}`"));
            return None;
        };
        let read = read(value.clone());
        if read.is_none() {
            errors.at(value, format!("`{key}` takes another kind of value: write `{example}`"));
        }
        read
    }

    fn take(&mut self, key: &str) -> Option<Setting> {
        let at = self.given.iter().position(|setting| setting.key == key)?;
        Some(self.given.swap_remove(at))
    }

    fn example(&self, key: &str) -> &'static str {
        self.forms.iter().find(|(known, _)| *known == key).map_or("", |(_, example)| example)
    }
}

/// Each option by itself, so that a mistake in one does not hide those in the others.
fn split_at_commas(tokens: TokenStream) -> Vec<TokenStream> {
    let mut parts = vec![TokenStream::new()];
    for token in tokens {
        match (token, parts.last_mut()) {
            (TokenTree::Punct(punct), _) if punct.as_char() == ',' => parts.push(TokenStream::new()),
            (token, Some(part)) => part.extend([token]),
            (_, None) => {}
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

fn list(forms: Forms) -> String {
    forms.iter().map(|(key, _)| format!("`{key}`")).collect::<Vec<_>>().join(", ")
}

fn malformed(forms: Forms) -> String {
    let examples = forms.iter().map(|(_, example)| format!("`{example}`")).collect::<Vec<_>>().join(", ");
    format!("this is no option: write one of {examples}")
}

fn unknown(key: &str, forms: Forms) -> String {
    let nearest = forms.iter().map(|(known, _)| (distance(key, known), known)).min();
    let hint = match nearest {
        Some((distance, known)) if distance <= 1 + key.len() / 4 => format!("did you mean `{known}`? "),
        _ => String::new(),
    };
    format!("unknown option `{key}`: {hint}the options are {}", list(forms))
}

/// How many letters must be put in, left out or changed to make `to` of `from` (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let change = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use proc_macro2::TokenStream;

    use super::{Forms, Settings, distance};
    use crate::errors::Errors;

    const FORMS: Forms = &[("word", "word = \"yes\""), ("count", "count = 3"), ("crate", "crate = a::b"), ("on", "on")];

    fn parse(text: &str, read: impl FnOnce(&mut Settings, &mut Errors)) -> Vec<String> {
        let mut errors = Errors::default();
        let mut settings = Settings::parse(TokenStream::from_str(text).unwrap(), FORMS, &mut errors);
        read(&mut settings, &mut errors);
        errors.messages()
    }

    #[test]
    fn every_kind_of_value_is_read() {
        let messages = parse("crate = ::x::y, on, count = 7, word = \"w\",", |settings, errors| {
            assert_eq!(settings.text("word", errors).unwrap().value(), "w");
            assert_eq!(settings.number("count", 1, errors), Some(7));
            assert_eq!(settings.path("crate", errors).unwrap().segments.len(), 2);
            assert!(settings.flag("on", errors));
            assert!(!settings.flag("on", errors), "taken");
        });
        assert!(messages.is_empty(), "{messages:?}");
    }

    #[test]
    fn an_unknown_key_suggests_the_nearest_and_lists_all() {
        let messages = parse("wrod = 1, entirely_else", |_, _| {});
        assert_eq!(
            messages,
            [
                "unknown option `wrod`: did you mean `word`? the options are `word`, `count`, `crate`, `on`",
                "unknown option `entirely_else`: the options are `word`, `count`, `crate`, `on`"
            ]
        );
    }

    #[test]
    fn a_repeated_key_is_refused() {
        assert_eq!(
            parse("on, on", |_, _| {}),
            ["`on` is given twice: keep one; the options are `word`, `count`, `crate`, `on`"]
        );
    }

    #[test]
    fn a_wrong_value_is_answered_with_an_example() {
        for text in ["word", "word = 3", "word = yes", "word = \"\""] {
            let messages = parse(text, |settings, errors| {
                assert!(settings.text("word", errors).is_none_or(|text| text.value().is_empty()))
            });
            assert!(messages[0].ends_with("write `word = \"yes\"`"), "{text}: {messages:?}");
        }
        for text in ["count", "count = 0", "count = -1", "count = 1.5", "count = \"1\"", "count = 4294967296"] {
            let messages = parse(text, |settings, errors| assert_eq!(settings.number("count", 1, errors), None));
            assert!(messages[0].ends_with("write `count = 3`"), "{text}: {messages:?}");
        }
        let messages = parse("on = true", |settings, errors| assert!(settings.flag("on", errors)));
        assert_eq!(messages, ["`on` takes no value: write `on` alone, or leave it out"]);
    }

    #[test]
    fn what_is_no_setting_at_all_hides_no_other_mistake() {
        let messages = parse("count(3), \"word\", word = , wrod", |_, _| {});
        assert_eq!(messages.len(), 4, "{messages:?}");
        assert!(messages[..3].iter().all(|message| message.starts_with("this is no option: write one of")));
    }

    #[test]
    fn distances_count_single_letters() {
        for (from, to, expected) in
            [("", "", 0), ("", "ab", 2), ("abc", "abc", 0), ("timout", "timeout", 1), ("ab", "ba", 2)]
        {
            assert_eq!(distance(from, to), expected, "{from} {to}");
        }
    }
}
