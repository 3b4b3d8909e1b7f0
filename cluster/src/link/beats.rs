//! Heartbeats there and back: whether the peer hears us, and has answered since.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::Link;
use crate::session::frame::Heartbeat;

/// The heartbeats of a link.
#[derive(Debug)]
pub(super) struct Beats {
    /// Ours, counted.
    said: AtomicU32,
    /// The peer's last.
    heard: AtomicU32,
    /// The last of ours that the peer has heard, as it says.
    echoed: AtomicU32,
    /// When that last moved.
    moved: Mutex<Instant>,
    /// The one from which on an echo is an answer.
    asked: AtomicU32,
}

impl Default for Beats {
    fn default() -> Self {
        Self {
            said: AtomicU32::new(0),
            heard: AtomicU32::new(0),
            echoed: AtomicU32::new(0),
            moved: Mutex::new(Instant::now()),
            asked: AtomicU32::new(0),
        }
    }
}

impl Beats {
    /// Counts the next of ours, and says what was heard of the peer's.
    pub(super) fn next(&self, heartbeat: Heartbeat) -> Heartbeat {
        let beat = self.said.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        Heartbeat { beat, echo: self.heard.load(Ordering::Relaxed), ..heartbeat }
    }

    /// Hears one of the peer's. True: it has heard another of ours.
    pub(super) fn hear(&self, heartbeat: &Heartbeat) -> bool {
        self.heard.store(heartbeat.beat, Ordering::Relaxed);
        let moves = self.echoed.swap(heartbeat.echo, Ordering::Relaxed) != heartbeat.echo;
        if moves {
            self.answered();
        }
        moves
    }

    /// The peer has shown that it hears us.
    pub(super) fn answered(&self) {
        *self.moved.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// For how long the peer has not heard us, as far as we know.
    pub(super) fn unheard(&self) -> Duration {
        self.moved.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// Nothing was said for so long until now, so there was nothing to hear.
    pub(super) fn did_not_ask(&self, late: Duration) {
        let mut moved = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        *moved = (*moved + late).min(Instant::now());
    }

    fn ask(&self) {
        self.asked.store(self.said.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    fn has_answered(&self) -> bool {
        // Wrapping: which of the two is ahead of the other.
        let ahead = self.echoed.load(Ordering::Relaxed).wrapping_sub(self.asked.load(Ordering::Relaxed));
        ahead < u32::MAX / 2
    }
}

impl Link {
    /// From now on only the echo of a heartbeat that is said from now on is an answer.
    pub(crate) fn ask_for_an_answer(&self) {
        self.beats.ask();
    }

    /// Whether the peer has answered since it was asked.
    pub(crate) fn has_answered(&self) -> bool {
        self.beats.has_answered()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEAT: Heartbeat = Heartbeat {
        processed: 0,
        unstarted: 0,
        running: 0,
        suspended: 0,
        mean_us: 0,
        stalled: 0,
        beat: 0,
        echo: 0,
        clock_us: 0,
    };

    #[test]
    fn an_answer_is_the_echo_of_what_was_said_since() {
        let (us, them) = (Beats::default(), Beats::default());
        let exchange = || {
            them.hear(&us.next(BEAT));
            us.hear(&them.next(BEAT));
        };
        exchange();
        assert!(us.has_answered(), "never asked");
        let under_way = them.next(BEAT);
        us.ask();
        us.hear(&under_way);
        assert!(!us.has_answered(), "said before it was asked");
        exchange();
        assert!(us.has_answered());
    }

    #[test]
    fn a_count_that_overflows_is_still_ahead() {
        let beats = Beats::default();
        beats.said.store(u32::MAX - 1, Ordering::Relaxed);
        beats.echoed.store(u32::MAX - 2, Ordering::Relaxed);
        beats.ask();
        assert!(!beats.has_answered());
        beats.hear(&Heartbeat { echo: 1, ..BEAT });
        assert!(beats.has_answered());
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_speaks_and_does_not_hear_is_noticed() {
        let beats = Beats::default();
        beats.hear(&Heartbeat { beat: 1, echo: 1, ..BEAT });
        tokio::time::advance(Duration::from_secs(2)).await;
        beats.hear(&Heartbeat { beat: 9, echo: 1, ..BEAT });
        assert_eq!(beats.unheard(), Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_not_asked_is_not_held_against_the_peer() {
        let beats = Beats::default();
        tokio::time::advance(Duration::from_secs(2)).await;
        beats.did_not_ask(Duration::from_millis(1500));
        assert_eq!(beats.unheard(), Duration::from_millis(500));
        beats.did_not_ask(Duration::from_secs(9));
        assert_eq!(beats.unheard(), Duration::ZERO);
    }
}
