//! `wazapp version`.

use serde_json::json;

use crate::print::Print;

pub(crate) fn run(print: &Print) {
    let version = env!("CARGO_PKG_VERSION");
    print.answer(&json!({ "version": version }), || format!("wazapp {version}"));
}
