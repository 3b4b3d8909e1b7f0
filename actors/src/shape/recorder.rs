//! The rules by which requests are answered, and what is written down meanwhile.

use std::{collections::BTreeSet, mem};

use serde::de::DeserializeOwned;

use super::{
    choices::{Choices, Step},
    stop::{Stop, Verdict},
    types::{Body, Id, Key, Types},
};

/// Most requests that are answered for one type, over all passes.
const REQUESTS_MAX: usize = 250_000;

/// Most values within values; a type that recurs without being seen to must not overflow the stack.
const DEPTH_MAX: usize = 100;

/// What options, sequences and maps hold, where they may hold something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Containers {
    /// One element.
    Filled,
    /// None, unless that is refused.
    Empty,
}

/// What is being asked for and not answered yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Type(Id),
    /// A container, by the Rust name of its visitor: a type may recur through containers alone.
    Container(&'static str),
}

/// How an enum is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// With a variant that is described by it.
    Describe,
    /// With a variant of which it is tried whether that can be built without the enum itself.
    FindBase,
    /// With the variant of which that is known.
    EndSoon,
}

/// All that is known of a type, from pass to pass.
#[derive(Debug)]
pub(super) struct Recorder {
    containers: Containers,
    types: Types,
    choices: Choices,
    /// The description of what is being asked for.
    note: Body,
    open: Vec<Open>,
    path: Vec<Step>,
    /// How many of the open requests recur, or look for a base: then values are as small as can be.
    ending: usize,
    requests: usize,
    /// Kept here too, as user code may swallow the error that carries it.
    verdict: Option<Verdict>,
}

impl Recorder {
    pub(super) fn new(containers: Containers) -> Self {
        Self {
            containers,
            types: Types::default(),
            choices: Choices::default(),
            note: Body::default(),
            open: Vec::new(),
            path: Vec::new(),
            ending: 0,
            requests: 0,
            verdict: None,
        }
    }

    /// Goes through a type until all of it is described; keeps the values that come out.
    pub(super) fn run<T: DeserializeOwned>(mut self, samples: &mut Vec<T>) -> Result<String, Verdict> {
        loop {
            self.choices.begin();
            self.note = Body::default();
            let root = Step { owner: None, variant: 0, part: 0 };
            let passed = self.part(root, |recorder| T::deserialize(recorder));
            if let Some(verdict) = self.verdict.take() {
                return Err(verdict);
            }
            match passed {
                Ok(value) => samples.push(value),
                Err(Stop::Again) => continue,
                Err(Stop::Refused(message)) => {
                    return Err(Verdict::Opaque(format!("no made-up value was accepted: {message}")));
                }
                Err(Stop::Over(verdict)) => return Err(verdict),
            }
            if self.types.are_finished(&self.note) {
                return Ok(self.types.text(&self.note));
            }
        }
    }

    /// Ends the tracing.
    pub(super) fn end(&mut self, verdict: Verdict) -> Stop {
        self.verdict = Some(verdict.clone());
        Stop::Over(verdict)
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
        let answered = answer(self);
        self.path.pop();
        match answered {
            Err(Stop::Refused(_)) if self.choices.next(since) => Err(Stop::Again),
            other => other,
        }
    }

    /// Answers an option, a sequence or a map; `answer` is told whether it holds something.
    pub(super) fn container<T>(
        &mut self,
        what: &str,
        visitor: &'static str,
        answer: impl FnOnce(&mut Self, bool) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        self.ask(what)?;
        let open = Open::Container(visitor);
        let times = self.times_open(open);
        if times > 1 {
            return Err(self.circle());
        }
        let recurs = times == 1;
        let full = !recurs && self.ending == 0 && self.containers == Containers::Filled;
        let holds = full || self.choices.at(&self.path, 2) == 1;
        let (answered, body) = self.within(open, recurs, |recorder| answer(recorder, holds));
        if recurs {
            let containers = self.open.iter().rev().filter(|open| matches!(open, Open::Container(_)));
            let up = containers.take_while(|other| **other != open).count();
            self.note.text.push_str(&format!("^{up}"));
        } else {
            self.note.text.push('<');
            self.note.append(body);
            self.note.text.push('>');
        }
        answered
    }

    /// Answers a struct.
    pub(super) fn structure<T>(
        &mut self,
        key: Key,
        answer: impl FnOnce(&mut Self, Id) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        self.ask("")?;
        let id = self.types.id(key, 1, Some(0));
        self.note.mention(id);
        let times = self.times_open(Open::Type(id));
        if times > 1 {
            return Err(self.circle());
        }
        let recurs = times == 1;
        let (answered, body) = self.within(Open::Type(id), recurs, |recorder| answer(recorder, id));
        if answered.is_ok() && !recurs && self.ending == 0 {
            self.types.describe(id, 0, body);
        }
        answered
    }

    /// Answers an enum; `answer` is told with which variant.
    pub(super) fn enumeration<T>(
        &mut self,
        key: Key,
        answer: impl FnOnce(&mut Self, Id, usize) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        self.ask("")?;
        let id = self.types.id(key, key.parts.len(), None);
        self.note.mention(id);
        let (variant, purpose) = self.variant(id)?;
        let ends = purpose != Purpose::Describe;
        let (answered, body) = self.within(Open::Type(id), ends, |recorder| answer(recorder, id, variant));
        match (&answered, purpose) {
            (Ok(_), Purpose::Describe) => self.types.describe(id, variant, body),
            (Ok(_), Purpose::FindBase) => self.types.get(id).base = Some(variant),
            // A variant of another platform, or a name in the list that is only an alias.
            (Err(Stop::Refused(_)), Purpose::Describe) => {
                self.types.describe(id, variant, Body { text: "?".to_owned(), ..Body::default() });
                return Err(Stop::Again);
            }
            (Err(Stop::Refused(_)), Purpose::FindBase) if self.types.get(id).dead_end(variant) => {
                return Err(Stop::Again);
            }
            _ => {}
        }
        answered
    }

    fn variant(&mut self, id: Id) -> Result<(usize, Purpose), Stop> {
        let recurs = self.times_open(Open::Type(id)) > 0;
        match self.types.get(id).base {
            None if recurs => Err(self.circle()),
            None => match self.types.get(id).base_to_try() {
                Some(variant) => Ok((variant, Purpose::FindBase)),
                None => Err(Stop::Refused("an enum without variants has no value".to_owned())),
            },
            Some(base) if recurs || self.ending > 0 => Ok((base, Purpose::EndSoon)),
            Some(base) => {
                let open: BTreeSet<Id> = self.open.iter().filter_map(|open| open.id()).collect();
                Ok((self.types.variant_to_describe(id, &open).unwrap_or(base), Purpose::Describe))
            }
        }
    }

    /// A value that would hold itself for ever: another variant for the innermost enum that has no base yet.
    fn circle(&mut self) -> Stop {
        for id in self.open.iter().rev().filter_map(|open| open.id()) {
            let named = self.types.get(id);
            let trying = named.base_to_try().filter(|_| named.base.is_none());
            if trying.is_some_and(|variant| named.dead_end(variant)) {
                return Stop::Again;
            }
        }
        Stop::Refused("the type contains itself without end".to_owned())
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

impl Open {
    fn id(self) -> Option<Id> {
        match self {
            Self::Type(id) => Some(id),
            Self::Container(_) => None,
        }
    }
}
