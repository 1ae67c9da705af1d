//! An erasure where something is of several: groups, contacts that became one, and files in a bucket.

use e2e::{Options, Organization, World, body};
use futures::TryStreamExt;
use model::store::Listed;
use serde_json::{Value, json};

use super::erase::found_in;
use super::{ACCOUNT, LUCIA, MARCO, NAME, NUMBER, Stage, commands};
use crate::media::s3::S3;

const AT: i64 = 1_795_000_000;
const GROUP: &str = "grupo-de-la-plaza";

fn in_group(from: &str, wamid: &str, text: &str) -> Value {
    let mut message = body::text_message(from, wamid, AT, text);
    message["group_id"] = json!(GROUP);
    message
}

async fn contact(world: &World, organization: &Organization, wa_id: &str) -> String {
    let contacts = world.all(organization, "/contacts").await;
    let found = contacts.iter().find(|contact| contact["wa_id"] == wa_id).expect("a contact");
    found["id"].as_str().expect("an id").to_owned()
}

async fn erased(world: &World, organization: &Organization, who: &str) -> Value {
    let arguments = ["erase", "--org", &organization.slug, "--contact", who, "--yes", &organization.slug, "--json"];
    let output = commands(world).run(&arguments).await;
    let erased: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    assert_eq!((&erased["proven"], &erased["erased"]["found"]), (&json!(true), &json!([])), "{erased:#}");
    erased["erased"].clone()
}

/// Of a group go her words, what became of the organization's messages at her, and her number wherever others wrote it; what others said
/// stays.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_in_a_group_is_erased_from_it_and_the_group_goes_on() {
    let world = World::new().await;
    let cafe = world.organization("Café Lucero").await;
    world.connect(&cafe, NUMBER, ACCOUNT, None).await;
    let mut answer = in_group(MARCO, "wamid.g.3", &format!("pregúntale a +{LUCIA}"));
    answer["context"] = json!({ "from": LUCIA, "id": "wamid.g.1" });
    let mut reaction = in_group(LUCIA, "wamid.g.4", "");
    reaction["type"] = json!("reaction");
    reaction["reaction"] = json!({ "message_id": "wamid.g.2", "emoji": "👍" });
    let members = json!([{ "wa_id": LUCIA }, { "wa_id": MARCO }]);
    let joined = json!({ "groups": [{ "timestamp": AT.to_string(), "group_id": GROUP, "type": "group_participants_add",
        "added_participants": members }] });
    let at_each = |participant: &str| {
        json!({ "id": "wamid.ours", "status": "read", "timestamp": AT.to_string(), "recipient_type": "group",
            "recipient_id": GROUP, "recipient_participant_id": participant })
    };
    world.receive(&body::single(body::change(NUMBER, "group_participants_update", &joined))).await;
    let together = json!({
        "contacts": [body::contact(LUCIA, NAME), body::contact(MARCO, "Marco")],
        "messages": [in_group(LUCIA, "wamid.g.1", "voy yo"), in_group(MARCO, "wamid.g.2", "gracias"), answer, reaction],
    });
    world.receive(&body::value(NUMBER, &together)).await;
    world.receive(&body::value(NUMBER, &json!({ "statuses": [at_each(LUCIA), at_each(MARCO)] }))).await;
    world.receive(&body::text(NUMBER, LUCIA, "wamid.alone", AT, "solo nosotros")).await;
    let id = contact(&world, &cafe, LUCIA).await;
    let words = [LUCIA, id.as_str(), NAME];
    assert!(found_in(&world, &cafe, NUMBER, &words).await.len() > 5);

    let gone = erased(&world, &cafe, LUCIA).await;
    assert_eq!(found_in(&world, &cafe, NUMBER, &words).await, Vec::<String>::new());
    assert_eq!((&gone["gone"]["message"], &gone["gone"]["status"]), (&json!(3), &json!(1)), "{gone:#}");
    let left = world.conversations(&cafe).await;
    assert_eq!(left.len(), 1, "the group alone: {left:#?}");
    assert_eq!(left[0]["group_id"], GROUP);
    let texts: Vec<Value> = world.messages(&cafe, &left[0]).await.iter().map(|row| row["text"].clone()).collect();
    assert_eq!(texts, [json!("gracias"), json!("pregúntale a +[erased]")]);
    let read = format!("SELECT count(*) FROM wazapp.status WHERE wamid = 'wamid.ours' AND participant = '{MARCO}'");
    assert_eq!((world.count("SELECT count(*) FROM wazapp.status").await, world.count(&read).await), (1, 1));
    // And goes on, with her as somebody new.
    world.receive(&body::message(NUMBER, in_group(LUCIA, "wamid.g.5", "otra vez"))).await;
    assert_ne!(contact(&world, &cafe, LUCIA).await, id);
    assert_eq!(world.messages(&cafe, &left[0]).await.len(), 3);
    world.end().await;
}

