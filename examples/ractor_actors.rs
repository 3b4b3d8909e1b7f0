//! Ordinary ractor actors in a cluster of ATasks: on one host an actor calls tasks that run on others, hears what happens
//! to them there, and talks to a remotable actor of the program's own on another host.
//!
//! Every worker is a node of ractor's cluster, so a pg group reaches all of them. The program starts three workers, as
//! processes of itself, and has the first of them run the actor.
//!
//! ```text
//! $ cargo run --example ractor_actors
//! an actor on local-0 writes to the board on local-2:
//!   house 11 is fine, says local-0
//!   house 12 is fine, says local-1
//!   house 13 is lost: nobody comes back from house 13
//!   house 14 is fine, says local-0
//!   heard from local-2: `atasks::inspect` crashed: nobody comes back from house 13
//! ```

use std::time::Duration;

use atasks::{Event, Gateway, LocalCluster, Monitored, Placement, Result, TaskError};
// The derive writes `::ractor`: a program that has remotable messages depends on ractor 0.16 itself, too.
use ractor::{Actor, ActorProcessingErr, ActorRef, Message, RpcReplyPort, pg, rpc::CallResult};
use ractor_cluster::RactorClusterMessage;
use tokio::sync::oneshot;

const WORKERS: usize = 3;
/// The pg group of the one board.
const BOARD: &str = "board";
/// Never ask an actor on another node without a time limit: that it will not answer is told by nothing else.
const ANSWERS_WITHIN: Option<Duration> = Some(Duration::from_secs(10));

/// What the gateways are asked for: an ordinary task.
#[atasks::task]
async fn inspect(house: u32) -> Result<String> {
    assert!(house != 13, "nobody comes back from house {house}");
    Ok(format!("house {house} is fine, says {}", atasks::current().node().name()))
}

/// A remotable actor: all may write to it, and read what was written.
struct Board;

#[derive(RactorClusterMessage)]
enum BoardMsg {
    Write(String),
    #[rpc]
    Read(RpcReplyPort<String>),
}

impl Actor for Board {
    type Msg = BoardMsg;
    type State = String;
    type Arguments = ();

    async fn pre_start(&self, _myself: ActorRef<BoardMsg>, (): ()) -> Result<String, ActorProcessingErr> {
        Ok(String::new())
    }

    async fn handle(
        &self,
        _myself: ActorRef<BoardMsg>,
        message: BoardMsg,
        lines: &mut String,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            BoardMsg::Write(line) => lines.push_str(&format!("{line}\n")),
            // Whoever asked may be gone.
            BoardMsg::Read(port) => drop(port.send(lines.clone())),
        }
        Ok(())
    }
}

/// An ordinary actor, which no other node can reach.
struct Inspector;

enum InspectorMsg {
    /// Inspect these houses, by the gateways of all workers in turn.
    Inspect(Vec<Gateway>, Vec<u32>),
    /// Something happened on a worker.
    Heard(Monitored),
}

// ractor's feature `cluster`, which ATasks needs, makes no type a message by itself: this one line does.
impl Message for InspectorMsg {}

impl From<Monitored> for InspectorMsg {
    fn from(monitored: Monitored) -> Self {
        Self::Heard(monitored)
    }
}

struct Inspecting {
    board: ActorRef<BoardMsg>,
    /// Told when the crash was heard of.
    heard: Option<oneshot::Sender<()>>,
}

impl Actor for Inspector {
    type Msg = InspectorMsg;
    type State = Inspecting;
    type Arguments = Inspecting;

    async fn pre_start(
        &self,
        _myself: ActorRef<InspectorMsg>,
        inspecting: Inspecting,
    ) -> Result<Inspecting, ActorProcessingErr> {
        Ok(inspecting)
    }

    async fn handle(
        &self,
        myself: ActorRef<InspectorMsg>,
        message: InspectorMsg,
        state: &mut Inspecting,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            InspectorMsg::Inspect(gateways, houses) => {
                for gateway in &gateways {
                    gateway.monitor(&myself).await?;
                }
                for (house, gateway) in houses.into_iter().zip(gateways.iter().cycle()) {
                    // Exactly what `inspect(house).await` would give; on the gateway's node, because the placement says so.
                    let line = match gateway.call(inspect(house).place(Placement::Local)).await {
                        Ok(line) => line,
                        Err(error) => match error.task_error() {
                            Some(TaskError::Crashed(crash)) => format!("house {house} is lost: {}", crash.message()),
                            _ => format!("house {house} was not inspected: {error}"),
                        },
                    };
                    state.board.cast(BoardMsg::Write(line))?;
                }
            }
            InspectorMsg::Heard(Monitored { node, event: Event::Crashed(subject, crash), .. }) => {
                let line = format!("heard from {}: `{}` crashed: {}", node.name(), subject.task, crash.message());
                state.board.cast(BoardMsg::Write(line))?;
                state.heard.take().map(|heard| heard.send(()));
            }
            InspectorMsg::Heard(_) => {}
        }
        Ok(())
    }
}

/// Starts the board where it runs.
#[atasks::task]
async fn put_up_board() -> Result<String> {
    let (board, _) = Actor::spawn(None, Board, ()).await?;
    pg::join(BOARD.to_owned(), vec![board.get_cell()]);
    Ok(atasks::current().node().name().to_owned())
}

/// Has an ordinary actor inspect houses, and reads what is on the board in the end.
#[atasks::task]
async fn send_inspector(houses: Vec<u32>) -> Result<String> {
    let gateways = Gateway::wait_for(WORKERS).await;
    let board = loop {
        // On the node of the board the actor itself, here the proxy of it.
        match pg::get_members(&BOARD.to_owned()).pop() {
            Some(board) => break ActorRef::<BoardMsg>::from(board),
            None => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    let (heard, hears) = oneshot::channel();
    let inspecting = Inspecting { board: board.clone(), heard: Some(heard) };
    let (inspector, handle) = Actor::spawn(None, Inspector, inspecting).await?;
    inspector.cast(InspectorMsg::Inspect(gateways, houses))?;
    hears.await?;
    inspector.stop(None);
    handle.await?;
    match board.call(BoardMsg::Read, ANSWERS_WITHIN).await? {
        CallResult::Success(lines) => Ok(lines),
        _ => Err(atasks::Error::msg("the board does not answer")),
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let cluster = LocalCluster::builder().workers(WORKERS).executors(1).start().await?;
    let on = |place: usize| Placement::Node(cluster.workers()[place].node.name().to_owned());
    let node = cluster.node();
    let board = node.scope(put_up_board().place(on(2))).await?;
    println!("an actor on {} writes to the board on {board}:", cluster.workers()[0].node.name());
    let lines = node.scope(send_inspector(vec![11, 12, 13, 14]).place(on(0))).await?;
    lines.lines().for_each(|line| println!("  {line}"));
    cluster.shutdown().await;
    Ok(())
}
