//! A declaration has a name and no body.

atasks::declare! {
    #[task]
    async fn nameless(n: u64) -> atasks::Result<u64>;

    #[task(name = "images::resize", timout = "1s")]
    async fn with_body(n: u64) -> atasks::Result<u64> {
        Ok(n)
    }

    async fn bare(n: &str) -> atasks::Result<u64>;
}

atasks::declare! {
    struct Resize;
}

fn main() {
    drop((nameless(1), with_body(1), bare("")));
}
