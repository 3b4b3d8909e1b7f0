//! Serving until the system or a person asks to stop.

use tokio::signal::unix::{SignalKind, signal};

use crate::StartError;

/// Waits for SIGTERM or SIGINT. The second one ends the process at once.
pub(crate) async fn until_signalled() -> Result<(), StartError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        std::process::exit(130);
    });
    Ok(())
}
