//! Tasks whose messages are types.

use std::time::Duration;

use atasks::{Result, Task, TaskOptions};

/// Makes an image smaller.
#[atasks::task(message = Resize, name = "images::resize", timeout = "2m", retry = 3, max = 4, version = "2", idempotent)]
pub async fn resize(url: String, width: u32) -> Result<String> {
    Ok(format!("{url}?{width}"))
}

#[atasks::task(message = Hidden)]
pub(crate) async fn hidden() -> Result<()> {
    Ok(())
}

#[atasks::task(message = NeverCalled)]
async fn never_called(_unread: u8) -> Result<()> {
    Ok(())
}

/// A task that is written by hand.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Double {
    /// What is doubled.
    pub n: u64,
}

impl Task for Double {
    type Return = Result<u64>;
    const NAME: &'static str = "messages::double";

    async fn run(self) -> Self::Return {
        Ok(self.n * 2)
    }
}

/// Users give it what they want it to have.
impl std::fmt::Debug for Resize {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resize").field("url", &self.url).finish_non_exhaustive()
    }
}

#[test]
fn options_are_those_of_the_attribute() {
    let options = TaskOptions::new().timeout(Duration::from_secs(120)).idempotent().retry(3).max(4).version("2");
    assert_eq!((Resize::NAME, Resize::OPTIONS), ("images::resize", options));
    assert_eq!(Hidden::OPTIONS, TaskOptions::new());
}

#[atasks::test]
async fn a_message_is_called() -> Result<()> {
    let message = Resize { url: "a".to_owned(), width: 7 };
    assert_eq!(message.call().await?, resize("a".to_owned(), 7).await?);
    hidden().await?;
    assert_eq!(Hidden {}.run().await?, ());
    Ok(())
}

#[tokio::test]
async fn a_task_by_hand_runs() -> Result<()> {
    assert_eq!(Double { n: 4 }.call().run().await?, 8);
    Ok(())
}
