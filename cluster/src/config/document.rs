//! The settings as a file for people: an `atasks.toml` with all of them.

use std::fmt::Write as _;

use super::{
    key::{keys, one_line},
    settings::SECTIONS,
};

/// Most characters of a line of the example file.
const LINE_MAX: usize = 100;

const FILE_INTRODUCTION: &str = "\
Settings of ATasks. Save this as `atasks.toml` in the folder that the program is started in, or name it in ATASKS_CONFIG. \
A variable, named with each key, comes before the file, and what the program itself sets before both. Keep only what \
differs from the default.";

/// A complete `atasks.toml`: every key with its documentation, its variable and its default.
///
/// Shape: TOML that reads back as the defaults. A key whose default is not a value is commented out, with a sample.
#[must_use]
pub fn example_file() -> String {
    let mut file = String::new();
    comment(&mut file, FILE_INTRODUCTION);
    for section in SECTIONS {
        file.push('\n');
        comment(&mut file, &one_line(section.doc));
        let _ = writeln!(file, "[{}]", section.name);
        for key in keys().iter().filter(|key| key.section == section.name) {
            file.push('\n');
            comment(&mut file, &key.doc);
            comment(&mut file, &format!("Allowed: {}.", key.allowed));
            if let Some(instead) = key.instead {
                comment(&mut file, &format!("Default: {instead}."));
            }
            comment(&mut file, &key.variable);
            let _ = match (&key.default, key.sample) {
                (Some(default), _) => writeln!(file, "{} = {default}", key.name),
                (None, sample) => writeln!(file, "#{} = {}", key.name, sample.unwrap_or_default()),
            };
        }
    }
    file
}

/// Writes `text` as comments, broken between words.
fn comment(file: &mut String, text: &str) {
    let mut line = "#".to_owned();
    for word in text.split(' ') {
        if line.len() > 1 && line.chars().count() + 1 + word.chars().count() > LINE_MAX {
            let _ = writeln!(file, "{line}");
            line = "#".to_owned();
        }
        line.push(' ');
        line.push_str(word);
    }
    let _ = writeln!(file, "{line}");
}
