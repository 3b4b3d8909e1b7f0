//! A program with `#[atasks::main]` and without async.

#![expect(clippy::unwrap_used, reason = "a program of tests")]

mod tasks;

/// Another program has it with other types.
#[atasks::task(name = "typed::differs")]
async fn differs(text: String) -> atasks::Result<String> {
    Ok(text)
}

#[atasks::main(worker = "serve")]
fn main() -> Result<(), atasks::TaskError> {
    let found = tasks::whereabouts().wait()?;
    println!(
        "{:?}, a task in another process: {}",
        std::env::args().skip(1).collect::<Vec<_>>(),
        found.pid != std::process::id()
    );
    Ok(())
}
