//! Measures whole processes: one client, one or more workers on this machine, one JSON line a measurement.
//!
//! ```text
//! bench [WORKLOADS]                              measures on one local worker; L,T,N,P,S10000 by default
//! bench worker PORT ALL_PORTS                    serves (a Unix socket named after the port; BENCH_NET=tls: TLS over TCP)
//! bench client PORTS PIDS WORKLOADS NAME         measures, e.g. client 7400 4711 L,T,N,P,S10000 atasks
//! ```
//! Workloads: `L` add one after another, `T` add with 1,000 in flight, `N` recursive fib, both children awaited,
//! `P` 1 MiB echoed, `S10000` sleepers, `W10000` sleepers whose wake times are spread, `B` small calls without and beside
//! 64 MiB echoed, `C` the worker is killed. Knobs: LN, TN, INFLIGHT, FIB, PN, PSZ, BULKS, BSECS, CALM, SPREAD; more than
//! 100,000 sleepers need a higher `limits.running` at the worker.

use std::{
    env, fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use atasks::{LocalCluster, Node, NodeBuilder, Result};
use serde_json::json;
use tokio::time::{Instant, sleep};

#[atasks::task]
async fn add(a: i64, b: i64) -> Result<i64> {
    Ok(a + b)
}

#[atasks::task]
async fn fib(n: u32) -> Result<u64> {
    if n < 2 {
        return Ok(u64::from(n));
    }
    let (a, b) = tokio::try_join!(fib(n - 1), fib(n - 2))?;
    Ok(a + b)
}

#[atasks::task]
async fn echo(bytes: Vec<u8>) -> Result<Vec<u8>> {
    Ok(bytes)
}

#[atasks::task]
async fn doze(ms: u64) -> Result<u64> {
    sleep(Duration::from_millis(ms)).await;
    Ok(ms)
}

/// Sleeps until that time, in microseconds since 1970.
#[atasks::task]
async fn doze_until(at: u64) -> Result<()> {
    sleep(Duration::from_micros(at.saturating_sub(micros_now()))).await;
    Ok(())
}

fn micros_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["worker", port, ports] => runtime()?.block_on(worker(port, ports)),
        ["client", ports, pids, workloads, name] => runtime()?.block_on(client(ports, pids, workloads, name)),
        [] => runtime()?.block_on(local("L,T,N,P,S10000")),
        [workloads] => runtime()?.block_on(local(workloads)),
        _ => Err(atasks::Error::msg("bench [WORKLOADS] | worker PORT ALL_PORTS | client PORTS PIDS WORKLOADS NAME")),
    }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

fn address(port: &str) -> String {
    if env::var("BENCH_NET").is_ok_and(|net| net == "tls") {
        format!("127.0.0.1:{port}")
    } else {
        format!("unix:bench-{port}")
    }
}

fn seeds(builder: NodeBuilder, ports: &str) -> NodeBuilder {
    ports.split(',').map(address).fold(builder, |builder, seed| builder.seed(seed))
}

async fn worker(port: &str, ports: &str) -> Result<()> {
    let builder = Node::builder().worker().listen(address(port));
    let builder = match knob("EXECUTORS", 0) {
        0 => builder,
        count => builder.executors(count as usize),
    };
    Ok(seeds(builder, ports).join().await?.serve().await?)
}

async fn local(workloads: &str) -> Result<()> {
    let cluster = LocalCluster::builder().workers(1).executors(1).start().await?;
    let pids = cluster.workers().iter().map(|worker| worker.pid).collect();
    let bench = Bench { name: "atasks", workers: 1, pids };
    for workload in workloads.split(',') {
        bench.run(workload).await?;
    }
    cluster.shutdown().await;
    Ok(())
}

async fn client(ports: &str, pids: &str, workloads: &str, name: &str) -> Result<()> {
    let workers = ports.split(',').count();
    let builder = seeds(Node::builder().client(), ports).min_workers(workers);
    let _node = builder.join().await?;
    let pids = pids.split(',').map(str::parse).collect::<std::result::Result<Vec<u32>, _>>()?;
    let bench = Bench { name, workers, pids };
    for workload in workloads.split(',') {
        bench.run(workload).await?;
    }
    Ok(())
}

struct Bench<'a> {
    name: &'a str,
    workers: usize,
    pids: Vec<u32>,
}

