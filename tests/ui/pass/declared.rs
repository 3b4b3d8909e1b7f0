//! Tasks whose bodies are in other programs.

use atasks::{__private::TASKS, Result, Task, TaskError, TaskOptions};

atasks::declare! {
    /// Makes an image smaller.
    #[task(name = "elsewhere::resize", timeout = "1s", message = Resize)]
    pub async fn resize(url: String, width: u32) -> Result<Vec<u8>>;

    #[atasks::task(name = "elsewhere::load", blocking)]
    fn load(path: String) -> std::result::Result<String, TaskError>;
}

#[test]
fn they_have_their_names_and_options() {
    assert_eq!(Resize::NAME, "elsewhere::resize");
    assert_eq!(Resize::OPTIONS, TaskOptions::new().timeout(std::time::Duration::from_secs(1)));
}

#[test]
fn they_are_known_to_have_no_body() {
    for name in ["elsewhere::resize", "elsewhere::load"] {
        assert!(TASKS.iter().any(|entry| entry.name() == name && !entry.has_body()), "{name}");
    }
}

#[tokio::test]
async fn none_can_run_here() {
    assert!(resize("a".to_owned(), 1).run().await.is_err());
    assert!(load("a".to_owned()).run().await.is_err());
}
