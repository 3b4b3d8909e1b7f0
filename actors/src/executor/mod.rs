//! Executors: the threads of a node that run its tasks.
//!
//! A [`Pool`] has one [`Executor`] a thread and one queue for all. An executor polls what it takes once; a call that ends
//! there is over, one that waits moves into a `TaskActor` of that executor, or its crowd if all of those are taken, and stays
//! there to its end. A call made by a task of the same node may be polled right where it is awaited, as deep as the stack allows.
//! Nothing here knows of networks: an outcome goes to a [`Reply`], whoever that is.

mod actor;
mod blocking;
mod body;
mod burn;
mod crowd;
mod fence;
mod hand_back;
mod limits;
mod load;
mod means;
mod memory;
mod parked;
mod queue;
mod report;
mod running;
mod settings;
mod stamp;
mod task_actor;
#[cfg(test)]
mod tests;
mod ticket;
mod wake;

use std::{
    fmt, io,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering},
    },
    task::Poll,
};

use bytes::Bytes;
use ractor::{Actor, ActorCell, ActorRef};
use tokio::{runtime::Handle, sync::Notify};

pub(crate) use self::blocking::block;
use self::{
    actor::{ExecutorActor, Turn, first_poll},
    blocking::BlockingPool,
    body::Body,
    burn::Occupied,
    crowd::Crowd,
    limits::Limits,
    means::{Means, SHORT},
    memory::{Charge, Memory, MemoryLimits},
    parked::Parked,
    queue::Queue,
    running::Running,
    stamp::{Seen, Stamp},
    task_actor::Run,
    wake::SecondLook,
};
pub use self::{
    burn::{Burn, burn},
    fence::Fence,
    load::Load,
    report::{LoadReport, MemoryReport},
    settings::Settings,
    stamp::Stall,
    task_actor::TASK_ACTORS_MAX,
    ticket::{Issuer, Ticket},
};
use crate::{
    context::{Context, may_inline, polling},
    gate::Gate,
    host::{Host, Place, STACK_BYTES},
    invocation::Invocation,
    node_id::NodeId,
    outcome::{Outcome, Reply},
    router::{Router, Started},
    slot::Slot,
    task_error::{Canceller, Rejection, TaskError},
};

/// How deep calls are polled inside the polls of their callers: a quarter of the stack, the rest is the user's.
const INLINE_STACK_BYTES: usize = STACK_BYTES / 4;

/// The same where the thread is not ours: a test's has 2 MiB.
const INLINE_STACK_BYTES_SHARED: usize = 512 << 10;

/// Most calls that are polled inside one poll of an executor: a recursion that never waits would else keep all others of
/// its thread waiting until it is over. About a fifth of a millisecond of trivial calls.
const INLINE_CALLS_MAX: u32 = 512;

/// Threads for blocking tasks, for each executor.
const BLOCKING_PER_EXECUTOR: usize = 4;

/// An invocation that is to be run.
#[derive(Debug)]
pub struct Submitted {
    /// Who it is.
    pub context: Context,
    /// Its encoded arguments.
    pub arguments: Bytes,
    /// Where its outcome goes.
    pub reply: Reply,
    /// Dropped when it waits no more.
    pub ticket: Option<Ticket>,
}

/// An invocation that waits to be started.
pub(crate) struct Order {
    context: Context,
    arguments: Bytes,
    reply: Reply,
    charge: Charge,
    ticket: Option<Ticket>,
    /// How long it is expected to keep an executor, in nanoseconds.
    weight: u64,
}

impl Order {
    fn new(submitted: Submitted, charge: Charge, weight: u64) -> Self {
        let Submitted { context, arguments, reply, ticket } = submitted;
        Self { context, arguments, reply, charge, ticket, weight }
    }

    /// Ends it as its node has left.
    fn let_go(self) {
        self.context.cancel(Canceller::Leave);
        let error = TaskError::Cancelled { by: Canceller::Leave, ran: self.context.ran() };
        self.reply.send(Outcome::Failed(error));
    }
}

fn queue_up(queue: &mut Queue<Order>, order: Order) {
    let is_root = order.context.parent().is_none();
    let is_movable = order.context.invocation().movable;
    queue.push(order, is_root, is_movable);
}

