//! A program before its upgrade: what changes stands in a module of its own, of one name in both.

#[path = "upgrade/old.rs"]
mod changed;
mod log;
#[path = "upgrade/shared.rs"]
mod shared;

use shared::{Done, here, obey};

/// Without a name of its own: what stands in another file is another task.
#[atasks::task]
async fn greet() -> Done<String> {
    Ok(format!("greets by the old main.rs, {}", here()))
}

async fn setup(_: &mut atasks::NodeBuilder) -> atasks::Result<()> {
    log::show();
    Ok(())
}

#[atasks::main(setup = setup)]
async fn main() -> atasks::Result<()> {
    obey(std::env::args().skip(1)).await
}
