//! What can be set: by `atasks.toml`, by the environment, and in the program, in this order.
//!
//! The file is `atasks.toml` in the current folder, or the one that `ATASKS_CONFIG` names. A variable is named
//! `ATASKS__SECTION__KEY`; lists are separated by commas.

mod list;
mod units;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::error::StartError;

/// Least that `limits.backlog` may be: one chunk of a payload.
const BACKLOG_MIN: usize = 64 << 10;
/// Longest that any setting may be: 30 days.
const DURATION_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

/// What a node does in its cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Runs tasks, listens, and awaits tasks of others.
    Worker,
    /// Only awaits: dials workers, does not listen.
    #[default]
    Client,
    /// Looks on, drains, calls: the `atasks` tool. Runs nothing, dials workers, does not listen.
    Operator,
}

/// Which calls get an actor of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Actors {
    /// Those that are not over at their first poll.
    #[default]
    Suspended,
    /// All.
    Every,
}

/// All settings of a node.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What the node is.
    pub node: NodeConfig,
    /// Which cluster it is part of.
    pub cluster: ClusterConfig,
    /// When a peer counts as lost.
    pub liveness: LivenessConfig,
    /// What bounds its memory.
    pub limits: LimitsConfig,
    /// How calls find a node.
    pub placement: PlacementConfig,
}

/// `[node]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NodeConfig {
    /// Stays over restarts; by default the host's name and six random letters. 1 to 255 printable characters.
    pub name: Option<String>,
    /// What it does; by default what the program says.
    pub role: Option<Role>,
    /// What calls may ask for by `Placement::Label`.
    #[serde(with = "list")]
    pub labels: Vec<String>,
    /// Threads that run tasks; by default one a core. More than cores costs switches, fewer leaves cores idle.
    pub executors: Option<usize>,
    /// Which calls get an actor of their own; `every` costs some microseconds a call.
    pub actors: Actors,
    /// How long a cancelled task may go on that holds a `cancelled()` future. Too short cuts tidying up, too long keeps
    /// unwanted work.
    #[serde(with = "units::duration")]
    pub cancel_grace: Duration,
    /// How long a draining node waits for what it runs. Too short cuts work off, too long holds up whoever restarts it.
    #[serde(with = "units::duration")]
    pub drain_timeout: Duration,
}

impl Default for NodeConfig {
    fn default() -> Self {
        let cancel_grace = Duration::from_secs(1);
        let drain_timeout = Duration::from_secs(30);
        let actors = Actors::default();
        Self { name: None, role: None, labels: Vec::new(), executors: None, actors, cancel_grace, drain_timeout }
    }
}

/// `[cluster]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterConfig {
    /// Where a worker listens: `unix`, `unix:NAME`, `unix:/PATH` or `HOST:PORT`.
    #[serde(with = "list")]
    pub listen: Vec<String>,
    /// Under which address others reach it, where that differs.
    pub advertise: Option<String>,
    /// Nodes to join: `unix:NAME` or `HOST:PORT`.
    #[serde(with = "list")]
    pub seeds: Vec<String>,
    /// The cluster's secret: 32 bytes as 64 hexadecimal digits.
    pub secret: Option<Hidden>,
    /// A file with the cluster's secret, readable by its owner only.
    pub secret_file: Option<PathBuf>,
    /// How long a client tries to find a seed that answers.
    #[serde(with = "units::duration")]
    pub join_timeout: Duration,
}

impl Default for ClusterConfig {
    fn default() -> Self {
        Self {
            listen: vec!["unix".to_owned()],
            advertise: None,
            seeds: Vec::new(),
            secret: None,
            secret_file: None,
            join_timeout: Duration::from_secs(10),
        }
    }
}

/// A text that is never printed.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Hidden(pub String);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(hidden)")
    }
}

