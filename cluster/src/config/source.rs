//! The file and the environment, each as a layer of values that know where they stand.
//!
//! A layer holds known keys only. Values are not looked into here, so that a value that a later layer replaces may be
//! anything.

use std::{ffi::OsString, fs::File, io::Read as _, path::Path};

use config::{ConfigError, Map, Source, Value, ValueKind};
use toml::de::{DeTable, DeValue};

use super::{
    key::{Section, settings, variable},
    kind::words,
    mistake::{Mistake, source_of},
    settings::SECTIONS,
};

/// How the variables begin.
pub(super) const PREFIX: &str = "ATASKS__";
/// Most bytes of a file; what is longer is some other file.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Values by section and key.
#[derive(Clone, Debug, Default)]
pub(super) struct Layer(Map<String, Value>);

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(self.0.clone())
    }
}

impl Layer {
    /// What the file at `path` says; nothing if there is none, unless it is `required`.
    ///
    /// # Errors
    /// It cannot be read, is not TOML, or has a section or key that is not known.
    pub(super) fn of_file(path: &Path, required: bool) -> Result<Self, Mistake> {
        let mut text = String::new();
        let read = File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text));
        match read {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !required => Ok(Self::default()),
            Err(error) => Err(Mistake::new(path.display().to_string(), format!("the file cannot be read: {error}"))),
            Ok(_) if text.len() as u64 > FILE_BYTES_MAX => {
                let what = format!("the file has more than {FILE_BYTES_MAX} bytes, so it holds something else");
                Err(Mistake::new(path.display().to_string(), what))
            }
            Ok(_) => Written { path, text: &text }.layer(),
        }
    }

    /// What these variables say; those with another prefix are somebody else's.
    ///
    /// # Errors
    /// One that sets nothing, or that is not Unicode.
    pub(super) fn of_variables(variables: impl Iterator<Item = (OsString, OsString)>) -> Result<Self, Mistake> {
        let mut variables: Vec<_> =
            variables.filter(|(name, _)| name.as_encoded_bytes().starts_with(PREFIX.as_bytes())).collect();
        variables.sort();
        let mut layer: Map<String, Map<String, Value>> = Map::new();
        for (name, value) in variables {
            let name = name.to_string_lossy();
            let Some((section, setting)) =
                settings().find(|(section, setting)| variable(section.name, setting.name) == name)
            else {
                let (section, key) = name[PREFIX.len()..].split_once("__").unwrap_or((&name[PREFIX.len()..], ""));
                return Err(Mistake::variable(&name, section, key));
            };
            let source = source_of(&name);
            let Ok(text) = value.into_string() else {
                let key = format!("{}.{}", section.name, setting.name);
                return Err(Mistake::value(source, &key, "not Unicode", &(setting.allowed)()));
            };
            layer
                .entry(section.name.to_owned())
                .or_default()
                .insert(setting.name.to_owned(), Value::new(Some(&source), text));
        }
        Ok(Self(layer.into_iter().map(|(name, values)| (name, Value::new(None, values))).collect()))
    }
}

/// A file that has been read.
struct Written<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Written<'_> {
    fn layer(&self) -> Result<Layer, Mistake> {
        // The error's own text would repeat the line, and with it perhaps a secret.
        let table = DeTable::parse(self.text)
            .map_err(|error| Mistake::new(self.at(error.span().map_or(0, |span| span.start)), error.message()))?;
        let mut layer = Map::new();
        for (name, found) in table.into_inner() {
            let source = self.at(name.span().start);
            let Some(section) = SECTIONS.iter().find(|section| section.name == name.get_ref()) else {
                return Err(Mistake::section(source, name.get_ref()));
            };
            let DeValue::Table(keys) = found.get_ref() else {
                let allowed = format!("a section, [{}], with its keys below", section.name);
                return Err(Mistake::value(source, section.name, &words(&kind(found.get_ref())), &allowed));
            };
            layer.insert(section.name.to_owned(), Value::new(None, self.section(section, keys)?));
        }
        Ok(Layer(layer))
    }

    fn section(&self, section: &Section, keys: &DeTable<'_>) -> Result<Map<String, Value>, Mistake> {
        let mut values = Map::new();
        for (name, found) in keys {
            let source = self.at(name.span().start);
            let Some(setting) = section.settings.iter().find(|setting| setting.name == name.get_ref()) else {
                return Err(Mistake::key(source, section, name.get_ref()));
            };
            let found = kind(found.get_ref());
            // Layers are laid over each other key by key: a table would be taken for a section, and lose its source.
            if matches!(found, ValueKind::Table(_)) {
                let key = format!("{}.{}", section.name, setting.name);
                return Err(Mistake::value(source, &key, &words(&found), &(setting.allowed)()));
            }
            values.insert(setting.name.to_owned(), Value::new(Some(&source), found));
        }
        Ok(values)
    }

    /// The place of a byte of the text.
    fn at(&self, offset: usize) -> String {
        let before = &self.text.as_bytes()[..offset.min(self.text.len())];
        format!("{}, line {}", self.path.display(), before.iter().filter(|byte| **byte == b'\n').count() + 1)
    }
}

/// TOML's value as that of a layer. A whole number that no key could take becomes a broken one.
fn kind(found: &DeValue<'_>) -> ValueKind {
    match found {
        DeValue::String(text) => ValueKind::String(text.as_ref().to_owned()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| ValueKind::Float(number.as_str().parse().unwrap_or(f64::NAN)), ValueKind::I64),
        DeValue::Float(number) => ValueKind::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(value) => ValueKind::Boolean(*value),
        DeValue::Datetime(date) => ValueKind::String(date.to_string()),
        DeValue::Array(entries) => {
            ValueKind::Array(entries.iter().map(|entry| Value::new(None, kind(entry.get_ref()))).collect())
        }
        DeValue::Table(_) => ValueKind::Table(Map::new()),
    }
}
