//! What tasks write down when they run, kept apart from all that counts them.

use std::fs;
use std::io::Write;
use std::path::Path;

/// Adds a line. Lines of processes that write at once do not mix.
pub(crate) fn write(folder: &Path, line: &str) {
    let mut ledger = fs::File::options().create(true).append(true).open(folder.join("ledger")).unwrap();
    ledger.write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// All lines so far.
pub(crate) fn read(folder: &Path) -> Vec<String> {
    fs::read_to_string(folder.join("ledger")).unwrap_or_default().lines().map(ToOwned::to_owned).collect()
}