/// The executors of a node.
pub struct Pool {
    settings: Settings,
    node: NodeId,
    queue: Mutex<Queue<Order>>,
    /// What waits was there when it was last looked at if its number is below this one.
    looked: AtomicU64,
    /// Where the executors were found when they were last looked at.
    seen: Mutex<Vec<Option<Seen>>>,
    load: Load,
    /// How long what waits to be started, or is being polled for the first time, is expected to keep executors, in
    /// nanoseconds.
    work: AtomicU64,
    means: Means,
    limits: Limits,
    memory: Arc<Memory>,
    parked: Parked,
    blocking: Arc<BlockingPool>,
    executors: OnceLock<Vec<Weak<Executor>>>,
    /// Executors that are not awake; those that are about to sleep as well.
    asleep: AtomicUsize,
    second_look: SecondLook,
    places: Mutex<Vec<Place>>,
    closed: AtomicBool,
    fence: Arc<Fence>,
    /// Somebody waits for the end of what runs: told at each end.
    draining: AtomicBool,
    ended: Notify,
}

/// One thread that runs tasks.
pub struct Executor {
    pool: Arc<Pool>,
    handle: Handle,
    actor: OnceLock<ActorRef<Turn>>,
    awake: AtomicBool,
    polls: AtomicUsize,
    /// It begins one order after the other, and is counted as busy for as long.
    in_turn: AtomicBool,
    /// What it polls, or has polled last, is not known to be short.
    at_length: AtomicBool,
    stamp: Stamp,
    turns: AtomicU32,
    /// What was computed on a shared host, in nanoseconds of virtual time.
    burnt: AtomicU64,
    /// On a shared host: what it is stopped by.
    gate: Option<Gate>,
    /// On a shared host: until when it computes.
    occupied: Option<Occupied>,
    idle: Mutex<Vec<ActorRef<Run>>>,
    /// Task actors that live.
    actors: AtomicUsize,
    /// What waits beyond them.
    crowd: Crowd,
    /// Some of those are about to be stopped.
    trims: AtomicBool,
}

impl Pool {
    /// Starts the executors of `node` under `supervisor`.
    ///
    /// # Errors
    /// The system gives no threads.
    pub async fn start(node: NodeId, settings: Settings, host: &Host, supervisor: &ActorCell) -> io::Result<Arc<Self>> {
        let count = settings.executors.max(1);
        let fence = Arc::new(Fence::new(settings.stopped_after, settings.shared_host));
        let memory = Memory::new(MemoryLimits::new(settings.memory, settings.running, settings.tree));
        let pool = Arc::new(Self {
            blocking: BlockingPool::new(count * BLOCKING_PER_EXECUTOR, fence.clone(), memory.clone()),
            memory,
            fence,
            work: AtomicU64::new(0),
            means: Means::new(settings.tasks),
            settings,
            node,
            queue: Mutex::default(),
            looked: AtomicU64::new(0),
            seen: Mutex::default(),
            load: Load::default(),
            limits: Limits::default(),
            parked: Parked::default(),
            executors: OnceLock::new(),
            asleep: AtomicUsize::new(count),
            second_look: SecondLook::default(),
            places: Mutex::default(),
            closed: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            ended: Notify::new(),
        });
        pool.memory.wakes(&pool);
        let mut executors = Vec::with_capacity(count);
        for number in 0..count {
            let place = host.place(&format!("atasks-exec-{number}"))?;
            let executor = Arc::new(Executor {
                pool: pool.clone(),
                handle: place.handle().clone(),
                actor: OnceLock::new(),
                awake: AtomicBool::new(false),
                polls: AtomicUsize::new(0),
                in_turn: AtomicBool::new(false),
                at_length: AtomicBool::new(false),
                stamp: Stamp::default(),
                turns: AtomicU32::new(0),
                burnt: AtomicU64::new(0),
                gate: place.gate().cloned(),
                occupied: pool.settings.shared_host.then(Occupied::default),
                idle: Mutex::default(),
                actors: AtomicUsize::new(0),
                crowd: Crowd::default(),
                trims: AtomicBool::new(false),
            });
            let (argument, supervisor) = (executor.clone(), supervisor.clone());
            place
                .spawn(ExecutorActor::spawn_linked(None, ExecutorActor, argument, supervisor))
                .await
                .map_err(io::Error::other)?
                .map_err(|error| io::Error::other(error.to_string()))?;
            executors.push(Arc::downgrade(&executor));
            pool.places.lock().unwrap_or_else(PoisonError::into_inner).push(place);
        }
        let _ = pool.executors.set(executors);
        Ok(pool)
    }

