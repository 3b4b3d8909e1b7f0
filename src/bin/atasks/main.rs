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
        Command::Nodes => cluster::run(nodes::run(&options)),
        Command::Tasks => cluster::run(tasks::run(&options)),
        Command::Call(call) => cluster::run(call::run(&options, call)),
        Command::Drain(drain) => cluster::run(drain::run(&options, &drain)),
        Command::Secret(secret) => secret::run(&options, &secret),
        Command::Config => config::run(&options),
        Command::Completions { shell } => completions::run(shell),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell(options.json),
    }
}
