//! Reading what was stored as JSON in a shape of ours.

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio_postgres::Row;
use tokio_postgres::types::Json;

use super::error::{DatabaseError, Result};

/// Reads a value of ours, an `Option` where the column may be null. `column` is its table and column, which an error names.
pub(crate) fn stored_json<T: DeserializeOwned>(row: &Row, name: &str, column: &'static str) -> Result<T> {
    let text = row.get::<_, Option<Json<&RawValue>>>(name).map_or("null", |json| json.0.get());
    parsed(text, column)
}

fn parsed<T: DeserializeOwned>(text: &str, column: &'static str) -> Result<T> {
    serde_json::from_str(text).map_err(|why| DatabaseError::UnknownShape { column, why })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trouble::Trouble;

    #[test]
    fn what_is_odd_is_an_error_that_says_where_it_stands() {
        let read = |text: &str| parsed::<Option<Trouble>>(text, "number.problem");
        assert!(read("null").unwrap().is_none());
        let good = r#"{"code":"no_token","message":"…","advice":{"en":"…","es":"…"}}"#;
        assert!(read(good).unwrap().is_some());
        for (what, with) in [
            ("no_token", "no_tokens"),
            (r#""message":"…","#, ""),
            (r#","es":"…""#, ""),
            (r#""message""#, r#""massage":"…","message""#),
            (r#""…","advice""#, r#"7,"advice""#),
            (r#""no_token""#, "null"),
        ] {
            let odd = read(&good.replacen(what, with, 1)).unwrap_err();
            assert!(matches!(odd, DatabaseError::UnknownShape { .. }), "{odd}");
            assert!(odd.to_string().contains("number.problem"), "{odd}");
        }
        assert!(read(&good.replace("no_token", "odd")).unwrap_err().to_string().contains("`odd`"));
    }
}
