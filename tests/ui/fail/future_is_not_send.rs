//! A task may be taken to another thread before it starts, so its future is `Send`.

use std::rc::Rc;

#[atasks::task]
async fn count(n: u64) -> atasks::Result<u64> {
    let counted = Rc::new(n);
    half(n).await?;
    Ok(*counted)
}

#[atasks::task]
async fn half(n: u64) -> atasks::Result<u64> {
    Ok(n / 2)
}

fn main() {
    drop(count(1));
}
