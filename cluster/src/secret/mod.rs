//! The cluster's secret: 32 random bytes from which every node derives the same certificate authority.
//!
//! Whoever holds it can be any node. So it never appears in `Debug` output or in an error, a file that holds it must
//! be its owner's alone, and a value that somebody may have typed rather than drawn is refused: the authority's public
//! key is visible to whoever connects, and a guessable secret could be searched for at leisure.

use std::ffi::OsString;
use std::fmt;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

mod text;

/// Bytes of a secret.
pub(crate) const SECRET_BYTES: usize = 32;
/// A secret file is one line; what is longer is some other file.
const FILE_BYTES_MAX: u64 = 1024;
/// Random bytes use about 30 distinct values in 32; fewer than this many happens once in 2^80.
const DISTINCT_BYTES_MIN: usize = 12;

/// Holds the cluster's secret.
///
/// Shape: 32 random bytes; as text 64 hex digits, or 43 characters of base64url. Makes its own with
/// [`generate`](Self::generate).
#[derive(Clone)]
pub struct Secret([u8; SECRET_BYTES]);

impl Secret {
    /// Draws a new secret from the system's randomness.
    ///
    /// # Errors
    /// [`SecretError::NoRandomness`] when the system has none to give.
    pub fn generate() -> Result<Self, SecretError> {
        let mut bytes = [0; SECRET_BYTES];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_unspecified| SecretError::NoRandomness)?;
        Ok(Self(bytes))
    }

    /// Takes over 32 bytes drawn elsewhere.
    ///
    /// # Errors
    /// [`SecretError::Guessable`] for bytes that no random source gives: repeated, counted up, or readable text.
    pub fn from_bytes(bytes: [u8; SECRET_BYTES]) -> Result<Self, SecretError> {
        match guessable(&bytes) {
            Some(why) => Err(SecretError::Guessable { why }),
            None => Ok(Self(bytes)),
        }
    }

    /// Reads a file that holds the secret's text; white space around it is ignored.
    ///
    /// # Errors
    /// Refuses a file that others may read, that belongs to somebody else than this user or root, or whose content is
    /// no secret. Each names the file and the fix.
    pub fn from_file(path: &Path) -> Result<Self, SecretError> {
        let unread = |source| SecretError::Io { path: path.into(), source };
        let file = File::open(path).map_err(unread)?;
        // Of the opened file, not of its name: nobody can swap it in between.
        let metadata = file.metadata().map_err(unread)?;
        if !metadata.is_file() {
            return Err(SecretError::NotAFile { path: path.into() });
        }
        owners_alone(path, metadata.uid(), metadata.mode(), rustix::process::geteuid().as_raw())?;
        let mut text = String::new();
        file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(unread)?;
        text.trim().parse().map_err(|source| SecretError::InFile { path: path.into(), source: Box::new(source) })
    }

    /// Reads this user's own secret, or makes it at the first call; many processes that start at once agree on one.
    ///
    /// It lies in `$XDG_STATE_HOME/atasks/secret`, by default `~/.local/state/atasks/secret`, and lets nodes of one
    /// user on one machine meet over loopback TCP without any configuration.
    ///
    /// # Errors
    /// As [`from_file`](Self::from_file); and when the folder is unknown or cannot be written.
    pub fn per_user() -> Result<Self, SecretError> {
        let folder = state_folder(std::env::var_os("XDG_STATE_HOME"), std::env::var_os("HOME"));
        Self::kept_in(&folder.ok_or(SecretError::NoHome)?)
    }

    /// Writes the secret out as 64 hex digits, to be shown to or stored for its owner.
    pub fn reveal(&self) -> String {
        text::hex(&self.0)
    }

    /// Writes it into a new file that is its owner's alone, for [`from_file`](Self::from_file).
    ///
    /// # Errors
    /// The file is there already, or cannot be made.
    pub fn write_new(&self, path: &Path) -> Result<(), SecretError> {
        write_private(path, &self.reveal()).map_err(|source| SecretError::Io { path: path.into(), source })
    }

    pub(crate) fn as_bytes(&self) -> &[u8; SECRET_BYTES] {
        &self.0
    }

    fn kept_in(folder: &Path) -> Result<Self, SecretError> {
        let path = folder.join("secret");
        match Self::from_file(&path) {
            Err(SecretError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            found_or_refused => return found_or_refused,
        }
        Self::generate()?.store(folder, &path).map_err(|source| SecretError::Io { path: path.clone(), source })?;
        // What is there now, which may be the secret of another process that was faster.
        Self::from_file(&path)
    }

    /// Puts the secret at `path` unless a file is there: a finished file is linked to its name, which fails if the
    /// name is taken, so nobody ever reads half a secret or replaces one in use.
    fn store(&self, folder: &Path, path: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let draft = folder.join(format!(".secret.{}", text::hex(&rand::random::<[u8; 8]>())));
        let written = write_private(&draft, &self.reveal()).and_then(|()| match std::fs::hard_link(&draft, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        });
        std::fs::remove_file(&draft)?;
        written
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl FromStr for Secret {
    type Err = SecretError;

    fn from_str(text: &str) -> Result<Self, SecretError> {
        let bytes = text::parse(text).ok_or(SecretError::Malformed { found: text.chars().count() })?;
        Self::from_bytes(bytes)
    }
}

/// Refuses a secret, or the file that should hold it. No variant carries any part of the secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The text has another length, or characters that do not belong.
    #[error(
        "a cluster secret is 32 random bytes, written as 64 hex digits or 43 characters of base64url; \
         these are {found} characters of something else; make one with `openssl rand -hex 32`"
    )]
    Malformed {
        /// Characters that were given.
        found: usize,
    },
    /// The bytes cannot be random.
    #[error("the cluster secret is guessable ({why}); make one with `openssl rand -hex 32`")]
    Guessable {
        /// What gives it away.
        why: &'static str,
    },
    /// Somebody else may read the file.
    #[error(
        "{path} holds the cluster secret, but others may read it (mode {mode:03o}); run `chmod 600 {path}`, \
         and make a new secret if somebody may have seen it",
        path = path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is another user's, who could change it at any time.
    #[error("{path} belongs to uid {owner}; a secret file must belong to uid {own} or to root", path = path.display())]
    ForeignOwner {
        /// The file.
        path: PathBuf,
        /// Who owns it.
        owner: u32,
        /// Who this process runs as.
        own: u32,
    },
    /// The path is a folder, a socket or a device.
    #[error("{path} is not a file", path = path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The file was read, but what it holds is no secret.
    #[error("{path} does not hold a cluster secret", path = path.display())]
    InFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with its content.
        source: Box<SecretError>,
    },
    /// The file could not be read or made.
    #[error("cannot use the secret file {path}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Nothing says where this user keeps state.
    #[error("neither XDG_STATE_HOME nor HOME is set; set one of them, or cluster.secret_file")]
    NoHome,
    /// The system gave no random bytes.
    #[error("the system has no randomness to make a secret from")]
    NoRandomness,
}

