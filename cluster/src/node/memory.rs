//! How much memory there is for a node: that of the machine, or of the control group that the process is in.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// What is taken for granted where the system does not tell.
const UNKNOWN: usize = 4 << 30;

/// What `limits.memory` is unless it is set: half of what there is.
#[must_use]
pub fn default() -> usize {
    found(Path::new("/")) / 2
}

/// The least of what the machine has and what the control groups allow.
fn found(root: &Path) -> usize {
    let machine = fs::read_to_string(root.join("proc/meminfo")).ok().and_then(|text| total(&text));
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let limits = limit_files(&groups).into_iter().filter_map(|file| limit(&fs::read_to_string(root.join(file)).ok()?));
    machine.into_iter().chain(limits).min().unwrap_or(UNKNOWN)
}

/// `MemTotal` of `/proc/meminfo`, which is in KiB.
fn total(meminfo: &str) -> Option<usize> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()?.checked_mul(1024)
}

/// A limit as control groups tell it; none where it says `max`. Version 1 says so by a number that no machine has.
fn limit(text: &str) -> Option<usize> {
    text.trim().parse().ok()
}

/// The files that may limit this process: those of its own group, as `/proc/self/cgroup` names it, and of all above. In a
/// container the group may be the root of what is mounted, whatever its name.
fn limit_files(groups: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let (mount, file) = match controllers {
            "" => ("sys/fs/cgroup", "memory.max"),
            some if some.split(',').any(|name| name == "memory") => ("sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            _ => continue,
        };
        let path = Path::new(path.trim_start_matches('/'));
        files.extend(path.ancestors().map(|group| Path::new(mount).join(group).join(file)));
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMINFO: &str = "MemTotal:        8000 kB\nMemFree:         100 kB\n";

    fn with(files: &[(&str, &str)]) -> usize {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        found(root.path())
    }

    #[test]
    fn without_a_control_group_it_is_what_the_machine_has() {
        assert_eq!(with(&[("proc/meminfo", MEMINFO)]), 8000 << 10);
        assert_eq!(with(&[("proc/meminfo", MEMINFO), ("proc/self/cgroup", "0::/a\nnonsense\n4:memory")]), 8000 << 10);
    }

    #[test]
    fn the_least_limit_of_the_groups_of_version_2_counts() {
        let files = |own, above| {
            [
                ("proc/meminfo", MEMINFO),
                ("proc/self/cgroup", "0::/a/b\n"),
                ("sys/fs/cgroup/a/b/memory.max", own),
                ("sys/fs/cgroup/a/memory.max", above),
            ]
        };
        assert_eq!(with(&files("1000000\n", "max\n")), 1_000_000);
        assert_eq!(with(&files("max\n", "2000000\n")), 2_000_000);
        assert_eq!(with(&files("max\n", "max\n")), 8000 << 10);
    }

    #[test]
    fn a_group_of_version_1_may_be_the_root_of_what_is_mounted() {
        let group = ("proc/self/cgroup", "5:cpu,cpuacct:/\n4:memory:/docker/x\n0::/\n");
        let unlimited = "9223372036854771712\n";
        let at = |path, text| with(&[("proc/meminfo", MEMINFO), group, (path, text)]);
        assert_eq!(at("sys/fs/cgroup/memory/memory.limit_in_bytes", "3000000\n"), 3_000_000);
        assert_eq!(at("sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes", "4000000\n"), 4_000_000);
        assert_eq!(at("sys/fs/cgroup/memory/memory.limit_in_bytes", unlimited), 8000 << 10);
    }

    #[test]
    fn a_system_that_tells_nothing_has_some() {
        assert_eq!(with(&[("proc/meminfo", "MemTotal: much\n")]), UNKNOWN);
        assert!(default() > 0);
    }
}
