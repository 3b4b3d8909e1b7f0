//! Protocol versions.

/// The protocol versions that this code speaks.
pub const VERSIONS: Versions = Versions { min: 1, max: 1 };

/// A range of protocol versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    /// Oldest.
    pub min: u16,
    /// Newest.
    pub max: u16,
}

impl Versions {
    /// Returns the newest version in both ranges.
    pub fn common(self, other: Self) -> Option<u16> {
        let newest = self.max.min(other.max);
        (newest >= self.min.max(other.min)).then_some(newest)
    }

    /// Whether this one is among them.
    pub fn contains(self, version: u16) -> bool {
        (self.min..=self.max).contains(&version)
    }
}

impl std::fmt::Display for Versions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.min == self.max {
            true => write!(f, "version {}", self.min),
            false => write!(f, "versions {} to {}", self.min, self.max),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(ours: (u16, u16), theirs: (u16, u16), common: Option<u16>) {
        let versions = |(min, max)| Versions { min, max };
        assert_eq!(versions(ours).common(versions(theirs)), common);
        assert_eq!(versions(theirs).common(versions(ours)), common);
    }

    #[test]
    fn the_newest_common_version_is_taken() {
        check((1, 1), (1, 1), Some(1));
        check((1, 4), (2, 9), Some(4));
        check((1, 4), (2, 3), Some(3));
        check((1, 2), (3, 4), None);
        check((1, 9), (5, 4), None);
    }
}
