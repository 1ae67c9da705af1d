//! `wazapp openapi`.

use crate::print::Print;

pub(crate) fn run(print: &Print) {
    let document = web::api::openapi();
    print.answer(&document, || serde_json::to_string_pretty(&document).expect("the document is JSON"));
}
