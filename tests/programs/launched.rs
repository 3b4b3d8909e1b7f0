//! A program with `#[atasks::main]` and a set-up. Its first argument says what for.

#![expect(clippy::unwrap_used, reason = "a program of tests")]

mod log;
mod subtree;
mod tasks;
mod typed;

use std::time::Duration;

use atasks::{NodeBuilder, Placement, TaskError};

use tasks::{hold, hold_on, run_program, whereabouts, whereabouts_of};

/// What the set-up leaves for tasks.
struct Prepared(String);

async fn setup(builder: &mut NodeBuilder) -> atasks::Result<()> {
    log::show();
    // Only a runtime has timers.
    tokio::time::sleep(Duration::from_millis(1)).await;
    let fails = std::env::var("SETUP_FAILS").is_ok_and(|role| role == "*" || role == format!("{:?}", builder.role()));
    if fails {
        return Err(atasks::Error::msg("db:5432 does not answer").context("no pool"));
    }
    builder.put_state(Prepared(format!("set up as {:?} in {}", builder.role(), std::process::id())));
    Ok(())
}

#[atasks::task]
async fn prepared() -> Result<String, TaskError> {
    Ok(atasks::state::<Prepared>().0.clone())
}

#[atasks::main(setup = setup)]
async fn main() -> atasks::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let order: Vec<_> = arguments.iter().map(String::as_str).collect();
    match &order[..] {
        ["states"] => {
            whereabouts().await?;
            let node = atasks::node()?;
            for info in node.nodes().into_iter().filter(|info| info.id != *node.id()) {
                println!("{}: {}", info.id.name(), prepared().on(info.id.clone()).await?);
            }
        }
        ["run", program, rest @ ..] => {
            let rest = rest.iter().map(ToString::to_string).collect();
            println!("{}", run_program(program.into(), rest, false).await?);
        }
        ["hold", first, second, folder] => {
            hold_on((*second).to_owned(), folder.into()).place(Placement::Node((*first).to_owned())).await?;
        }
        ["hold-at", node, folder] => {
            let held = hold(folder.into()).place(Placement::Node((*node).to_owned())).await;
            println!("held: {held:?}");
        }
        ["grow", leaves, folder] => {
            let nodes = atasks::node()?.nodes().into_iter().filter(|info| info.role == atasks::Role::Worker);
            let names = nodes.map(|info| info.id.name().to_owned()).collect();
            subtree::grow(names, leaves.parse()?, folder.into()).await?;
        }
        ["via", first, second] => {
            let call = whereabouts_of((*second).to_owned()).place(Placement::Node((*first).to_owned()));
            println!("in {}", call.timeout(Duration::from_secs(5)).await?.node);
        }
        ["everywhere"] => {
            for (node, place) in whereabouts().everywhere().await? {
                println!("{}: {}", node.name(), place?.pid);
            }
        }
        ["no-calls"] => println!("made no calls"),
        _ => println!("{arguments:?} in {}, a task in {}", std::process::id(), whereabouts().await?.pid),
    }
    Ok(())
}
