//! The peers of a node, as callers read them: a snapshot that is replaced, never changed.

use std::sync::Arc;

use atasks_actors::node_id::NodeId;

use super::NodeInfo;
use crate::link::Link;

/// The peers that are up, ordered by name; of one name, the one that came last is last.
#[derive(Debug, Default)]
pub(super) struct View {
    links: Vec<Arc<Link>>,
    /// Those that run tasks.
    workers: Vec<Arc<Link>>,
}

impl View {
    fn of(mut links: Vec<Arc<Link>>) -> Self {
        links.sort_by(|one, other| one.id().name().cmp(other.id().name()));
        let workers = links.iter().filter(|link| link.is_worker()).cloned().collect();
        Self { links, workers }
    }

    pub(super) fn with(&self, link: Arc<Link>) -> Self {
        Self::of(self.links.iter().cloned().chain([link]).collect())
    }

    pub(super) fn without(&self, gone: &Arc<Link>) -> Self {
        Self::of(self.links.iter().filter(|link| !Arc::ptr_eq(link, gone)).cloned().collect())
    }

    pub(super) fn links(&self) -> impl Iterator<Item = &Arc<Link>> + Clone {
        self.links.iter()
    }

    /// The peer that is meant: of two starts of one name the connected one, and of those the newest.
    pub(super) fn named(&self, is_meant: impl Fn(&NodeId) -> bool) -> Option<&Arc<Link>> {
        // The last of equals.
        self.links.iter().filter(|link| is_meant(link.id())).max_by_key(|link| link.is_connected())
    }

    pub(super) fn workers(&self) -> impl Iterator<Item = &Arc<Link>> + Clone {
        self.workers.iter()
    }

    pub(super) fn as_workers(&self) -> &[Arc<Link>] {
        &self.workers
    }

    pub(super) fn infos(&self) -> impl Iterator<Item = NodeInfo> {
        self.links.iter().map(|link| NodeInfo {
            id: link.id().clone(),
            role: link.role(),
            addresses: link.addresses().to_vec(),
            tasks: link.abilities().map_or(0, |abilities| abilities.names().count()),
            executors: link
                .abilities()
                .filter(|_| link.is_worker())
                .map_or(0, |abilities| abilities.executors() as usize),
            labels: link.abilities().map(|abilities| abilities.labels().to_vec()).unwrap_or_default(),
            draining: link.is_draining(),
            suspect: link.is_suspect(),
            load: link.load_report(),
        })
    }
}
