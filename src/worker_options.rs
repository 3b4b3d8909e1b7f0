//! What can be written behind the word that makes a program of `#[atasks::main]` a worker.

use std::fmt;

use atasks_cluster::address::Address;

use crate::{NodeBuilder, StartError};

/// What a worker was started with.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct WorkerOptions {
    listen: Vec<String>,
    seeds: Vec<String>,
    name: Option<String>,
    /// Somebody wants to know what can be written, and no worker.
    pub(crate) help: bool,
}

impl WorkerOptions {
    /// Reads what stands behind the word.
    ///
    /// # Errors
    /// [`StartError::Config`]: what is not understood, or is no address, and what would be.
    pub(crate) fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, StartError> {
        let mut options = Self::default();
        while let Some(argument) = arguments.next() {
            let (option, joined) = match argument.split_once('=') {
                Some((option, value)) => (option, Some(value.to_owned())),
                None => (argument.as_str(), None),
            };
            let mut value = |what: &str| {
                let value = joined.clone().or_else(|| arguments.next());
                value.ok_or_else(|| StartError::Config(format!("{option} needs {what} behind it")))
            };
            match option {
                "--listen" => options.listen.push(address(option, value("an address")?)?),
                "--seed" => options.seeds.push(address(option, value("an address")?)?),
                "--name" => options.name = Some(value("a name")?),
                "--help" | "-h" => options.help = true,
                _ => {
                    return Err(StartError::Config(format!(
                        "`{argument}` is no option of a worker: --listen ADDRESS, --seed ADDRESS, --name NAME and --help are"
                    )));
                }
            }
        }
        Ok(options)
    }

    /// Sets them on a node; they hold instead of what is configured, seeds beside it.
    pub(crate) fn apply(self, mut builder: NodeBuilder) -> NodeBuilder {
        builder = self.listen.into_iter().fold(builder, NodeBuilder::listen);
        builder = self.seeds.into_iter().fold(builder, NodeBuilder::seed);
        self.name.into_iter().fold(builder, NodeBuilder::name)
    }
}

/// Passes an address on as it is written. One that is none is told here: further on nobody knows where it was written.
fn address(option: &str, text: String) -> Result<String, StartError> {
    match text.parse::<Address>() {
        Ok(_) => Ok(text),
        Err(error) => Err(StartError::Config(format!("{option}: {error}"))),
    }
}

/// What `PROGRAM WORD --help` prints.
pub(crate) struct Help<'a> {
    /// The program's name, as it was started.
    pub(crate) program: &'a str,
    /// The word that makes it a worker.
    pub(crate) word: &'a str,
}

impl fmt::Display for Help<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { program, word } = self;
        write!(
            f,
            "\
Runs tasks for others until SIGTERM or Ctrl-C, then finishes what it runs and leaves.

Usage: {program} {word} [OPTIONS]

Options:
  --listen ADDRESS  Listen there: HOST:PORT for other hosts, `unix` or unix:NAME for this machine alone;
                    may be given several times [default: cluster.listen, else `unix`]
  --seed ADDRESS    Join the cluster of the worker that listens there; may be given several times
  --name NAME       The worker's name, which lives once in a cluster [default: node.name, else the host's
                    name and six random letters]
  -h, --help        Print this

All else is set in atasks.toml, in this folder or where ATASKS_CONFIG says, and in environment variables
such as ATASKS__CLUSTER__SECRET_FILE. Between hosts the cluster's secret has to be set on each of them.
"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<WorkerOptions, String> {
        let arguments = text.split_whitespace().map(str::to_owned);
        WorkerOptions::read(arguments).map_err(|error| error.to_string())
    }

    #[test]
    fn a_value_stands_behind_its_option_or_an_equals_sign() {
        let apart = read("--listen a:1 --listen unix --seed b:2 --seed c:3 --name w").unwrap();
        assert_eq!(apart, read("--listen=a:1 --listen=unix --seed=b:2 --seed=c:3 --name=w").unwrap());
        assert_eq!((apart.listen, apart.seeds), (vec!["a:1".into(), "unix".into()], vec!["b:2".into(), "c:3".into()]));
        assert_eq!((apart.name.as_deref(), apart.help), (Some("w"), false));
    }

    #[test]
    fn a_name_may_have_an_equals_sign() {
        assert_eq!(read("--name a=b").unwrap().name.as_deref(), Some("a=b"));
        assert_eq!(read("--name=a=b").unwrap().name.as_deref(), Some("a=b"));
    }

    #[test]
    fn what_is_not_understood_is_told_with_what_would_be() {
        for (text, told) in [
            ("--lisen a:1", "`--lisen` is no option of a worker: --listen ADDRESS, "),
            ("a:1", "`a:1` is no option"),
            ("--seed a:1 --listen", "--listen needs an address behind it"),
            ("--name", "--name needs a name behind it"),
            ("--seed elsewhere", "--seed: `elsewhere` is not an address: it has no port"),
            ("--listen=a:http", "--listen: `a:http` is not an address"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
        }
    }

    #[test]
    fn help_names_every_option_and_the_programs_own_word() {
        assert!(read("--seed a:1 -h").unwrap().help && read("--help").unwrap().help);
        let help = Help { program: "shop", word: "serve" }.to_string();
        for part in ["shop serve [OPTIONS]", "--listen", "--seed", "--name", "--help"] {
            assert!(help.contains(part), "{help}");
        }
    }
}
