//! The parts of a compound value, and the variant of an enum, as they are asked for one after the other.

use serde::de::{DeserializeSeed, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor, value::U32Deserializer};

use super::{choices::Step, recorder::Recorder, stop::Stop, types::Id};

/// A number of parts.
pub(super) struct Parts<'a> {
    recorder: &'a mut Recorder,
    next: Step,
    left: usize,
}

impl<'a> Parts<'a> {
    pub(super) fn new(recorder: &'a mut Recorder, owner: Option<Id>, variant: usize, left: usize) -> Self {
        Self { recorder, next: Step { owner, variant, part: 0 }, left }
    }

    fn answer<'de, S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Stop> {
        let step = self.next;
        self.next.part += 1;
        let value = self.recorder.part(step, |recorder| seed.deserialize(recorder))?;
        self.recorder.ask(",")?;
        Ok(value)
    }

    fn answer_if_left<'de, S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Stop> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        self.answer(seed).map(Some)
    }
}

impl<'de> SeqAccess<'de> for Parts<'_> {
    type Error = Stop;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Stop> {
        self.answer_if_left(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

impl<'de> MapAccess<'de> for Parts<'_> {
    type Error = Stop;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Stop> {
        self.answer_if_left(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Stop> {
        self.answer(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// The variant that was chosen.
pub(super) struct Variant<'a> {
    recorder: &'a mut Recorder,
    id: Id,
    variant: usize,
}

impl<'a> Variant<'a> {
    pub(super) fn new(recorder: &'a mut Recorder, id: Id, variant: usize) -> Self {
        Self { recorder, id, variant }
    }

    fn parts(self, length: usize) -> Parts<'a> {
        Parts::new(self.recorder, Some(self.id), self.variant, length)
    }
}

impl<'de> EnumAccess<'de> for Variant<'_> {
    type Error = Stop;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Stop> {
        let index = u32::try_from(self.variant).map_err(serde::de::Error::custom)?;
        Ok((seed.deserialize(U32Deserializer::<Stop>::new(index))?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Stop;

    fn unit_variant(self) -> Result<(), Stop> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Stop> {
        let step = Step { owner: Some(self.id), variant: self.variant, part: 0 };
        self.recorder.part(step, |recorder| seed.deserialize(recorder))
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_seq(self.parts(length))
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Stop> {
        self.recorder.ask(&format!("{fields:?} "))?;
        visitor.visit_seq(self.parts(fields.len()))
    }
}