const USER: &str = "ES.4242";

/// Somebody known by phone and by user id as two, who were then found to be one. Answers the two, and the ids of both with their
/// conversations.
async fn merged() -> (World, Organization, [String; 2], Vec<String>) {
    let world = World::new().await;
    let cafe = world.organization("Café Lucero").await;
    world.connect(&cafe, NUMBER, ACCOUNT, None).await;
    let by = |names: &[(&str, &str)], wamid: &str, text: &str| {
        let mut message = json!({ "id": wamid, "timestamp": AT.to_string(), "type": "text", "text": { "body": text } });
        names.iter().for_each(|(kind, name)| message[*kind] = json!(name));
        body::value(NUMBER, &json!({ "messages": [message] }))
    };
    world.receive(&by(&[("from", LUCIA)], "wamid.phone", "por teléfono")).await;
    world.receive(&by(&[("from_user_id", USER)], "wamid.user", "por usuario")).await;
    let mut contacts = world.all(&cafe, "/contacts").await;
    contacts.sort_by_key(|contact| contact["wa_id"] != LUCIA);
    let id = |row: &Value| row["id"].as_str().expect("an id").to_owned();
    let ids: Vec<String> = contacts.iter().chain(&world.conversations(&cafe).await).map(id).collect();
    assert_eq!(ids.len(), 4);
    for (contact, notes) in contacts.iter().zip(["le gusta el té", "paga tarde"]) {
        let path = format!("/contacts/{}", id(contact));
        assert_eq!(world.patch(&cafe, &path, &json!({ "notes": notes })).await.0, 200);
    }
    world.receive(&by(&[("from", LUCIA), ("from_user_id", USER)], "wamid.both", "por ambos")).await;
    assert_eq!(world.all(&cafe, "/contacts").await.len(), 1);
    (world, cafe, [id(&contacts[0]), id(&contacts[1])], ids)
}

/// Whoever became one with another is one person, by whichever name they are asked for.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_became_one_goes_as_one() {
    let (world, cafe, both, ids) = merged().await;
    // By the id that only leads on.
    let there = world.all(&cafe, "/contacts").await[0]["id"].clone();
    let vanished = both.iter().find(|id| there != id.as_str()).expect("the other");
    erased(&world, &cafe, vanished).await;
    let words = [LUCIA, USER, "le gusta", "paga tarde", "por ambos"];
    let words: Vec<&str> = ids.iter().map(String::as_str).chain(words).collect();
    assert_eq!(found_in(&world, &cafe, NUMBER, &words).await, Vec::<String>::new());
    assert_eq!(world.all_messages(&cafe).await.len(), 0);
    world.end().await;
}

/// Whoever was parted again is two, and each goes without the other.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_parted_goes_alone() {
    for (who, theirs, stays, others) in
        [(LUCIA, "por teléfono", 1, "por usuario"), (USER, "por usuario", 0, "por teléfono")]
    {
        let (world, cafe, both, _) = merged().await;
        let there = world.all(&cafe, "/contacts").await[0]["id"].as_str().expect("an id").to_owned();
        let merges = world.read(&cafe, &format!("/contacts/{there}/merges")).await;
        let merge = merges["data"][0]["id"].as_str().expect("a merge");
        let (status, answer) = world.post_api(&cafe, &format!("/merges/{merge}/undo"), &json!({})).await;
        assert_eq!(status, 200, "{answer}");
        let contacts = world.all(&cafe, "/contacts").await;
        for (kind, name) in [("wa_id", LUCIA), ("user_id", USER)] {
            let called = contacts.iter().filter(|contact| contact[kind] == name).count();
            assert_eq!((contacts.len(), called), (2, 1), "{name} is one: {contacts:#?}");
        }
        erased(&world, &cafe, who).await;
        let left = world.all(&cafe, "/contacts").await;
        assert_eq!((left.len(), left[0]["id"].as_str()), (1, Some(both[stays].as_str())), "{who}: {left:#?}");
        let texts: Vec<Value> = world.all_messages(&cafe).await.iter().map(|row| row["text"].clone()).collect();
        assert!(texts.contains(&json!(others)) && !texts.contains(&json!(theirs)), "{who}: {texts:?}");
        assert_eq!(found_in(&world, &cafe, NUMBER, &[who]).await, Vec::<String>::new());
        world.end().await;
    }
}

