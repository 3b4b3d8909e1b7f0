//! The crate under another name.

extern crate atasks as renamed;

/// Finds it by the option.
#[renamed::task(crate = renamed, message = Add)]
pub async fn add(a: u8, b: Vec<u8>) -> renamed::Result<u8> {
    Ok(a + b.iter().sum::<u8>())
}

#[renamed::test(crate = self::renamed)]
async fn it_is_found() -> renamed::Result<()> {
    assert_eq!(add(1, vec![2]).await?, 3);
    Ok(())
}

mod launch {
    use super::renamed;

    #[renamed::main(crate = renamed)]
    pub(super) async fn main() {}
}

#[test]
fn main_is_a_function() {
    let _: fn() = launch::main;
}
