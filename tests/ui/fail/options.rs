//! Every mistake in the options is told, with what to write instead.

#[atasks::task(timout = "30s", idempotent, idempotent, wholly_unknown)]
async fn unknown(n: u64) -> atasks::Result<u64> {
    Ok(n)
}

#[atasks::task(
    timeout = "30",
    retry = "3",
    max = 0,
    blocking = true,
    version,
    message = "Resize",
    name = "",
    crate = 3
)]
async fn bad_values(n: u64) -> atasks::Result<u64> {
    Ok(n)
}

#[atasks::task(timeout("30s"), timeout = "0s")]
async fn malformed(n: u64) -> atasks::Result<u64> {
    Ok(n)
}

fn main() {
    drop((unknown(1), bad_values(1), malformed(1)));
}
