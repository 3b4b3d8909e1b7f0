//! Tasks that actors call through gateways.

use std::time::Duration;

use atasks::{Gateway, Payload, Ran, TaskError, Unplaced};
use atasks_cluster::control::gateway::{self, Call, GatewayMsg, Where};
use ractor::rpc::CallResult;
use rand::{RngCore, SeedableRng, rngs::StdRng};
use tokio::time::Instant;

use crate::support::soon;
use crate::tasks::{Done, Failed, doubles_through, echo, gateway_of, here, holds, luggage, sleeps};
use crate::{worker, workers};

/// From the first worker, by its own gateway and by the other one's.
const BOTH: [&str; 2] = ["local-0", "local-1"];

#[atasks::test(cluster = 2)]
async fn an_actor_is_answered_as_a_program_would_be() {
    for gateway in BOTH {
        let ask = |number| doubles_through(gateway.into(), number).place(worker(0));
        assert_eq!(ask(21).await, Ok(42));
        assert_eq!(ask(13).await, Err(Failed::Unlucky(13)), "its own error comes as itself");
        let crashed = ask(7).await;
        let Err(Failed::Task(TaskError::Crashed(crash))) = crashed else { panic!("{crashed:?}") };
        assert_eq!((crash.message(), crash.task()), ("seven is too much", "atasks::tasks::double"));
        let hops: Vec<_> = crash.hops().iter().map(|hop| &hop.task[..]).collect();
        assert!(hops.starts_with(&["atasks::tasks::double"; 2]), "the gateway's await and the actor's: {hops:?}");
    }
}

/// Runs on a worker: what the gateway of the node of that name makes of calls.
#[atasks::task]
async fn checks_placements(gateway: String) -> Done<()> {
    let gateway = gateway_of(&gateway, None).await;
    assert_eq!(gateway.call(here().place(atasks::Placement::Local)).await?, *gateway.node());
    for other in Gateway::all() {
        assert_eq!(gateway.call(here().on(other.node().clone())).await?, *other.node());
        let named = atasks::Placement::Node(other.node().name().to_owned());
        assert_eq!(gateway.call(here().place(named)).await?, *other.node());
    }
    let told = gateway.call(luggage().baggage("trace", "t-1").timeout(Duration::from_secs(60))).await?;
    assert_eq!(told, (Some("t-1".to_owned()), true));
    let bytes = vec![3; 2 << 20];
    assert!(gateway.call(echo(bytes.clone())).await? == bytes);
    Ok(())
}

#[atasks::test(cluster = 2)]
async fn what_is_said_of_a_call_goes_with_it() {
    for gateway in BOTH {
        checks_placements(gateway.into()).place(worker(0)).await.unwrap();
    }
}

#[atasks::task]
async fn checks_times(gateway: String) -> Done<()> {
    let gateway = gateway_of(&gateway, None).await;
    let long = gateway::ANSWER_WITHIN.as_millis() as u64 + 500;
    assert_eq!(gateway.call(sleeps(long)).await?, long);
    let began = Instant::now();
    let late = gateway.call(sleeps(60_000).timeout(Duration::from_millis(300))).await.unwrap_err();
    assert!(matches!(late, TaskError::DeadlineExceeded { .. }), "{late:?}");
    assert!(began.elapsed() < Duration::from_secs(5));

    let folder = tempfile::tempdir().unwrap();
    let appears = |name| {
        let path = folder.path().join(name);
        soon(async move {
            while !path.exists() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
    };
    tokio::select! {
        ended = gateway.call(holds(folder.path().into())) => panic!("{ended:?}"),
        () = appears("started") => {}
    }
    appears("dropped").await;
    Ok(())
}

#[atasks::test(cluster = 2)]
async fn a_call_may_take_long_and_ends_at_its_deadline_or_when_it_is_dropped() {
    for gateway in BOTH {
        checks_times(gateway.into()).place(worker(0)).await.unwrap();
    }
}

#[atasks::task]
async fn checks_refusals(gateway: String) -> Done<()> {
    let gateway = gateway_of(&gateway, None).await;
    let (actor, node) = (gateway.actor(), gateway.node());
    // As from a program of another build.
    let call = |task: &str, print: u8| {
        let fingerprint = serde_json::from_value(vec![print; 16].into()).unwrap();
        let (arguments, placement) = (vec![1], Where::Auto);
        let (timeout_us, label, baggage) = (None, None, Default::default());
        Call { task: task.into(), fingerprint, arguments, placement, timeout_us, label, baggage, idempotent: false }
    };
    let unknown = gateway::call(actor, node, call("atasks::tasks::duoble", 0), None).await.unwrap_err();
    let TaskError::Unplaced { task, reason: Unplaced::NotRegistered { nearest } } = &unknown else {
        panic!("{unknown:?}")
    };
    assert_eq!((&task[..], &nearest[0][..]), ("atasks::tasks::duoble", "atasks::tasks::double"));
    assert_eq!(unknown.ran(), Ran::No);
    let differs = gateway::call(actor, node, call("atasks::tasks::double", 0), None).await.unwrap_err();
    let TaskError::Unplaced { reason: Unplaced::VersionMismatch { there, .. }, .. } = &differs else {
        panic!("{differs:?}")
    };
    assert_eq!(there[0].0, *node);
    let large = gateway.call(echo(vec![0; gateway::PAYLOAD_MAX + 1])).await.unwrap_err();
    assert!(matches!(large, TaskError::TooLarge { what: Payload::Arguments, .. }), "{large:?}");
    Ok(())
}

#[atasks::test(cluster = 2)]
async fn what_a_gateway_cannot_do_is_refused_with_the_reason() {
    for gateway in BOTH {
        checks_refusals(gateway.into()).place(worker(0)).await.unwrap();
    }
}

/// Sends what is no request, and sees that the gateway goes on.
#[atasks::task]
async fn sends_garbage(gateway: String, seed: u64) -> Done<()> {
    let gateway = gateway_of(&gateway, None).await;
    let mut dice = StdRng::seed_from_u64(seed);
    for length in (0..200).chain([1 << 10, 1 << 16, 9 << 20, 10 << 20]) {
        let mut bytes = vec![0; length];
        dice.fill_bytes(&mut bytes);
        if let Some(first) = bytes.first_mut() {
            // A kind of request that there is, mostly.
            *first %= 4;
        }
        gateway.actor().cast(GatewayMsg::Forget(bytes.clone())).unwrap();
        let answer = gateway.actor().call(|port| GatewayMsg::Ask(bytes, port), Some(Duration::from_secs(30))).await;
        let Ok(CallResult::Success(answer)) = answer else { panic!("{length} bytes of seed {seed}: {answer:?}") };
        assert!(answer.len() < 1024, "{length} bytes of seed {seed}");
    }
    assert_eq!(gateway.call(sleeps(1)).await?, 1);
    Ok(())
}

#[atasks::test(cluster = 2)]
async fn garbage_is_answered_and_harms_nobody() {
    let seed = rand::random();
    println!("seed {seed}");
    for gateway in BOTH {
        sends_garbage(gateway.into(), seed).place(worker(0)).await.unwrap();
    }
    assert_eq!(workers().len(), 2);
}
