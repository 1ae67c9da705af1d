//! What a statement is given.

use bytes::BytesMut;
use postgres_types::{IsNull, ToSql, Type, accepts, to_sql_checked};

/// A parameter that names its own type: through a transaction pooler statements are not prepared, so nobody else
/// would say what it is.
pub trait Param: ToSql + Sync + Send {
    /// PostgreSQL's type for it.
    fn sql_type(&self) -> Type;
    /// Itself, as the driver wants it.
    fn as_sql(&self) -> &(dyn ToSql + Sync);
}

/// JSON that is written already.
#[derive(Clone, Copy, Debug)]
pub struct RawJson<'a>(pub &'a str);

impl ToSql for RawJson<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.extend_from_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }

    accepts!(JSON);
    to_sql_checked!();
}

macro_rules! params {
    ($($rust:ty => $one:ident, $many:ident;)+) => {$(
        impl Param for $rust {
            fn sql_type(&self) -> Type { Type::$one }
            fn as_sql(&self) -> &(dyn ToSql + Sync) { self }
        }
        impl Param for Option<$rust> {
            fn sql_type(&self) -> Type { Type::$one }
            fn as_sql(&self) -> &(dyn ToSql + Sync) { self }
        }
        impl Param for Option<Vec<$rust>> {
            fn sql_type(&self) -> Type { Type::$many }
            fn as_sql(&self) -> &(dyn ToSql + Sync) { self }
        }
        impl Param for Vec<$rust> {
            fn sql_type(&self) -> Type { Type::$many }
            fn as_sql(&self) -> &(dyn ToSql + Sync) { self }
        }
        impl Param for Vec<Option<$rust>> {
            fn sql_type(&self) -> Type { Type::$many }
            fn as_sql(&self) -> &(dyn ToSql + Sync) { self }
        }
    )+};
}

params! {
    bool => BOOL, BOOL_ARRAY;
    i16 => INT2, INT2_ARRAY;
    i32 => INT4, INT4_ARRAY;
    i64 => INT8, INT8_ARRAY;
    &str => TEXT, TEXT_ARRAY;
    String => TEXT, TEXT_ARRAY;
    &[u8] => BYTEA, BYTEA_ARRAY;
    uuid::Uuid => UUID, UUID_ARRAY;
    jiff::Timestamp => TIMESTAMPTZ, TIMESTAMPTZ_ARRAY;
    jiff::civil::Date => DATE, DATE_ARRAY;
    RawJson<'_> => JSON, JSON_ARRAY;
    &serde_json::Value => JSON, JSON_ARRAY;
}

impl Param for Vec<u8> {
    fn sql_type(&self) -> Type {
        Type::BYTEA
    }
    fn as_sql(&self) -> &(dyn ToSql + Sync) {
        self
    }
}

impl Param for Option<Vec<u8>> {
    fn sql_type(&self) -> Type {
        Type::BYTEA
    }
    fn as_sql(&self) -> &(dyn ToSql + Sync) {
        self
    }
}

impl Param for Vec<Vec<u8>> {
    fn sql_type(&self) -> Type {
        Type::BYTEA_ARRAY
    }
    fn as_sql(&self) -> &(dyn ToSql + Sync) {
        self
    }
}
