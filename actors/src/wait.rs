//! Waiting for a call without async: on any thread that may block.

use std::{future::Future, pin::pin};

use crate::{context::polling, executor::block, host::is_node_thread, task_error::TaskError};

/// Blocks this thread until `future` is over. On a thread for blocking tasks another task runs in the meantime.
///
/// # Errors
/// `WouldBlock` on a thread that a node needs to go on, or in a test whose nodes share this thread.
pub fn wait<F: Future>(future: F) -> Result<F::Output, TaskError> {
    if is_node_thread() || polling().is_some() {
        return Err(TaskError::WouldBlock);
    }
    let mut future = pin!(future);
    Ok(block(|cx| future.as_mut().poll(cx)))
}
