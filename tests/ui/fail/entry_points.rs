//! What `#[main]` and `#[test]` take.

#[atasks::test(cluster = 2, sim = 3)]
async fn both() {}

#[atasks::test(nodes = 2)]
#[test]
fn twice() {}

#[atasks::test]
async fn with_argument(n: u64) {}

#[atasks::test]
mod tests {}

#[atasks::main(setup = "setup", wroker = "serve")]
async fn main<T>() {}