/// Says why bytes are not random. All tests together refuse a random secret once in 2^43.
fn guessable(bytes: &[u8; SECRET_BYTES]) -> Option<&'static str> {
    let mut distinct = *bytes;
    distinct.sort_unstable();
    let distinct = distinct.chunk_by(|a, b| a == b).count();
    let step = bytes[1].wrapping_sub(bytes[0]);
    let (first, second) = bytes.split_at(SECRET_BYTES / 2);
    if distinct == 1 {
        Some("all bytes are the same")
    } else if bytes.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == step) {
        Some("it counts up or down")
    } else if first == second {
        Some("it repeats itself")
    } else if bytes.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace()) {
        Some("it is readable text")
    } else if distinct < DISTINCT_BYTES_MIN {
        Some("it uses few different bytes")
    } else {
        None
    }
}

fn owners_alone(path: &Path, owner: u32, mode: u32, own: u32) -> Result<(), SecretError> {
    if owner != own && owner != 0 {
        return Err(SecretError::ForeignOwner { path: path.into(), owner, own });
    }
    if mode & 0o077 != 0 {
        return Err(SecretError::Exposed { path: path.into(), mode: mode & 0o777 });
    }
    Ok(())
}

/// The XDG base directory specification: a relative path counts as unset.
fn state_folder(xdg_state_home: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    let absolute = |value: Option<OsString>| value.map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute(xdg_state_home).or_else(|| absolute(home).map(|home| home.join(".local/state")))?;
    Some(state.join("atasks"))
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{text}")?;
    file.sync_all()
}

#[cfg(test)]
mod tests;
