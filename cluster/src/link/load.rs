//! What a peer has to do: as it last said, and what we have placed there since.

use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use atasks_actors::executor::LoadReport;

use super::Link;
use crate::{
    placement::{Score, Share},
    session::frame::Heartbeat,
};

#[derive(Debug, Default)]
pub(super) struct PeerLoad {
    unstarted: AtomicU32,
    running: AtomicU32,
    suspended: AtomicU32,
    mean_us: AtomicU32,
    stalled: AtomicU32,
    /// Calls of ours that have gone there since the last report, less those whose outcome has come since.
    placed: AtomicI64,
}

impl PeerLoad {
    /// Takes a report. What is on its way to the peer in this moment is not in it, and is forgotten until the next one.
    pub(super) fn told(&self, heartbeat: &Heartbeat) {
        self.unstarted.store(heartbeat.unstarted, Ordering::Relaxed);
        self.running.store(heartbeat.running, Ordering::Relaxed);
        self.suspended.store(heartbeat.suspended, Ordering::Relaxed);
        self.mean_us.store(heartbeat.mean_us, Ordering::Relaxed);
        self.stalled.store(heartbeat.stalled, Ordering::Relaxed);
        self.placed.store(0, Ordering::Relaxed);
    }

    pub(super) fn placed(&self) {
        self.placed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn ended(&self, count: usize) {
        self.placed.fetch_sub(count as i64, Ordering::Relaxed);
    }

    fn report(&self) -> LoadReport {
        LoadReport {
            unstarted: self.unstarted.load(Ordering::Relaxed),
            running: self.running.load(Ordering::Relaxed),
            suspended: self.suspended.load(Ordering::Relaxed),
            mean_us: self.mean_us.load(Ordering::Relaxed),
            stalled: self.stalled.load(Ordering::Relaxed),
        }
    }
}

impl Link {
    /// What the peer had to do when it last said so.
    pub(crate) fn load_report(&self) -> LoadReport {
        self.load.report()
    }

    /// How much the peer has to do.
    pub(crate) fn score(&self) -> Score {
        Score::new(self.load.report(), self.load.placed.load(Ordering::Relaxed), self.executors())
    }

    /// Whether none of the peer's executors comes to anything new.
    pub(crate) fn is_stalled(&self) -> bool {
        let stalled = self.load.stalled.load(Ordering::Relaxed);
        stalled > 0 && stalled as usize >= self.executors()
    }

    /// What the peer has to do of what may be shared out, if it takes part in that.
    pub(crate) fn share(&self) -> Option<Share> {
        let takes = self.is_worker() && !self.is_draining() && !self.is_suspect() && !self.is_stalled();
        takes.then(|| Share::new(self.load.report(), self.executors()))
    }

    /// Whether the peer has a free executor.
    pub(super) fn takes_calls(&self) -> bool {
        self.share().is_some_and(Share::is_idle)
    }

    fn executors(&self) -> usize {
        self.abilities().map_or(1, |abilities| abilities.executors() as usize)
    }
}
