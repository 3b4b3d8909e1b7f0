//! A `String` has no room for `TaskError`.

#[atasks::task]
async fn resize(width: u32) -> Result<u32, String> {
    Ok(width)
}

fn main() {
    drop(resize(1));
}
