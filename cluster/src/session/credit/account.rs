//! What a caller knows of a peer's queue.

use std::collections::BTreeMap;

use super::super::error::ProtocolError;
use super::{Amount, CLASSES_MAX, Cost, Credit, SHARED};

/// The caller's account: what was sent to a peer, and what of that has left the peer's queue as far as is known.
///
/// Empty until the peer tells of a class: a peer that tells none is not held back.
#[derive(Debug, Default)]
pub struct Account {
    /// That of all tasks without a window of their own: nearly all calls look at no more than this.
    shared: Option<Class>,
    own: BTreeMap<u32, Class>,
}

#[derive(Debug, Default)]
struct Class {
    window: Amount,
    sent: Amount,
    told: Amount,
    ended: Amount,
}

impl Class {
    fn has_room(&self) -> bool {
        self.window.admits(self.sent.less(self.told.max(self.ended)))
    }
}

impl Account {
    /// What a call of the peer's task `number` will cost; none, if the peer has told of no window for it.
    pub fn cost(&self, number: u32, bytes: usize) -> Option<Cost> {
        let own = number.checked_add(1).filter(|class| self.own.contains_key(class));
        let class = own.unwrap_or(SHARED);
        self.class(class).map(|_told| Cost { class, bytes: bytes as u64 })
    }

    /// The classes that the peer has told of.
    pub fn classes(&self) -> impl Iterator<Item = u32> + '_ {
        self.shared.iter().map(|_told| SHARED).chain(self.own.keys().copied())
    }

    /// Whether a call of this class may be sent.
    pub fn has_room(&self, class: u32) -> bool {
        self.class(class).is_none_or(Class::has_room)
    }

    /// A call was sent.
    pub fn sent(&mut self, cost: Cost) {
        if let Some(class) = self.class_mut(cost.class) {
            class.sent.add(cost.bytes);
        }
    }

    /// The outcome of a call has come. True: its class had no room, and has.
    pub fn ended(&mut self, cost: Cost) -> bool {
        let Some(class) = self.class_mut(cost.class) else { return false };
        let before = class.has_room();
        class.ended.add(cost.bytes);
        !before && class.has_room()
    }

    fn class(&self, class: u32) -> Option<&Class> {
        if class == SHARED { self.shared.as_ref() } else { self.own.get(&class) }
    }

    fn class_mut(&mut self, class: u32) -> Option<&mut Class> {
        if class == SHARED { self.shared.as_mut() } else { self.own.get_mut(&class) }
    }

    /// Takes what the peer tells. True: the class had no room, and has.
    ///
    /// # Errors
    /// More has left than was sent, or less than before; or there are more classes than [`CLASSES_MAX`].
    pub fn hear(&mut self, credit: Credit) -> Result<bool, ProtocolError> {
        let Credit { class: number, left, window } = credit;
        if self.class(number).is_none() && self.classes().count() >= CLASSES_MAX {
            return Err(ProtocolError::TooManyClasses { limit: CLASSES_MAX });
        }
        let class = match number {
            SHARED => self.shared.get_or_insert_default(),
            own => self.own.entry(own).or_default(),
        };
        let Class { sent, told, .. } = *class;
        let fits = |left: u64, told: u64, sent: u64| told <= left && left <= sent;
        if !fits(left.calls, told.calls, sent.calls) || !fits(left.bytes, told.bytes, sent.bytes) {
            return Err(ProtocolError::Credit { class: number, left, told, sent });
        }
        let before = class.has_room();
        class.told = left;
        class.window = window;
        Ok(!before && class.has_room())
    }
}
