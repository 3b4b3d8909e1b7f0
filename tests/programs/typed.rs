//! Tasks with types of all kinds, for those who call them without their code.

use std::collections::BTreeMap;

use atasks::TaskError;
use serde::{Deserialize, Serialize};

/// What is ordered.
#[derive(Serialize, Deserialize)]
pub(crate) struct Order {
    item: String,
    count: u32,
    note: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub(crate) enum Payment {
    Cash,
    Card { number: String },
    Parts(Vec<(u64, String)>),
}

#[derive(Debug, Serialize, Deserialize, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("there are no {0} left")]
    SoldOut(String),
    #[error("the order could not be taken")]
    Task(#[from] TaskError),
}

/// An error without a text.
#[derive(Serialize, Deserialize)]
pub(crate) enum Mute {
    Empty,
    Task(TaskError),
}

impl From<TaskError> for Mute {
    fn from(error: TaskError) -> Self {
        Self::Task(error)
    }
}

#[atasks::task(name = "typed::shout")]
pub(crate) async fn shout(text: String) -> atasks::Result<String> {
    Ok(text.to_uppercase())
}

#[atasks::task(name = "typed::order")]
pub(crate) async fn order(orders: Vec<Order>, by: Payment) -> Result<(Payment, BTreeMap<String, u32>), Refusal> {
    match orders.iter().find(|order| order.count > 100) {
        Some(order) => Err(Refusal::SoldOut(order.item.clone())),
        None => Ok((by, orders.into_iter().map(|order| (order.item, order.count)).collect())),
    }
}

#[atasks::task(name = "typed::reverse")]
pub(crate) async fn reverse(mut bytes: Vec<u8>) -> atasks::Result<Vec<u8>> {
    bytes.reverse();
    Ok(bytes)
}

#[atasks::task(name = "typed::nothing")]
pub(crate) async fn nothing() -> atasks::Result<()> {
    Ok(())
}

#[atasks::task(name = "typed::mute")]
pub(crate) async fn mute() -> Result<(), Mute> {
    Err(Mute::Empty)
}

#[atasks::task(name = "typed::chain")]
pub(crate) async fn chain() -> atasks::Result<()> {
    Err(atasks::Error::msg("the disk is full").context("nothing was kept"))
}

/// Waits for ever on the first level below, and is found dropped there.
#[atasks::task(name = "typed::nested")]
pub(crate) async fn nested(folder: std::path::PathBuf) -> Result<(), TaskError> {
    crate::tasks::hold(folder).await
}

/// Another program has it with other types.
#[atasks::task(name = "typed::differs")]
pub(crate) async fn differs(number: u64) -> atasks::Result<u64> {
    Ok(number)
}
