//! What two nodes must have in common before one runs a task for the other.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Stands for a task with its types: nodes with the same one mean the same bytes.
///
/// It is a hash, so it is the same in each program that has the task, and nothing can be read from it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fingerprint(#[serde(with = "serde_bytes")] [u8; 16]);

/// What a fingerprint is made of.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// The task's name in the cluster.
    pub name: &'a str,
    /// The source file within its package (see [`source_file`]), for a task whose name was made from where it stands:
    /// of two programs with a root function of one name, neither runs the other's.
    pub file: Option<&'a str>,
    /// What the nodes agree on beside the name.
    pub contract: Contract<'a>,
}

/// What nodes must agree on to read each other's arguments and results.
#[derive(Clone, Copy, Debug)]
pub enum Contract<'a> {
    /// The user's word: whoever has this version has the same types.
    Version(&'a str),
    /// The shapes of the types, as [`trace`](crate::shape::trace) describes them.
    Shape {
        /// That of the arguments.
        arguments: &'a str,
        /// That of the result.
        result: &'a str,
    },
    /// The very program, where the shapes are not known.
    Build(&'a [u8]),
}

impl Fingerprint {
    /// Hashes the parts: SHA-256, its first 16 bytes.
    #[must_use]
    pub fn of(parts: &Parts<'_>) -> Self {
        let mut hash = Parted::new("atasks task 1");
        hash.add(parts.name.as_bytes());
        match parts.file {
            Some(file) => hash.add(b"file").add(file.as_bytes()),
            None => hash.add(b"named"),
        };
        match parts.contract {
            Contract::Version(version) => hash.add(b"version").add(version.as_bytes()),
            Contract::Shape { arguments, result } => {
                hash.add(b"shape").add(arguments.as_bytes()).add(result.as_bytes())
            }
            Contract::Build(build) => hash.add(b"build").add(build),
        };
        Self(hash.first())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// A number that stands for a task's name alone, the same in every program.
#[must_use]
pub fn key(name: &str) -> u64 {
    u64::from_be_bytes(Parted::new("atasks name 1").add(name.as_bytes()).first())
}

/// SHA-256 over parts of which each is told from the next.
struct Parted(Sha256);

impl Parted {
    fn new(purpose: &str) -> Self {
        let mut hash = Self(Sha256::new());
        hash.add(purpose.as_bytes());
        hash
    }

    fn add(&mut self, part: &[u8]) -> &mut Self {
        self.0.update((part.len() as u64).to_be_bytes());
        self.0.update(part);
        self
    }

    fn first<const N: usize>(&self) -> [u8; N] {
        let digest = self.0.clone().finalize();
        std::array::from_fn(|at| digest[at])
    }
}

/// The folders in which cargo looks for a package's targets.
const TARGET_FOLDERS: [&str; 4] = ["src", "tests", "examples", "benches"];

/// The path of a source file within its package, the same on every machine that builds it.
///
/// `manifest_dir` is `CARGO_MANIFEST_DIR`, `file` is `file!()`: absolute for a dependency from a registry, else relative
/// to the workspace. So the beginning of `file` that ends `manifest_dir` is the package's place in the workspace. A
/// package that lies in a folder named `src` keeps its own `src`.
#[must_use]
pub fn source_file(manifest_dir: &str, file: &str) -> String {
    let package = components(manifest_dir);
    let file = components(file);
    let inside = |at: &usize| package.ends_with(&file[..*at]);
    let at_target = |at: &usize| TARGET_FOLDERS.contains(&file[*at]);
    let splits = || (0..file.len()).rev().filter(inside);
    let at = splits().find(at_target).or_else(|| splits().next()).unwrap_or_default();
    file[at..].join("/")
}

/// The names in a path; an absolute one begins with an empty name. A module's `#[path]` may go up with `..`, and its file
/// is the same from wherever it was named.
fn components(path: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for name in path.trim_end_matches('/').split('/').filter(|name| *name != ".") {
        match names.last() {
            Some(&above) if name == ".." && !["", ".."].contains(&above) => drop(names.pop()),
            _ => names.push(name),
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::codec;

    const SHAPE: Contract<'static> = Contract::Shape { arguments: "u64", result: "str" };

    fn of(name: &str, file: Option<&str>, contract: Contract<'_>) -> Fingerprint {
        Fingerprint::of(&Parts { name, file, contract })
    }

    #[test]
    fn each_part_counts() {
        let all = [
            of("a", None, SHAPE),
            of("b", None, SHAPE),
            of("a", Some("src/main.rs"), SHAPE),
            of("a", Some(""), SHAPE),
            of("a", None, Contract::Shape { arguments: "u6", result: "4str" }),
            of("a", None, Contract::Shape { arguments: "str", result: "u64" }),
            of("a", None, Contract::Version("1")),
            of("a", None, Contract::Build(b"1")),
            of("a", None, Contract::Version("")),
            of("a", None, Contract::Build(b"")),
        ];
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
    }

    #[test]
    fn it_is_the_same_in_every_build() {
        // These values are part of the wire: programs built last year have them.
        assert_eq!(of("fib", None, SHAPE).to_string(), "537cefe0f22678478c8c9911bf7315e5");
        assert_eq!(key("fib"), 0xe0a5_ac61_b55e_8df0);
        assert_ne!(key("fib"), key("fob"));
    }

    #[test]
    fn it_travels_as_bytes() {
        let fingerprint = of("a", None, SHAPE);
        let bytes = codec::encode(&fingerprint, 100).unwrap();
        assert_eq!(bytes.len(), 17);
        assert_eq!(codec::decode(&bytes), Ok(fingerprint));
        assert!(codec::decode::<Fingerprint>(&[3, 1, 2, 3]).is_err());
        assert_eq!(fingerprint.to_string().len(), 32);
    }

    #[test]
    fn a_source_file_is_told_from_its_package_on() {
        let cases = [
            // The root package, also one in a folder that looks like a part of it.
            ("/home/u/app", "src/main.rs", "src/main.rs"),
            ("/src", "src/main.rs", "src/main.rs"),
            ("/usr/src", "src/bin/tool/main.rs", "src/bin/tool/main.rs"),
            ("/home/tests", "tests/all.rs", "tests/all.rs"),
            ("/home/u/app", "src/app/lib.rs", "src/app/lib.rs"),
            // A member of a workspace.
            ("/home/u/ws/crates/app", "crates/app/src/main.rs", "src/main.rs"),
            ("/home/u/ws/app/", "./app/src/a/b.rs", "src/a/b.rs"),
            ("/ws/src", "src/src/main.rs", "src/main.rs"),
            ("/ws/examples/app", "examples/app/examples/one.rs", "examples/one.rs"),
            ("/ws/app", "app/main.rs", "main.rs"),
            ("/ws/app", "other/main.rs", "other/main.rs"),
            // A dependency.
            (
                "/root/.cargo/registry/src/index/dep-1.0.0",
                "/root/.cargo/registry/src/index/dep-1.0.0/src/lib.rs",
                "src/lib.rs",
            ),
            ("/ws/app", "/elsewhere/src/lib.rs", "/elsewhere/src/lib.rs"),
            // A module that was named from beside it.
            ("/ws/app", "app/tests/all/../shared/tasks.rs", "tests/shared/tasks.rs"),
            ("/ws/app", "tests/./a/b/../../shared.rs", "tests/shared.rs"),
            ("/ws/app", "../other/src/lib.rs", "../other/src/lib.rs"),
            ("", "", ""),
            ("/ws/app", "app", "app"),
        ];
        for (manifest_dir, file, within) in cases {
            assert_eq!(source_file(manifest_dir, file), within, "{file} in {manifest_dir}");
        }
    }

    #[test]
    fn a_file_of_this_very_package_is_found() {
        assert_eq!(source_file(env!("CARGO_MANIFEST_DIR"), file!()), "src/fingerprint.rs");
    }
}
