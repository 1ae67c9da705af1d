//! A database from before there were stages of keys is brought up to date, with all that is sealed in it.

use e2e::{Options, World};
use model::connection::{self, How, New};
use model::migrate;
use secrecy::SecretString;

use super::{noted, opened};

/// The schema as it was.
const BEFORE: &str = "
    ALTER TABLE wazapp.app ADD COLUMN verify_token bytea;
    UPDATE wazapp.app a SET verify_token = (SELECT sealed FROM wazapp.app_verify_token t WHERE t.app_id = a.id);
    ALTER TABLE wazapp.app DROP COLUMN nth;
    DROP TABLE wazapp.app_verify_token, wazapp.key_holder;
    ALTER TABLE wazapp.app_secret DROP COLUMN sealed_key;
    ALTER TABLE wazapp.number DROP COLUMN token_key;
    ALTER TABLE wazapp.connection DROP COLUMN token_key, DROP COLUMN code_key, DROP COLUMN pin_key;
    ALTER TABLE wazapp.\"user\" DROP COLUMN totp_key;
    ALTER TABLE wazapp.sealing_key DROP COLUMN stage;
    UPDATE wazapp.connection SET learned = jsonb_set(learned::jsonb, '{answered,token}',
      to_jsonb(encode(sha256(token), 'hex')))::json;
    DELETE FROM wazapp.migration WHERE name LIKE '202611282100%'";

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sealed_before_opens_and_counts() {
    let mut world = World::with(Options { looks_at_numbers: false, ..Options::default() }).await;
    let acme = world.organization("Acme").await;
    world.connect(&acme, "100", "200", None).await;
    world.idle().await;
    let secret = |text: &str| SecretString::from(text.to_owned());
    let tx = world.database().operator().await.unwrap();
    for (id, word) in [("555", Some(secret("word"))), ("556", None), ("557", Some(secret("another")))] {
        assert!(model::app::add(&tx, world.keyring(), id, id, &secret(id), word.as_ref()).await.unwrap());
    }
    let attempt = New { phone_number_id: Some("101"), waba_id: Some("200"), ..New::of(How::Token) };
    let (token, pin) = (secret("EAA"), secret("123456"));
    let attempt = New { token: Some(&token), pin: Some(&pin), ..attempt };
    let begun = connection::any_organization_begin(&tx, &acme.scope, world.keyring(), world.now(), &attempt).await;
    let mut job = begun.unwrap();
    job.was_shown("101");
    assert!(job.any_organization_save(&tx, true, world.now()).await.unwrap());
    tx.commit().await.unwrap();
    let before: Vec<String> = opened(&world, world.keyring()).await.into_values().collect();
    assert_eq!(before.len(), 1 + 3 + 2 + 2);

    world.sql().await.batch_execute(BEFORE).await.expect("the schema as it was");
    let taken = migrate::run(world.database()).await.expect("it is brought up to date");
    assert_eq!(taken.len(), 4);
    let mut after: Vec<String> = opened(&world, world.keyring()).await.into_values().collect();
    let mut before = before;
    before.sort();
    after.sort();
    assert_eq!(after, before);
    let stages: Vec<String> = noted(&world).await.into_iter().map(|(_, stage)| stage).collect();
    assert_eq!(stages, ["seals"]);
    let tx = world.database().operator().await.unwrap();
    let job = job.any_organization_reread(&tx).await.unwrap().expect("it is still its taker's");
    assert_eq!(job.opens(world.keyring()).expect("what it was shown counts").phone_number_id(), "101");
    // What comes later is newer, and each App has kept its lanes.
    let newest = secret("newest");
    let change = model::app::Change { verify_token: Some(&newest), ..model::app::Change::default() };
    assert!(model::app::rotate(&tx, world.keyring(), "555", &change).await.unwrap());
    let (all, _) = model::app::credentials(&tx, world.keyring()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(all.iter().map(|app| (app.nth, app.verify_tokens.len())).collect::<Vec<_>>(), [(0, 2), (1, 0), (2, 1)]);
    assert!(model::apps::answers_handshake(&all[0], "newest") && model::apps::answers_handshake(&all[0], "word"));
    let tx = world.database().operator().await.unwrap();
    assert_eq!(model::app::drop_old(&tx, "555").await.unwrap(), Some(1));
    let (all, _) = model::app::credentials(&tx, world.keyring()).await.unwrap();
    tx.commit().await.unwrap();
    assert!(model::apps::answers_handshake(&all[0], "newest"), "the oldest went");
    world.end().await;
}
