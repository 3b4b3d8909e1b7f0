//! A spawned future that has lost its task is warned of, once for each place.

use std::sync::{Mutex, Once};

use atasks::{InvocationId, Result, current};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

static WARNINGS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Keeps the texts of warnings of all threads.
struct Warnings;

impl Visit for Warnings {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            WARNINGS.lock().unwrap().push(format!("{value:?}"));
        }
    }
}

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::WARN
    }

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Warnings);
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

fn collect_warnings() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(Warnings).unwrap());
}

fn warnings_of(line: u32) -> Vec<String> {
    let site = format!("{}:{line}:", file!());
    WARNINGS.lock().unwrap().iter().filter(|text| text.contains(&site)).cloned().collect()
}

#[atasks::task]
async fn parent_of_mine() -> Result<Option<InvocationId>> {
    Ok(current().parent())
}

/// The parents that its three children see, and the line at which it calls them.
#[atasks::task]
async fn loses() -> Result<(Vec<Option<InvocationId>>, u32)> {
    let node = atasks::node()?;
    let mut parents = Vec::new();
    for _ in 0..3 {
        let lost = node.scope(async { parent_of_mine().await });
        parents.push(tokio::spawn(lost).await??);
    }
    Ok((parents, line!() - 3))
}

#[atasks::task]
async fn keeps() -> Result<u32> {
    atasks::spawn(async { parent_of_mine().await }).await??;
    tokio::spawn(parent_of_mine()).await??;
    tokio::spawn(parent_of_mine().detached()).await??;
    Ok(line!() - 1)
}

#[atasks::test]
async fn it_is_warned_of_once_by_file_and_line() {
    collect_warnings();
    let (parents, line) = loses().await.unwrap();
    assert_eq!(parents, [None; 3]);
    loses().await.unwrap();
    let warnings = warnings_of(line);
    assert_eq!(warnings.len(), 1, "{:?}", WARNINGS.lock().unwrap());
    assert!(warnings[0].contains("atasks::spawn(..)") && warnings[0].contains("current().scope(..)"), "{warnings:?}");
}

#[atasks::test]
async fn what_keeps_its_task_is_not_warned_of() {
    collect_warnings();
    let last = keeps().await.unwrap();
    for line in last - 3..=last {
        assert_eq!(warnings_of(line), [""; 0]);
    }
    // Nor a call made outside of all tasks.
    parent_of_mine().await.unwrap();
    assert_eq!(warnings_of(line!() - 1), [""; 0]);
}
