//! What is counted comes and goes whole, in any order and from any thread.

use proptest::prelude::*;

use super::*;
use crate::executor::tests::context;

const MEMORY: usize = 1 << 20;

fn memory() -> Arc<Memory> {
    Memory::new(MemoryLimits::new(MEMORY, 3, 0.5))
}

/// What may happen to an invocation; the numbers choose the root, or which one it happens to.
#[derive(Clone, Copy, Debug)]
enum Step {
    Admit(u64, usize),
    AdmitRoot(usize),
    Suspended(u64, usize),
    Thread(u64),
    Start(usize),
    Begin(usize),
    Suspend(usize, usize),
    End(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let (root, which, bytes) = (0..4u64, 0..64usize, 0..100_000usize);
    prop_oneof![
        (root.clone(), bytes.clone()).prop_map(|(root, bytes)| Step::Admit(root, bytes)),
        bytes.clone().prop_map(Step::AdmitRoot),
        (root.clone(), bytes.clone()).prop_map(|(root, bytes)| Step::Suspended(root, bytes)),
        root.prop_map(Step::Thread),
        which.clone().prop_map(Step::Start),
        which.clone().prop_map(Step::Begin),
        (which.clone(), bytes).prop_map(|(which, bytes)| Step::Suspend(which, bytes)),
        which.prop_map(Step::End),
    ]
}

fn take(steps: &[Step], memory: &Arc<Memory>) {
    let mut live: Vec<(Context, Charge)> = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        let number = 1000 + number as u64;
        let nested = |root| context(number, Some(root));
        let count = live.len().max(1);
        match *step {
            Step::Admit(root, bytes) => {
                let context = nested(root);
                live.extend(memory.admit(&context, bytes).ok().map(|charge| (context, charge)));
            }
            Step::AdmitRoot(bytes) => {
                let context = context(number, None);
                let charge = memory.admit(&context, bytes).unwrap();
                live.push((context, charge));
            }
            Step::Suspended(root, bytes) => {
                let context = nested(root);
                let charge = Charge::suspended(memory, &context, bytes);
                live.push((context, charge));
            }
            Step::Thread(root) => live.push((nested(root), Charge::thread(memory, nested(root).root()))),
            Step::Start(which) => {
                live.get_mut(which % count).into_iter().for_each(|(context, charge)| charge.start(context))
            }
            Step::Begin(which) => {
                live.get_mut(which % count).into_iter().for_each(|(context, charge)| drop(charge.begin(context)));
            }
            Step::Suspend(which, bytes) => {
                live.get_mut(which % count).into_iter().for_each(|(context, charge)| charge.suspend(context, bytes));
            }
            Step::End(which) if !live.is_empty() => drop(live.swap_remove(which % count)),
            Step::End(_) => {}
        }
    }
}

fn is_left_empty(memory: &Memory) {
    assert_eq!(memory.report(), MemoryReport::default());
    assert!(!memory.trees.any_overgrown());
}

proptest! {
    #[test]
    fn whatever_comes_and_goes_nothing_stays_counted(steps in prop::collection::vec(step(), 0..200)) {
        let memory = memory();
        take(&steps, &memory);
        is_left_empty(&memory);
    }

    #[test]
    fn nor_does_anything_that_comes_and_goes_on_two_threads(
        one in prop::collection::vec(step(), 0..200),
        other in prop::collection::vec(step(), 0..200),
    ) {
        let memory = memory();
        std::thread::scope(|scope| {
            scope.spawn(|| take(&one, &memory));
            take(&other, &memory);
        });
        is_left_empty(&memory);
    }
}

/// Fills the tree of root 7.
fn fill(memory: &Arc<Memory>) -> Vec<(Context, Charge)> {
    let mut queued = Vec::new();
    loop {
        let context = context(100, Some(7));
        match memory.admit(&context, 10_000) {
            Ok(charge) => queued.push((context, charge)),
            Err(Rejection::TreeTooLarge { count, bytes, limit, .. }) => {
                assert!((count as usize, bytes >= limit) == (queued.len(), true), "{count}, {bytes}, {limit}");
                return queued;
            }
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn a_tree_that_was_too_large_is_refused_until_none_of_its_calls_waits() {
    let memory = memory();
    let mut queued = fill(&memory);
    while let Some((context, mut charge)) = queued.pop() {
        assert!(charge.begin(&context).is_some(), "what waits is not started");
        drop(charge);
        assert_eq!(memory.refuses(&context).is_some(), !queued.is_empty(), "{} wait", queued.len());
    }
    assert!(memory.admit(&context(1, Some(7)), 0).is_ok());
    is_left_empty(&memory);
}

#[test]
fn others_are_not_refused_with_it() {
    let memory = memory();
    let queued = fill(&memory);
    let other = context(1, Some(8));
    let mut charge = memory.admit(&other, 0).unwrap();
    assert_eq!((memory.refuses(&other), charge.begin(&other)), (None, None));
    drop((charge, queued));
    is_left_empty(&memory);
}

#[test]
fn what_is_only_suspended_goes_on_as_soon_as_there_is_room() {
    let memory = memory();
    let call = context(1, Some(7));
    let held: Vec<_> = (0..MEMORY / 2 / SUSPENDED_BYTES + 1).map(|_| Charge::suspended(&memory, &call, 0)).collect();
    assert!(memory.refuses(&call).is_some());
    drop(held);
    assert_eq!(memory.refuses(&call), None);
    is_left_empty(&memory);
}

#[test]
fn a_root_that_was_kept_waiting_is_let_pass_when_one_ends_or_memory_is_freed() {
    let memory = memory();
    let start = |number| {
        let context = context(number, None);
        let mut charge = memory.admit(&context, 0).unwrap();
        charge.start(&context);
        charge.start(&context);
        charge
    };
    let running: Vec<_> = (0..3).map(start).collect();
    assert_eq!(memory.report().running, 3);
    assert!(!memory.opens(), "nobody was kept waiting");
    assert!(!memory.lets_root_start() && !memory.opens());
    drop(running);
    assert!(memory.opens() && memory.lets_root_start());
    memory.no_root_waits();
    assert!(!memory.opens());

    let one = start(9);
    let large = Charge::suspended(&memory, &context(1, Some(7)), MEMORY / 2);
    assert!(!memory.lets_root_start() && !memory.opens());
    drop(large);
    assert!(memory.opens());
    drop(one);
}
