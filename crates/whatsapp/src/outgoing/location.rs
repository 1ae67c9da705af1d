//! A place on the map (page "Location messages").

use super::limits::{self, ANY};
use super::reader::Fields;

/// Coordinates may be numbers or texts: OpenAPI v23.0 has the one, the page the other.
pub(super) fn check(fields: &mut Fields) {
    fields.within("location", |location| {
        location.number("latitude", &limits::LATITUDE);
        location.number("longitude", &limits::LONGITUDE);
        location.text_if_given("name", ANY);
        location.text_if_given("address", ANY);
    });
}
