//! The store by itself: the same on a disk and in a bucket.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use bytes::Bytes;
use e2e::until;
use futures::TryStreamExt;
use model::store::{Store, StoreError, Written};
use uuid::Uuid;

use super::hex;
use super::s3::S3;

/// Larger than two parts of either kind, and not a multiple of one.
const LARGE: usize = (11 << 20) + 7;

async fn write(store: &Store, owner: Uuid, bytes: &[u8]) -> Written {
    let mut writing = store.writer(owner);
    for piece in bytes.chunks(700_001) {
        writing.push(Bytes::copy_from_slice(piece)).await.expect("room");
    }
    writing.finish().await.expect("it is written")
}

async fn read(store: &Store, owner: Uuid, sha256: &str, range: std::ops::Range<u64>) -> Result<Vec<u8>, StoreError> {
    let pieces: Vec<Bytes> = store.read(owner, sha256, range).await?.try_collect().await?;
    Ok(pieces.concat())
}

async fn listed(store: &Store, owner: Uuid) -> usize {
    let all: Vec<_> = store.list(owner).try_collect().await.expect("a list");
    all.len()
}

async fn keeps_what_it_is_given(store: &Store) {
    let (owner, other) = (Uuid::now_v7(), Uuid::now_v7());
    let large: Vec<u8> = (0..LARGE).map(|nth| (nth % 251) as u8).collect();
    for bytes in [&b""[..], b"hola", &large] {
        let written = write(store, owner, bytes).await;
        let size = bytes.len() as u64;
        assert_eq!((written.sha256.clone(), written.size), (hex(bytes), size));
        assert_eq!(written.head, bytes[..bytes.len().min(model::store::HEAD)]);
        let sha256 = written.sha256.clone();
        assert!(matches!(read(store, owner, &sha256, 0..size).await, Err(StoreError::Missing)), "not yet");
        written.keep().await.expect("it is in its place");
        assert_eq!(read(store, owner, &sha256, 0..size).await.expect("there"), bytes);
        assert!(matches!(read(store, other, &sha256, 0..size).await, Err(StoreError::Missing)), "another's");
    }
    let sha256 = hex(&large);
    let part = 5_000_000..5_300_000_u64;
    assert_eq!(read(store, owner, &sha256, part).await.expect("a part"), large[5_000_000..5_300_000]);
    assert_eq!(listed(store, owner).await, 3, "nothing temporary is left");

    write(store, owner, &large).await.keep().await.expect("the same again");
    assert_eq!(listed(store, owner).await, 3);

    store.delete(owner, &sha256).await.expect("it goes");
    store.delete(owner, &sha256).await.expect("it is gone already");
    assert!(matches!(read(store, owner, &sha256, 0..1).await, Err(StoreError::Missing)));
    assert!(matches!(read(store, owner, "../../x", 0..1).await, Err(StoreError::Missing)));
}

async fn leaves_nothing_of_what_was_given_up(store: &Store) {
    let owner = Uuid::now_v7();
    let large = Bytes::from(vec![7; LARGE]);
    let mut writing = store.writer(owner);
    writing.push(large.clone()).await.expect("room");
    drop(writing);
    drop(write(store, owner, &large).await);
    until("both are gone", async || listed(store, owner).await == 0).await;
    assert!(matches!(read(store, owner, &hex(&large), 0..1).await, Err(StoreError::Missing)));
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_directory() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::directory(&directory.path().join("media")).expect("a store");
    store.check().await.expect("it works");
    keeps_what_it_is_given(&store).await;
    leaves_nothing_of_what_was_given_up(&store).await;
    all_is_closed(&directory.path().join("media"));
}

fn all_is_closed(directory: &Path) -> usize {
    let mut seen = 1;
    assert_eq!(mode(directory), 0o700, "{}", directory.display());
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => seen += all_is_closed(&path),
            false => {
                seen += 1;
                assert_eq!(mode(&path), 0o600, "{}", path.display());
            }
        }
    }
    seen
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("there").permissions().mode() & 0o777
}

/// Whatever the umask is, and also what was left open before, or is unfinished yet.
#[tokio::test(flavor = "multi_thread")]
async fn files_are_this_users_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let (root, owner) = (directory.path().join("media"), Uuid::now_v7());
    let store = Store::directory(&root).expect("a store");
    let old = root.join(Uuid::now_v7().to_string()).join("ab");
    std::fs::create_dir_all(&old).expect("directories");
    std::fs::write(old.join("ab".repeat(32)), "open").expect("a file");
    for (path, open) in [(old.clone(), 0o755), (old.join("ab".repeat(32)), 0o644), (root.clone(), 0o755)] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(open)).expect("it is opened");
    }
    // The directory above it, however the umask of who runs this makes it.
    assert!(store.close_all().await.expect("they are closed") >= 3);
    assert_eq!(store.close_all().await.expect("nothing is to be done"), 0);

    write(&store, owner, b"small").await.keep().await.expect("it is kept");
    write(&store, owner, &vec![1; LARGE]).await.keep().await.expect("it is kept");
    let mut unfinished = store.writer(owner);
    unfinished.push(Bytes::from(vec![2; LARGE])).await.expect("room");
    let written = write(&store, owner, &vec![3; LARGE]).await;
    assert!(all_is_closed(&root) >= 10, "two finished files, one unfinished, one that waits for its place");
    drop((unfinished, written));
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_bucket() {
    let s3 = S3::start().await;
    for prefix in ["", "of/one"] {
        let store = s3.store(prefix);
        store.check().await.expect("it works");
        keeps_what_it_is_given(&store).await;
        leaves_nothing_of_what_was_given_up(&store).await;
    }
}

/// What a doctor finds.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_does_not_work_says_so() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let refused = Store::directory(&file.path().join("media")).expect_err("a file is no directory").to_string();
    assert!(refused.contains("WAZAPP_MEDIA_URL"), "{refused}");
    let s3 = S3::start().await;
    let settings = [
        ("AWS_ENDPOINT", "http://127.0.0.1:9"),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_REGION", "x"),
        ("AWS_ACCESS_KEY_ID", "x"),
        ("AWS_SECRET_ACCESS_KEY", "not-to-be-told"),
    ];
    let away = Store::s3_with(&settings, "media", "").expect("nothing is asked yet");
    let error = away.check().await.expect_err("nobody is there").to_string();
    assert!(!error.contains("not-to-be-told"), "{error}");
    drop(s3);
}
