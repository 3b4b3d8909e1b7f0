//! What is wrong with a setting, in words: where it stands, its key, what was found, what is allowed.

use std::fmt;

use atasks_actors::table::nearest;

use super::{
    key::{Section, Setting, settings, variable},
    settings::SECTIONS,
};

/// Something wrong in a file, in a variable or in the program.
#[derive(Debug)]
pub(super) struct Mistake {
    /// Where it stands.
    source: String,
    /// What is wrong.
    what: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.source, self.what)
    }
}

impl std::error::Error for Mistake {}

impl Mistake {
    pub(super) fn new(source: impl Into<String>, what: impl Into<String>) -> Self {
        Self { source: source.into(), what: what.into() }
    }

    /// A value that is not allowed.
    pub(super) fn value(source: impl Into<String>, key: &str, found: &str, allowed: &str) -> Self {
        Self::new(source, format!("`{key}` is {found}; allowed is {allowed}"))
    }

    /// A section of a file, or what stands outside of any, that is not known.
    pub(super) fn section(source: String, name: &str) -> Self {
        let what = match (near_section(name), elsewhere(name)) {
            (_, Some((section, _))) => format!("`{name}` stands in no section; it belongs into [{}]", section.name),
            (Some(section), None) => format!("the section [{name}] is not known; the nearest is [{}]", section.name),
            (None, None) => {
                let all: Vec<_> = SECTIONS.iter().map(|section| format!("[{}]", section.name)).collect();
                format!("the section [{name}] is not known; there are {}", all.join(", "))
            }
        };
        Self::new(source, what)
    }

    /// A key of a file that its section does not have.
    pub(super) fn key(source: String, section: &Section, name: &str) -> Self {
        let key = format!("`{}.{name}`", section.name);
        Self::new(
            source,
            match near_key(section.name, name) {
                Some((near, setting)) => format!("{key} is not known; the nearest is `{}.{}`", near.name, setting.name),
                None => {
                    let all: Vec<_> = section.settings.iter().map(|setting| format!("`{}`", setting.name)).collect();
                    format!("{key} is not known; [{}] has {}", section.name, all.join(", "))
                }
            },
        )
    }

    /// A variable that sets nothing.
    pub(super) fn variable(name: &str, section: &str, key: &str) -> Self {
        let section = section.to_lowercase();
        Self::new(
            source_of(name),
            match near_key(&section, &key.to_lowercase()) {
                Some((near, setting)) => {
                    format!("it sets nothing; the nearest is {}", variable(near.name, setting.name))
                }
                None => {
                    let here = |known: &&Section| near_section(&section).is_none_or(|near| near.name == known.name);
                    let all = SECTIONS
                        .iter()
                        .filter(here)
                        .flat_map(|known| known.settings.iter().map(|setting| variable(known.name, setting.name)));
                    format!("it sets nothing; there are {}", all.collect::<Vec<_>>().join(", "))
                }
            },
        )
    }
}

/// How a variable is called in an error.
pub(super) fn source_of(variable: &str) -> String {
    format!("the variable {variable}")
}

fn near_section(name: &str) -> Option<&'static Section> {
    let near = nearest(name, SECTIONS.iter().map(|section| section.name)).into_iter().next()?;
    SECTIONS.iter().find(|section| section.name == near)
}

/// The key that is most likely meant: a similar one of this section, else one of exactly this name elsewhere.
fn near_key(section: &str, name: &str) -> Option<(&'static Section, &'static Setting)> {
    let within = near_section(section).and_then(|section| {
        let near = nearest(name, section.settings.iter().map(|setting| setting.name)).into_iter().next()?;
        section.settings.iter().find(|setting| setting.name == near).map(|setting| (section, setting))
    });
    within.or_else(|| elsewhere(name))
}

fn elsewhere(name: &str) -> Option<(&'static Section, &'static Setting)> {
    settings().find(|(_, setting)| setting.name == name)
}
