//! The tasks of this program: found at link time, checked at start, looked up by number.

use std::collections::HashMap;

use crate::{
    fingerprint::{Contract, Fingerprint, Parts, source_file},
    task::{Origin, Shapes, TaskEntry},
};

/// All tasks of this program, sorted by name.
#[derive(Debug)]
pub struct TaskTable {
    tasks: Vec<Registered>,
    by_name: HashMap<&'static str, u32>,
}

/// One task of the program and what stands for its contract.
#[derive(Debug)]
pub struct Registered {
    /// The task.
    pub entry: &'static TaskEntry,
    /// Covers its name and what crosses the wire.
    pub fingerprint: Fingerprint,
}

/// Why a program's tasks cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// Two tasks have one name.
    #[error(
        "two tasks are named `{name}`, at {first} and at {second}: give one of them a name of its own, as in \
         `#[task(name = \"...\")]`"
    )]
    Duplicate {
        /// The name.
        name: String,
        /// Where the one stands.
        first: String,
        /// Where the other stands.
        second: String,
    },
    /// The codec cannot carry types of these tasks.
    #[error("{}", .0.iter().map(Unsendable::to_string).collect::<Vec<_>>().join("\n"))]
    Unsupported(Vec<Unsendable>),
}

/// A task with a type that the codec cannot carry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("task `{task}` at {site} cannot be called: {reason}")]
pub struct Unsendable {
    /// The task.
    pub task: String,
    /// Where it stands.
    pub site: String,
    /// What is wrong with which type.
    pub reason: String,
}

impl TaskTable {
    /// Checks the tasks and numbers them.
    ///
    /// # Errors
    /// Two of one name; a type that cannot cross.
    pub fn new(
        entries: impl Iterator<Item = &'static TaskEntry>,
        build: &dyn Fn() -> Vec<u8>,
    ) -> Result<Self, TableError> {
        let all: Vec<_> = entries.collect();
        let mut entries = all.clone();
        entries.sort_by_key(|entry| (entry.name(), entry.origin().file, entry.origin().line));
        // A program may declare a task whose body it has as well: the body counts.
        entries.dedup_by(|second, first| {
            first.name() == second.name() && first.has_body() != second.has_body() && {
                if !first.has_body() {
                    std::mem::swap(first, second);
                }
                true
            }
        });
        if let Some([first, second]) = entries.windows(2).find_map(|pair| match pair {
            [first, second] if first.name() == second.name() => Some([*first, *second]),
            _ => None,
        }) {
            let name = first.name().to_owned();
            let (first, second) = (first.origin().to_string(), second.origin().to_string());
            return Err(TableError::Duplicate { name, first, second });
        }
        let (mut tasks, mut unsendable) = (Vec::with_capacity(entries.len()), Vec::new());
        let mut by_name = HashMap::with_capacity(entries.len());
        for (index, entry) in (0u32..).zip(entries) {
            entry.set_index(index);
            by_name.insert(entry.name(), index);
            match fingerprint(entry, build) {
                Ok(fingerprint) => tasks.push(Registered { entry, fingerprint }),
                Err(one) => unsendable.push(one),
            }
        }
        if !unsendable.is_empty() {
            return Err(TableError::Unsupported(unsendable));
        }
        // A declaration stands for the same task as the body.
        for entry in all {
            if let Some(index) = by_name.get(entry.name()) {
                entry.set_index(*index);
            }
        }
        Ok(Self { tasks, by_name })
    }

    /// The task at `index`.
    #[must_use]
    pub fn get(&self, index: u32) -> Option<&Registered> {
        self.tasks.get(index as usize)
    }

    /// The number of the task named `name`.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<u32> {
        self.by_name.get(name).copied()
    }

    /// All tasks, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &Registered> {
        self.tasks.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Whether a worker of this program could run nothing at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.tasks.iter().any(|task| task.entry.has_body())
    }
}

fn fingerprint(entry: &TaskEntry, build: &dyn Fn() -> Vec<u8>) -> Result<Fingerprint, Unsendable> {
    let Origin { manifest_dir, file, named, .. } = *entry.origin();
    let file = (!named).then(|| source_file(manifest_dir, file));
    let of = |contract: Contract<'_>| Fingerprint::of(&Parts { name: entry.name(), file: file.as_deref(), contract });
    // A version stands for the shape, and makes nothing cross that cannot.
    match (entry.shapes(), entry.options().version) {
        (Shapes::Unsupported(reason), _) => {
            Err(Unsendable { task: entry.name().to_owned(), site: entry.origin().to_string(), reason })
        }
        (_, Some(version)) => Ok(of(Contract::Version(version))),
        (Shapes::Known { arguments, result }, _) => Ok(of(Contract::Shape { arguments: &arguments, result: &result })),
        (Shapes::Opaque(reason), _) => {
            tracing::warn!(
                task = entry.name(),
                reason,
                "the shape of a type is not known: only nodes of this very build will run this task; \
                 `#[task(version = \"1\")]` lets others run it"
            );
            Ok(of(Contract::Build(&build())))
        }
    }
}

/// The names of `known` that look most like `name`, the nearest first; at most 3, none that differs in more than a third
/// of its letters, as a whole or in what stands behind the path: who knows a function may not know its crate.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut near: Vec<_> = known
        .filter_map(|other| {
            let behind = |path: &'a str| path.rsplit("::").next().unwrap_or(path);
            let own = name.rsplit("::").next().unwrap_or(name);
            // The same function of another path is a little less near than one that is misspelt.
            let without_path = near(own, behind(other)).map(|distance| distance + 1);
            Some((near(name, other).into_iter().chain(without_path).min()?, other))
        })
        .collect();
    near.sort_unstable();
    // Names share their paths: beside one that is nearly it, those that are only somewhat alike are noise.
    let least = near.first().map_or(0, |(distance, _)| *distance);
    near.retain(|(distance, _)| *distance <= 2 * least + 1);
    near.into_iter().take(3).map(|(_, name)| name.to_owned()).collect()
}

/// The distance of two names, if it is that of names that look alike.
fn near(from: &str, to: &str) -> Option<usize> {
    let most = from.len().max(to.len()) / 3;
    // Names come from others, too: one that is as long as a message may be is compared with none.
    let at_least = from.chars().count().abs_diff(to.chars().count());
    if at_least > most { None } else { Some(distance(from, to)).filter(|distance| *distance <= most) }
}

/// The least number of letters to put in, take out or change.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in to.iter().enumerate() {
            let change = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_names_come_first_and_strangers_not_at_all() {
        let known = ["app::resize", "app::fib", "app::resized", "zzz"];
        assert_eq!(nearest("app::resise", known.into_iter()), ["app::resize", "app::resized"]);
        assert!(nearest("qqqqqqq", known.into_iter()).is_empty());
    }

    #[test]
    fn a_function_is_found_without_its_path_or_under_another() {
        let known = ["myapp::images::resize", "myapp::images::rotate", "other::resize_all", "myapp::fib"];
        for name in ["resize", "resise", "images::resize", "app::resize", "wholly::different::resize"] {
            assert_eq!(nearest(name, known.into_iter())[0], "myapp::images::resize", "{name}");
        }
        assert_eq!(nearest("myapp::fub", known.into_iter()), ["myapp::fib"]);
        assert!(nearest("myapp::images", known.into_iter()).is_empty());
        let began = tokio::time::Instant::now();
        assert!(nearest(&"x".repeat(16 << 20), known.into_iter()).is_empty());
        assert!(began.elapsed() < std::time::Duration::from_secs(5), "{:?}", began.elapsed());
    }
}
