//! Watches what waits here and who keeps the executors: calls that wait beside an idle peer, or behind executors that are
//! all stalled, are handed back to their callers, which place them anew.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use atasks_actors::{
    context::Context,
    event::{Event, Subject},
    executor::{Pool, Stall},
    router::Router,
};
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};

use crate::{
    link::Link,
    node::NodeCore,
    placement::{Share, mix, surplus},
};

/// Least time between two looks; a call that has waited for less is not handed back. Callers have told loads by then.
const PAUSE: Duration = Duration::from_millis(20);

/// The same after some were handed back: they have to arrive before it is seen who is idle still.
const SETTLE: Duration = Duration::from_millis(50);

/// Most calls that are handed back at once: each is a frame to its caller, and a decision there.
const AT_ONCE_MAX: usize = 64;

/// The same where all executors are stalled: nothing here is to be served in time.
const AT_ONCE_STALLED_MAX: usize = 1024;

/// Most attempts of a call that is handed back for balance alone. It may meet another node that is as busy, but not for
/// ever; behind stalled executors it does not have to stay.
const ATTEMPTS_MAX: u32 = 4;

/// What came of a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Looked {
    /// Nothing is to be done before something changes.
    Fine,
    /// What waits has come only just, or there is more than is handed back at once.
    Again,
    /// Calls were handed back.
    Gave,
}

/// Watches until the node has left; looks when `wanted` tells that it is worth it, and in each heartbeat.
pub(super) async fn watch(pool: Arc<Pool>, node: Weak<NodeCore>, wanted: Arc<Notify>) {
    let Some((heartbeat, stall_after)) =
        node.upgrade().map(|node| (node.config().liveness.heartbeat, node.config().node.stall_after))
    else {
        return;
    };
    let mut looks = 0u64;
    loop {
        let _ = timeout(heartbeat.min(stall_after), wanted.notified()).await;
        let Some(node) = node.upgrade().filter(|node| !node.is_closed()) else { return };
        let before = pool.load().stalled;
        for stall in pool.look_for_stalls(stall_after) {
            node.tell_stall(stall);
        }
        // Before anything is handed back: its caller has to know why.
        if pool.load().stalled != before {
            node.tell_load();
            // Its own calls that wait for room elsewhere have avoided it so far.
            node.nodes_changed();
        }
        looks = looks.wrapping_add(1);
        let looked = give_away(&pool, &node, mix(node.me().incarnation() ^ looks));
        drop(node);
        if looked != Looked::Fine {
            wanted.notify_one();
        }
        sleep(if looked == Looked::Gave { SETTLE } else { PAUSE }).await;
    }
}

fn give_away(pool: &Pool, node: &NodeCore, dice: u64) -> Looked {
    // A node that drains has handed back all, and keeps only what belongs to what runs here.
    if pool.load().unstarted == 0 || node.is_draining() {
        return Looked::Fine;
    }
    let peers = node.links();
    let takers: Vec<_> = peers.iter().filter_map(|link| Some((link, link.share()?))).collect();
    let stalled = pool.is_stalled();
    let most = if stalled {
        AT_ONCE_STALLED_MAX
    } else {
        let own = Share::new(pool.load(), pool.executor_count());
        surplus(own, takers.iter().map(|(_, share)| *share), dice).min(AT_ONCE_MAX)
    };
    // Of a stalled node's calls all that is not stalled may have them, else only who has nothing to do.
    let can = |context: &Context, (link, share): &(&Arc<Link>, Share)| {
        (stalled || share.is_idle()) && link.abilities().is_some_and(|able| able.number(context.task()).is_some())
    };
    if most == 0 || takers.is_empty() {
        return if takers.iter().any(|(_, share)| share.is_idle()) { Looked::Again } else { Looked::Fine };
    }
    let (given, more) = pool.hand_back_some(most, stalled, |context| {
        (stalled || context.attempt() < ATTEMPTS_MAX) && takers.iter().any(|taker| can(context, taker))
    });
    if given > 0 {
        tracing::debug!(node = %node.me(), given, stalled, "calls that waited here were handed back");
    }
    match (given, more) {
        (0, false) => Looked::Fine,
        (0, true) => Looked::Again,
        _ => Looked::Gave,
    }
}

impl NodeCore {
    /// Tells of a task that keeps its executor.
    fn tell_stall(&self, stall: Stall) {
        let Stall { id, parent, root, task, lasted } = stall;
        let entry = task.and_then(|index| self.table().iter().nth(index as usize));
        let task = entry.map_or("?", |task| task.entry.name());
        tracing::warn!(node = %self.me(), task, %id, ?lasted, "a task keeps its executor without yielding");
        self.events().tell(|| Event::Stalled(Subject { id, parent, root, task }, lasted));
    }
}
