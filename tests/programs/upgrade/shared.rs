//! What an upgrade leaves as it was.

#![allow(dead_code, reason = "each program uses some of it")]

use std::time::Duration;

use atasks::{NodeId, Placement, TaskError};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use crate::changed;

pub(crate) type Done<T> = Result<T, TaskError>;

/// By which build a task runs, and where.
pub(crate) fn here() -> String {
    format!("{} on {}", changed::BUILD, atasks::current().node().name())
}

fn anywhere_or(node: Option<String>) -> Placement {
    node.map_or(Placement::Auto, Placement::Node)
}

#[atasks::task]
pub(crate) async fn unchanged() -> Done<String> {
    Ok(here())
}

/// Takes something along, and its time.
#[atasks::task]
pub(crate) async fn carry(load: Vec<u8>, millis: u64) -> Done<String> {
    tokio::time::sleep(Duration::from_millis(millis)).await;
    assert!(load.iter().all(|byte| *byte == 7), "the load has changed");
    Ok(here())
}

/// Awaits a task of this build below itself.
#[atasks::task]
pub(crate) async fn below(name: String, node: Option<String>) -> Done<String> {
    let inner = call(&name, anywhere_or(node)).await?;
    Ok(format!("{} > {inner}", here()))
}

/// The same on every worker that this build fits.
#[atasks::task]
pub(crate) async fn below_everywhere(name: String) -> Done<Vec<(NodeId, Done<String>)>> {
    made(&name).everywhere().await
}

/// Takes no text that anybody would guess.
#[derive(Serialize)]
pub(crate) struct Picky(String);

impl<'de> Deserialize<'de> for Picky {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "Open, Sesame" { Ok(Self(text)) } else { Err(D::Error::custom("not the word")) }
    }
}

/// The same in all builds, but none can know that.
#[atasks::task(name = "upgrade::unknown_shape")]
async fn unknown_shape(word: Picky) -> Done<String> {
    Ok(format!("{} opens: {}", word.0, here()))
}

/// The same, and the user's word for it.
#[atasks::task(name = "upgrade::vouched_for", version = "1")]
async fn vouched_for(word: Picky) -> Done<String> {
    Ok(format!("{} opens: {}", word.0, here()))
}

/// A call of one of the tasks, by the types of this build.
pub(crate) fn made(name: &str) -> atasks::TaskCall<Done<String>> {
    let word = || Picky("Open, Sesame".to_owned());
    match name {
        "unchanged" => unchanged(),
        "unknown_shape" => unknown_shape(word()),
        "vouched_for" => vouched_for(word()),
        "greet" => crate::greet(),
        name => changed::made(name),
    }
}

pub(crate) async fn call(name: &str, place: Placement) -> Done<String> {
    match name {
        "result_changed" => Ok(changed::show(&changed::result_changed().place(place).await?)),
        name => made(name).place(place).await,
    }
}

/// Does one order after the other, and says what came of it: `TASK[@NODE]`, below another task on a node with `NODE>`, or
/// on all with `*`.
pub(crate) async fn obey(orders: impl Iterator<Item = String>) -> atasks::Result<()> {
    for order in orders {
        let (above, rest) = order.split_once('>').map_or((None, &order[..]), |(above, rest)| (Some(above), rest));
        let (name, node) = rest.split_once('@').map_or((rest, None), |(name, node)| (name, Some(node.to_owned())));
        let ended = match (above, name.strip_prefix('*')) {
            (Some(above), _) => below(name.to_owned(), node).place(Placement::Node(above.to_owned())).await,
            (None, Some(name)) => made(name).everywhere().await.map(|all| {
                let all: Vec<_> =
                    all.into_iter().map(|(_, ended)| ended.unwrap_or_else(|error| error.to_string())).collect();
                all.join(" & ")
            }),
            (None, None) => call(name, anywhere_or(node)).await,
        };
        match ended {
            Ok(text) => println!("{order}: {text}"),
            Err(error) => println!("{order}: refused: {error}"),
        }
    }
    Ok(())
}
