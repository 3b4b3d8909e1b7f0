//! Tables by the number of a call.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hasher, RandomState},
};

/// What is kept by call. Its order is none: whoever goes through all of it sorts first, so that a simulated run replays
/// exactly.
pub(crate) type ByCall<T> = HashMap<u64, T, Spread>;

/// Hashes a call number by one multiplication, with a factor of its own for each table: a peer that chooses the numbers
/// does not know which of them meet. Source: "Universal Hashing and k-Wise Independent Random Variables via Integer
/// Arithmetic without Primes", Dietzfelbinger 1996.
#[derive(Clone, Debug)]
pub(crate) struct Spread {
    factor: u64,
}

impl Default for Spread {
    fn default() -> Self {
        Self { factor: RandomState::new().hash_one(0) | 1 }
    }
}

impl BuildHasher for Spread {
    type Hasher = Spreading;

    fn build_hasher(&self) -> Spreading {
        Spreading { factor: self.factor, hash: 0 }
    }
}

#[derive(Debug)]
pub(crate) struct Spreading {
    factor: u64,
    hash: u64,
}

impl Hasher for Spreading {
    fn write_u64(&mut self, call: u64) {
        // The table looks at the low bits and at the top seven; the low ones of a product alone are no better than
        // those of the number.
        self.hash = call.wrapping_mul(self.factor).rotate_left(32);
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(self.hash ^ u64::from(*byte));
        }
    }

    fn finish(&self) -> u64 {
        self.hash
    }
}
