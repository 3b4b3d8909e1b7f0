//! The worker of `examples/thin_client`, which knows its tasks by name and types only.

use atasks::Error;

#[atasks::task(name = "thin::count")]
async fn count(text: String) -> atasks::Result<usize> {
    Ok(text.split_whitespace().count())
}

#[atasks::task(name = "thin::letters")]
async fn letters(word: String) -> atasks::Result<usize> {
    match word.chars().find(|c| !c.is_alphabetic()) {
        None => Ok(word.chars().count()),
        Some(other) => Err(Error::msg(format!("`{word}` is no word: it has {other:?}"))),
    }
}

/// Called as `thin_worker worker --listen ADDRESS` this is never reached.
#[atasks::main]
async fn main() -> atasks::Result<()> {
    println!("{} words, in a worker of this program itself", count("one two".into()).await?);
    Ok(())
}
