//! A program that starts a `LocalCluster` without `#[atasks::main]`. Its first argument says what for.

#![expect(clippy::unwrap_used, reason = "a program of tests")]

mod tasks;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use atasks::{LocalCluster, Placement};

use tasks::{Death, die, hold, run_program, whereabouts};

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let order: Vec<_> = arguments.iter().map(String::as_str).collect();
    let is_worker = std::env::var_os("ATASKS_WORKER_OF").is_some();
    match order[..] {
        ["panics"] if is_worker => panic!("no licence was found"),
        ["hangs"] if is_worker => {
            eprintln!("looking for a licence");
            loop {
                std::thread::park();
            }
        }
        _ => {}
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(run(&order));
}

async fn run(order: &[&str]) {
    say(&format!("started with {order:?}"));
    let workers = if order == ["deaths"] { 1 } else { 2 };
    let cluster = match LocalCluster::builder().workers(workers).executors(1).start().await {
        Ok(cluster) => cluster,
        Err(error) => {
            println!("no cluster: {error}");
            std::process::exit(3)
        }
    };
    let pids: Vec<_> = cluster.workers().iter().map(|worker| worker.pid.to_string()).collect();
    say(&format!("workers {}", pids.join(" ")));
    match order {
        ["hold", folder] => hold(PathBuf::from(folder)).await.unwrap(),
        ["shutdown"] => cluster.shutdown().await,
        ["drop"] => drop(cluster),
        ["deaths"] => deaths().await,
        ["run", program, rest @ ..] => {
            let rest = rest.iter().map(ToString::to_string).collect();
            println!("{}", run_program(program.into(), rest, true).await.unwrap());
            return;
        }
        _ => println!("in {}", whereabouts().await.unwrap().pid),
    }
    if let ["shutdown" | "drop"] = order {
        println!("over");
        std::future::pending::<()>().await;
    }
}

/// Says it to whoever listens, if anybody does: with nobody there, `println` would end the program.
fn say(line: &str) {
    let _nobody = writeln!(std::io::stdout(), "{line}");
}

/// Ends the one worker as often as it is started.
async fn deaths() {
    let there = Placement::Node("local-0".to_owned());
    for n in 1.. {
        match die(Death::Exit(40 + n)).place(there.clone()).timeout(Duration::from_secs(5)).await {
            Err(error @ atasks::TaskError::NodeLost { .. }) => println!("death {n}: {error}"),
            other => {
                println!("instead of death {n}: {other:?}");
                return;
            }
        }
    }
}
