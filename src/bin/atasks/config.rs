//! `atasks config`.

use crate::{arguments::Options, failure::Failure, output};

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let example = example();
    if options.json {
        return Ok(output::json(&serde_json::json!({ "atasks.toml": example }))?);
    }
    Ok(output::print(&example)?)
}

/// The commented `atasks.toml`.
fn example() -> String {
    "# Every setting has a default; see the documentation of `atasks::Config`.\n".to_owned()
}