    /// Runs an invocation on an executor as soon as one takes it.
    pub fn submit(&self, submitted: Submitted) {
        self.submit_all([submitted]);
    }

    /// The same of many that have come at once: they are queued in one step.
    pub fn submit_all(&self, submitted: impl IntoIterator<Item = Submitted>) {
        let (mut count, mut refused, mut can_wait) = (0, Vec::new(), true);
        self.push(|queue| {
            let mut weight = 0;
            for submitted in submitted {
                match self.memory.admit(&submitted.context, submitted.arguments.len()) {
                    Ok(charge) => {
                        let expected = self.means.expected(submitted.context.task());
                        (count, weight) = (count + 1, weight + expected);
                        // A nested call may have a whole tree below it.
                        can_wait &=
                            submitted.context.parent().is_none() && self.means.is_short(submitted.context.task());
                        queue_up(queue, Order::new(submitted, charge, expected));
                    }
                    Err(reason) => refused.push((submitted, reason)),
                }
            }
            // Before any of them leaves the queue.
            self.work.fetch_add(weight, Ordering::Relaxed);
        });
        for (Submitted { context, reply, .. }, reason) in refused {
            self.refuse(&context, reply, reason);
        }
        if !(can_wait && self.keeps_up()) {
            (0..self.executor_count().min(count)).for_each(|_| self.wake_one());
        }
    }

    /// Runs an invocation that this node has made itself: where it is awaited if this is one of the node's executors.
    pub fn start_here(
        self: &Arc<Self>,
        invocation: Invocation,
        router: Arc<dyn Router>,
        ticket: Option<Ticket>,
    ) -> Started {
        match self.executor_here(&invocation) {
            Some(executor) => executor.start_inline(invocation, router),
            None => {
                let slot = Slot::new(invocation.deadline);
                self.submit_for(invocation, router, &slot, ticket);
                Started::Pending(slot)
            }
        }
    }

    /// Runs an invocation that this node has made itself; `slot` takes its outcome.
    pub fn submit_for(
        &self,
        mut invocation: Invocation,
        router: Arc<dyn Router>,
        slot: &Arc<Slot>,
        ticket: Option<Ticket>,
    ) {
        let arguments = std::mem::take(&mut invocation.arguments);
        let context = Context::new(invocation, router);
        if !slot.enter(context.door(), 0) {
            return;
        }
        self.submit(Submitted { context, arguments, reply: Reply::new(slot.clone(), 0), ticket });
    }

    /// The executor that polls on this thread, if it is one of ours and may poll a call inside its caller's poll.
    ///
    /// That is the cheapest way to run a call, but while it is polled the caller can make no other: what is known to be
    /// long waits for an executor instead, which any may take, and so does what is not known yet while another is free.
    fn executor_here(self: &Arc<Self>, invocation: &Invocation) -> Option<Arc<Executor>> {
        // How many roots run at once is looked at where they leave the queue.
        if self.settings.actor_for_every || invocation.task.options().limited() || invocation.parent.is_none() {
            return None;
        }
        let executor = polling().filter(|executor| Arc::ptr_eq(&executor.pool, self))?;
        if !self.fence.lets_pass() {
            return None;
        }
        // On a shared host what was polled inline and computes is pending still: on a thread it would be over, and known.
        if executor.computes() {
            return None;
        }
        match self.means.of(invocation.task) {
            0 if self.free_executor().is_some() => return None,
            mean if mean >= SHORT => return None,
            _ => {}
        }
        let stack = if self.settings.shared_host { INLINE_STACK_BYTES_SHARED } else { INLINE_STACK_BYTES };
        may_inline(stack, INLINE_CALLS_MAX).then_some(executor)
    }

