//! The rules by which containers, structs and enums are answered, so that each type comes to an end and each variant
//! is seen.

use std::{collections::BTreeSet, fmt::Write as _};

use super::{Fate, Open, Recorder};
use crate::shape::{
    stop::Stop,
    types::{Body, Id, Key},
};

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

impl Recorder {
    /// Answers an option, a sequence or a map; `answer` is told whether it holds something.
    pub(in crate::shape) fn container<T>(
        &mut self,
        what: &str,
        visitor: &'static str,
        answer: impl FnOnce(&mut Self, bool) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        self.ask(what)?;
        let open = Open::Container(visitor);
        // A circle through a named type ends there; only those that have none within are found here.
        let near = self.open.iter().rev().take_while(|open| open.id().is_none());
        let times = near.clone().filter(|other| **other == open).count();
        let up = near.take_while(|other| **other != open).count();
        if times > 1 {
            return Err(self.circle());
        }
        let recurs = times == 1;
        let depth = self.open.iter().filter(|open| open.id().is_none()).count();
        self.nested = self.nested.max(depth + 1);
        let full = !recurs && self.ending == 0 && depth < self.filled;
        let holds = full || self.choices.at(&self.path, 2) == 1;
        let (answered, body) = self.within(open, recurs, |recorder| answer(recorder, holds));
        if recurs {
            let _ = write!(self.note.text, "^{up}");
        } else {
            self.note.text.push('<');
            self.note.append(body);
            self.note.text.push('>');
        }
        answered
    }

    /// Answers a struct.
    pub(in crate::shape) fn structure<T>(
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
        if answered.is_ok() && !recurs && self.ending == 0 && self.fate.is_none() {
            self.types.describe(id, 0, body);
        }
        answered
    }

    /// Answers an enum; `answer` is told with which variant.
    pub(in crate::shape) fn enumeration<T>(
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
        match answered {
            Ok(value) if self.fate.is_none() => {
                match purpose {
                    Purpose::Describe => self.types.describe(id, variant, body),
                    Purpose::FindBase => self.types.get(id).base = Some(variant),
                    Purpose::EndSoon => {}
                }
                Ok(value)
            }
            Err(Stop::Refused(message)) if self.fate != Some(Fate::Again) => {
                let another = match purpose {
                    // A variant of another platform, or a name in the list that is only an alias.
                    Purpose::Describe => {
                        self.types.describe(id, variant, Body { text: "?".to_owned(), ..Body::default() });
                        true
                    }
                    Purpose::FindBase => {
                        self.types.get(id).dead_end(variant) || {
                            // Not for good: what stood in its way may be known the next time.
                            self.types.get(id).dead_ends.clear();
                            false
                        }
                    }
                    Purpose::EndSoon => false,
                };
                Err(self.decide(another, message))
            }
            other => other,
        }
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
        let mut exhausted = Vec::new();
        for id in self.open.iter().rev().filter_map(|open| open.id()) {
            let named = self.types.get(id);
            if named.base.is_some() {
                continue;
            }
            if named.base_to_try().is_some_and(|variant| named.dead_end(variant)) {
                exhausted.into_iter().for_each(|id| self.types.get(id).dead_ends.clear());
                self.fate = Some(Fate::Again);
                return Stop::Again;
            }
            exhausted.push(id);
        }
        Stop::Refused("the type contains itself without end".to_owned())
    }
}
