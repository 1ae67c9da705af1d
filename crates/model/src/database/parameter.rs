//! What a statement is given.

use postgres_types::{ToSql, Type};

/// A parameter that names its own type: through a transaction pooler statements are not prepared, so nobody else
/// would say what it is.
pub trait Param: ToSql + Sync + Send {
    /// PostgreSQL's type for it.
    fn sql_type(&self) -> Type;
    /// Itself, as the driver wants it.
    fn as_sql(&self) -> &(dyn ToSql + Sync);
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
}

impl Param for Vec<u8> {
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
