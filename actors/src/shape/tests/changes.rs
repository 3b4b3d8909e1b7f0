//! What changes a shape, and what does not.

use super::*;

/// Declares a type in a module of its own, so that its name may be that of another.
macro_rules! shape {
    ($($item:tt)*) => {{
        #[derive(Debug, serde::Serialize, serde::Deserialize)]
        $($item)*
        text::<S>()
    }};
}

#[test]
fn equal_types_have_equal_shapes_wherever_they_are() {
    let here = shape! { struct S { a: u8, b: String } };
    let there = shape! { struct S { a: u8, b: Box<str> } };
    assert_eq!(here, there);
    assert!(!here.contains("changes") && !here.contains("::"), "{here}");
}

#[test]
fn each_change_of_a_type_changes_its_shape() {
    let shapes = [
        shape! { struct S { a: u8, b: u8 } },
        shape! { struct S { b: u8, a: u8 } },
        shape! { struct S { a: u8, c: u8 } },
        shape! { struct S { a: u8, b: u16 } },
        shape! { struct S { a: u8, b: Option<u8> } },
        shape! { struct S { a: u8, b: Vec<u8> } },
        shape! { struct S { a: u8, b: [u8; 1] } },
        shape! { struct S { a: u8 } },
        shape! { struct S { a: u8, b: u8, c: u8 } },
        shape! { struct S(u8, u8); },
        shape! { struct S(u8); },
        shape! { struct S; },
        shape! { #[serde(rename = "T")] struct S { a: u8, b: u8 } },
        shape! { #[serde(rename_all = "UPPERCASE")] struct S { a: u8, b: u8 } },
        shape! { enum S { A, B } },
        shape! { enum S { B, A } },
        shape! { enum S { A, B, C } },
        shape! { enum S { A, B(u8) } },
        shape! { enum S { A, B { x: u8 } } },
        shape! { enum S { A, B { y: u8 } } },
        shape! { enum S { A, B(u8, u8) } },
        shape! { enum S { A, B((u8, u8)) } },
        shape! { enum S { A, B(Box<S>) } },
        shape! { enum S { A, B(Vec<S>) } },
    ];
    for (at, shape) in shapes.iter().enumerate() {
        assert!(!shapes[..at].contains(shape), "the same as another: {shape}");
    }
}

#[test]
fn names_cannot_pass_for_others() {
    let shape = shape! { struct S { #[serde(rename = "a\", \"b")] a: u8 } };
    assert!(shape.contains(r#"["a\", \"b"]"#), "{shape}");
}
