//! The file that a `LocalCluster` leaves in the user's runtime folder while it runs, so that the tool finds it.
//!
//! It is locked as long as its process lives: whatever ends the process opens the lock, and a file without a lock is
//! stale, whoever has its number by now.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use atasks_cluster::{address::Address, transport};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

/// How the names of run files end.
const ENDING: &str = "cluster.json";
/// Most bytes of one.
const FILE_MAX: u64 = 64 << 10;
/// Most of them that are read.
const FILES_MAX: usize = 1024;

/// A [`LocalCluster`](super::LocalCluster) of this user that runs on this machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RunningCluster {
    /// The process that has started it.
    pub pid: u32,
    /// What that process runs.
    pub program: String,
    /// Where its workers listen.
    pub addresses: Vec<String>,
}

/// The run file of this process's cluster; gone when this is dropped.
#[derive(Debug)]
pub(super) struct RunFile {
    path: PathBuf,
    _locked: File,
}

impl RunFile {
    /// Writes it, readable by its owner alone.
    pub(super) fn write(addresses: &[Address]) -> io::Result<Self> {
        let pid = std::process::id();
        let program = std::env::current_exe()?.display().to_string();
        let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        let first = addresses.first().map(|address| address.replace([':', '/'], "-")).unwrap_or_default();
        let folder = transport::own_runtime_folder().map_err(io::Error::other)?;
        Self::write_in(&folder, &first, &RunningCluster { pid, program, addresses })
    }

    fn write_in(folder: &Path, name: &str, cluster: &RunningCluster) -> io::Result<Self> {
        // Programs that were killed have left theirs, and not every user ever looks for clusters.
        running_in(folder);
        let path = folder.join(format!("{name}.{ENDING}"));
        // Locked before anybody can see it under its name: so it is never taken for a stale one.
        let draft = folder.join(format!(".{name}.{:016x}", rand::random::<u64>()));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        let written = flock(&file, FlockOperation::NonBlockingLockExclusive)
            .map_err(io::Error::from)
            .and_then(|()| file.write_all(&serde_json::to_vec(cluster)?))
            .and_then(|()| fs::rename(&draft, &path));
        if written.is_err() {
            let _ = fs::remove_file(&draft);
        }
        written.map(|()| Self { path, _locked: file })
    }
}

impl Drop for RunFile {
    fn drop(&mut self) {
        // Whoever finds it later sweeps it.
        let _ = fs::remove_file(&self.path);
    }
}

/// The clusters whose files are locked; files that are not are removed.
pub(super) fn running() -> Vec<RunningCluster> {
    running_in(&transport::runtime_folder())
}

fn running_in(folder: &Path) -> Vec<RunningCluster> {
    // Without the folder there is none.
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let files = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let named = files.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(ENDING)));
    let mut running: Vec<_> = named.take(FILES_MAX).filter_map(|path| read(&path)).collect();
    running.sort();
    running
}

fn read(path: &Path) -> Option<RunningCluster> {
    let file = File::open(path).ok()?;
    if file.metadata().ok()?.uid() != rustix::process::geteuid().as_raw() {
        return None;
    }
    // Shared, so that two who look do not take each other for the owner.
    if flock(&file, FlockOperation::NonBlockingLockShared).is_ok() {
        let _ = fs::remove_file(path);
        return None;
    }
    let mut text = Vec::new();
    file.take(FILE_MAX).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(pid: u32) -> RunningCluster {
        RunningCluster { pid, program: "a".to_owned(), addresses: vec!["unix:b".to_owned()] }
    }

    #[test]
    fn a_file_is_its_owners_alone_and_goes_with_its_cluster() {
        let folder = tempfile::tempdir().unwrap();
        let [one, other] = [1, 2].map(|pid| RunFile::write_in(folder.path(), &pid.to_string(), &cluster(pid)).unwrap());
        assert_eq!(running_in(folder.path()), [cluster(1), cluster(2)]);
        assert_eq!(one.path.metadata().unwrap().mode() & 0o777, 0o600);
        drop(one);
        assert_eq!(running_in(folder.path()), [cluster(2)]);
        drop(other);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_stale_file_is_skipped_and_swept_and_others_are_let_be() {
        let folder = tempfile::tempdir().unwrap();
        let stale = folder.path().join(format!("1.{ENDING}"));
        fs::write(&stale, serde_json::to_vec(&cluster(1)).unwrap()).unwrap();
        fs::write(folder.path().join("socket"), "").unwrap();
        assert_eq!(running_in(folder.path()), []);
        assert!(!stale.exists());
        assert!(folder.path().join("socket").exists());
        assert_eq!(running_in(&folder.path().join("none")), []);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_no_cluster() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(format!("1.{ENDING}"));
        fs::write(&path, "{").unwrap();
        let held = File::open(&path).unwrap();
        flock(&held, FlockOperation::LockExclusive).unwrap();
        assert_eq!(running_in(folder.path()), []);
        assert!(path.exists());
    }

    #[test]
    fn what_a_killed_program_has_left_is_gone_when_the_next_one_starts() {
        let folder = tempfile::tempdir().unwrap();
        let left = folder.path().join(format!("killed.{ENDING}"));
        fs::write(&left, serde_json::to_vec(&cluster(1)).unwrap()).unwrap();
        let living = RunFile::write_in(folder.path(), "living", &cluster(2)).unwrap();
        let next = RunFile::write_in(folder.path(), "next", &cluster(3)).unwrap();
        assert!(!left.exists());
        assert!(living.path.exists() && next.path.exists());
    }
}
