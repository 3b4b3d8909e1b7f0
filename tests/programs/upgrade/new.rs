//! The tasks that an upgrade changes, as they are after it.

use serde::{Deserialize, Serialize};

use crate::shared::{Done, here};

pub(crate) const BUILD: &str = "new";

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Point {
    x: u32,
    y: u32,
    z: u32,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Size {
    height: u32,
    width: u32,
}

#[allow(dead_code, reason = "those that are not used have their numbers, too")]
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Color {
    Red,
    Green,
    Blue,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Answer {
    count: u64,
    ran: String,
}

#[atasks::task(name = "upgrade::field_added")]
async fn field_added(point: Point) -> Done<String> {
    Ok(format!("{:?}, {}", (point.x, point.y, point.z), here()))
}

#[atasks::task(name = "upgrade::fields_swapped")]
async fn fields_swapped(size: Size) -> Done<String> {
    Ok(format!("{} wide, {} high, {}", size.width, size.height, here()))
}

#[atasks::task(name = "upgrade::arguments_swapped")]
async fn arguments_swapped(to: u32, from: u32) -> Done<String> {
    Ok(format!("from {from} to {to}, {}", here()))
}

#[atasks::task(name = "upgrade::variant_inserted")]
async fn variant_inserted(color: Color) -> Done<String> {
    Ok(format!("{color:?}, {}", here()))
}

#[atasks::task(name = "upgrade::result_changed")]
pub(crate) async fn result_changed() -> Done<Answer> {
    Ok(Answer { ran: here(), count: 1 })
}

pub(crate) fn show(answer: &Answer) -> String {
    format!("{} of {}", answer.count, answer.ran)
}

#[atasks::task(name = "upgrade::version_changed", version = "2")]
async fn version_changed() -> Done<String> {
    Ok(here())
}

#[atasks::task(name = "upgrade::body_changed")]
async fn body_changed() -> Done<String> {
    Ok(format!("improved, {}", here()))
}

#[atasks::task(name = "upgrade::added")]
async fn added() -> Done<String> {
    Ok(here())
}

pub(crate) fn made(name: &str) -> atasks::TaskCall<Done<String>> {
    match name {
        "field_added" => field_added(Point { x: 1, y: 2, z: 3 }),
        "fields_swapped" => fields_swapped(Size { height: 4, width: 3 }),
        "arguments_swapped" => arguments_swapped(6, 5),
        "variant_inserted" => variant_inserted(Color::Green),
        "version_changed" => version_changed(),
        "body_changed" => body_changed(),
        "added" => added(),
        other => panic!("{other} is no task of the new build"),
    }
}