    /// What keeps it from starting anything.
    #[must_use]
    pub fn fence(&self) -> &Fence {
        &self.fence
    }

    /// Starts what the fence has kept, if it is open.
    pub fn start_what_was_kept(&self) {
        if self.fence.lets_on() {
            self.executors().for_each(|executor| executor.wake());
            self.blocking.look_again();
        }
    }

    /// Executor threads.
    #[must_use]
    pub fn executor_count(&self) -> usize {
        self.settings.executors.max(1)
    }

    /// Waits for the next end of something, once it was told to hand back.
    pub async fn ended(&self) {
        self.ended.notified().await;
    }

    /// Has whoever waits for [`ended`](Self::ended) look again.
    pub fn look_again(&self) {
        if self.draining.load(Ordering::Relaxed) {
            self.ended.notify_one();
        }
    }

    /// Stops: what waits is told that its node has left, what runs is dropped with its executor.
    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.blocking.close();
        self.load.told();
        self.second_look.ends();
        self.let_go();
        for executor in self.executors() {
            if let Some(actor) = executor.actor() {
                actor.kill();
            }
            executor.crowd.close();
        }
        self.places.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Tells all that waits that its node has left. Whoever puts an order anywhere looks at `closed` after that, and calls
    /// this if it is set: so none stays behind.
    fn let_go(&self) {
        self.unstarted().into_iter().for_each(Order::let_go);
    }

    /// Takes all that waits to be started.
    fn unstarted(&self) -> Vec<Order> {
        let mut queue = self.lock_queue();
        let mut unstarted = std::iter::from_fn(|| queue.pop()).collect::<Vec<_>>();
        self.load.note(&queue);
        drop(queue);
        unstarted.extend(self.limits.drain());
        unstarted.extend(self.parked.take(true));
        let weight = unstarted.iter().map(|order| order.weight).sum();
        self.work.fetch_sub(weight, Ordering::Relaxed);
        self.load_moves();
        unstarted
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    fn enqueue(&self, order: Order) {
        self.put(|queue| queue_up(queue, order));
    }

    fn put(&self, push: impl FnOnce(&mut Queue<Order>)) {
        self.push(push);
        self.wake_one();
    }

    /// The same, and wakes nobody.
    fn push(&self, push: impl FnOnce(&mut Queue<Order>)) {
        let mut queue = self.lock_queue();
        push(&mut queue);
        self.load.note(&queue);
        drop(queue);
        self.load_moves();
        if self.is_closed() {
            self.let_go();
        }
    }

    /// Takes the next order that may run.
    fn next(&self) -> Option<Order> {
        if self.waiting() == 0 || !self.fence.lets_pass() {
            return None;
        }
        loop {
            let mut queue = self.lock_queue();
            let roots_may = queue.roots() == 0 || self.memory.lets_root_start();
            let mut order = if roots_may { queue.pop() } else { queue.pop_nested() };
            if let Some(order) = &mut order {
                // Under the lock: nobody else lets a root pass at the same time.
                order.charge.start(&order.context);
            }
            let more_roots = queue.roots() > 0;
            if !more_roots {
                self.memory.no_root_waits();
            }
            self.load.note(&queue);
            drop(queue);
            // There may be room for more than one at a time, and whoever made it has woken one executor.
            if more_roots && self.memory.opens() {
                self.wake_one();
            }
            let order = order?;
            // Nearly all: an order is large, and better not handed around.
            if !order.context.task().options().limited() && parked::lets_start(&order) {
                return Some(order);
            }
            match self.parked.admit(order).map(|order| self.limits.admit(order)) {
                Some(Ok(admitted)) => return Some(admitted),
                Some(Err(cancelled)) => {
                    cancelled.into_iter().for_each(|order| self.put(|queue| queue.push_next(order)));
                }
                None => {}
            }
            if self.is_closed() {
                self.let_go();
            }
        }
    }

    fn waiting(&self) -> usize {
        self.load.waiting.load(Ordering::SeqCst)
    }

    /// Whether anything waits that may start. An executor that rests has asked this: what changes it wakes one.
    fn has_startable(&self) -> bool {
        let roots = self.load.roots.load(Ordering::SeqCst);
        self.waiting() > roots || roots > 0 && self.memory.lets_root_start()
    }

    /// Ends what has not started.
    fn refuse(&self, context: &Context, reply: Reply, reason: Rejection) {
        context.end();
        self.release(context);
        reply.send(self.rejects(reason));
        self.look_again();
    }

    fn rejects(&self, reason: Rejection) -> Outcome {
        Outcome::Failed(TaskError::Rejected { node: self.node.clone(), reason })
    }

    /// Sets free what the invocation held.
    fn release(&self, context: &Context) {
        if let Some(next) = self.limits.release(context) {
            self.put(|queue| queue.push_next(next));
        }
    }

    /// The executors that live. They hold the pool, not the other way round, so that it goes when they go.
    fn executors(&self) -> impl Iterator<Item = Arc<Executor>> {
        self.executors.get().into_iter().flatten().filter_map(Weak::upgrade)
    }

    fn lock_queue(&self) -> MutexGuard<'_, Queue<Order>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn node_id(&self) -> &NodeId {
        &self.node
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("node", &self.node).field("load", &self.load()).finish_non_exhaustive()
    }
}

