//! Shapes of many types: those that are known, those that change, and those that are refused.

mod changes;
mod refused;
mod traced;

use std::fmt::Debug;

use serde::{Serialize, de::DeserializeOwned};

use super::*;

/// The shape of a type that the codec can carry: the same in two runs, with samples that survive.
#[track_caller]
fn traced<T: Serialize + DeserializeOwned + Debug>() -> (String, Vec<T>) {
    let Trace::Traced { text, samples } = trace::<T>() else { panic!("not traced: {:?}", trace::<T>()) };
    assert!(
        matches!(trace::<T>(), Trace::Traced { text: again, .. } if again == text),
        "another one each time: {text}"
    );
    assert_eq!(round_trip(&samples), Ok(()), "{samples:?}");
    (text, samples)
}

#[track_caller]
fn text<T: Serialize + DeserializeOwned + Debug>() -> String {
    traced::<T>().0
}

#[track_caller]
fn unsupported<T: DeserializeOwned + Debug>() -> String {
    match trace::<T>() {
        Trace::Unsupported { reason } => reason,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn opaque<T: DeserializeOwned + Debug>() -> String {
    match trace::<T>() {
        Trace::Opaque { reason } => reason,
        other => panic!("{other:?}"),
    }
}
