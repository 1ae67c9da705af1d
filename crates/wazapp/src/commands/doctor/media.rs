//! Where the bytes of media are kept.

use std::fs;
use std::time::Duration;

use super::finding::Finding;
use crate::config::{Config, MediaUrl};
use crate::open;

const AREA: &str = "Media";

/// A bucket that does not answer by then is taken for one that does not work.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn check(config: &Config) -> Finding {
    let (shown, fix) = match &config.media_url {
        MediaUrl::File(directory) => {
            let shown = directory.display().to_string();
            match fs::metadata(directory) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    return Finding::good(AREA, shown, "is made when the first file is kept");
                }
                Ok(found) if !found.is_dir() => {
                    return Finding::broken(AREA, shown, "is no directory", "WAZAPP_MEDIA_URL=file:DIRECTORY");
                }
                _ => (shown, "give its owner, as whom wazapp runs, the right to write, and room on its disk"),
            }
        }
        MediaUrl::S3 { bucket, prefix } => (
            format!("s3://{bucket}/{prefix}"),
            "check WAZAPP_MEDIA_URL and the AWS_* variables (docs/operate.md, Media); the key needs to read, write and \
             delete in the bucket",
        ),
    };
    let store = match open::store(config) {
        Ok(store) => store,
        Err(error) => return Finding::broken(AREA, shown, error.to_string(), fix),
    };
    match tokio::time::timeout(PATIENCE, store.check()).await {
        Ok(Ok(())) => Finding::good(AREA, shown, "takes a file, gives it back, deletes it"),
        Ok(Err(error)) => Finding::broken(AREA, shown, error.to_string(), fix),
        Err(_) => Finding::broken(AREA, shown, format!("does not answer within {} s", PATIENCE.as_secs()), fix),
    }
}
