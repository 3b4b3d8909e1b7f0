//! How late the machine lets a thread go on: what no bound can hold against the program.

use std::{
    sync::{Arc, Mutex, PoisonError, Weak},
    thread,
    time::Duration,
};

use crate::ledger::now;

const LOOKS_EVERY: Duration = Duration::from_millis(5);
/// What every machine has.
const NOT_WORTH_NOTING: u64 = 10_000;

/// Stretches of time in which a thread that wanted to run did not: microseconds of the ledger's clock.
#[derive(Clone, Default)]
pub(crate) struct Lag(Arc<Mutex<Vec<(u64, u64)>>>);

impl Lag {
    /// Looks for as long as it is held.
    pub(crate) fn watch() -> Self {
        let lag = Self::default();
        let noted = Arc::downgrade(&lag.0);
        thread::spawn(move || look(&noted));
        lag
    }

    /// For how long of that time nothing went on.
    pub(crate) fn during(&self, from: u64, until: u64) -> u64 {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|(begin, end)| until.min(*end).saturating_sub(from.max(*begin))).sum()
    }

    pub(crate) fn longest(&self) -> u64 {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|(begin, end)| end - begin).max().unwrap_or(0)
    }
}

fn look(noted: &Weak<Mutex<Vec<(u64, u64)>>>) {
    loop {
        let wanted = now() + LOOKS_EVERY.as_micros() as u64;
        thread::park_timeout(LOOKS_EVERY);
        let Some(noted) = noted.upgrade() else { return };
        let is = now();
        if is > wanted + NOT_WORTH_NOTING {
            noted.lock().unwrap_or_else(PoisonError::into_inner).push((wanted, is));
        }
    }
}
