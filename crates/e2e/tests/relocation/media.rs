//! Files go from a directory to a bucket and back, while the server goes on.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use e2e::program::Installation;
use futures::TryStreamExt;
use serde_json::{Value, json};

use super::{Stage, refused};
use crate::backup::files;
use crate::media::s3::S3;

/// What the directory has, by organization and name; not what is still on its way.
pub(super) fn kept(stage: &Stage) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = files(&stage.installation.data_dir().join("media"));
    all.retain(|path, _| path.file_name().is_some_and(|name| name.len() == 64));
    all
}

/// The same of the bucket.
pub(super) async fn there(s3: &S3, prefix: &str, names: impl Iterator<Item = &PathBuf>) -> BTreeMap<PathBuf, Vec<u8>> {
    let (store, mut found) = (s3.store(prefix), BTreeMap::new());
    for name in names {
        let organization = name.iter().next().expect("a folder").to_str().expect("text").parse().expect("an id");
        let sha256 = name.file_name().expect("a name").to_str().expect("text");
        if let Ok((_, reading)) = store.read_all(organization, sha256).await {
            let bytes: Vec<bytes::Bytes> = reading.try_collect().await.expect("it is read");
            found.insert(name.clone(), bytes.concat());
        }
    }
    found
}

pub(super) fn with_bucket(installation: Installation, s3: &S3) -> Installation {
    s3.settings().into_iter().fold(installation, |installation, (name, value)| installation.setting(name, value))
}

pub(super) async fn moved(stage: &Stage, arguments: &[&str]) -> Value {
    stage.installation.json(&[&["move", "media"], arguments].concat()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_the_same_one_by_one_and_go_when_asked() {
    let (s3, stage) = (S3::start().await, Stage::new().await);
    let stage = Stage { installation: with_bucket(stage.installation, &s3), ..stage };
    let (bucket, directory) = ("s3://media/moved", stage.installation.data_dir().join("media"));
    let server = stage.installation.serve().await;
    let before = kept(&stage);
    assert!(before.len() >= 2, "a picture and its thumbnail");
    // While the server runs.
    let said = moved(&stage, &["--to", bucket]).await;
    assert_eq!(
        (&said["moved"]["files"], &said["moved"]["copied"]),
        (&json!(before.len()), &json!(before.len())),
        "{said}"
    );
    assert!(said["server"].is_string() && said["setting"] == "WAZAPP_MEDIA_URL=s3://media/moved", "{said}");
    assert!(there(&s3, "moved", before.keys()).await == before);
    let says = refused(&stage.installation, &["move", "media", "--to", bucket, "--remove"]).await;
    assert!(says.contains("nothing was removed") && says.contains("Stop it first"), "{says}");
    // Nor where this command's settings are others than that server's.
    let from = format!("file:{}", directory.display());
    let arguments = ["move", "media", "--from", &from, "--to", bucket, "--remove"];
    let output = stage.installation.command(&arguments).env("WAZAPP_MEDIA_URL", bucket).output().await;
    let says = crate::backup::refusal(&output.expect("it runs"));
    assert!(says.contains("nothing was removed") && says.contains("Stop it first"), "{says}");
    assert!(kept(&stage) == before);
    // It takes in more, which the next run copies alone.
    let large = data_encoding::BASE64.encode(&vec![7; 12 << 20]);
    let document = json!({ "data": large, "mime_type": "application/pdf", "filename": "a.pdf" });
    stage.meta.callback(&format!("{}/webhook", server.url()), super::WORD).await;
    stage.meta.customer_sends(&stage.number, super::LUCIA, json!({ "type": "document", "document": document })).await;
    e2e::until("it is kept", async || kept(&stage).len() > before.len()).await;
    assert!(server.terminate().await.0.success());
    let all = kept(&stage);
    let said = moved(&stage, &["--to", bucket]).await;
    assert_eq!(said["moved"]["copied"], all.len() - before.len(), "{said}");
    assert_eq!(said["server"], Value::Null);
    assert!(there(&s3, "moved", all.keys()).await == all);

    // What was spoilt there has its size, and is found by reading it back.
    let (name, bytes) = all.iter().min_by_key(|(_, bytes)| bytes.len()).expect("a file");
    let folder = format!("moved/{}", name.parent().and_then(Path::to_str).expect("a folder"));
    s3.spoil(&folder, name.file_name().and_then(OsStr::to_str).expect("a name"), vec![0; bytes.len()]).await;
    assert_eq!(moved(&stage, &["--to", bucket]).await["moved"]["copied"], 0);
    assert_eq!(moved(&stage, &["--to", bucket, "--check"]).await["moved"]["copied"], 1);
    assert!(there(&s3, "moved", all.keys()).await == all);

    // The server on the bucket shows them; then the old ones go.
    let stage = Stage { installation: stage.installation.setting("WAZAPP_MEDIA_URL", bucket), ..stage };
    let server = stage.installation.serve().await;
    let said = moved(&stage, &["--from", &from, "--to", bucket, "--remove"]).await;
    assert_eq!((&said["moved"]["removed"], &said["moved"]["copied"]), (&json!(all.len()), &json!(0)), "{said}");
    assert!(kept(&stage).is_empty());
    assert!(there(&s3, "moved", all.keys()).await == all);
    assert!(server.terminate().await.0.success());

    // And back.
    assert_eq!(moved(&stage, &["--to", &from]).await["moved"]["copied"], all.len());
    assert!(kept(&stage) == all);
    stage.meta.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_damaged_or_gone_is_named_and_not_copied() {
    let (s3, stage) = (S3::start().await, Stage::new().await);
    let stage = Stage { installation: with_bucket(stage.installation, &s3), ..stage };
    let all = kept(&stage);
    let names: Vec<&PathBuf> = all.keys().collect();
    let media = stage.installation.data_dir().join("media");
    std::fs::write(media.join(names[0]), "other bytes").expect("it is spoilt");
    std::fs::remove_file(media.join(names[1])).expect("it goes");
    let said = moved(&stage, &["--to", "s3://media/named"]).await;
    let named = |list: &Value, path: &PathBuf| {
        list.as_array().is_some_and(|all| {
            all.len() == 1 && path.ends_with(all[0].as_str().and_then(|name| name.split('/').nth(1)).unwrap_or("?"))
        })
    };
    assert!(named(&said["moved"]["damaged"], names[0]) && named(&said["moved"]["missing"], names[1]), "{said}");
    let found = there(&s3, "named", all.keys()).await;
    assert_eq!(found.len(), all.len() - 2);
    assert!(found.iter().all(|(name, bytes)| all[name] == *bytes));
    // Nothing is taken away that is not there.
    let said = moved(&stage, &["--to", "s3://media/named", "--remove"]).await;
    assert_eq!(said["moved"]["removed"], all.len() - 2);
    assert!(media.join(names[0]).exists());
    // Two names of one place: nothing may be taken away there.
    let alias = stage.installation.data_dir().join("another-name");
    std::os::unix::fs::symlink(&media, &alias).expect("a link");
    let said =
        refused(&stage.installation, &["move", "media", "--to", &format!("file:{}", alias.display()), "--remove"])
            .await;
    assert!(said.contains("are one place"), "{said}");
    assert!(media.join(names[0]).exists());
    for (to, expected) in [
        ("s3://nobodys/x", "bucket"),
        ("elsewhere", "--to: \"elsewhere\" is not a place for media"),
        (&format!("file:{}", media.display()), "the files are there"),
    ] {
        let says = refused(&stage.installation, &["move", "media", "--to", to]).await;
        assert!(says.contains(expected), "{to}: {says}");
    }
    stage.meta.stop().await;
}
