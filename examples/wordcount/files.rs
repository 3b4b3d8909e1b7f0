//! Finds the files to count.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A file to read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// Where it is, as it was given or found.
    pub(crate) path: PathBuf,
    /// Its size in bytes when it was found: for the progress bar only, since it may change, and a pipe has none.
    pub(crate) bytes: u64,
}

/// A path that cannot be read, and why.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub(crate) struct Unreadable {
    /// The path.
    pub(crate) path: PathBuf,
    /// What the system said.
    pub(crate) source: io::Error,
}

/// What there is to read, and what of it cannot be.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// In the order of the arguments; below a folder in the order of the paths.
    pub(crate) files: Vec<Source>,
    /// Paths that do not exist or may not be looked into.
    pub(crate) unreadable: Vec<Unreadable>,
}

impl Sources {
    /// Lists what is given: each file, and every file below each folder.
    ///
    /// Symbolic links are followed when they are given, not when they are found below a folder (as `grep -r` has it),
    /// so a loop of links ends at once. Of what is found, only regular files count; given, a pipe does too.
    pub(crate) fn given(paths: &[PathBuf]) -> Self {
        let mut sources = Self::default();
        for path in paths {
            match fs::metadata(path) {
                Ok(about) if about.is_dir() => sources.add_folder(path, &[]),
                Ok(about) => sources.files.push(Source { path: path.clone(), bytes: about.len() }),
                Err(error) => sources.refuse(path, error),
            }
        }
        sources
    }

    /// Lists the sources and documents of this project, without what is built or kept by git.
    pub(crate) fn own() -> Self {
        let mut sources = Self::default();
        sources.add_folder(Path::new(env!("CARGO_MANIFEST_DIR")), &["target", ".git"]);
        sources
    }

    /// Adds every regular file below `folder`, apart from what has one of the names `without`.
    fn add_folder(&mut self, folder: &Path, without: &[&str]) {
        let first = self.files.len();
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            if let Err(error) = self.add_entries(&folder, without, &mut folders) {
                self.refuse(&folder, error);
            }
        }
        self.files[first..].sort_unstable_by(|a, b| a.path.cmp(&b.path));
    }

    fn add_entries(&mut self, folder: &Path, without: &[&str], folders: &mut Vec<PathBuf>) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if without.iter().any(|name| entry.file_name() == *name) {
                continue;
            }
            match entry.metadata() {
                Ok(about) if about.is_dir() => folders.push(entry.path()),
                Ok(about) if about.is_file() => self.files.push(Source { path: entry.path(), bytes: about.len() }),
                Ok(_) => {}
                Err(error) => self.refuse(&entry.path(), error),
            }
        }
        Ok(())
    }

    fn refuse(&mut self, path: &Path, source: io::Error) {
        self.unreadable.push(Unreadable { path: path.to_owned(), source });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// The paths found when `given` (below `root`) is asked for, relative to `root`.
    fn listed(root: &Path, given: &[&str]) -> Vec<String> {
        let given: Vec<_> = given.iter().map(|path| root.join(path)).collect();
        let sources = Sources::given(&given);
        assert!(sources.unreadable.is_empty(), "{:?}", sources.unreadable);
        let relative = |source: &Source| source.path.strip_prefix(root).unwrap().display().to_string();
        sources.files.iter().map(relative).collect()
    }

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        root
    }

    #[test]
    fn folders_give_their_files_in_order_and_arguments_keep_theirs() {
        let root = folder(&["z", "in/b", "in/a", "in/deep/er/c", "in/.hidden"]);
        assert_eq!(listed(root.path(), &["z", "in"]), ["z", "in/.hidden", "in/a", "in/b", "in/deep/er/c"]);
    }

    #[test]
    fn a_file_has_its_size() {
        let root = folder(&["four"]);
        let sources = Sources::given(&[root.path().join("four")]);
        assert_eq!(sources.files[0].bytes, 4);
    }

    #[test]
    fn loops_of_links_end_and_given_links_are_followed() {
        let root = folder(&["in/a", "other/b"]);
        symlink(root.path().join("in"), root.path().join("in/loop")).unwrap();
        symlink("self", root.path().join("in/self")).unwrap();
        symlink(root.path().join("other"), root.path().join("link")).unwrap();
        assert_eq!(listed(root.path(), &["in", "link"]), ["in/a", "link/b"]);
    }

    #[test]
    fn what_is_missing_is_named_and_the_rest_is_listed() {
        let root = folder(&["a"]);
        let sources = Sources::given(&[root.path().join("absent"), root.path().join("a")]);
        assert_eq!(sources.files.len(), 1);
        let told = sources.unreadable[0].to_string();
        assert!(told.contains("absent: No such file"), "{told}");
    }

    #[test]
    fn the_project_has_this_file_and_nothing_built() {
        let sources = Sources::own();
        let has = |end: &str| sources.files.iter().any(|source| source.path.ends_with(end));
        assert!(has("examples/wordcount/files.rs"));
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert!(!sources.files.iter().any(|source| source.path.starts_with(root.join("target"))));
    }
}
