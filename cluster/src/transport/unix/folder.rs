//! The folder that holds a user's sockets.

use std::ffi::OsString;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::super::error::TransportError;
use super::user;

/// Where this user's sockets and run files lie: `$XDG_RUNTIME_DIR/atasks`, or `/tmp/atasks-UID` without one.
pub fn runtime_folder() -> PathBuf {
    folder(std::env::var_os("XDG_RUNTIME_DIR"), user::own())
}

/// The same, made if need be.
///
/// # Errors
/// It cannot be made, or others could write into it.
pub fn own_runtime_folder() -> Result<PathBuf, TransportError> {
    let path = runtime_folder();
    prepare(&path).map(|()| path)
}

/// Puts a bare socket name into the runtime folder; an absolute path stays what it is.
pub(super) fn socket_path(name: &Path) -> PathBuf {
    runtime_folder().join(name)
}

/// Makes the folder if need be, and makes sure that nobody else can put a socket there.
pub(super) fn prepare(path: &Path) -> Result<(), TransportError> {
    let failed = |source| TransportError::Folder { path: path.into(), source };
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
        _ => {}
    }
    // Not through a symbolic link: in /tmp anybody could have laid one.
    let found = path.symlink_metadata().map_err(failed)?;
    let (owner, mode, own) = (found.uid(), found.mode() & 0o7777, user::own());
    if found.is_dir() && is_own(owner, mode, own) {
        return Ok(());
    }
    Err(TransportError::UnsafeFolder { path: path.into(), owner, mode, own })
}

/// The XDG base directory specification: a relative path counts as unset.
fn folder(xdg_runtime_dir: Option<OsString>, uid: u32) -> PathBuf {
    match xdg_runtime_dir.map(PathBuf::from).filter(|path| path.is_absolute()) {
        Some(path) => path.join("atasks"),
        None => format!("/tmp/atasks-{uid}").into(),
    }
}

fn is_own(owner: u32, mode: u32, own: u32) -> bool {
    owner == own && mode & 0o077 == 0
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn the_runtime_folder_follows_the_base_directory_rules() {
        assert_eq!(folder(Some("/run/user/7".into()), 7), Path::new("/run/user/7/atasks"));
        assert_eq!(folder(None, 7), Path::new("/tmp/atasks-7"));
        assert_eq!(folder(Some("".into()), 7), Path::new("/tmp/atasks-7"));
        assert_eq!(folder(Some("run".into()), 7), Path::new("/tmp/atasks-7"));
    }

    #[test]
    fn a_bare_name_lies_in_it_and_an_absolute_path_does_not() {
        assert_eq!(socket_path(Path::new("w1")), runtime_folder().join("w1"));
        assert_eq!(socket_path(Path::new("/a/w1")), Path::new("/a/w1"));
    }

    #[test]
    fn only_a_private_folder_of_ones_own_is_used() {
        for (owner, mode, own, safe) in [
            (7, 0o700, 7, true),
            (7, 0o500, 7, true),
            (7, 0o710, 7, false),
            (7, 0o701, 7, false),
            (0, 0o700, 7, false),
            (7, 0o700, 0, false),
        ] {
            assert_eq!(is_own(owner, mode, own), safe, "{owner} {mode:o} {own}");
        }
    }

    #[test]
    fn the_folder_is_made_private_and_a_trap_in_its_place_is_refused() {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("atasks");
        prepare(&path).unwrap();
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o700);
        prepare(&path).unwrap();

        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let error = prepare(&path).unwrap_err();
        assert!(matches!(error, TransportError::UnsafeFolder { mode: 0o755, .. }), "{error}");
        assert!(error.to_string().contains("mode 700"), "{error}");

        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        let link = outer.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(matches!(prepare(&link), Err(TransportError::UnsafeFolder { .. })));
        assert!(matches!(prepare(&outer.path().join("no/such")), Err(TransportError::Folder { .. })));
    }
}
