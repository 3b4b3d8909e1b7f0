//! What grows with the number of tasks in a program.
//!
//! The linker fills a program's table, so a program has one number of tasks. Here nodes are started below the interface, with
//! tables that are made at run time: a client and a worker in this process, linked by a Unix socket.

use std::{collections::HashMap, future::poll_fn, sync::Arc};

use atasks::{Placement, Result};
use atasks_actors::{
    host::Host,
    invocation::Invocation,
    outcome::Outcome,
    router::{Router, Started},
    table::TaskTable,
    task::{Form, Origin, Shapes, TaskEntry, TaskOptions},
};
use atasks_cluster::{
    config::{Config, Role},
    node::{NodeCore, NodeParts},
    transport::Credentials,
};
use bytes::Bytes;
use tokio::time::Instant;

use crate::{
    Plan,
    draw::{Axis, Figure, Line, Scale},
    load::{Load, own_processor_time},
    table::Table,
};

const POINTS: &[u64] = &[1, 10, 100, 1_000, 10_000];

const IN_FLIGHT: u64 = 16;
const CHOICES: u64 = 100_000;

const TASKS: Axis = Axis { label: "tasks", scale: Scale::Logarithmic };

pub(crate) const FIGURES: &[Figure] = &[
    Figure {
        name: "tasks-call",
        title: "A call of one task after another, 16 in flight",
        x: TASKS,
        y: Axis { label: "µs of CPU", scale: Scale::Linear },
        lines: &[Line("tasks", "call_cpu_us", "Unix")],
    },
    Figure {
        name: "tasks-choice",
        title: "Choosing a node for a call",
        x: TASKS,
        y: Axis { label: "ns", scale: Scale::Linear },
        lines: &[Line("tasks", "choice_ns", "Unix")],
    },
];

pub(crate) async fn measure(plan: &Plan) -> Result<Vec<Table>> {
    let mut table = Table::new("tasks", &["tasks", "call_cpu_us", "choice_ns"]);
    for tasks in plan.points(POINTS) {
        let pair = Pair::start(tasks).await?;
        let (client, count) = (pair.client.clone(), tasks);
        let call = move |at: u64| {
            let client = client.clone();
            async move { call(&client, (at % count) as u32).await }
        };
        let mut load = Load::of_calls(IN_FLIGHT, call);
        let cost = load.cost(&|| Ok(own_processor_time()), plan.window).await?;
        load.end().await?;
        table.push(tasks, vec![cost.cpu_us, pair.choice(tasks)?]);
        pair.end().await;
    }
    Ok(vec![table])
}

/// A client and a worker that have the same tasks.
struct Pair {
    client: Arc<NodeCore>,
    worker: Arc<NodeCore>,
    _folder: tempfile::TempDir,
}

impl Pair {
    async fn start(tasks: u64) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let address = format!("unix:{}", folder.path().join("worker").display());
        let table = table(tasks)?;
        let worker = start(Role::Worker, &address, table).await?;
        let client = start(Role::Client, &address, table).await?;
        let joining = client.clone();
        client.io().spawn(async move { joining.joined().await }).await??;
        client.wait_for(1).await;
        Ok(Self { client, worker, _folder: folder })
    }

    /// Nanoseconds to choose a node.
    fn choice(&self, tasks: u64) -> Result<f64> {
        let begun = Instant::now();
        for at in 0..CHOICES {
            let invocation = invocation(&self.client, (at % tasks) as u32)?;
            self.client
                .target(&invocation, &Placement::Auto)
                .ok_or_else(|| atasks::Error::msg("nobody has the task"))?;
        }
        Ok(begun.elapsed().as_nanos() as f64 / CHOICES as f64)
    }

    async fn end(self) {
        for node in [self.client, self.worker] {
            let leaving = node.clone();
            // The node's own thread ends with it; then it has left as well.
            let _ = node.io().spawn(async move { leaving.leave().await }).await;
        }
    }
}

async fn start(role: Role, address: &str, table: &'static TaskTable) -> Result<Arc<NodeCore>> {
    let mut config = Config::default();
    config.node.executors = Some(1);
    match role {
        Role::Worker => config.cluster.listen = vec![address.to_owned()],
        _ => config.cluster.seeds = vec![address.to_owned()],
    }
    let parts = NodeParts {
        role,
        config,
        host: Host::Threads,
        io: None,
        table,
        credentials: Credentials::none(),
        incarnation: rand::random(),
        state: HashMap::new(),
        ractor: None,
        windows: Default::default(),
    };
    Ok(NodeCore::start(parts).await?)
}

/// So many tasks that do nothing. They stay until the process ends, as those of a program do.
fn table(tasks: u64) -> Result<&'static TaskTable> {
    let entries = (0..tasks).map(|task| {
        let name: &'static str = Box::leak(format!("growth::tasks::number_{task}").into_boxed_str());
        let origin = Origin { package: "growth", manifest_dir: "", file: file!(), line: line!(), named: true };
        let shapes = || Shapes::Known { arguments: "()".to_owned(), result: "()".to_owned() };
        let start = |_arguments: &[u8]| Ok(Box::pin(async { Ok(Vec::new()) }) as atasks_actors::task::TaskFuture);
        &*Box::leak(Box::new(TaskEntry::new(name, origin, TaskOptions::new(), start, shapes)))
    });
    Ok(Box::leak(Box::new(TaskTable::new(entries, &Vec::new)?)))
}

fn invocation(client: &NodeCore, task: u32) -> Result<Invocation> {
    let task = client.table().get(task).ok_or_else(|| atasks::Error::msg("there is no such task"))?.entry;
    let id = client.next_id();
    Ok(Invocation {
        id,
        parent: None,
        root: id,
        attempt: 1,
        task,
        form: Form::Codec,
        arguments: Bytes::new(),
        deadline: None,
        label: None,
        baggage: None,
        holds: None,
        movable: true,
    })
}

/// What a `TaskCall` does, without types.
async fn call(client: &NodeCore, task: u32) -> Result<()> {
    let invocation = invocation(client, task)?;
    let outcome = match client.start(&invocation, &Placement::Auto) {
        Started::Done(outcome) => outcome,
        Started::Pending(slot) => poll_fn(|cx| slot.poll(cx)).await,
    };
    client.root_is_over(invocation.id);
    match outcome {
        Outcome::Returned(_) => Ok(()),
        Outcome::Failed(error) => Err(error.into()),
        Outcome::HandedBack => Err(atasks::Error::msg("the call was handed back")),
    }
}
