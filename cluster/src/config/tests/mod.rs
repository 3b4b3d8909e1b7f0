//! Tests of reading settings: every key through every way, and every mistake.

mod keys;
mod mistakes;
mod page;

use std::{ffi::OsString, path::PathBuf};

use super::Config;
use crate::error::StartError;

/// A file in a folder of its own, which goes with it.
struct Written {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

fn written(text: &str) -> Written {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("atasks.toml");
    std::fs::write(&path, text).unwrap();
    Written { _folder: folder, path }
}

fn read(file: &str, variables: &[(&str, &str)]) -> Result<Config, StartError> {
    let file = written(file);
    let variables = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    Config::read(Some(&file.path), variables)
}