impl Executor {
    /// Polls a call inside its caller's poll.
    fn start_inline(self: &Arc<Self>, mut invocation: Invocation, router: Arc<dyn Router>) -> Started {
        let (arguments, deadline) = (std::mem::take(&mut invocation.arguments), invocation.deadline);
        let context = Context::new(invocation, router);
        if let Some(reason) = self.pool.memory.refuses(&context) {
            return Started::Done(self.pool.rejects(reason));
        }
        let body = Body::new(context.clone(), arguments, None, self.pool.settings.cancel_grace);
        let mut running = Running::here(body, None, None, self.clone());
        match first_poll(&mut running) {
            Poll::Ready(outcome) => {
                let (outcome, crash) = running.finish(outcome);
                self.report(crash);
                Started::Done(outcome.unwrap_or(Outcome::HandedBack))
            }
            Poll::Pending => {
                let slot = Slot::new(deadline);
                // Nobody else has the slot yet, so nobody has given it up.
                let _wanted = slot.enter(context.door(), 0);
                running.reply_to(Reply::new(slot.clone(), 0));
                self.supervise(running);
                Started::Pending(slot)
            }
        }
    }

    fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    fn actor(&self) -> Option<&ActorRef<Turn>> {
        self.actor.get()
    }

    fn lock_idle(&self) -> MutexGuard<'_, Vec<ActorRef<Run>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the invocations that begin here.
    fn turn(&self) -> u32 {
        // Only this thread writes it.
        let turn = self.turns.load(Ordering::Relaxed).wrapping_add(1);
        self.turns.store(turn, Ordering::Relaxed);
        turn
    }

    /// Counts the executor as busy while it polls; at the end it looks whether something waits that only it could take.
    /// That it polls `by` is noted for whoever looks if the poll is not inside of another.
    fn busy(self: &Arc<Self>, by: Option<&Context>) -> Busy {
        if self.polls.fetch_add(1, Ordering::Relaxed) == 0 {
            if let Some(context) = by {
                self.stamp.begin(context);
            }
            let is_short = by.is_some_and(|context| self.pool.means.is_short(context.task()));
            self.at_length.store(!is_short, Ordering::Relaxed);
            if !self.in_turn.load(Ordering::Relaxed) {
                self.pool.load.busy.fetch_add(1, Ordering::Relaxed);
            }
        }
        Busy(self.clone())
    }

    /// It was counted as busy, and is no more.
    fn is_free(&self) {
        self.pool.load.busy.fetch_sub(1, Ordering::Relaxed);
        self.pool.load_moves();
        self.pool.look_again();
    }
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor").field("node", &self.pool.node).finish_non_exhaustive()
    }
}

struct Busy(Arc<Executor>);

impl Drop for Busy {
    fn drop(&mut self) {
        let Self(executor) = self;
        // A turn goes on to the next order by itself.
        if executor.polls.fetch_sub(1, Ordering::Relaxed) == 1 && !executor.in_turn.load(Ordering::Relaxed) {
            executor.is_free();
            if executor.pool.has_startable() {
                executor.wake();
            }
        }
    }
}
