//! The signals by which the system or a person asks a node to stop.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::StartError;

/// SIGTERM and SIGINT.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Takes the signals over from the system: from now on they end the process no more by themselves.
    pub(crate) fn new() -> Result<Self, StartError> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for the next of them.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
