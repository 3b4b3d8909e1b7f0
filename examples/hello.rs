//! One task, awaited here and run in a worker process: `cargo run --example hello`.
//! Prints `hello world from process 4712` (the number of a process that is not this one).

#[atasks::task]
async fn hello(name: String) -> atasks::Result<String> {
    Ok(format!("hello {name} from process {}", std::process::id()))
}

#[atasks::main]
async fn main() -> atasks::Result<()> {
    println!("{}", hello("world".into()).await?);
    Ok(())
}
