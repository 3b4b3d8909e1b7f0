//! What a test does to a network: from a cut connection to a host that has lost its power.

use std::sync::Weak;
use std::time::Duration;

use tokio::time::Instant;

use super::network::{Network, State};
use super::pipe::Pipe;
use super::way::Way;

/// Faults between endpoints, which are known by the names that their [`credentials`](Network::credentials) were made
/// with. All of them take effect at once.
impl Network {
    /// Breaks every connection that stands between two endpoints: both ends read a reset at once, after any part of
    /// what was under way. They may connect again.
    pub fn cut(&self, one: &str, other: &str) {
        self.each_between(one, other, |near, far| {
            let now = Instant::now();
            near.cut(now);
            far.cut(now);
        });
    }

    /// Breaks every connection that stands between two endpoints, and lets only `end` know: it reads a reset at once. The
    /// other end finds out when it next sends something.
    pub fn cut_at(&self, end: &str, other: &str) {
        self.each_between(end, other, |sends, receives| {
            let now = Instant::now();
            sends.lose_reader();
            sends.cut(now);
            receives.cut(now);
        });
    }

    /// Loses every connection that stands between two endpoints and lets nobody know, as a router does that forgets. They
    /// may connect again.
    pub fn forget(&self, one: &str, other: &str) {
        self.each_between(one, other, |near, far| {
            for pipe in [near, far] {
                pipe.lose_reader();
                pipe.lose_writer();
            }
        });
    }

    /// Has all that is on the connections that stand between two endpoints, or will be, take longer by `delay`. New ones
    /// are as fast as ever, so what an old one brings comes after what was said later.
    pub fn linger(&self, one: &str, other: &str, delay: Duration) {
        for connection in &self.lock().connections {
            let ends = connection.ends.each_ref().map(String::as_str);
            if ends == [one, other] || ends == [other, one] {
                connection.pipes.iter().filter_map(Weak::upgrade).for_each(|pipe| pipe.linger(delay));
            }
        }
    }

    /// Lets nothing arrive from `from` at `to`, new connections included, until it is [healed](Self::heal). What was sent
    /// over connections that outlive the silence arrives later, some time after its end, as TCP's back-off has it; a
    /// reset that was sent is lost.
    pub fn silence(&self, from: &str, to: &str) {
        self.change_way(from, to, |way| way.silent = true);
    }

    /// Lets nothing arrive at an endpoint, or from it.
    pub fn isolate(&self, name: &str) {
        let others: Vec<_> = self.lock().endpoints.keys().filter(|other| *other != name).cloned().collect();
        for other in others {
            self.silence(name, &other);
            self.silence(&other, name);
        }
    }

    /// Has what `from` sends to `to` take longer by `delay`.
    pub fn delay(&self, from: &str, to: &str, delay: Duration) {
        self.change_way(from, to, |way| way.delay = delay);
    }

    /// Has at most so many bytes a millisecond arrive from `from` at `to`, as if `to` read slowly.
    pub fn slow(&self, from: &str, to: &str, bytes_a_milli: usize) {
        self.change_way(from, to, |way| way.bytes_a_milli = bytes_a_milli);
    }

    /// Refuses connections that `from` dials to `to`, as a host does on which nobody listens.
    pub fn refuse(&self, from: &str, to: &str) {
        self.change_way(from, to, |way| way.refused = true);
    }

    /// Ends all that is wrong on the ways between two endpoints. Connections that are lost stay so.
    pub fn heal(&self, one: &str, other: &str) {
        self.change_way(one, other, |way| *way = Way::default());
        self.change_way(other, one, |way| *way = Way::default());
        self.linger(one, other, Duration::ZERO);
    }

    /// Ends all that is wrong on all ways.
    pub fn heal_all(&self) {
        let ways: Vec<_> = self.lock().ways.keys().cloned().collect();
        for (from, to) in ways {
            self.change_way(&from, &to, |way| *way = Way::default());
        }
        for connection in &self.lock().connections {
            connection.pipes.iter().filter_map(Weak::upgrade).for_each(|pipe| pipe.linger(Duration::ZERO));
        }
    }

    /// Ends an endpoint as the death of its process does: its connections are reset, nobody listens there any more, and
    /// nothing that still runs on it reaches anybody.
    pub fn kill(&self, name: &str) {
        self.end(name, |pipe, now| pipe.cut(now));
    }

    /// Ends an endpoint as the loss of its host's power does: nobody hears anything, and who dials it has no answer until
    /// an endpoint of this name listens again.
    pub fn unplug(&self, name: &str) {
        self.end(name, |pipe, now| {
            pipe.lose_reader();
            pipe.lose_writer();
            pipe.cut(now);
        });
        self.lock().unplugged.insert(name.into());
    }

    fn end(&self, name: &str, end: impl Fn(&Pipe, Instant)) {
        let mut state = self.lock();
        state.endpoints.entry(name.into()).and_modify(|life| *life += 1);
        state.listeners.retain(|_, door| door.owner != name);
        let now = Instant::now();
        state.connections.retain(|connection| {
            let ends = connection.ends.iter().any(|end| end == name);
            if ends {
                connection.pipes.iter().filter_map(Weak::upgrade).for_each(|pipe| end(&pipe, now));
            }
            !ends
        });
        drop(state);
        self.changed().notify_waiters();
    }

    /// Does something to the two pipes of each connection: that in which `one` writes, and that in which it reads.
    fn each_between(&self, one: &str, other: &str, act: impl Fn(&Pipe, &Pipe)) {
        self.lock().connections.retain(|connection| {
            let [dialler, accepter] = connection.ends.each_ref().map(String::as_str);
            let [there, back] = connection.pipes.each_ref().map(Weak::upgrade);
            let (writes, reads) = match (dialler, accepter) {
                ends if ends == (one, other) => (there, back),
                ends if ends == (other, one) => (back, there),
                _ => return true,
            };
            if let (Some(writes), Some(reads)) = (writes, reads) {
                act(&writes, &reads);
            }
            false
        });
    }

    fn change_way(&self, from: &str, to: &str, change: impl FnOnce(&mut Way)) {
        let mut state = self.lock();
        let way = state.ways.entry((from.into(), to.into())).or_default();
        change(way);
        let way = *way;
        state.tell(from, to, way);
        drop(state);
        self.changed().notify_waiters();
    }
}

impl State {
    /// Has the pipes of that direction, and those against it, know how it is.
    fn tell(&self, from: &str, to: &str, way: Way) {
        let now = Instant::now();
        for connection in &self.connections {
            let [dialler, accepter] = connection.ends.each_ref().map(String::as_str);
            let [there, back] = connection.pipes.each_ref().map(Weak::upgrade);
            let (with, against) = match (dialler, accepter) {
                ends if ends == (from, to) => (there, back),
                ends if ends == (to, from) => (back, there),
                _ => continue,
            };
            with.inspect(|pipe| pipe.change_way(way, now));
            against.inspect(|pipe| pipe.change_way_back(way));
        }
    }
}
