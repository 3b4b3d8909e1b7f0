//! What one value alone cannot tell: which values go together.

use super::{Config, LivenessConfig, units::duration::show};

/// How often a peer must have had the chance to be heard before it is suspect.
const SUSPECT_HEARTBEATS: u32 = 2;
/// And before it is lost.
const LOST_HEARTBEATS: u32 = 5;

/// A rule that settings break.
pub(super) struct Broken {
    /// The keys that it is about.
    pub(super) keys: &'static [&'static str],
    /// What was found, and what is allowed.
    pub(super) what: String,
}

/// The first rule that is broken, if any.
pub(super) fn broken(config: &Config) -> Option<Broken> {
    let LivenessConfig { heartbeat, suspect_after, lost_after } = config.liveness;
    if lost_after < heartbeat.saturating_mul(LOST_HEARTBEATS) {
        let what = format!(
            "`liveness.lost_after` is {}; allowed is at least {LOST_HEARTBEATS} x liveness.heartbeat ({})",
            show(lost_after),
            show(heartbeat)
        );
        return Some(Broken { keys: &["liveness.lost_after", "liveness.heartbeat"], what });
    }
    if suspect_after < heartbeat.saturating_mul(SUSPECT_HEARTBEATS) || suspect_after >= lost_after {
        let what = format!(
            "`liveness.suspect_after` is {}; allowed is at least {SUSPECT_HEARTBEATS} x liveness.heartbeat ({}), and less \
             than liveness.lost_after ({})",
            show(suspect_after),
            show(heartbeat),
            show(lost_after)
        );
        return Some(Broken { keys: &["liveness.suspect_after", "liveness.heartbeat", "liveness.lost_after"], what });
    }
    if config.cluster.secret.is_some() && config.cluster.secret_file.is_some() {
        let what = "`cluster.secret` and `cluster.secret_file` are both set; allowed is one of them".to_owned();
        return Some(Broken { keys: &["cluster.secret", "cluster.secret_file"], what });
    }
    None
}