/// `[liveness]`
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LivenessConfig {
    /// How often a link that has nothing else to say says so. Shorter costs idle CPU.
    #[serde(with = "units::duration")]
    pub heartbeat: Duration,
    /// Silence after which a peer is suspect: others get its calls while there are any. At least 2 heartbeats, and less than
    /// `lost_after`.
    #[serde(with = "units::duration")]
    pub suspect_after: Duration,
    /// Silence after which a peer counts as lost; at least 5 heartbeats. Shorter takes a busy machine for a dead one,
    /// longer has callers wait.
    #[serde(with = "units::duration")]
    pub lost_after: Duration,
}

impl Default for LivenessConfig {
    fn default() -> Self {
        let (suspect_after, lost_after) = (Duration::from_secs(1), Duration::from_secs(3));
        Self { heartbeat: Duration::from_millis(250), suspect_after, lost_after }
    }
}

/// `[limits]`
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Most bytes of one payload, at most 1 GiB: arguments, or result.
    #[serde(with = "units::bytes")]
    pub payload_max: usize,
    /// Bytes that may wait to be written to one peer before further calls to it wait. Lower adds waiting, higher memory.
    #[serde(with = "units::bytes")]
    pub backlog: usize,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self { payload_max: 64 << 20, backlog: 256 << 20 }
    }
}

/// `[placement]`
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlacementConfig {
    /// How long a call waits for a node that can run it to appear.
    #[serde(with = "units::duration")]
    pub place_timeout: Duration,
}

impl Default for PlacementConfig {
    fn default() -> Self {
        Self { place_timeout: Duration::from_secs(10) }
    }
}

impl Config {
    /// Reads the file, if there is one, and the environment.
    ///
    /// # Errors
    /// An unknown key or a value that does not fit, named with where it stands.
    pub fn load() -> Result<Self, StartError> {
        Self::load_from(None)
    }

    /// Reads `file`, or else the one that [`load`](Self::load) reads, and the environment.
    ///
    /// # Errors
    /// Those of `load`; `file` cannot be read.
    pub fn load_from(file: Option<&Path>) -> Result<Self, StartError> {
        let named = file.map(Path::to_owned).or_else(|| std::env::var_os("ATASKS_CONFIG").map(PathBuf::from));
        let file = named.clone().unwrap_or_else(|| PathBuf::from("atasks.toml"));
        let file = config::File::from(file).format(config::FileFormat::Toml).required(named.is_some());
        Self::read(file, variables())
    }

    fn read(
        file: impl config::Source + Send + Sync + 'static,
        variables: config::Environment,
    ) -> Result<Self, StartError> {
        let read = config::Config::builder()
            .add_source(file)
            .add_source(variables)
            .build()
            .map_err(|error| StartError::Config(error.to_string()))?;
        let config: Self = read.try_deserialize().map_err(|error| StartError::Config(error.to_string()))?;
        config.check()?;
        Ok(config)
    }

    /// Checks what one value alone cannot tell.
    ///
    /// # Errors
    /// A value outside of what is allowed, named with what is.
    pub fn check(&self) -> Result<(), StartError> {
        self.problem().map_or(Ok(()), |problem| Err(StartError::Config(problem)))
    }

