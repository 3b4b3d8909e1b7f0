//! Standard output and standard error: results on the one, all else on the other.

use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;

use crate::pretty;

/// Writes a result. Whoever reads it may have seen enough: that is no failure.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Writes a value as JSON: indented on a terminal, on one line elsewhere.
pub(crate) fn json<T: Serialize>(value: &T) -> io::Result<()> {
    json_text(&serde_json::to_string(value)?)
}

/// Writes compact JSON in the same way.
pub(crate) fn json_text(json: &str) -> io::Result<()> {
    let text = if is_terminal() { pretty::indented(json) } else { json.to_owned() };
    print(&(text + "\n"))
}

/// Says something beside the result.
pub(crate) fn note(text: &str) {
    // Whoever closes standard error does not want to know.
    let _ = writeln!(io::stderr(), "atasks: {text}");
}

pub(crate) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Columns of the terminal, if the output goes to one that tells.
pub(crate) fn width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    (is_terminal() && size.ws_col > 0).then_some(usize::from(size.ws_col))
}

/// Whether headings may be bold: <https://no-color.org>.
pub(crate) fn is_colored() -> bool {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    is_terminal() && !plain && std::env::var_os("TERM").is_some_and(|term| term != "dumb")
}
