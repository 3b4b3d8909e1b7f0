//! A mistake in the body is shown where it is.

#[atasks::task]
async fn double(n: u64) -> atasks::Result<u64> {
    n * 2
}

#[atasks::task]
async fn length(text: String) -> atasks::Result<usize> {
    drop(text);
    Ok(text.len())
}

fn main() {
    drop((double("2"), length(String::new())));
}
