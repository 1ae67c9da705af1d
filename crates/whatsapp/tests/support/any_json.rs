//! Arbitrary JSON that meets a reader's code: its own words stand where they may mean something.

use proptest::prelude::*;
use serde_json::{Map, Value};

/// Values nested up to `depth`, about `size` of them, with these keys and words among others.
pub(crate) fn any_json(
    keys: &'static [&'static str],
    words: &'static [&'static str],
    integers: impl Strategy<Value = i64> + 'static,
    (depth, size): (u32, u32),
) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        integers.prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(words).prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(depth, size, 6, move |inner| {
        let key = prop_oneof![
            9 => prop::sample::select(keys).prop_map(str::to_owned),
            1 => ".{0,4}",
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}
