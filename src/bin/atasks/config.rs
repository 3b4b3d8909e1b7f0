//! `atasks config`.

use atasks_cluster::config::{example_file, keys};

use crate::{arguments::Options, failure::Failure, output};

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    match options.json {
        true => Ok(output::json(&keys())?),
        false => Ok(output::print(&example_file())?),
    }
}
