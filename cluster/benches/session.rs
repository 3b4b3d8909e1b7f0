//! What a session takes of a call, from its request to its outcome, without sockets and tasks:
//! `cargo bench -p atasks-cluster --bench session`.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on has failed")]

use atasks_cluster::session::{
    Awaited, Event, Incoming, Outgoing, Pending,
    frame::{Head, Status},
};
use bytes::{Bytes, BytesMut};
use criterion::{Criterion, Throughput};

const BACKLOG_MAX: usize = 256 << 20;
const PAYLOAD_MAX: u32 = 64 << 20;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("session");
    for calls in [1, 64] {
        let (mut pair, arguments) = (Pair::new(), Bytes::from_static(&[7; 8]));
        group.throughput(Throughput::Elements(calls));
        group.bench_function(format!("{calls} calls in a batch"), |bench| bench.iter(|| pair.calls(calls, &arguments)));
    }
    let (mut pair, arguments) = (Pair::new(), Bytes::from(vec![7; 1 << 20]));
    group.throughput(Throughput::Bytes(2 << 20));
    group.bench_function("1 MiB there and back", |bench| bench.iter(|| pair.calls(1, &arguments)));
    group.finish();
    criterion.final_summary();
}

/// Both ends of a session.
struct Pair {
    caller: End,
    worker: End,
    pending: Pending<u64>,
}

struct End {
    outgoing: Outgoing,
    incoming: Incoming,
    read: BytesMut,
}

impl Pair {
    fn new() -> Self {
        Self { caller: End::new(), worker: End::new(), pending: Pending::new() }
    }

    /// So many calls, which give their arguments back.
    fn calls(&mut self, calls: u64, arguments: &Bytes) {
        for awaiting in 0..calls {
            let call = self.caller.outgoing.next_call();
            let cost = self.caller.outgoing.invoke(head(call), &[], arguments).unwrap();
            self.pending.insert(call, awaiting, cost);
        }
        let Self { caller, worker, pending } = self;
        let mut asked = Vec::new();
        caller.hand_over(worker, |event| match event {
            Event::Invoke { head, arguments, .. } => asked.push((head.call, arguments)),
            other => panic!("the worker has heard {other:?}"),
        });
        for (call, arguments) in asked {
            worker.outgoing.outcome(call, Status::Returned, arguments).unwrap();
        }
        worker.incoming.tell_processed();
        worker.hand_over(caller, |event| {
            let Event::Outcome { call, .. } = event else { panic!("the caller has heard {event:?}") };
            assert!(matches!(pending.take(call), (Awaited::Waiting(_), _)));
        });
        assert!(pending.is_empty());
        // As heartbeats and acks tell, or all would be kept to be sent again.
        caller.outgoing.acknowledge(worker.incoming.processed()).unwrap();
        worker.outgoing.acknowledge(caller.incoming.processed()).unwrap();
    }
}

impl End {
    fn new() -> Self {
        let (outgoing, incoming) = (Outgoing::new(BACKLOG_MAX, PAYLOAD_MAX), Incoming::new(PAYLOAD_MAX));
        Self { outgoing, incoming, read: BytesMut::new() }
    }

    /// Has the other end read all that is to be written.
    fn hand_over(&mut self, to: &mut Self, mut hear: impl FnMut(Event)) {
        while !self.outgoing.is_empty() {
            to.read.extend_from_slice(&self.outgoing.next_batch());
            to.incoming.receive(&mut to.read, &mut hear).unwrap();
        }
    }
}

/// The head of a root without a deadline.
fn head(call: u64) -> Head {
    Head {
        call,
        task: 0,
        idempotent: false,
        detached: false,
        attempt: 0,
        id: call,
        origin: None,
        lineage: None,
        deadline: None,
    }
}
