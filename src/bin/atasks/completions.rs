//! `atasks completions SHELL`.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::{arguments::Arguments, failure::Failure, output};

pub(crate) fn run(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "atasks", &mut script);
    Ok(output::print(&String::from_utf8_lossy(&script))?)
}