async fn listed(world: &World, organization: &Organization) -> Vec<Listed> {
    world.store().list(organization.id).try_collect().await.expect("a list")
}

/// A file that the store does not let go keeps nobody from being erased, and is said: what was asked for is not proven then.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_will_not_go_is_said_and_stops_no_erasure() {
    let stage = Stage::new().await;
    let (sql, sha256) = (stage.world.sql().await, "ab".repeat(32));
    // A directory cannot be taken away as a file is.
    let place = stage.world.media_dir().join(format!("{}/ab/{sha256}/stuck", stage.cafe.id));
    std::fs::create_dir_all(&place).expect("a directory");
    let about_to_go = "INSERT INTO wazapp.file (organization_id, sha256, size, touched_at, deleted_at)
                       VALUES ($1, $2, 1, now(), now() + interval '9 days')";
    sql.execute(about_to_go, &[&stage.cafe.id, &sha256]).await.expect("a row");
    let slug = stage.cafe.slug.as_str();
    let arguments = ["erase", "--org", slug, "--contact", LUCIA, "--yes", slug, "--json"];
    // The first try had files of hers to let go, and cannot know that all of them went.
    let output = stage.source().run(&arguments).await;
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("the same command goes on with the rest"), "{output:?}");
    let output = stage.source().run(&arguments).await;
    assert!(!output.status.success(), "it is not proven");
    let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    let found = json!([{ "table": "file", "column": "bytes in the store", "rows": 1 }]);
    assert_eq!((&said["proven"], &said["erased"]["found"]), (&json!(false), &found), "{said:#}");
    assert!(stage.world.all(&stage.cafe, "/contacts").await.iter().all(|contact| contact["wa_id"] != LUCIA));
    drop(sql);
    stage.world.end().await;
}

/// Files in a bucket go as files in a directory do, and so does what a killed server left there half done.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_erased_goes_from_a_bucket_too() {
    let s3 = S3::start().await;
    let world = World::with(Options { store: Some(s3.store("erased")), ..Options::default() }).await;
    let stage = Stage::within(world).await;
    let (world, neighbour) = (&stage.world, listed(&stage.world, &stage.neighbour).await);
    assert_eq!((listed(world, &stage.cafe).await.len(), neighbour.len()), (2, 1));
    let source = || {
        let source =
            s3.settings().into_iter().fold(commands(world), |source, (name, value)| source.setting(name, value));
        source.setting("WAZAPP_MEDIA_URL", "s3://media/erased")
    };
    let slug = stage.cafe.slug.as_str();
    // A bucket that is away keeps her file: that is said, she can still be named, and the same command goes on.
    let nobody = format!("http://{}", e2e::outside::free_address());
    let away = source().setting("AWS_ENDPOINT", &nobody);
    let output = away.run(&["erase", "--org", slug, "--contact", LUCIA, "--yes", slug]).await;
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && complained.contains("the same command goes on with the rest"), "{complained}");
    assert_eq!(listed(world, &stage.cafe).await.len(), 2);
    let source = source();
    let said = source.json(&["erase", "--org", slug, "--contact", LUCIA, "--yes", slug]).await;
    assert_eq!((&said["proven"], &said["erased"]["files"]), (&json!(true), &json!(1)), "{said:#}");
    assert_eq!(listed(world, &stage.cafe).await.len(), 1, "what Marco sent too stays");

    let mut writing = world.store().writer(stage.cafe.id);
    writing.push(vec![1; 6 << 20].into()).await.expect("it is written");
    std::mem::forget(writing.finish().await.expect("it is there"));
    assert_eq!(listed(world, &stage.cafe).await.len(), 2, "half done");
    let said = source.json(&["erase", "--org", slug, "--yes", slug]).await;
    assert_eq!((&said["proven"], &said["erased"]["found"]), (&json!(true), &json!([])), "{said:#}");
    assert_eq!(listed(world, &stage.cafe).await, []);
    assert_eq!(listed(world, &stage.neighbour).await, neighbour);
    stage.world.end().await;
}
