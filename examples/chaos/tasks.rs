//! What the workers run: bodies that tell the ledger that they start, live and end.

use std::time::Duration;

use atasks::TaskError;
use futures_util::future::{join_all, try_join_all};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, interval, sleep};

use crate::ledger::{Body, Key, awaited};

/// How often a body says that it lives.
const SIGN_OF_LIFE: Duration = Duration::from_millis(100);

/// Why a call gave nothing. What happened to a call below is told apart from what happened to the call itself.
#[derive(Clone, Debug, Serialize, Deserialize, thiserror::Error)]
pub(crate) enum Failed {
    #[error(transparent)]
    Call(#[from] TaskError),
    #[error("a call below: {0}")]
    Below(String),
}

impl Failed {
    fn below(self) -> Self {
        Self::Below(self.to_string())
    }
}

/// Takes so long.
#[atasks::task]
pub(crate) async fn work(key: Key, millis: u64) -> Result<(), Failed> {
    lasts(&Body::starts(key), millis).await;
    Ok(())
}

/// The same, and may be run again.
#[atasks::task(idempotent, retry = 8)]
pub(crate) async fn work_again(key: Key, millis: u64) -> Result<(), Failed> {
    lasts(&Body::starts(key), millis).await;
    Ok(())
}

/// Awaits `width` times the same below itself, all at once, `depth` levels down. Gives how many there were.
#[atasks::task]
pub(crate) async fn tree(key: Key, depth: u32, width: u64, millis: u64, hasty: bool) -> Result<u64, Failed> {
    let body = Body::starts(key);
    lasts(&body, millis).await;
    if depth == 0 {
        return Ok(1);
    }
    let below = (0..width).map(|n| {
        let child = key.child(n, width);
        awaited(child, async move { tree(child, depth - 1, width, millis, hasty).await })
    });
    let counts = async {
        if hasty {
            // The first failure has all others dropped.
            return try_join_all(below).await;
        }
        join_all(below).await.into_iter().collect()
    };
    let mut signs = interval(SIGN_OF_LIFE);
    tokio::pin!(counts);
    let counts: Vec<u64> = loop {
        tokio::select! {
            counts = &mut counts => break counts.map_err(Failed::below)?,
            _ = signs.tick() => body.lives(),
        }
    };
    Ok(1 + counts.iter().sum::<u64>())
}

/// Brings back what it got.
#[atasks::task]
pub(crate) async fn carry(key: Key, load: Vec<u8>, millis: u64) -> Result<Vec<u8>, Failed> {
    lasts(&Body::starts(key), millis).await;
    Ok(load)
}

/// Panics after so long.
#[atasks::task]
pub(crate) async fn crash(key: Key, millis: u64) -> Result<(), Failed> {
    lasts(&Body::starts(key), millis).await;
    panic!("as it was told to");
}

async fn lasts(body: &Body, millis: u64) {
    let until = Instant::now() + Duration::from_millis(millis);
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        sleep(left.min(SIGN_OF_LIFE)).await;
        body.lives();
    }
}
