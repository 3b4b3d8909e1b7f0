//! A program with tasks whose types cannot cross: it starts nowhere.

use std::collections::BTreeMap;

use atasks::TaskError;
use serde::{Deserialize, Deserializer, Serialize, de::IgnoredAny};

type Done<T> = Result<T, TaskError>;

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(u8),
    Text(String),
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Internal {
    One { x: u8 },
    Two { y: u8 },
}

#[derive(Serialize, Deserialize)]
struct Flat {
    x: u8,
    #[serde(flatten)]
    rest: BTreeMap<String, u8>,
}

#[derive(Serialize)]
struct Anything(u8);

impl<'de> Deserialize<'de> for Anything {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IgnoredAny).map(|_| Self(0))
    }
}

#[derive(Serialize, Deserialize)]
struct Skips {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    count: u32,
}

#[derive(Serialize, Deserialize)]
struct OneWay {
    #[serde(skip_serializing, default)]
    x: u8,
    y: u8,
}

#[atasks::task]
async fn untagged(value: Untagged) -> Done<()> {
    drop(value);
    Ok(())
}

#[atasks::task]
async fn internally_tagged(value: Vec<Internal>) -> Done<()> {
    drop(value);
    Ok(())
}

#[atasks::task]
async fn flattened() -> Done<Flat> {
    Ok(Flat { x: 0, rest: BTreeMap::new() })
}

#[atasks::task]
async fn any(value: Option<Anything>) -> Done<u8> {
    Ok(value.map_or(0, |value| value.0))
}

#[atasks::task]
async fn skipping(value: Skips) -> Done<()> {
    drop(value);
    Ok(())
}

#[atasks::task]
async fn one_way(value: OneWay) -> Done<u8> {
    Ok(value.x + value.y)
}

/// A version stands for the shape; it makes nothing cross that cannot.
#[atasks::task(version = "1")]
async fn vouched_for(value: Untagged) -> Done<()> {
    drop(value);
    Ok(())
}

#[atasks::main]
async fn main() -> Done<()> {
    untagged(Untagged::Number(1)).await?;
    vouched_for(Untagged::Text(String::new())).await
}
