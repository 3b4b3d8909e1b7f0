//! What the tests of calls share.
#![allow(dead_code)]

use std::{future::Future, panic::Location, time::Duration};

use tokio::{sync::Notify, time::timeout};

/// How long anything here may take on a busy machine. Only a test that fails waits for it.
const SOON: Duration = Duration::from_secs(30);

/// Waits for what must come: a test that would hang says where instead.
#[track_caller]
pub(crate) fn soon<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let site = Location::caller();
    async move {
        match timeout(SOON, future).await {
            Ok(value) => value,
            Err(_) => panic!("nothing came in {SOON:?} at {site}"),
        }
    }
}

/// Tells when it is dropped.
pub(crate) struct OnDrop(pub(crate) &'static Notify);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}