    fn problem(&self) -> Option<String> {
        let LivenessConfig { heartbeat, suspect_after, lost_after } = self.liveness;
        if heartbeat.is_zero() || lost_after < heartbeat.saturating_mul(5) {
            return Some(format!(
                "liveness.lost_after is {lost_after:?}: at least 5 x liveness.heartbeat ({heartbeat:?}) is needed"
            ));
        }
        if suspect_after < heartbeat.saturating_mul(2) || suspect_after >= lost_after {
            return Some(format!(
                "liveness.suspect_after is {suspect_after:?}: at least 2 x liveness.heartbeat ({heartbeat:?}), and less than \
                 liveness.lost_after ({lost_after:?}) is needed"
            ));
        }
        let ceiling = atasks_actors::codec::PAYLOAD_CEILING;
        if self.limits.payload_max == 0 || self.limits.payload_max > ceiling {
            return Some(format!(
                "limits.payload_max is {}: 1 to {ceiling} bytes are allowed",
                self.limits.payload_max
            ));
        }
        if self.limits.backlog < BACKLOG_MIN {
            return Some(format!("limits.backlog is {}: at least {BACKLOG_MIN} bytes are needed", self.limits.backlog));
        }
        let durations = [
            ("liveness.lost_after", lost_after),
            ("placement.place_timeout", self.placement.place_timeout),
            ("cluster.join_timeout", self.cluster.join_timeout),
            ("node.cancel_grace", self.node.cancel_grace),
            ("node.drain_timeout", self.node.drain_timeout),
        ];
        if let Some((key, duration)) = durations.into_iter().find(|(_, duration)| *duration > DURATION_MAX) {
            return Some(format!("{key} is {duration:?}: at most {DURATION_MAX:?} are allowed"));
        }
        if self.node.executors == Some(0) {
            return Some("node.executors is 0: at least 1 is needed".to_owned());
        }
        match &self.node.name {
            Some(name) if name.is_empty() || name.len() > 255 || name.chars().any(char::is_control) => {
                Some("node.name must have 1 to 255 printable characters".to_owned())
            }
            _ => None,
        }
    }
}

/// The variables, as texts: what looks like a number may be a name or a secret.
fn variables() -> config::Environment {
    config::Environment::with_prefix("ATASKS").prefix_separator("__").separator("__")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &str, set: &[(&str, &str)]) -> Result<Config, StartError> {
        let set = set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Config::read(config::File::from_str(file, config::FileFormat::Toml), variables().source(Some(set)))
    }

    #[test]
    fn a_variable_that_looks_like_a_number_stays_the_text_that_it_is() {
        let secret = "0".repeat(64);
        let set = [
            ("ATASKS__CLUSTER__SECRET", &secret[..]),
            ("ATASKS__NODE__NAME", "1e5"),
            ("ATASKS__NODE__LABELS", "007"),
            ("ATASKS__NODE__EXECUTORS", "3"),
            ("ATASKS__LIMITS__PAYLOAD_MAX", "4096"),
        ];
        let config = read("", &set).unwrap();
        assert_eq!(config.cluster.secret.unwrap().0, secret);
        assert_eq!((config.node.name.as_deref(), config.node.executors), (Some("1e5"), Some(3)));
        assert_eq!((&config.node.labels[..], config.limits.payload_max), (&["007".to_owned()][..], 4096));
    }

    #[test]
    fn lists_are_read_from_both_sources_and_the_variable_wins() {
        let file = "[cluster]\nseeds = ['unix:a', 'unix:b']\n[node]\nlabels = ['gpu']";
        let config = read(file, &[("ATASKS__CLUSTER__SEEDS", "host:1, unix:c,")]).unwrap();
        assert_eq!(
            (config.cluster.seeds, config.node.labels),
            (vec!["host:1".into(), "unix:c".into()], vec!["gpu".to_owned()])
        );
        assert_eq!(read(file, &[("ATASKS__CLUSTER__SEEDS", "")]).unwrap().cluster.seeds, Vec::<String>::new());
    }

    #[test]
    fn an_unknown_key_is_named_with_what_there_is() {
        for (file, set) in [("[cluster]\nseds = []", &[][..]), ("", &[("ATASKS__CLUSTER__SEDS", "x")])] {
            let error = read(file, set).unwrap_err().to_string();
            assert!(error.contains("`seds`") && error.contains("`seeds`"), "{error}");
        }
    }

    #[test]
    fn the_defaults_are_allowed() {
        Config::default().check().unwrap();
    }

    #[test]
    fn too_few_heartbeats_before_a_loss_are_refused_with_the_rule() {
        let mut config = Config::default();
        config.liveness.lost_after = Duration::from_secs(1);
        assert!(config.check().unwrap_err().to_string().contains("5 x liveness.heartbeat"));
    }

    #[test]
    fn a_secret_is_not_printed() {
        let mut config = Config::default();
        config.cluster.secret = Some(Hidden("0123456789".into()));
        assert!(!format!("{config:?}").contains("0123456789"));
    }
}
