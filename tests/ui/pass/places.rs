//! Tasks stand wherever functions do, and have the names of their places.

use atasks::{
    __private::{Entry, TASKS},
    Result,
};

/// A module with the name of its task.
pub mod resize {
    /// Says where it is.
    #[atasks::task]
    pub async fn resize() -> atasks::Result<String> {
        Ok("resize".to_owned())
    }
}
pub use resize::resize;

/// A type with tasks of its own.
#[derive(Debug)]
pub struct Image;

impl Image {
    /// Belongs to the type by its place only.
    #[atasks::task]
    pub async fn load(path: String) -> Result<usize> {
        Ok(path.len())
    }
}

#[atasks::task]
async fn never_called() -> Result<()> {
    Ok(())
}

mod tests {
    use super::{Entry, Image, Result, TASKS, resize};

    #[atasks::task]
    async fn in_tests() -> Result<u8> {
        Ok(1)
    }

    #[atasks::test]
    async fn they_are_called_by_path() -> Result<()> {
        #[atasks::task]
        async fn in_a_function() -> Result<u8> {
            Ok(2)
        }
        assert_eq!(in_tests().await? + in_a_function().await?, 3);
        assert_eq!(resize().await?, "resize");
        assert_eq!(Image::load("abc".to_owned()).await?, 3);
        Ok(())
    }

    #[test]
    fn all_are_registered_under_package_module_and_function() {
        let names: Vec<&str> = TASKS.iter().map(Entry::name).collect();
        for path in ["resize::resize", "load", "never_called", "tests::in_tests", "tests::in_a_function"] {
            let name = format!("atasks::pass::places::{path}");
            assert_eq!(names.iter().filter(|known| **known == name).count(), 1, "{name} in {names:?}");
        }
    }
}