impl Bench<'_> {
    async fn run(&self, workload: &str) -> Result<()> {
        match workload {
            "L" => self.latency().await,
            "T" => self.throughput().await,
            "N" => self.nested().await,
            "P" => self.payload().await,
            "B" => self.beside().await,
            "C" => self.crash().await,
            _ => match (workload.split_at_checked(1), workload.get(1..).map(str::parse)) {
                (Some(("S", _)), Some(Ok(n))) => self.sleepers(n).await,
                (Some(("W", _)), Some(Ok(n))) => self.wakes(n).await,
                _ => Err(atasks::Error::msg(format!("unknown workload {workload}"))),
            },
        }
    }

    fn emit(&self, workload: &str, value: f64, unit: &str, n: u64, note: &str) {
        let value = (value * 100.0).round() / 100.0;
        let note = format!("W={} {note}", self.workers);
        println!(
            "{}",
            json!({"peer": self.name, "workload": workload, "value": value, "unit": unit, "n": n, "note": note})
        );
    }

    async fn latency(&self) -> Result<()> {
        for i in 0..200 {
            add(i, 1).await?;
        }
        let n = knob("LN", 2000);
        let mut micros = Vec::with_capacity(n as usize);
        for i in 0..n {
            let start = Instant::now();
            add(i as i64, 2).await?;
            micros.push(start.elapsed().as_nanos() as f64 / 1000.0);
        }
        micros.sort_by(f64::total_cmp);
        self.emit("L_median", percentile(&micros, 50), "us", n, "");
        self.emit("L_p99", percentile(&micros, 99), "us", n, "");
        Ok(())
    }

    async fn throughput(&self) -> Result<()> {
        let in_flight = knob("INFLIGHT", 1000);
        adds(5000, in_flight).await?;
        let mut n = knob("TN", 50_000);
        let mut rate = adds(n, in_flight).await?;
        if (n as f64) / rate < 1.5 {
            // Too short to be told from noise: as many as take about three seconds.
            n = (rate * 3.0) as u64;
            rate = adds(n, in_flight).await?;
        }
        self.emit("T", rate, "tasks/s", n, &format!("inflight={in_flight}"));
        Ok(())
    }

    async fn nested(&self) -> Result<()> {
        let n = knob("FIB", 16) as u32;
        fib(n.min(10)).await?;
        let start = Instant::now();
        let mut tasks = 0;
        while start.elapsed() < Duration::from_secs(1) {
            if fib(n).await? != plain_fib(n) {
                return Err(atasks::Error::msg("fib is wrong"));
            }
            tasks += fib_tasks(n);
        }
        self.emit("N", tasks as f64 / start.elapsed().as_secs_f64(), "tasks/s", tasks, &format!("fib({n})"));
        Ok(())
    }

    async fn payload(&self) -> Result<()> {
        let (n, size) = (knob("PN", 64), knob("PSZ", 1 << 20));
        let bytes: Vec<u8> = (0..size).map(|i| (i * 31) as u8).collect();
        for _ in 0..4 {
            echo(bytes.clone()).await?;
        }
        let start = Instant::now();
        for _ in 0..n {
            if echo(bytes.clone()).await?.len() != bytes.len() {
                return Err(atasks::Error::msg("the echo is short"));
            }
        }
        let mib = 2.0 * n as f64 * size as f64 / f64::from(1 << 20);
        self.emit("P", mib / start.elapsed().as_secs_f64(), "MiB/s", n, &format!("both ways, {size} B"));
        Ok(())
    }

    /// Small calls one after another: alone, then beside large ones.
    async fn beside(&self) -> Result<()> {
        let lasts = Duration::from_secs(knob("BSECS", 5));
        adds_for(Duration::from_millis(200)).await?;
        let alone = adds_for(lasts).await?;
        self.emit("B_alone_p50", percentile(&alone, 50), "us", alone.len() as u64, "");
        self.emit("B_alone_p99", percentile(&alone, 99), "us", alone.len() as u64, "");
        let bulks = knob("BULKS", 1);
        let done = Arc::new(AtomicU64::new(0));
        let echoes: Vec<_> = (0..bulks)
            .map(|_| {
                let done = done.clone();
                tokio::spawn(async move {
                    loop {
                        // What the codec adds has its room.
                        let came = echo(vec![7; (64 << 20) - 1024]).await;
                        done.fetch_add(came.map_or(0, |bytes| bytes.len() as u64), Ordering::Relaxed);
                    }
                })
            })
            .collect();
        sleep(Duration::from_millis(500)).await;
        let before = done.load(Ordering::Relaxed);
        let beside = adds_for(lasts).await?;
        let moved = 2.0 * (done.load(Ordering::Relaxed) - before) as f64 / f64::from(1 << 20) / lasts.as_secs_f64();
        echoes.into_iter().for_each(|echo| echo.abort());
        let note = format!("bulks={bulks}");
        self.emit("B_beside_p50", percentile(&beside, 50), "us", beside.len() as u64, &note);
        self.emit("B_beside_p99", percentile(&beside, 99), "us", beside.len() as u64, &note);
        self.emit("B_moved", moved, "MiB/s", done.load(Ordering::Relaxed) >> 26, &note);
        Ok(())
    }

    async fn sleepers(&self, n: u64) -> Result<()> {
        doze(1).await?;
        let base = resident(&self.pids);
        let done = Arc::new(AtomicBool::new(false));
        let (watched, pids) = (done.clone(), self.pids.clone());
        let peak = thread::spawn(move || {
            let mut peak = 0;
            while !watched.load(Ordering::Relaxed) {
                peak = peak.max(resident(&pids));
                thread::park_timeout(Duration::from_millis(50));
            }
            peak
        });
        let start = Instant::now();
        let sleeping: Vec<_> = (0..n).map(|_| tokio::spawn(doze(2000))).collect();
        for sleeper in sleeping {
            sleeper.await??;
        }
        let wall = start.elapsed().as_secs_f64();
        done.store(true, Ordering::Relaxed);
        let peak = peak.join().map_err(|_panic| atasks::Error::msg("the watcher ended"))?;
        self.emit("S_wall", wall, "s", n, "");
        let bytes = peak.saturating_sub(base) as f64 * 1024.0 / n as f64;
        self.emit("S_rss", bytes, "B/task (worker)", n, &format!("base={base} KiB peak={peak} KiB"));
        Ok(())
    }

    /// Sleepers that wake one after the other: what each takes at both ends while all sleep, and how late its caller hears.
    async fn wakes(&self, n: u64) -> Result<()> {
        doze(1).await?;
        let own = [std::process::id()];
        let resident_now = || (resident(&self.pids), resident(&own));
        let (calm, spread) = (knob("CALM", 10) * 1_000_000, knob("SPREAD", 20) * 1_000_000);
        let (before, first) = (resident_now(), micros_now() + calm);
        // Their order is not that of the calls.
        let wakes = (0..n).map(|call| first + call * 7_919 % n * spread / n);
        let sleeping: Vec<_> = wakes
            .map(|at| {
                tokio::spawn(async move {
                    doze_until(at).await?;
                    Ok::<_, atasks::Error>(micros_now().saturating_sub(at) as f64 / 1000.0)
                })
            })
            .collect();
        let called = calm.saturating_sub(first.saturating_sub(micros_now()));
        sleep(Duration::from_micros(first.saturating_sub(200_000 + micros_now()))).await;
        let all = resident_now();
        let mut late = Vec::with_capacity(n as usize);
        for sleeper in sleeping {
            late.push(sleeper.await??);
        }
        late.sort_by(f64::total_cmp);
        let note = format!("called in {} ms", called / 1000);
        let each = |before: u64, all: u64| all.saturating_sub(before) as f64 * 1024.0 / n as f64;
        self.emit("W_worker", each(before.0, all.0), "B/task", n, &note);
        self.emit("W_client", each(before.1, all.1), "B/task", n, "");
        for (what, percent) in [("W_late_p50", 50), ("W_late_p99", 99)] {
            self.emit(what, percentile(&late, percent), "ms", n, "");
        }
        self.emit("W_late_most", late.last().copied().unwrap_or_default(), "ms", n, "");
        Ok(())
    }

    async fn crash(&self) -> Result<()> {
        let asleep = tokio::spawn(doze(600_000));
        sleep(Duration::from_millis(500)).await;
        let start = Instant::now();
        let pid = self.pids[0].to_string();
        std::process::Command::new("kill").args(["-9", &pid]).status()?;
        let outcome = asleep.await?;
        let ms = start.elapsed().as_secs_f64() * 1000.0;
        match outcome {
            Ok(_) => self.emit("C", f64::NAN, "ERROR", 1, "it slept through"),
            Err(error) => self.emit("C", ms, "ms", 1, &format!("{:?}", error.task_error())),
        }
        Ok(())
    }
}

