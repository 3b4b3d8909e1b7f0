//! A client that has no task's code, of a package that takes ATasks without its default feature `worker`: neither what runs
//! tasks nor ractor_cluster is built. The worker is `examples/thin_worker.rs`:
//!
//! ```text
//! cargo run --example thin_worker -- worker --listen unix:thin
//! ATASKS__CLUSTER__SEEDS=unix:thin cargo run -p thin_client
//! ```
//!
//! Prints `the worker has counted 9 words` and the letters of each in the order of the text.

atasks::declare! {
    /// Counts the words of a text.
    #[task(name = "thin::count")]
    async fn count(text: String) -> atasks::Result<usize>;

    /// Counts the letters of a word.
    #[task(name = "thin::letters")]
    async fn letters(word: String) -> atasks::Result<usize>;
}

const TEXT: &str = "the quick brown fox jumps over the lazy dog";

#[atasks::main]
async fn main() -> atasks::Result<()> {
    println!("the worker has counted {} words", count(TEXT.into()).await?);
    // Each is on its way before the first has come back: a call is an ordinary future.
    let calls: Vec<_> = TEXT.split(' ').map(|word| atasks::spawn(letters(word.into()))).collect();
    for (word, call) in TEXT.split(' ').zip(calls) {
        println!("{:2} letters  {word}", call.await??);
    }
    // Errors come back as they went, too.
    if let Err(error) = letters("9 o'clock".into()).await {
        println!("none letters: {error}");
    }
    Ok(())
}
