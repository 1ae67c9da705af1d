//! Where the bytes of media are kept.

use std::fs;

use super::finding::Finding;
use crate::config::{Config, MediaUrl};

const AREA: &str = "Media";

pub(super) fn check(config: &Config) -> Vec<Finding> {
    match &config.media_url {
        MediaUrl::File(directory) => match fs::metadata(directory) {
            Ok(found) if !found.is_dir() => {
                let shown = directory.display().to_string();
                vec![Finding::broken(AREA, shown, "is no directory", "WAZAPP_MEDIA_URL=file:DIRECTORY")]
            }
            // It is made when the first file is kept.
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}
