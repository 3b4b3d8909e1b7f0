//! Which candidate answers which request, remembered from pass to pass.

use std::collections::{HashMap, HashSet};

use super::types::Id;

/// A part of a value: where in what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Step {
    /// The named type that it is a part of; none for the parts of a container or a tuple.
    pub(super) owner: Option<Id>,
    /// The variant of that type.
    pub(super) variant: usize,
    /// Which part.
    pub(super) part: usize,
}

/// What was chosen, for each place in a type.
#[derive(Debug, Default)]
pub(super) struct Choices {
    chosen: HashMap<Vec<Step>, usize>,
    /// The choices of this pass, in order, and among how many each was.
    made: Vec<(Vec<Step>, usize)>,
}

impl Choices {
    /// Forgets which choices were made, not what was chosen.
    pub(super) fn begin(&mut self) {
        self.made.clear();
    }

    /// How many choices were made so far in this pass.
    pub(super) fn made(&self) -> usize {
        self.made.len()
    }

    /// The choice at a place, among so many: the first, until [`next`](Self::next) says otherwise.
    ///
    /// A place is told from the innermost named type on, so that a type is answered alike wherever it is used.
    pub(super) fn at(&mut self, path: &[Step], among: usize) -> usize {
        let start = path.iter().rposition(|step| step.owner.is_some()).unwrap_or_default();
        let place = path[start..].to_vec();
        let chosen = self.chosen.get(&place).copied().unwrap_or_default();
        self.made.push((place, among));
        chosen
    }

    /// Goes on to the next combination of the choices made since there were `since`, the last one first.
    ///
    /// After the last combination all are the first again, and it gives false.
    pub(super) fn next(&mut self, since: usize) -> bool {
        let mut seen = HashSet::new();
        for (place, among) in self.made[since..].iter().rev() {
            if !seen.insert(place) {
                continue;
            }
            let chosen = self.chosen.entry(place.clone()).or_default();
            if *chosen + 1 < *among {
                *chosen += 1;
                return true;
            }
            *chosen = 0;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(part: usize) -> Step {
        Step { owner: None, variant: 0, part }
    }

    #[test]
    fn all_combinations_are_tried_once_the_last_choice_first() {
        let mut choices = Choices::default();
        let mut seen = Vec::new();
        loop {
            choices.begin();
            seen.push([0, 1, 0].map(|at| choices.at(&[part(at)], 2 + at)));
            if !choices.next(0) {
                break;
            }
        }
        assert_eq!(seen, [[0, 0, 0], [1, 0, 1], [0, 1, 0], [1, 1, 1], [0, 2, 0], [1, 2, 1]]);
    }

    #[test]
    fn choices_before_the_slot_stay() {
        let mut choices = Choices::default();
        choices.at(&[part(0)], 5);
        let since = choices.made();
        choices.at(&[part(1)], 2);
        assert!(choices.next(since));
        choices.begin();
        assert_eq!((choices.at(&[part(0)], 5), choices.at(&[part(1)], 2)), (0, 1));
        assert!(!choices.next(since));
    }
}
