//! The work: trees of calls, made at random and known to the last leaf before the first is called.

use std::time::Duration;

use atasks::{Context, NodeId, Placement, Retry, TaskError};
use futures_util::future::join_all;
use rand::Rng;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout};

use crate::ledger::{Await, End, Key, Ledger};

/// Calls below a root, itself included, at most.
const TREE_MAX: usize = 12;
/// Large payloads are a bit more than fits into one piece, or several pieces.
const LARGE: [usize; 3] = [65_537, 200_000, 700_000];

/// One call, and all that its body will do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Call {
    pub(crate) place: Place,
    pub(crate) idempotent: bool,
    pub(crate) retries: u32,
    pub(crate) timeout_ms: Option<u64>,
    /// The caller loses interest after so long.
    pub(crate) dropped_ms: Option<u64>,
    pub(crate) body: Doing,
    /// Bytes of arguments.
    pub(crate) load: usize,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Place {
    Auto,
    Spread,
    Key(u64),
    Node(String),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Doing {
    pub(crate) before_ms: u64,
    pub(crate) below: Vec<Call>,
    pub(crate) at_once: bool,
    /// Calls that it begins, and does not wait for.
    pub(crate) left: Vec<Call>,
    pub(crate) after_ms: u64,
    /// It tidies up for so long when it is cancelled.
    pub(crate) grace_ms: Option<u64>,
    pub(crate) crashes: bool,
    pub(crate) result: usize,
}

impl Doing {
    pub(crate) fn nothing() -> Self {
        Self {
            before_ms: 0,
            below: Vec::new(),
            at_once: false,
            left: Vec::new(),
            after_ms: 0,
            grace_ms: None,
            crashes: false,
            result: 0,
        }
    }
}

/// What a body gives back.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Done {
    key: Key,
    #[serde(with = "serde_bytes")]
    load: Vec<u8>,
}

#[atasks::task]
pub(crate) async fn work(key: Key, body: Doing, load: serde_bytes::ByteBuf) -> Result<Done, TaskError> {
    let ledger = atasks::state::<Ledger>();
    let current = atasks::current();
    let right = load.as_slice() == pattern(key, load.len());
    tracing::debug!(at = ?ledger.now(), node = %current.node(), key, parent = ?current.parent(), id = ?current.id(), attempt = current.attempt(), "begins");
    let running = ledger.begins(key, &current, right);
    match body.grace_ms {
        None => act(&ledger, &current, key, &body).await,
        Some(grace) => tokio::select! {
            biased;
            () = current.cancelled() => sleep(Duration::from_millis(grace)).await,
            () = act(&ledger, &current, key, &body) => {}
        },
    }
    drop(running);
    Ok(Done { key, load: pattern(key, body.result) })
}

async fn act(ledger: &Ledger, current: &Context, key: Key, body: &Doing) {
    let parent = Some((key, current));
    pause(body.before_ms).await;
    for call in body.left.clone() {
        let (ledger, current) = (ledger.clone(), current.clone());
        atasks::spawn(async move { make(&ledger, current.node(), Some((key, &current)), &call).await });
    }
    if body.at_once {
        join_all(body.below.iter().map(|call| make(ledger, current.node(), parent, call))).await;
    } else {
        for call in &body.below {
            make(ledger, current.node(), parent, call).await;
        }
    }
    pause(body.after_ms).await;
    assert!(!body.crashes, "as it was told to");
}

async fn pause(millis: u64) {
    if millis > 0 {
        sleep(Duration::from_millis(millis)).await;
    }
}

