//! How much of everything Meta takes, each with where the number comes from.
//!
//! "Page" means Meta's page of that name below
//! developers.facebook.com/documentation/business-messaging/whatsapp, as read between
//! December 2025 and September 2026. "Memory" means that no page at hand says so; such a
//! limit is only here if Meta is known to refuse what goes over it. Where nothing is known
//! there is no limit ([`ANY`]): a message refused here in error has no way out, one that Meta
//! refuses comes back with a reason.
//!
//! Meta says "characters" and never which. They are counted as Unicode scalar values, so that
//! an emoji of one code point is one and a family joined of seven is seven.

use std::ops::RangeInclusive;

/// No limit known.
pub(super) const ANY: usize = usize::MAX;

/// After so many problems the rest is not worth reading; it keeps a hostile body small.
pub(super) const PROBLEMS: usize = 100;

/// Ids of media, messages, catalogs, flows. Not Meta's limit: ours, as for ids in webhooks.
pub(super) const ID: usize = 512;

/// `biz_opaque_callback_data`: OpenAPI v23.0.
pub(super) const CALLBACK_DATA: usize = 512;

/// `text.body`: page "Text messages".
pub(super) const TEXT: usize = 4096;

/// Captions: pages "Image", "Video" and "Document messages".
pub(super) const CAPTION: usize = 1024;

/// Cards in a contacts message: page "Contacts messages".
pub(super) const CONTACTS: RangeInclusive<usize> = 1..=257;

/// Degrees north of the equator.
pub(super) const LATITUDE: RangeInclusive<f64> = -90.0..=90.0;
/// Degrees east of Greenwich.
pub(super) const LONGITUDE: RangeInclusive<f64> = -180.0..=180.0;

/// Body of an interactive message: pages "Reply buttons", "CTA URL", "Location request",
/// "Catalog", "Carousel"; for the other subtypes from memory.
pub(super) const BODY: usize = 1024;
/// Body of a list: page "Interactive list messages".
pub(super) const LIST_BODY: usize = 4096;
/// Header text: pages "Interactive list messages" and "CTA URL"; for the others from memory.
pub(super) const HEADER: usize = 60;
/// Footer: pages "Reply buttons", "List", "CTA URL", "Catalog"; for the others from memory.
pub(super) const FOOTER: usize = 60;

/// Reply buttons: page "Interactive reply buttons messages".
pub(super) const BUTTONS: RangeInclusive<usize> = 1..=3;
/// Label of any button: pages "Reply buttons", "CTA URL", "Media carousel", "Call buttons".
pub(super) const BUTTON: usize = 20;
/// Id of a reply button: page "Interactive reply buttons messages".
pub(super) const BUTTON_ID: usize = 256;

/// Sections of a list or of products: pages "Interactive list messages" and "Share products".
pub(super) const SECTIONS: RangeInclusive<usize> = 1..=10;
/// Title of a section: page "Interactive list messages".
pub(super) const SECTION: usize = 24;
/// Rows of a list, all sections together: page "Interactive list messages".
pub(super) const ROWS: usize = 10;
/// Id of a row: page "Interactive list messages".
pub(super) const ROW_ID: usize = 200;
/// Title of a row: page "Interactive list messages".
pub(super) const ROW: usize = 24;
/// Description of a row: page "Interactive list messages".
pub(super) const ROW_DESCRIPTION: usize = 72;

/// Products of a multi-product message or button, all sections together: page "Share products".
pub(super) const PRODUCTS: usize = 30;

/// Cards of an interactive carousel: pages "Media carousel" and "Product carousel".
pub(super) const CARDS: RangeInclusive<usize> = 2..=10;
/// `card_index`: page "Product carousel".
pub(super) const CARD_INDEX: RangeInclusive<i64> = 0..=9;
/// Body of a card: page "Media carousel".
pub(super) const CARD_BODY: usize = 160;
/// Line breaks in the body of a card: page "Media carousel".
pub(super) const CARD_LINE_BREAKS: usize = 2;

/// Countries with address messages: page "Address messages"; Singapore from memory.
pub(super) const ADDRESS_COUNTRIES: [&str; 2] = ["IN", "SG"];

/// Minutes that a call button works: page "Call button messages".
pub(super) const CALL_MINUTES: RangeInclusive<i64> = 1..=43_200;
/// Payload of a call button: page "Call button messages".
pub(super) const CALL_PAYLOAD: usize = 512;

/// Name of a template: page "Template management".
pub(super) const TEMPLATE_NAME: usize = 512;
/// Cards of a template carousel: page "Media card carousel templates".
pub(super) const TEMPLATE_CARDS: RangeInclusive<usize> = 1..=10;
/// Index of a template's button, ten buttons at most: page "Template components".
pub(super) const BUTTON_INDEX: RangeInclusive<i64> = 0..=9;
/// Code of a copy-code button: page "Coupon templates".
pub(super) const COUPON: usize = 20;
/// Spaces in a row within a template's value: text of Meta's error 132018, memory.
pub(super) const SPACES: usize = 4;
/// Body of a template with its values, if there are other components: memory (error 132005).
pub(super) const FILLED_BODY: usize = 1024;
/// Body of a template with its values, if it is all there is: memory (error 132005).
pub(super) const FILLED_BODY_ALONE: usize = 32_768;

/// Text of a Direct Send message: page "Direct Send: supported features and limits".
pub(super) const DIRECT_TEXT: usize = 1024;
/// Seconds that a Direct Send utility message waits: page "Direct Send: message TTL".
pub(super) const DIRECT_TTL: RangeInclusive<i64> = 30..=43_200;
/// The same for authentication: page "Direct Send: message TTL".
pub(super) const DIRECT_AUTHENTICATION_TTL: RangeInclusive<i64> = 30..=900;

/// Digits of an international phone number: ITU-T E.164; shorter than seven there are none.
pub(super) const PHONE_DIGITS: RangeInclusive<usize> = 7..=15;
