use std::collections::BTreeMap;

use super::*;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Point {
    x: u32,
    label: Option<String>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Arguments {
    points: Vec<Point>,
    by_name: BTreeMap<String, Vec<u8>>,
}

fn complaint_about(json: &str) -> String {
    read::<Arguments>(json.as_bytes()).unwrap_err().to_string()
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_an_example() {
    let told = complaint_about(r#"{"points": [{"x": 1}, {"x": "a"}], "by_name": {}}"#);
    assert!(told.starts_with("`points[1].x`, line 1, column 31: invalid type: string \"a\", expected u32"), "{told}");
    assert!(
        told.ends_with(r#"; what it takes looks like {"points":[{"x":0,"label":""}],"by_name":{"":[0]}}"#),
        "{told}"
    );

    let told = complaint_about("{\n  \"points\": []}");
    assert!(told.starts_with("line 2, column 15: missing field `by_name`"), "{told}");
    let told = complaint_about(r#"{"points": []"#);
    assert!(told.starts_with("line 1, column 13: EOF"), "{told}");
    let told = complaint_about(r#"{"points": [], "by_name": {"a": [256]}}"#);
    assert!(told.starts_with("`by_name.a[0]`, line 1, column 36: invalid value: integer `256`, expected u8"), "{told}");
    let told = complaint_about(r#"{"points": [], "by_name": {}} []"#);
    assert_eq!(told, "line 1, column 31: trailing characters");
}

#[test]
fn arguments_may_come_by_position() {
    let read: Arguments = read(br#"[[{"x": 7}], {"a": [1, 2]}]"#).unwrap();
    assert_eq!(read.points, [Point { x: 7, label: None }]);
    assert_eq!(read.by_name["a"], [1, 2]);
}

#[test]
fn json_that_nests_too_deep_is_refused() {
    let deep = "[".repeat(100_000);
    assert!(read::<Vec<Point>>(deep.as_bytes()).unwrap_err().to_string().contains("expected u32"));
    assert!(read::<serde_json::Value>(deep.as_bytes()).unwrap_err().to_string().contains("recursion limit"));
}

#[test]
fn what_is_written_is_bounded_and_tells_its_size() {
    assert_eq!(write(&[1, 2, 3], 7), Ok("[1,2,3]".to_owned()));
    assert_eq!(write(&[1, 2, 3], 6), Err(codec::Error::TooLarge { size: 7 }));
    let keyed = BTreeMap::from([((1, 2), 3)]);
    assert!(matches!(write(&keyed, 100), Err(codec::Error::Invalid(text)) if text.contains("key must be a string")));
}

#[derive(Debug, thiserror::Error)]
#[error("outer")]
struct Outer(#[source] std::io::Error);

struct Shown;

impl Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("shown")
    }
}

struct Mute;

#[test]
#[expect(clippy::needless_borrow, reason = "how `#[task]` asks, whatever the type")]
fn an_error_is_told_by_the_best_that_it_can() {
    let outer = Err::<(), _>(Outer(std::io::Error::other("inner")));
    assert_eq!((&&&Told(&outer)).tell().as_deref(), Some("outer\n  caused by: inner"));
    assert_eq!((&&&Told(&Err::<(), _>(Shown))).tell().as_deref(), Some("shown"));
    assert_eq!((&&&Told(&Err::<(), _>(Mute))).tell(), None);
    assert_eq!((&&&Told(&Ok::<_, Shown>(1))).tell(), None);
    let erased = Err::<(), _>(Error::from(Outer(std::io::Error::other("inner"))).context("no luck"));
    assert_eq!((&&&Told(&erased)).tell().as_deref(), Some("no luck\n  caused by: outer\n  caused by: inner"));
}
