//! How much may be held: for the start of a root, and by one tree. Pure.

/// Roots start while less than one part in so many of the memory is held: the rest is for the calls below those that have
/// started, which cannot wait.
const ROOTS_PART: usize = 2;

/// What bounds the memory of a node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MemoryLimits {
    memory: usize,
    running: usize,
    tree: usize,
    /// How many times what is free a tree may hold.
    times_free: f64,
}

impl MemoryLimits {
    /// `memory` in bytes, `running` in roots, `tree` as a share of the memory.
    pub(crate) fn new(memory: usize, running: usize, tree: f64) -> Self {
        let tree = tree.clamp(0.0, 1.0);
        // The factor with which a tree that is alone gets just its share.
        let times_free = if tree < 1.0 { (tree / (1.0 - tree)).max(1.0) } else { f64::MAX };
        Self { memory, running: running.max(1), tree: (memory as f64 * tree) as usize, times_free }
    }

    /// Whether one more root may start. One always may: too small a limit slows, it never stops.
    pub(crate) fn let_root_start(&self, running: usize, held: usize) -> bool {
        running == 0 || running < self.running && held < self.memory / ROOTS_PART
    }

    /// Whether with so much held there may be a tree that is too large.
    pub(crate) fn may_be_too_much(&self, held: usize) -> bool {
        // Below that, more than a tree can hold is free.
        held >= self.tree
    }

    /// The most that one tree may hold while so much is held: its share of the memory, and no more than is free (more of
    /// that if its share is more than half). So the larger trees stop first, small ones go on, and all together never take
    /// more than the memory: `n` that grow without end get a part in `n + 1` each.
    pub(crate) fn of_tree(&self, held: usize) -> usize {
        let free = self.memory.saturating_sub(held);
        if free == 0 { 0 } else { self.tree.min((free as f64 * self.times_free) as usize) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets trees grow by steps of 1, in turn, until all are refused.
    fn grow(limits: MemoryLimits, trees: usize) -> Vec<usize> {
        let mut sizes = vec![0; trees];
        loop {
            let before = sizes.clone();
            for at in 0..trees {
                let held = sizes.iter().sum();
                assert!(limits.may_be_too_much(held) || sizes[at] < limits.of_tree(held), "{sizes:?}");
                if sizes[at] == 0 || sizes[at] < limits.of_tree(held) {
                    sizes[at] += 1;
                }
            }
            if sizes == before {
                return sizes;
            }
        }
    }

    #[test]
    fn a_tree_that_is_alone_gets_its_share() {
        for (share, most) in [(0.0, 1), (0.1, 1000), (0.5, 5000), (0.9, 9000), (1.0, 10_000)] {
            let [grown] = grow(MemoryLimits::new(10_000, 1, share), 1)[..] else { panic!() };
            assert!(grown.abs_diff(most) <= 1, "{share}: {grown} instead of {most}");
        }
    }

    #[test]
    fn any_number_of_trees_that_grow_without_end_take_no_more_than_the_memory() {
        for share in [0.1, 0.5, 0.9, 1.0] {
            for trees in [2, 3, 10, 100] {
                let sizes = grow(MemoryLimits::new(10_000, 1, share), trees);
                assert!(sizes.iter().sum::<usize>() <= 10_000 + trees, "{share}, {trees}: {sizes:?}");
                assert!(sizes.iter().min() >= Some(&(10_000 / (trees + 1) / 11)), "{share}, {trees}: {sizes:?}");
            }
        }
    }

    #[test]
    fn a_small_tree_goes_on_where_large_ones_are_refused() {
        let limits = MemoryLimits::new(10_000, 1, 0.5);
        let held = grow(limits, 3).iter().sum();
        assert!(limits.of_tree(held) > 2000, "{held} held");
    }

    #[test]
    fn one_root_may_always_start_and_never_more_than_so_many() {
        let limits = MemoryLimits::new(10_000, 3, 0.5);
        assert!(limits.let_root_start(0, usize::MAX));
        assert!(limits.let_root_start(2, 4999) && !limits.let_root_start(2, 5000) && !limits.let_root_start(3, 0));
        assert!(MemoryLimits::new(0, 0, 0.0).let_root_start(0, 0), "whatever the limits");
    }
}
