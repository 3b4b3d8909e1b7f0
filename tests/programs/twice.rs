//! A program with two tasks of one name.

#[atasks::task(name = "greet")]
async fn hello() -> atasks::Result<()> {
    Ok(())
}

#[atasks::task(name = "greet")]
async fn good_day() -> atasks::Result<()> {
    Ok(())
}

#[atasks::main]
async fn main() -> atasks::Result<()> {
    hello().await?;
    good_day().await
}
