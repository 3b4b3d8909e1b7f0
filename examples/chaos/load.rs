//! What the client calls all the time, drawn from the seed.

use std::time::Duration;

use atasks::Placement;
use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio::{task::JoinSet, time::timeout};

use crate::{
    ledger::{Key, awaited},
    tasks::{Failed, carry, crash, tree, work, work_again},
};

/// Calls of the client in flight.
const IN_FLIGHT: usize = 24;
/// An await that has no outcome after this has none at all: far above all that any may take.
const HANGS: Duration = Duration::from_secs(90);
/// Most bytes of a load.
const LOAD_MAX: usize = 4 << 20;

/// What the client has seen itself.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) roots: u64,
    /// Awaits that never ended, and what was wrong with results.
    pub(crate) breaches: Vec<String>,
}

/// Numbers of a client's roots: no two starts of clients share one.
pub(crate) struct Roots(u64);

impl Roots {
    pub(crate) fn of_start(start: u64) -> Self {
        Self(start << 30)
    }

    fn next(&mut self) -> Key {
        self.0 += 1;
        Key::root(self.0)
    }
}

/// Calls while that goes on, and waits for all outcomes.
pub(crate) async fn load(mut dice: StdRng, workers: Vec<String>, mut roots: Roots, goes_on: impl Fn() -> bool) -> Seen {
    let mut seen = Seen::default();
    let mut calls = JoinSet::new();
    loop {
        while calls.len() < IN_FLIGHT && goes_on() {
            seen.roots += 1;
            let (key, dice, workers) = (roots.next(), StdRng::seed_from_u64(dice.random()), workers.clone());
            calls.spawn(async move { timeout(HANGS, one(key, dice, &workers)).await.map_err(|_late| key) });
        }
        match calls.join_next().await {
            None => return seen,
            Some(Ok(Ok(Ok(())))) => {}
            Some(Ok(Ok(Err(wrong)))) => seen.breaches.push(wrong),
            Some(Ok(Err(key))) => seen.breaches.push(format!("{key:?} has no outcome after {HANGS:?}")),
            Some(Err(broken)) => seen.breaches.push(format!("a call ended its task: {broken}")),
        }
    }
}

/// Makes one call of some kind.
async fn one(key: Key, mut dice: StdRng, workers: &[String]) -> Result<(), String> {
    let millis = dice.random_range(0..600);
    let place = match dice.random_range(0..3) {
        0 => Placement::Node(workers[dice.random_range(0..workers.len())].clone()),
        _ => Placement::Auto,
    };
    match dice.random_range(0..16) {
        0..=5 => ignored(awaited(key.quick(), async { work(key.quick(), 0).place(place).await }).await),
        6..=7 => ignored(awaited(key, async { work(key, 3 * millis).place(place).await }).await),
        8 => {
            let key = key.idempotent();
            ignored(awaited(key, async { work_again(key, millis).await }).await)
        }
        9..=10 => {
            let (depth, width, hasty) = (dice.random_range(1..4), dice.random_range(1..4), dice.random());
            let count = awaited(key, async { tree(key, depth, width, millis / 4, hasty).place(place).await }).await;
            let all = (0..=depth).map(|level| width.pow(level)).sum::<u64>();
            match count {
                Ok(count) if count != all => Err(format!("{key:?}: {count} bodies, not {all}")),
                _ => Ok(()),
            }
        }
        11 => {
            let mut load = vec![0; dice.random_range(1..LOAD_MAX)];
            dice.fill(&mut load[..]);
            let sent = load.clone();
            match awaited(key, async { carry(key, load, millis / 4).place(place).await }).await {
                Ok(back) if back != sent => Err(format!("{key:?}: the load has changed")),
                _ => Ok(()),
            }
        }
        12 => {
            let limit = Duration::from_millis(dice.random_range(0..400));
            let call = async { tree(key, 2, 2, millis, false).place(place).timeout(limit).await };
            ignored(awaited(key, call).await)
        }
        13..=14 => {
            // Let go of, wherever it is by then.
            let after = Duration::from_millis(dice.random_range(0..400));
            let load = vec![7; dice.random_range(0..4) * 500_000];
            let call = async {
                match load.len() {
                    0 => tree(key, 2, 2, millis, false).place(place).await.map(|_| ()),
                    _ => carry(key, load, 2 * millis).place(place).await.map(|_| ()),
                }
            };
            let _let_go_of = timeout(after, awaited(key, call)).await;
            Ok(())
        }
        _ => match awaited(key, async { crash(key, millis / 8).place(place).await }).await {
            Ok(()) => Err(format!("{key:?} has not crashed")),
            Err(_) => Ok(()),
        },
    }
}

/// The ledger has it.
fn ignored<T>(_outcome: Result<T, Failed>) -> Result<(), String> {
    Ok(())
}
