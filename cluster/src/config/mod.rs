//! What can be set: by `atasks.toml`, by the environment, and in the program, in this order.
//!
//! The file is `atasks.toml` in the current folder, or the one that `ATASKS_CONFIG` names. A variable is named
//! `ATASKS__SECTION__KEY`; lists are separated by commas. [`example_file`] is a file with every key, and [`keys`] tells
//! all that is known of each. Whatever is wrong is told with where it stands, its key, what was found, what is allowed.
//!
//! All of it is made of one list, in `settings.rs`.

mod document;
mod key;
mod kind;
mod mistake;
mod rules;
mod settings;
mod source;
#[cfg(test)]
mod tests;
mod units;

use std::{
    collections::HashMap,
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

use config::Source as _;
use serde::{Deserialize, Serialize};

pub use self::{
    document::example_file,
    key::{Key, keys},
    settings::{ClusterConfig, Config, LimitsConfig, LivenessConfig, NodeConfig, PlacementConfig},
};
use self::{key::settings, mistake::Mistake, source::Layer};
use crate::error::StartError;

/// What a node does in its cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Runs tasks, listens, and awaits tasks of others.
    Worker,
    /// Only awaits: dials workers, does not listen.
    #[default]
    Client,
    /// Looks on, drains, calls: the `atasks` tool. Runs nothing, dials workers, does not listen.
    Operator,
}

/// Which calls get an actor of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Actors {
    /// Those that are not over at their first poll.
    #[default]
    Suspended,
    /// All.
    Every,
}

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(pub String);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(hidden)")
    }
}

impl Config {
    /// Reads the file, if there is one, and the environment.
    ///
    /// # Errors
    /// An unknown key or a value that does not fit, named with where it stands; the file that `ATASKS_CONFIG` names cannot
    /// be read.
    pub fn load() -> Result<Self, StartError> {
        Self::load_from(None)
    }

    /// Reads `file`, or else the one that [`load`](Self::load) reads, and the environment.
    ///
    /// # Errors
    /// Those of `load`; `file` cannot be read.
    pub fn load_from(file: Option<&Path>) -> Result<Self, StartError> {
        let named = file.map(Path::to_owned).or_else(|| env::var_os("ATASKS_CONFIG").map(PathBuf::from));
        Self::read(named.as_deref(), env::vars_os())
    }

    /// Checks what the program has set.
    ///
    /// # Errors
    /// A value outside of what is allowed, named with what is.
    pub fn check(&self) -> Result<(), StartError> {
        for (section, setting) in settings() {
            if let Err(found) = (setting.check)(self) {
                let key = format!("{}.{}", section.name, setting.name);
                return Err(refuse(&Mistake::value("the builder", &key, &found, &(setting.allowed)())));
            }
        }
        match rules::broken(self) {
            Some(rule) => Err(refuse(&Mistake::new("the builder, with what it builds on", rule.what))),
            None => Ok(()),
        }
    }

    fn read(named: Option<&Path>, variables: impl Iterator<Item = (OsString, OsString)>) -> Result<Self, StartError> {
        let file =
            Layer::of_file(named.unwrap_or(Path::new("atasks.toml")), named.is_some()).map_err(|e| refuse(&e))?;
        let variables = Layer::of_variables(variables).map_err(|e| refuse(&e))?;
        let layers = config::Config::builder().add_source(file).add_source(variables).build();
        let values =
            layers.and_then(|layers| layers.collect()).map_err(|error| StartError::Config(error.to_string()))?;
        Self::of(values).map_err(|e| refuse(&e))
    }

    fn of(mut values: config::Map<String, config::Value>) -> Result<Self, Mistake> {
        let mut config = Self::default();
        let mut sources = HashMap::new();
        for (section, setting) in settings() {
            let Some(config::ValueKind::Table(values)) = values.get_mut(section.name).map(|values| &mut values.kind)
            else {
                continue;
            };
            let Some(value) = values.remove(setting.name) else { continue };
            let source = value.origin().unwrap_or_default().to_owned();
            let key = format!("{}.{}", section.name, setting.name);
            (setting.set)(&mut config, &value.kind)
                .map_err(|found| Mistake::value(&source, &key, &found, &(setting.allowed)()))?;
            sources.insert(key, source);
        }
        match rules::broken(&config) {
            Some(rule) => {
                let mut sources: Vec<_> = rule.keys.iter().filter_map(|key| sources.get(*key).cloned()).collect();
                sources.dedup();
                Err(Mistake::new(sources.join(" and "), rule.what))
            }
            None => Ok(config),
        }
    }
}

fn refuse(mistake: &Mistake) -> StartError {
    StartError::Config(mistake.to_string())
}
