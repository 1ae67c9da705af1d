//! Reads an object's fields into what they are for, and says of which one it refuses.

use serde::de::value::{SeqDeserializer, StringDeserializer};
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::Value;

use super::refusal::{Refusal, list};

pub(super) fn read<T: DeserializeOwned>(fields: Vec<(String, Value)>) -> Result<T, Refusal> {
    T::deserialize(Object { fields: fields.into_iter(), value: None })
}

/// All fields; serde asks for one after the other.
struct Object {
    fields: std::vec::IntoIter<(String, Value)>,
    value: Option<(String, Value)>,
}

impl<'de> Deserializer<'de> for Object {
    type Error = Refusal;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        visitor.visit_map(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> MapAccess<'de> for Object {
    type Error = Refusal;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Refusal> {
        self.value = self.fields.next();
        let Some((name, _)) = &self.value else {
            return Ok(None);
        };
        let name: StringDeserializer<Refusal> = name.clone().into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Refusal> {
        let (name, value) = self.value.take().expect("serde asks for the name first");
        seed.deserialize(Field(value)).map_err(|refusal| refusal.named(name))
    }
}

/// One field's value.
struct Field(Value);

impl IntoDeserializer<'_, Refusal> for Field {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Field {
    type Error = Refusal;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.0 {
            Value::String(text) => visitor.visit_string(text),
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Number(number) => match number.as_i64() {
                Some(whole) => visitor.visit_i64(whole),
                None => Err(de::Error::invalid_type(Unexpected::Other("another number"), &visitor)),
            },
            Value::Array(rows) => visitor.visit_seq(SeqDeserializer::new(rows.into_iter().map(Field))),
            Value::Object(members) => {
                let fields: Vec<_> = members.into_iter().collect();
                visitor.visit_map(Object { fields: fields.into_iter(), value: None })
            }
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        let Value::String(text) = self.0 else {
            return Err(Refusal::new("", format!("must be {}", list(variants, "or"))));
        };
        let text: StringDeserializer<Refusal> = text.into_deserializer();
        visitor.visit_enum(text)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct identifier
    }
}
