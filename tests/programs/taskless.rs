//! A program without tasks.

#[atasks::main]
fn main() {
    println!("runs");
}
