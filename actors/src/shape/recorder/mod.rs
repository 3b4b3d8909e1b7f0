//! Passes through a type: what is asked for now, what was written down, and what the next pass does otherwise.

mod rules;

use std::{any::type_name, mem};

use serde::de::DeserializeOwned;

use super::{
    choices::{Choices, Step},
    stop::{Stop, Verdict},
    types::{Body, Id, Types},
};

/// Most requests that are answered for one type, over all passes.
const REQUESTS_MAX: usize = 250_000;

/// Most values within values; a type that recurs without being seen to must not overflow the stack.
const DEPTH_MAX: usize = 100;

/// What is being asked for and not answered yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Type(Id),
    /// A container, by the Rust name of its visitor: a type may recur through containers alone.
    Container(&'static str),
}

/// What becomes of a value that was refused in this pass; the first to be told decides, as it is the nearest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Something was chosen anew: another pass will show.
    Again,
    /// All choices were tried.
    Final,
}

/// All that is known of a type, from pass to pass.
#[derive(Debug)]
pub(super) struct Recorder {
    /// Options, sequences and maps hold an element where they are within fewer of their kind than this.
    filled: usize,
    /// The most containers within each other, so far.
    nested: usize,
    types: Types,
    choices: Choices,
    /// The description of what is being asked for.
    note: Body,
    open: Vec<Open>,
    path: Vec<Step>,
    /// The Rust names of what is answered at each step of the path.
    names: Vec<&'static str>,
    /// How many of the open requests recur, or look for a base: then values are as small as can be.
    ending: usize,
    requests: usize,
    /// Kept here, as user code may swallow or change the error that says so.
    fate: Option<Fate>,
    verdict: Option<Verdict>,
}

/// What came of a type.
pub(super) struct Found {
    pub(super) text: String,
    /// The most containers within each other.
    pub(super) nested: usize,
}

impl Recorder {
    pub(super) fn new(filled: usize) -> Self {
        Self {
            filled,
            nested: 0,
            types: Types::default(),
            choices: Choices::default(),
            note: Body::default(),
            open: Vec::new(),
            path: Vec::new(),
            names: Vec::new(),
            ending: 0,
            requests: 0,
            fate: None,
            verdict: None,
        }
    }

    /// Goes through a type until all of it is described; keeps the values that come out.
    pub(super) fn run<T: DeserializeOwned>(mut self, samples: &mut Vec<T>) -> Result<Found, Verdict> {
        loop {
            let passed = self.pass();
            if let Some(verdict) = self.verdict.take() {
                return Err(verdict);
            }
            match passed {
                Ok(value) if self.fate.is_none() => samples.push(value),
                // User code may have swallowed an error: then what was written down may lack something.
                Ok(_) => continue,
                Err(_) if self.fate == Some(Fate::Again) => continue,
                Err(refused) => return Err(Verdict::Opaque(format!("no made-up value was accepted: {refused}"))),
            }
            if self.types.are_finished(&self.note) {
                return Ok(Found { text: self.types.text(&self.note), nested: self.nested });
            }
        }
    }

    fn pass<T: DeserializeOwned>(&mut self) -> Result<T, Stop> {
        self.choices.begin();
        self.note = Body::default();
        self.fate = None;
        let root = Step { owner: None, variant: 0, part: 0 };
        self.part(root, |recorder| T::deserialize(recorder))
    }

    /// Ends the tracing.
    pub(super) fn end(&mut self, verdict: Verdict) -> Stop {
        self.verdict = Some(verdict.clone());
        Stop::Over(verdict)
    }

    /// What asks, for people: the innermost type that is none of serde's or a macro's own, or a field that is read by a
    /// function, of which the type is not known.
    pub(super) fn asks(&self) -> String {
        let told = |(step, name): (&Step, &&'static str)| match step.owner {
            _ if !name.contains("__") => Some(format!("`{}`", unwrapped(name))),
            Some(owner) if name.contains("__DeserializeWith") => {
                self.types.part(owner, step.part).map(|field| format!("field `{field}`"))
            }
            _ => None,
        };
        self.path.iter().zip(&self.names).rev().find_map(told).unwrap_or_else(|| "it".to_owned())
    }

    /// Counts a request, and writes it down.
    pub(super) fn ask(&mut self, what: &str) -> Result<(), Stop> {
        self.requests += 1;
        if self.requests > REQUESTS_MAX {
            return Err(self.end(Verdict::Opaque(format!("it is not described after {REQUESTS_MAX} requests"))));
        }
        if self.path.len() > DEPTH_MAX {
            return Err(self.end(Verdict::Opaque(format!("it is nested more than {DEPTH_MAX} levels deep"))));
        }
        self.note.text.push_str(what);
        Ok(())
    }

    /// Answers with one of several values.
    pub(super) fn leaf<T: Copy>(&mut self, what: &str, candidates: &[T]) -> Result<T, Stop> {
        self.ask(what)?;
        Ok(candidates[self.choices.at(&self.path, candidates.len())])
    }

    /// Answers a part. If code of the type refuses what it gets there, the next pass answers otherwise.
    pub(super) fn part<T>(&mut self, step: Step, answer: impl FnOnce(&mut Self) -> Result<T, Stop>) -> Result<T, Stop> {
        let since = self.choices.made();
        self.path.push(step);
        self.names.push(type_name::<T>());
        let answered = answer(self);
        self.names.pop();
        self.path.pop();
        match answered {
            Err(Stop::Refused(message)) if self.fate.is_none() => {
                let another = self.choices.next(since);
                Err(self.decide(another, message))
            }
            other => other,
        }
    }

    /// Decides what becomes of a refusal.
    fn decide(&mut self, another: bool, message: String) -> Stop {
        if another {
            self.fate = Some(Fate::Again);
            Stop::Again
        } else {
            self.fate = Some(Fate::Final);
            Stop::Refused(message)
        }
    }

    /// Answers within an open request, with a description of its own.
    fn within<T>(
        &mut self,
        open: Open,
        ends: bool,
        answer: impl FnOnce(&mut Self) -> Result<T, Stop>,
    ) -> (Result<T, Stop>, Body) {
        let outer = mem::take(&mut self.note);
        self.open.push(open);
        self.ending += usize::from(ends);
        let answered = answer(self);
        self.ending -= usize::from(ends);
        self.open.pop();
        (answered, mem::replace(&mut self.note, outer))
    }

    fn times_open(&self, open: Open) -> usize {
        self.open.iter().filter(|other| **other == open).count()
    }
}

/// Types that hand a request on to what they hold, which is not seen.
const WRAPPERS: [&str; 5] =
    ["core::option::Option<", "alloc::boxed::Box<", "alloc::sync::Arc<", "alloc::rc::Rc<", "atasks::portable::Owned<"];

/// The type within all such types.
fn unwrapped(name: &'static str) -> &'static str {
    let inside = WRAPPERS.iter().find_map(|wrapper| name.strip_prefix(wrapper)?.strip_suffix('>'));
    inside.map_or(name, unwrapped)
}

impl Open {
    fn id(self) -> Option<Id> {
        match self {
            Self::Type(id) => Some(id),
            Self::Container(_) => None,
        }
    }
}
