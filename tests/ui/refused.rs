//! What the compiler says to programs that misuse the macros.
//!
//! Each is a `[[test]]` of the package that only this builds, by the cargo that runs it and with the features that a test run has:
//! so all that it depends on is built already.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde::Deserialize;

/// How notes begin that depend on other crates, and on where this one is built.
const OMITTED: [&str; 3] = [
    "the following other types implement",
    "the full name for the type has been written",
    "consider using `--verbose` to print the full type name",
];

/// What the compiler says, in the order in which it does.
pub(super) struct Said {
    by_program: BTreeMap<PathBuf, String>,
    /// What cargo itself said, for whoever has to find out why a program was not even compiled.
    pub(super) log: String,
}

impl Said {
    /// Has all misuses compiled.
    pub(super) fn now() -> Self {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
        cargo.args([
            "build",
            "--workspace",
            "--test",
            "refused-*",
            "--keep-going",
            "--offline",
            "--message-format=json",
        ]);
        if !cfg!(debug_assertions) {
            cargo.arg("--release");
        }
        let output = cargo.output().unwrap();
        let mut by_program = BTreeMap::<PathBuf, String>::new();
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            if let Line { target: Some(target), message: Some(error) } = serde_json::from_str(line).unwrap()
                && error.level == "error"
                && !error.spans.is_empty()
            {
                let name = target.src_path.file_name().unwrap().to_str().unwrap();
                let mut text = String::new();
                error.write(name, 0, &mut text).unwrap();
                let said = by_program.entry(target.src_path.clone()).or_default();
                // One mistake that the macros repeat in several places is shown once, as cargo shows it.
                if !said.contains(&text) {
                    said.push_str(&text);
                }
            }
        }
        Self { by_program, log: String::from_utf8(output.stderr).unwrap() }
    }

    /// What was said to a program; nothing if it was accepted.
    pub(super) fn to(&self, program: &Path) -> &str {
        self.by_program.get(program).map_or("", String::as_str)
    }
}

/// The programs of a folder, by their paths.
pub(super) fn programs(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

/// A line of cargo's `--message-format=json`.
#[derive(Deserialize)]
struct Line {
    target: Option<Target>,
    message: Option<Diagnostic>,
}

#[derive(Deserialize)]
struct Target {
    src_path: PathBuf,
}

#[derive(Deserialize)]
struct Diagnostic {
    level: String,
    code: Option<Code>,
    message: String,
    spans: Vec<Span>,
    children: Vec<Diagnostic>,
}

#[derive(Deserialize)]
struct Code {
    code: String,
}

#[derive(Deserialize)]
struct Span {
    file_name: String,
    line_start: usize,
    column_start: usize,
    label: Option<String>,
    suggested_replacement: Option<String>,
    text: Vec<Text>,
}

#[derive(Deserialize)]
struct Text {
    text: String,
    highlight_start: usize,
    highlight_end: usize,
}

impl Diagnostic {
    /// Writes it without what changes though no message of ours did: the compiler's drawing, and places in other files.
    fn write(&self, program: &str, depth: usize, to: &mut String) -> fmt::Result {
        if OMITTED.iter().any(|omitted| self.message.starts_with(omitted)) {
            return Ok(());
        }
        let indent = "  ".repeat(depth);
        let code = self.code.as_ref().map_or(String::new(), |code| format!("[{}]", code.code));
        let message = self.message.replace('\n', &format!("\n{indent}  "));
        writeln!(to, "{indent}{}{code}: {message}", self.level)?;
        for span in self.spans.iter().filter(|span| span.file_name.ends_with(program)) {
            writeln!(to, "{indent}  {span}")?;
        }
        self.children.iter().try_for_each(|child| child.write(program, depth + 1, to))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line_start, self.column_start)?;
        if let Some(Text { text, highlight_start, highlight_end }) = self.text.first() {
            let marked: String = text.chars().take(highlight_end - 1).skip(highlight_start - 1).collect();
            write!(f, " `{marked}`")?;
        }
        if let Some(label) = &self.label {
            write!(f, " {label}")?;
        }
        if let Some(replacement) = &self.suggested_replacement {
            write!(f, " => `{replacement}`")?;
        }
        Ok(())
    }
}
