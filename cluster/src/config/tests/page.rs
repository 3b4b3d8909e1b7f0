//! The page `docs/configuration.md`, which is written here and nowhere else.

use std::{fmt::Write as _, path::Path};

use super::super::{
    key::{Key, keys, one_line},
    settings::SECTIONS,
};

const PAGE_INTRODUCTION: &str = "\
# Configuration

A node reads its settings from, each before the one that follows: the program itself (`Node::builder()`), environment
variables named `ATASKS__SECTION__KEY`, and `atasks.toml` in the folder that the program is started in, or the file that
`ATASKS_CONFIG` names. In a variable the entries of a list are separated by commas. A key that is not known, or a value
that is not allowed, ends the start with where it stands and what is allowed. `atasks config` prints a file with all
settings.
";

/// The page `docs/configuration.md`.
fn page() -> String {
    let mut page = PAGE_INTRODUCTION.to_owned();
    for section in SECTIONS {
        let _ = writeln!(page, "\n## `[{}]`\n\n{}", section.name, one_line(section.doc));
        for key in keys().iter().filter(|key| key.section == section.name) {
            entry(&mut page, key);
        }
    }
    page
}

fn entry(page: &mut String, key: &Key) {
    let default = match (&key.default, key.instead) {
        (Some(default), _) => format!("`{default}`"),
        (None, instead) => instead.unwrap_or_default().to_owned(),
    };
    let _ = writeln!(page, "\n### `{}`\n\n{}\n", key.name, key.doc);
    let _ = writeln!(page, "- Type: {}", key.kind);
    if let Some(units) = key.units {
        let _ = writeln!(page, "- Units: {units}");
    }
    let _ = writeln!(page, "- Allowed: {}\n- Default: {default}\n- Variable: `{}`", key.allowed, key.variable);
}

#[test]
fn the_page_in_docs_is_the_one_that_the_settings_make() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    if std::env::var_os("DOCS").is_some_and(|value| value == "overwrite") {
        std::fs::write(&path, page()).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == page(),
        "docs/configuration.md is not what the settings make; write it anew with `DOCS=overwrite cargo test -p \
         atasks-cluster --lib config::tests::page`"
    );
}

#[test]
fn what_has_a_unit_says_what_too_low_and_too_high_cost() {
    for key in keys() {
        let counted = key.units.is_some() || key.kind == "number";
        assert_eq!(key.doc.contains("Too low ") && key.doc.contains("oo high "), counted, "{}: {}", key.name, key.doc);
    }
}
