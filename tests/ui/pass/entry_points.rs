//! Main functions and tests, async or not, with and without a result.

/// Sets a node up.
///
/// # Errors
/// Never.
#[allow(clippy::unused_async)]
pub async fn setup(_: &mut atasks::NodeBuilder) -> atasks::Result<()> {
    Ok(())
}

mod plain {
    #[atasks::main]
    pub(super) fn main() {}
}

mod with_result {
    #[atasks::main(setup = super::setup, worker = "serve")]
    pub(super) async fn main() -> atasks::Result<()> {
        let n: u8 = "1".parse()?;
        assert_eq!(n, 1);
        Ok(())
    }
}

mod with_exit_code {
    use std::process::ExitCode;

    #[atasks::main]
    pub(super) async fn main() -> ExitCode {
        tokio::task::yield_now().await;
        ExitCode::SUCCESS
    }
}

#[test]
fn main_functions_have_the_types_that_they_state() {
    let _: fn() = plain::main;
    let _: fn() -> atasks::Result<()> = with_result::main;
    let _: fn() -> std::process::ExitCode = with_exit_code::main;
}

#[atasks::test]
fn without_async() {}

#[atasks::test]
async fn with_async() {
    tokio::task::yield_now().await;
}

#[atasks::test]
#[ignore = "only that it is ignored matters"]
async fn ignored() {
    panic!("it ran");
}

#[atasks::test]
#[should_panic(expected = "as it should")]
async fn panics() {
    panic!("as it should");
}

#[atasks::test]
async fn r#type() -> Result<(), Box<dyn std::error::Error>> {
    Ok(())
}
