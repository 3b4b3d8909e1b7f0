//! How late the machine lets the cables go on: what no bound can hold against the program.

use std::{
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use tokio::{runtime::Handle, time::sleep};

use crate::ledger::now;

const LOOKS_EVERY: Duration = Duration::from_millis(5);
/// What every machine has.
const NOT_WORTH_NOTING: u64 = 10_000;

/// Stretches of time in which what wanted to go on did not: microseconds of the ledger's clock.
#[derive(Clone, Default)]
pub(crate) struct Lag(Arc<Mutex<Vec<(u64, u64)>>>);

impl Lag {
    /// Looks for as long as it is held, where the cables are.
    pub(crate) fn watch(cables: &Handle) -> Self {
        let lag = Self::default();
        cables.spawn(look(Arc::downgrade(&lag.0)));
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

async fn look(noted: Weak<Mutex<Vec<(u64, u64)>>>) {
    loop {
        let wanted = now() + LOOKS_EVERY.as_micros() as u64;
        sleep(LOOKS_EVERY).await;
        let Some(noted) = noted.upgrade() else { return };
        let is = now();
        if is > wanted + NOT_WORTH_NOTING {
            noted.lock().unwrap_or_else(PoisonError::into_inner).push((wanted, is));
        }
    }
}
