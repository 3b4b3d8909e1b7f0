//! `atasks`, the tool for the shell: looks into a cluster, calls its tasks, drains its nodes.

mod arguments;
mod call;
mod cluster;
mod completions;
mod config;
mod drain;
mod failure;
mod nodes;
mod output;
mod pretty;
mod secret;
mod table;
mod tasks;

use std::process::ExitCode;

use clap::Parser as _;

use self::arguments::{Arguments, Command};

fn main() -> ExitCode {
    let Arguments { options, command } = Arguments::parse();
    let done = match command {
        Command::Nodes => cluster::run(|interrupt| nodes::run(&options, interrupt)),
        Command::Tasks => cluster::run(|interrupt| tasks::run(&options, interrupt)),
        Command::Call(call) => {
            call::read(call).and_then(|call| cluster::run(|interrupt| call::run(&options, interrupt, call)))
        }
        Command::Drain(drain) => cluster::run(|interrupt| drain::run(&options, interrupt, &drain)),
        Command::Secret(secret) => secret::run(&options, &secret),
        Command::Config => config::run(&options),
        Command::Completions { shell } => completions::run(shell),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell(options.json),
    }
}
