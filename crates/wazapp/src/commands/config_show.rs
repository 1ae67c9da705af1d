//! `wazapp config show`.

use crate::config::Config;
use crate::print::{Print, table};

pub(crate) fn run(config: &Config, print: &Print) {
    let shown = config.show();
    print.answer(&shown, || {
        let rows: Vec<Vec<String>> = shown
            .iter()
            .map(|line| {
                vec![line.key.to_owned(), line.value.clone().unwrap_or_else(|| "-".into()), line.source.clone()]
            })
            .collect();
        table(&["SETTING", "VALUE", "SOURCE"], &rows)
    });
}
