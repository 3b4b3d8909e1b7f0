//! Tasks that other macros write.

/// A type that they name by `$crate`.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Given(u8);

macro_rules! tasks {
    ($($name:ident: $ty:ty => $body:expr;)*) => {
        $(#[atasks::task]
        async fn $name(value: $ty, given: $crate::pass::from_macros::Given) -> atasks::Result<$ty> {
            let body: fn($ty) -> $ty = $body;
            Ok(body(value) + <$ty>::from(given.0))
        })*
    };
}

tasks! {
    double: u16 => |n| n * 2;
    half: u32 => |n| n / 2;
}

#[atasks::test]
async fn they_run() -> atasks::Result<()> {
    assert_eq!((double(2, Given(1)).await?, half(2, Given(1)).await?), (5, 2));
    Ok(())
}
