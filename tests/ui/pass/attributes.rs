//! Attributes go where they work.

use atasks::Result;

/// It has one.
#[atasks::task]
#[cfg(not(any()))]
#[deprecated = "use another"]
pub async fn old() -> Result<()> {
    Ok(())
}

#[atasks::task(message = Never)]
#[cfg(any())]
async fn never(what: DoesNotExist) -> Result<()> {
    unreachable!()
}

#[cfg(any())]
#[atasks::task]
async fn never_either(what: DoesNotExist) -> Result<()> {
    unreachable!()
}

#[atasks::task]
#[tracing::instrument(skip(secret))]
#[expect(clippy::needless_pass_by_value, clippy::unnecessary_wraps, reason = "lints reach the body")]
async fn traced(n: u8, secret: String) -> Result<usize> {
    // Not for the task itself, but for this.
    fn wrapped(text: String) -> Option<usize> {
        Some(text.len())
    }
    Ok(usize::from(n) + wrapped(secret).unwrap_or_default())
}

#[atasks::task]
async fn with_inner() -> Result<u8> {
    #![allow(clippy::let_and_return)]
    let one = 1;
    one.try_into().map_err(atasks::Error::from)
}

#[atasks::test]
async fn they_run() -> Result<()> {
    #[expect(deprecated)]
    old().await?;
    assert_eq!(traced(1, "ab".to_owned()).await? + usize::from(with_inner().await?), 4);
    Ok(())
}
