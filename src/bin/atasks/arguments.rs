//! What can be written behind `atasks`.

use std::{path::PathBuf, time::Duration};

use atasks_cluster::address::{Address, AddressError};
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

const CODES: &str = "\
Exit codes:
  0    done
  1    the task failed: it returned an error of its own, or crashed
  2    wrong use: an option, a setting or the JSON cannot be so
  3    no cluster: none is configured or running, or none could be reached
  4    the cluster has no such task or node
  5    not done: a node was lost, the time was over, or the call was cancelled
  130  interrupted

Which cluster: that of --seed; else the one that atasks.toml and the environment name (cluster.seeds); else a
LocalCluster of yours that runs on this machine.";

/// Looks into a cluster of ATasks, calls its tasks, drains its nodes.
#[derive(Debug, Parser)]
#[command(name = "atasks", version, after_help = CODES, max_term_width = 100, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) options: Options,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What goes with every command.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A worker of the cluster: `HOST:PORT`, `unix:NAME` or `unix:/PATH`; may be given several times
    #[arg(long = "seed", value_name = "ADDRESS", global = true, value_parser = address)]
    pub(crate) seeds: Vec<String>,
    /// Read this file instead of `atasks.toml`
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,
    /// Longest that the command may take, as `500ms`, `30s`, `5m` or `1h`; it is also the call's deadline
    ///
    /// Without it, reaching the cluster may take `cluster.join_timeout`, and a call or a drain as long as it takes.
    #[arg(long, value_name = "TIME", global = true, value_parser = duration)]
    pub(crate) timeout: Option<Duration>,
    /// Write JSON: one value on standard output, failures included
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the workers: what they do, and how much
    Nodes,
    /// List the tasks, and which nodes can run them
    Tasks,
    /// Call a task by its name, and print what it returns
    Call(Call),
    /// Have a node finish what it runs, and leave
    Drain(Drain),
    /// Make a secret for a new cluster
    Secret(Secret),
    /// Print an `atasks.toml` with every setting, its default and what it is good for
    Config,
    /// Print completions for a shell, to be put where that shell looks for them
    Completions {
        /// Which shell
        shell: Shell,
    },
}

/// What is called.
#[derive(Debug, Args)]
#[command(after_help = "\
Arguments are a JSON object by name, or an array in order. An Option may be left out. A Vec<u8> argument is an array of
numbers, or a string, of which it takes the UTF-8 bytes; as a result it is an array of numbers. NaN and infinities come
back as null. JSON may be as large as `limits.payload_max`; through standard input (`-`) that is no matter of the shell.

The result is printed as JSON: indented on a terminal, on one line elsewhere. An error that the task returns goes to
standard error, with its causes. With --json there is one object: {\"ok\": RESULT}, {\"err\": ERROR, \"text\": TEXT} or
{\"error\": {\"kind\": .., \"message\": .., \"ran\": \"no\" | \"maybe\" | \"yes\"}}.

Examples:
  atasks call shop::resize '{\"url\": \"https://example.org/a.png\", \"width\": 80}'
  atasks call shop::add '[1, 2]' --timeout 5s --on worker-2
  atasks call shop::import - < orders.json")]
pub(crate) struct Call {
    /// The task's name, as `atasks tasks` lists it
    pub(crate) name: String,
    /// Its arguments in JSON; `-` reads them from standard input
    #[arg(default_value = "{}", value_name = "JSON", allow_hyphen_values = true)]
    pub(crate) arguments: String,
    /// Run it on the node of this name
    #[arg(long, value_name = "NODE", conflicts_with = "label")]
    pub(crate) on: Option<String>,
    /// Run it on a node with this label
    #[arg(long, value_name = "LABEL")]
    pub(crate) label: Option<String>,
}

/// Who is drained.
#[derive(Debug, Args)]
pub(crate) struct Drain {
    /// The node's name, as `atasks nodes` lists it
    pub(crate) node: String,
    /// Return as soon as the node has begun to drain
    #[arg(long)]
    pub(crate) no_wait: bool,
}

/// Where the secret goes.
#[derive(Debug, Args)]
pub(crate) struct Secret {
    /// Write it into a new file, readable by you alone, for `cluster.secret_file`
    #[arg(long, value_name = "PATH")]
    pub(crate) file: Option<PathBuf>,
}

fn address(text: &str) -> Result<String, AddressError> {
    text.parse::<Address>().map(|address| address.to_string())
}

fn duration(text: &str) -> Result<Duration, String> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let millis = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => 0,
    };
    match number.parse::<u64>().ok().and_then(|number| number.checked_mul(millis)) {
        Some(total @ 1..) => Ok(Duration::from_millis(total)),
        _ => Err("write `500ms`, `30s`, `5m` or `1h`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_options_fit_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_time_has_a_unit() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for wrong in ["", "3", "s", "-1s", "1.5s", "0s", "1d", "99999999999999999h"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
