//! A call that is not awaited does nothing.

#![deny(unused_must_use)]

#[atasks::task]
async fn fib(n: u64) -> atasks::Result<u64> {
    Ok(n)
}

fn main() {
    fib(3);
}
