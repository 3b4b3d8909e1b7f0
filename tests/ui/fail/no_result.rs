//! A task returns a `Result`.

#[atasks::task]
async fn nothing(n: u64) {
    drop(n);
}

#[atasks::task]
async fn plain(n: u64) -> u64 {
    n
}

fn main() {
    drop((nothing(1), plain(1)));
}
