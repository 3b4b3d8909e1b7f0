//! The named types that a type is made of, and what is known of each.

use std::{
    collections::{BTreeSet, HashMap},
    fmt::Write as _,
};

/// What a struct or an enum is told apart by.
///
/// The Rust name is that of the type, with its generic arguments; it stays in this process. Two versions of one crate
/// have it in common, hence the names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) rust: &'static str,
    pub(super) kind: &'static str,
    /// The name that serde knows.
    pub(super) name: &'static str,
    /// The names of the fields or variants, aliases included, as serde lists them.
    pub(super) parts: &'static [&'static str],
}

/// A named type: its place in the order in which types were met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Id(pub(super) usize);

/// A description, and the named types that it mentions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Body {
    pub(super) text: String,
    pub(super) mentions: BTreeSet<Id>,
}

impl Body {
    pub(super) fn mention(&mut self, id: Id) {
        let _ = write!(self.text, "#{}", id.0);
        self.mentions.insert(id);
    }

    pub(super) fn append(&mut self, other: Self) {
        self.text.push_str(&other.text);
        self.mentions.extend(other.mentions);
    }
}

/// What is known of a named type.
#[derive(Debug)]
pub(super) struct Named {
    key: Key,
    /// What it holds; for an enum, what each variant holds.
    pub(super) bodies: Vec<Option<Body>>,
    /// How to build it without going round in circles; an enum has none before it is found.
    pub(super) base: Option<usize>,
    /// Which variants were found not to be such a base.
    pub(super) dead_ends: BTreeSet<usize>,
}

impl Named {
    /// The first variant that may be a base.
    pub(super) fn base_to_try(&self) -> Option<usize> {
        (0..self.bodies.len()).find(|variant| !self.dead_ends.contains(variant))
    }

    /// Notes that a variant is no base; whether another one may be.
    pub(super) fn dead_end(&mut self, variant: usize) -> bool {
        self.dead_ends.insert(variant);
        self.base_to_try().is_some()
    }

    fn is_finished(&self) -> bool {
        self.bodies.iter().all(Option::is_some)
    }
}

/// All named types that were met.
#[derive(Debug, Default)]
pub(super) struct Types {
    known: Vec<Named>,
    ids: HashMap<Key, Id>,
}

impl Types {
    /// The type, which is made known if it is new; `variants` is how many descriptions it has.
    pub(super) fn id(&mut self, key: Key, variants: usize, base: Option<usize>) -> Id {
        *self.ids.entry(key).or_insert_with(|| {
            self.known.push(Named { key, bodies: vec![None; variants], base, dead_ends: BTreeSet::new() });
            Id(self.known.len() - 1)
        })
    }

    /// The name of a field of a struct.
    pub(super) fn part(&self, id: Id, part: usize) -> Option<&'static str> {
        let key = &self.known[id.0].key;
        if key.kind == "struct" { key.parts.get(part).copied() } else { None }
    }

    pub(super) fn get(&mut self, id: Id) -> &mut Named {
        &mut self.known[id.0]
    }

    /// Describes a part of a type, unless that was done before.
    pub(super) fn describe(&mut self, id: Id, variant: usize, body: Body) {
        self.get(id).bodies[variant].get_or_insert(body);
    }

    /// Which variant of an enum to go through: one that is not described, or that leads to such a one without passing
    /// through the types in `open`.
    pub(super) fn variant_to_describe(&self, id: Id, open: &BTreeSet<Id>) -> Option<usize> {
        let bodies = &self.known[id.0].bodies;
        let mut avoid = open.clone();
        avoid.insert(id);
        let leads = |body: &Option<Body>| body.as_ref().is_some_and(|body| !self.reach(body, &avoid).finished);
        bodies.iter().position(Option::is_none).or_else(|| bodies.iter().position(leads))
    }

    /// Whether all types are described that `root` is made of.
    pub(super) fn are_finished(&self, root: &Body) -> bool {
        self.reach(root, &BTreeSet::new()).finished
    }

    fn reach(&self, from: &Body, avoid: &BTreeSet<Id>) -> Reach {
        let mut reach = Reach { types: BTreeSet::new(), finished: true };
        let mut next: Vec<Id> = from.mentions.iter().copied().collect();
        while let Some(id) = next.pop() {
            if avoid.contains(&id) || !reach.types.insert(id) {
                continue;
            }
            let named = &self.known[id.0];
            reach.finished &= named.is_finished();
            next.extend(named.bodies.iter().flatten().flat_map(|body| &body.mentions));
        }
        reach
    }

    /// The text of a shape: what it is, then each named type that it is made of, on a line of its own.
    pub(super) fn text(&self, root: &Body) -> String {
        let mut text = root.text.clone();
        for id in self.reach(root, &BTreeSet::new()).types {
            let Named { key, bodies, .. } = &self.known[id.0];
            let _ = write!(text, "\n#{} {} {:?} {:?}", id.0, key.kind, key.name, key.parts);
            for body in bodies.iter().flatten() {
                let _ = write!(text, " {{{}}}", body.text);
            }
        }
        text
    }
}

/// What a description leads to.
struct Reach {
    types: BTreeSet<Id>,
    /// Whether each of these is described.
    finished: bool,
}
