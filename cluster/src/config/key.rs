//! What is known of each key, and the macro that makes it together with the structs.

use std::sync::LazyLock;

use serde::Serialize;

use super::{
    Config,
    kind::{Kind, Unset, ValueKind},
    settings::SECTIONS,
};

/// One setting, as listings show it.
#[derive(Clone, Debug, Serialize)]
pub struct Key {
    /// The section that it stands in, as in `[section]`.
    pub section: &'static str,
    /// Its name within the section.
    pub name: &'static str,
    /// The environment variable that sets it, `ATASKS__SECTION__NAME`.
    pub variable: String,
    /// What kind of value it takes, in a word or two.
    #[serde(rename = "type")]
    pub kind: String,
    /// The units that values are written with; `None` where there are none.
    pub units: Option<&'static str>,
    /// Which values are allowed, in words.
    pub allowed: String,
    /// The default as it would stand in the file; `None` where it is not a value.
    pub default: Option<String>,
    /// What holds while it is not set, where the default is not a value.
    pub instead: Option<&'static str>,
    /// A value as it would stand in the file, where the default is not a value.
    pub sample: Option<&'static str>,
    /// What it is, and what too low and too high a value cost.
    pub doc: String,
}

/// All settings, in the order of the file.
#[must_use]
pub fn keys() -> &'static [Key] {
    static KEYS: LazyLock<Vec<Key>> =
        LazyLock::new(|| settings().map(|(section, setting)| setting.key(section)).collect());
    &KEYS
}

/// A section of the file.
pub(super) struct Section {
    pub(super) name: &'static str,
    pub(super) doc: &'static str,
    pub(super) settings: &'static [Setting],
}

/// A key of a section, and what can be done with its value. The functions know the field, and with it the type.
pub(super) struct Setting {
    pub(super) name: &'static str,
    pub(super) doc: &'static str,
    pub(super) allowed: fn() -> String,
    pub(super) set: fn(&mut Config, &ValueKind) -> Result<(), String>,
    pub(super) check: fn(&Config) -> Result<(), String>,
    pub(super) show: fn(&Config) -> Option<String>,
    pub(super) kind: fn() -> (String, Option<&'static str>, Option<Unset>),
}

impl Setting {
    fn key(&self, section: &Section) -> Key {
        let (kind, units, unset) = (self.kind)();
        Key {
            section: section.name,
            name: self.name,
            variable: variable(section.name, self.name),
            kind,
            units,
            allowed: (self.allowed)(),
            default: (self.show)(&Config::default()),
            instead: unset.map(|unset| unset.instead),
            sample: unset.map(|unset| unset.sample),
            doc: one_line(self.doc),
        }
    }
}

pub(super) fn settings() -> impl Iterator<Item = (&'static Section, &'static Setting)> {
    SECTIONS.iter().flat_map(|section| section.settings.iter().map(move |setting| (section, setting)))
}

/// The variable that sets a key.
pub(super) fn variable(section: &str, name: &str) -> String {
    format!("{}{section}__{name}", super::source::PREFIX).to_uppercase()
}

/// A doc comment as one line: its own lines are only as long as code may be.
pub(super) fn one_line(doc: &str) -> String {
    doc.lines().map(str::trim).collect::<Vec<_>>().join(" ").trim().to_owned()
}

/// Keeps the type of a section's kind out of its function pointers.
pub(super) fn kind(kind: &impl Kind) -> (String, Option<&'static str>, Option<Unset>) {
    (kind.name(), kind.units(), kind.unset())
}

/// Makes, of sections and their keys, the structs with their defaults and docs, and `SECTIONS`.
macro_rules! sections {
    ($(
        $(#[doc = $about:literal])+
        #[derive($($derived:ident),+)]
        $section:ident: $Section:ident {
            $( $(#[doc = $doc:literal])+ $key:ident: $Type:ty = $default:expr, $kind:expr; )+
        }
    )+) => {
        /// All settings of a node. Each field is a section of `atasks.toml`.
        #[derive(Clone, Debug, Default)]
        pub struct Config {
            $( $(#[doc = $about])+ pub $section: $Section, )+
        }

        $(
            $(#[doc = $about])+
            ///
            #[doc = concat!("The section `[", stringify!($section), "]` of `atasks.toml`.")]
            #[derive($($derived),+)]
            pub struct $Section {
                $(
                    $(#[doc = $doc])+
                    ///
                    #[doc = concat!("Default: `", stringify!($default), "`.")]
                    pub $key: $Type,
                )+
            }

            impl Default for $Section {
                fn default() -> Self {
                    Self { $( $key: $default, )+ }
                }
            }
        )+

        /// What can be set.
        pub(super) static SECTIONS: &[$crate::config::key::Section] = &[$(
            $crate::config::key::Section {
                name: stringify!($section),
                doc: concat!($($about, "\n"),+),
                settings: &[$(
                    $crate::config::key::Setting {
                        name: stringify!($key),
                        doc: concat!($($doc, "\n"),+),
                        allowed: || $crate::config::kind::Kind::allowed(&$kind),
                        set: |config, found| {
                            config.$section.$key = $crate::config::kind::Kind::read(&$kind, found)?;
                            Ok(())
                        },
                        check: |config| $crate::config::kind::Kind::check(&$kind, &config.$section.$key),
                        show: |config| $crate::config::kind::Kind::show(&$kind, &config.$section.$key),
                        kind: || $crate::config::key::kind(&$kind),
                    },
                )+],
            },
        )+];
    };
}
pub(super) use sections;
