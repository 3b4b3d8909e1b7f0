//! Whom the two ends of a Unix socket trust, by effective uid.

/// The uid this process acts as.
pub(super) fn own() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Whether a listener lets somebody in: the same user, or root, who could read this process's memory anyhow.
pub(super) fn may_enter(own: u32, peer: u32) -> bool {
    peer == own || peer == 0
}

/// Whether one who dials trusts the listener. Root may look into any user's cluster; that user gains nothing by it
/// that root does not choose to send.
pub(super) fn may_be_dialled(own: u32, peer: u32) -> bool {
    // Links are symmetrical: whoever root dialled could have root run tasks.
    may_enter(own, peer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_user_and_root_meet() {
        // own, peer, may enter, may be dialled
        for (own, peer, enters, dialled) in [
            (1000, 1000, true, true),
            (1000, 0, true, true),
            (1000, 1001, false, false),
            (1000, 65534, false, false),
            (0, 0, true, true),
            (0, 1000, false, false),
        ] {
            assert_eq!((may_enter(own, peer), may_be_dialled(own, peer)), (enters, dialled), "{own} {peer}");
        }
    }
}
