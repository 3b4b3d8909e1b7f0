//! Every setting: the one place from which its field, parsing, checks, documentation and example file are made.
//!
//! A new one is an entry here (and a value for its test in `tests.rs`); how wrong values of it are told and how it is read
//! from a file or a variable follows from its kind.

use std::{path::PathBuf, time::Duration};

use super::{
    Actors, Hidden, Role,
    key::sections,
    kind::{AddressText, Count, FilePath, List, Optional, SecretText, Share, Size, Text, Time, Unset, Word},
};

/// Most threads that run tasks; each costs a stack.
const EXECUTORS_MAX: usize = 1024;
/// Most roots that may run at once.
const RUNNING_MAX: usize = 1_000_000_000;
/// Least memory: with less not one task could wait for another.
const MEMORY_MIN: usize = 4 << 10;
/// Least backlog: one chunk of a payload.
const BACKLOG_MIN: usize = 64 << 10;

/// A time that may be nothing at all.
const ANY_TIME: Time = Time { least: Duration::ZERO };
/// A time after which something is looked at again and again.
const PERIOD: Time = Time { least: Duration::from_millis(1) };

sections! {
    /// What the node is.
    #[derive(Clone, Debug)]
    node: NodeConfig {
        /// The node's name, which stays over restarts. It lives once in a cluster.
        name: Option<String> = None,
            Optional(Text, Unset { instead: "the host's name and six random letters", sample: "\"worker-1\"" });
        /// What the node does: a worker runs tasks and listens, a client only awaits, an operator looks on, drains and calls.
        role: Option<Role> = None,
            Optional(Word::<Role>::NEW, Unset { instead: "what the program says, else a client", sample: "\"worker\"" });
        /// What calls may ask for by `Placement::Label`, as in `["gpu"]`.
        labels: Vec<String> = Vec::new(), List(Text);
        /// Threads that run tasks. Too low leaves cores idle; too high costs switches between threads.
        executors: Option<usize> = None,
            Optional(Count { least: 1, most: EXECUTORS_MAX }, Unset { instead: "one for each core", sample: "4" });
        /// Which calls get an actor of their own: those that are `suspended` at their first poll, up to 256 an executor, or
        /// `every` one, which costs some microseconds a call, and 9 KB each that waits.
        actors: Actors = Actors::Suspended, Word::<Actors>::NEW;
        /// How long a draining node waits for what it runs. Too low cuts work off; too high holds up whoever restarts it.
        drain_timeout: Duration = Duration::from_secs(30), ANY_TIME;
        /// How long a cancelled task may go on that holds a `cancelled()` future. Too low cuts tidying up; too high keeps
        /// unwanted work.
        cancel_grace: Duration = Duration::from_secs(1), ANY_TIME;
        /// How long a task may keep its executor without yielding before the executor counts as stalled: that is an event,
        /// and a node with no other executors is avoided and gives away what waits there. Too low tells of tasks that merely
        /// compute; too high has calls wait behind one that hangs.
        stall_after: Duration = Duration::from_secs(1), PERIOD;
    }

    /// Which cluster it is part of, and how it is reached.
    #[derive(Clone, Debug)]
    cluster: ClusterConfig {
        /// Where a worker listens. `unix` is a socket in the user's runtime folder, for nodes of this machine only.
        listen: Vec<String> = vec!["unix".to_owned()], List(AddressText);
        /// Under which address others reach it, where that is not the one it listens at: behind a translation of
        /// addresses, or when it listens at `0.0.0.0`.
        advertise: Option<String> = None,
            Optional(AddressText, Unset { instead: "where it listens", sample: "\"worker-1.example.com:7000\"" });
        /// Nodes to join, as in `["10.0.0.1:7000", "worker-2:7000"]`. Any one that answers is enough, and a node may be its
        /// own. Names are looked up again at each try.
        seeds: Vec<String> = Vec::new(), List(AddressText);
        /// The cluster's secret, the same on all nodes. Whoever knows it can be any node: prefer `secret_file` to a file
        /// that others may read. Only one of the two may be set.
        secret: Option<Hidden> = None,
            Optional(SecretText, Unset { instead: "a secret of the user's own, good on this machine only", sample: "\"..\"" });
        /// A file with the cluster's secret, which only its owner may read (`chmod 600`).
        secret_file: Option<PathBuf> = None,
            Optional(FilePath, Unset { instead: "see `secret`", sample: "\"/etc/atasks/secret\"" });
        /// How long a client looks for a seed that answers; workers never give up. Too low fails while seeds are starting;
        /// too high has people wait for an error.
        join_timeout: Duration = Duration::from_secs(10), ANY_TIME;
    }

    /// When a peer counts as lost.
    #[derive(Clone, Copy, Debug)]
    liveness: LivenessConfig {
        /// How often a link that has nothing else to say says so. Too low costs CPU on idle nodes; too high notices losses
        /// late, as the other two are multiples of it.
        heartbeat: Duration = Duration::from_millis(250), PERIOD;
        /// Silence after which a peer is suspect: others get its calls while there are any. At least 2 heartbeats, and less
        /// than `lost_after`. Too low avoids nodes that are only busy; too high sends calls to nodes that are gone.
        suspect_after: Duration = Duration::from_secs(1), PERIOD;
        /// Silence after which a peer is lost, and awaits on it end. At least 5 heartbeats. Too low takes a busy machine
        /// for a dead one; too high has callers wait.
        lost_after: Duration = Duration::from_secs(3), PERIOD;
    }

    /// What bounds its memory.
    #[derive(Clone, Copy, Debug)]
    limits: LimitsConfig {
        /// Bytes that what a worker has begun may hold, by its own estimate of suspended tasks, their arguments, and nested
        /// calls that wait. Roots (calls that no task has made) start while less than half of it is held; nested calls
        /// cannot wait, so from there on it is the largest trees of calls that are refused, as `TreeTooLarge`. Too low has
        /// roots wait and refuses trees that would fit; too high lets the system end the process. The memory that tasks
        /// take for themselves is not counted, nor are results: leave room for them.
        memory: Option<usize> = None, Optional(
            Size { least: MEMORY_MIN, most: usize::MAX },
            Unset { instead: "half of what the machine or the control group has", sample: "\"4GiB\"" },
        );
        /// Roots that run on a worker at once; further ones wait, and calls made by tasks never do. What has waited for its
        /// turn under `max` does not wait again: if that turn was a nested call's, it comes on top, `max` of each task at
        /// most. Too low leaves executors idle where tasks mostly wait; too high takes memory for each. A detached call is
        /// a root: where all that run await one, and none of those may start, nothing ends.
        running: usize = 100_000, Count { least: 1, most: RUNNING_MAX };
        /// The share of `memory` that all calls below one root may hold on a worker; where others are large as well they
        /// may hold no more than is free. A nested call beyond that is refused as `TreeTooLarge`, so a recursion without end
        /// ends with an error. Too low refuses wide or deep trees; too high has one tree keep all roots waiting.
        tree: f64 = 0.5, Share;
        /// Most bytes of one payload: a call's arguments, or its result. Too low refuses calls as `TooLarge`; too high lets
        /// a single one take so much memory at both ends.
        payload_max: usize = 64 << 20, Size { least: 1, most: atasks_actors::codec::PAYLOAD_CEILING };
        /// Bytes that may wait to be written to one peer; further calls to it wait until there is room. Too low adds
        /// waiting; too high takes that much memory for every slow peer.
        backlog: usize = 256 << 20, Size { least: BACKLOG_MIN, most: usize::MAX };
    }

    /// How calls find a node.
    #[derive(Clone, Copy, Debug)]
    placement: PlacementConfig {
        /// How long a call waits for a node that can run it to appear; each repetition of a call waits anew. Too low fails
        /// calls while nodes restart; too high has callers wait for nodes that will not come.
        place_timeout: Duration = Duration::from_secs(10), ANY_TIME;
    }
}