async fn adds(n: u64, in_flight: u64) -> Result<f64> {
    let next = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let loops: Vec<_> = (0..in_flight)
        .map(|_| {
            let next = next.clone();
            tokio::spawn(async move {
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    if i >= n {
                        return Ok::<(), atasks::Error>(());
                    }
                    if add(i as i64, 1).await? != i as i64 + 1 {
                        return Err(atasks::Error::msg("the sum is wrong"));
                    }
                }
            })
        })
        .collect();
    for each in loops {
        each.await??;
    }
    Ok(n as f64 / start.elapsed().as_secs_f64())
}

fn fib_tasks(n: u32) -> u64 {
    if n < 2 { 1 } else { 1 + fib_tasks(n - 1) + fib_tasks(n - 2) }
}

fn plain_fib(n: u32) -> u64 {
    if n < 2 { u64::from(n) } else { plain_fib(n - 1) + plain_fib(n - 2) }
}

/// Resident memory of the processes, in KiB.
fn resident(pids: &[u32]) -> u64 {
    let of = |pid: &u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        status.lines().find(|line| line.starts_with("VmRSS"))?.split_whitespace().nth(1)?.parse::<u64>().ok()
    };
    pids.iter().filter_map(of).sum()
}

fn knob(name: &str, default: u64) -> u64 {
    env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Calls one after another for so long; microseconds, sorted.
async fn adds_for(lasts: Duration) -> Result<Vec<f64>> {
    let mut micros = Vec::new();
    let until = Instant::now() + lasts;
    while Instant::now() < until {
        let start = Instant::now();
        add(micros.len() as i64, 2).await?;
        micros.push(start.elapsed().as_nanos() as f64 / 1000.0);
    }
    micros.sort_by(f64::total_cmp);
    Ok(micros)
}

fn percentile(sorted: &[f64], percent: usize) -> f64 {
    sorted[sorted.len() * percent / 100]
}
