//! The ledgers of all processes, read and sorted by call.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use atasks::{Error, Result};

use crate::ledger::Key;

/// All that is written of one call.
#[derive(Default)]
pub(crate) struct Entry {
    /// Where and when its body started.
    pub(crate) starts: Vec<Sign>,
    /// All signs of life, starts and ends among them.
    pub(crate) signs: Vec<Sign>,
    pub(crate) awaits: Vec<Await>,
}

/// A process saw something of a body, then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sign {
    pub(crate) pid: u32,
    pub(crate) at: u64,
}

/// An await of the call.
#[derive(Clone, Debug)]
pub(crate) struct Await {
    pub(crate) pid: u32,
    pub(crate) from: u64,
    /// None: its process has ended first.
    pub(crate) end: Option<End>,
}

#[derive(Clone, Debug)]
pub(crate) struct End {
    pub(crate) at: u64,
    /// None: it was let go of.
    pub(crate) outcome: Option<Outcome>,
}

#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) what: String,
    pub(crate) ran: Ran,
    /// The incarnation of the node that was lost, if that is what it tells.
    pub(crate) lost: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ran {
    No,
    Maybe,
    Yes,
}

/// What a process thought of a node, then.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) pid: u32,
    pub(crate) at: u64,
    /// The node's incarnation.
    pub(crate) node: u64,
    pub(crate) what: String,
}

pub(crate) struct Books {
    pub(crate) calls: BTreeMap<Key, Entry>,
    /// The process and name of each incarnation.
    pub(crate) nodes: BTreeMap<u64, (u32, String)>,
    pub(crate) seen: Vec<Seen>,
    /// The processes of clients.
    pub(crate) clients: BTreeSet<u32>,
}

impl Books {
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let mut books =
            Self { calls: BTreeMap::new(), nodes: BTreeMap::new(), seen: Vec::new(), clients: BTreeSet::new() };
        for file in fs::read_dir(folder)? {
            let path = file?.path();
            let pid: u32 = path.file_name().and_then(|name| name.to_str()?.parse().ok()).unwrap_or(0);
            for line in fs::read_to_string(&path)?.lines() {
                books.line(pid, line).ok_or_else(|| Error::msg(format!("the ledger of {pid} has {line:?}")))?;
            }
        }
        Ok(books)
    }

    fn line(&mut self, pid: u32, line: &str) -> Option<()> {
        let (what, rest) = line.split_once(' ')?;
        let (first, rest) = rest.split_once(' ')?;
        if what == "P" {
            if first.starts_with("client") {
                self.clients.insert(pid);
            }
            self.nodes.insert(rest.parse().ok()?, (pid, first.to_owned()));
            return Some(());
        }
        let (at, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let at = at.parse().ok()?;
        if what == "V" {
            self.seen.push(Seen { pid, at, node: first.parse().ok()?, what: rest.to_owned() });
            return Some(());
        }
        let entry = self.calls.entry(Key(first.parse().ok()?)).or_default();
        match what {
            "S" => {
                entry.starts.push(Sign { pid, at });
                entry.signs.push(Sign { pid, at });
            }
            "L" | "E" => entry.signs.push(Sign { pid, at }),
            "A" => entry.awaits.push(Await { pid, from: at, end: None }),
            "X" => entry.close(pid, End { at, outcome: None })?,
            "O" => entry.close(pid, End { at, outcome: Some(outcome(rest)?) })?,
            _ => return None,
        }
        Some(())
    }
}

impl Entry {
    /// None: nobody awaits it there.
    fn close(&mut self, pid: u32, end: End) -> Option<()> {
        let open = self.awaits.iter_mut().find(|one| one.pid == pid && one.end.is_none())?;
        open.end = Some(end);
        Some(())
    }
}

fn outcome(text: &str) -> Option<Outcome> {
    let mut fields = text.splitn(3, ' ');
    let ran = match fields.next()? {
        "no" => Ran::No,
        "maybe" => Ran::Maybe,
        _ => Ran::Yes,
    };
    let lost = fields.next()?.parse().ok().filter(|incarnation| *incarnation != 0);
    Some(Outcome { what: fields.next()?.to_owned(), ran, lost })
}