/// Makes a call, and notes how that ended.
pub(crate) async fn make(ledger: &Ledger, caller: &NodeId, parent: Option<(Key, &Context)>, call: &Call) {
    let bound = matches!(call.place, Place::Node(_));
    let own = call.timeout_ms.map(|millis| ledger.now() + Duration::from_millis(millis));
    let inherited = parent.and_then(|(_, context)| context.deadline()).map(|at| ledger.at(at));
    let awaiting = ledger.awaits(Await {
        caller: caller.clone(),
        parent: parent.map(|(key, _)| key),
        began: ledger.now(),
        deadline: own.into_iter().chain(inherited).min(),
        idempotent: call.idempotent,
        retries: call.retries,
        bound,
        ended: None,
    });
    let key = awaiting.key;
    let mut made = work(key, call.body.clone(), serde_bytes::ByteBuf::from(pattern(key, call.load)));
    made = match &call.place {
        Place::Auto => made,
        Place::Spread => made.place(Placement::Spread),
        Place::Key(key) => made.place(Placement::key(key.to_le_bytes())),
        Place::Node(name) => made.place(Placement::Node(name.clone())),
    };
    if call.idempotent {
        made = made.idempotent();
    }
    if call.retries > 0 {
        made = made.retry(Retry::times(call.retries));
    }
    if let Some(millis) = call.timeout_ms {
        made = made.timeout(Duration::from_millis(millis));
    }
    tracing::debug!(at = ?ledger.now(), node = %caller, key, place = ?call.place, call.idempotent, call.retries, call.timeout_ms, call.dropped_ms, "called");
    let done = match call.dropped_ms {
        None => made.await,
        Some(millis) => match timeout(Duration::from_millis(millis), made).await {
            Ok(done) => done,
            Err(_elapsed) => return,
        },
    };
    awaiting.ended(match done {
        Ok(Done { key: told, load }) => {
            let right = told == key && load.len() == call.body.result && load == pattern(key, load.len());
            End::Returned { right }
        }
        Err(error) => End::Failed(error),
    });
}

/// Bytes that are those of one call alone.
fn pattern(key: Key, length: usize) -> Vec<u8> {
    let mut bytes = vec![key as u8 ^ 0x5a; length];
    let own = length.min(8);
    bytes[..own].copy_from_slice(&key.to_le_bytes()[..own]);
    bytes
}

/// Makes up trees of calls.
pub(crate) struct Maker {
    pub(crate) workers: usize,
}

impl Maker {
    pub(crate) fn tree(&self, rng: &mut StdRng) -> Call {
        let mut left = rng.random_range(1..=TREE_MAX) - 1;
        self.call(rng, &mut left, 0)
    }

    fn call(&self, rng: &mut StdRng, left: &mut usize, depth: usize) -> Call {
        let below = if depth < 4 && *left > 0 { rng.random_range(0..=4.min(*left)) } else { 0 };
        *left -= below;
        let mut below: Vec<_> = (0..below).map(|_| self.call(rng, left, depth + 1)).collect();
        let alone = below.pop_if(|_| rng.random_bool(0.15));
        let place = match rng.random_range(0..20) {
            0..12 => Place::Auto,
            12..16 => Place::Spread,
            16..18 => Place::Key(rng.random_range(0..5)),
            _ => Place::Node(format!("w{}", rng.random_range(0..self.workers))),
        };
        // What is repeated where nobody comes back fails in the end, and may have run before.
        let bound = matches!(place, Place::Node(_));
        Call {
            place,
            idempotent: rng.random_bool(if bound { 0.6 } else { 0.3 }),
            retries: if rng.random_bool(if bound { 0.8 } else { 0.4 }) { rng.random_range(1..4) } else { 0 },
            timeout_ms: rng.random_bool(0.12).then(|| rng.random_range(1..3000)),
            dropped_ms: rng.random_bool(0.12).then(|| rng.random_range(1..2000)),
            body: Doing {
                before_ms: millis(rng),
                below,
                at_once: rng.random_bool(0.6),
                // Those go on where their node is stopped, so they begin nothing later.
                left: alone.into_iter().map(|call| Call { retries: 0, ..call }).collect(),
                after_ms: millis(rng),
                grace_ms: rng.random_bool(0.1).then(|| rng.random_range(0..1500)),
                crashes: rng.random_bool(0.01),
                result: size(rng),
            },
            load: size(rng),
        }
    }
}

/// Mostly short.
fn millis(rng: &mut StdRng) -> u64 {
    match rng.random_range(0..10) {
        0..4 => 0,
        4..8 => rng.random_range(1..60),
        8 => rng.random_range(60..600),
        _ => rng.random_range(600..2500),
    }
}

fn size(rng: &mut StdRng) -> usize {
    match rng.random_range(0..50) {
        0 => LARGE[rng.random_range(0..LARGE.len())],
        1..10 => rng.random_range(100..20_000),
        _ => rng.random_range(0..100),
    }
}
