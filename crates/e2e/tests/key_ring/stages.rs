//! Each stage of a change, and who is refused what in it.

use e2e::{Options, World};
use model::DatabaseError;
use model::connection::{self, How, New, What};
use model::link::{self, By};
use model::secret::holder::{self, Holder};
use model::secret::rotation::Rotation;
use model::secret::{KeyId, Keyring, ring};
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::error::SqlState;
use tokio_util::sync::CancellationToken;

use super::{noted, opened};

/// The world's key, and the one behind it.
const OLD: [u8; 32] = [7; 32];
const NEW: [u8; 32] = [8; 32];

fn both() -> (Keyring, KeyId) {
    let keyring = Keyring::new([NEW, OLD]);
    let new = keyring.listed()[0];
    (keyring, new)
}

async fn begin(world: &World, keyring: &Keyring) -> Rotation {
    let mut begun = None;
    // The connection of the one before is on its way out.
    let begins = async || {
        begun = Rotation::begin(world.database(), keyring).await.expect("the statement runs");
        begun.is_some()
    };
    world.until("nobody else does", begins).await;
    begun.expect("it began")
}

/// The whole change, with nobody in its way.
async fn change(world: &World, keyring: &Keyring, to: KeyId) {
    let rotation = begin(world, keyring).await;
    rotation.announce(to).await.expect("it is noted");
    assert!(rotation.promote(to).await.expect("the statements run").is_empty());
    while !rotation.retire(to).await.expect("the statements run") {
        let pass = rotation.any_organization_reseal(to, || ()).await.expect("the statements run");
        assert!(pass.stuck.is_empty(), "{pass:?}");
    }
}

/// A server that cannot open what the new key seals holds the change up, by name; it cannot come in behind it either.
#[tokio::test(flavor = "multi_thread")]
async fn no_key_seals_that_a_running_server_has_not() {
    let mut world = World::new().await;
    let acme = world.organization("Acme").await;
    world.connect(&acme, "100", "200", None).await;
    let (keyring, new) = both();
    let rotation = begin(&world, &keyring).await;
    assert!(Rotation::begin(world.database(), &keyring).await.expect("the statement runs").is_none(), "one at a time");
    rotation.announce(new).await.expect("it is noted");
    let lacking = rotation.promote(new).await.expect("the statements run");
    let address = world.address().to_string();
    assert!(lacking.len() == 1 && lacking[0].name.ends_with(&address), "{lacking:?}");
    world.connect(&acme, "101", "200", None).await;
    assert_eq!(rotation.any_organization_left(new).await.expect("a count"), 2, "the old key seals until then");
    assert!(!rotation.retire(new).await.expect("the statements run"), "nor does it go");
    drop(rotation);

    world.idle().await;
    change(&world, &keyring, new).await;
    assert_eq!(noted(&world).await, [(new.to_string(), "seals".to_owned())]);
    let clock = model::Clock::default();
    let late = Holder::join(world.database().clone(), Keyring::new([OLD]), clock, "late".into(), String::new()).await;
    let error = late.expect_err("it cannot open anything").to_string();
    assert!(error.contains("another master key"), "{error}");
    assert_eq!(opened(&world, &Keyring::new([NEW])).await.len(), 2);
    world.end().await;
}

/// A server that starts in the middle needs both keys, and is told which one it lacks.
#[tokio::test(flavor = "multi_thread")]
async fn who_starts_in_the_middle_needs_both_keys() {
    let mut world = World::new().await;
    let acme = world.organization("Acme").await;
    world.connect(&acme, "100", "200", None).await;
    world.idle().await;
    let (keyring, new) = both();
    let old = keyring.listed()[1];
    let rotation = begin(&world, &keyring).await;
    rotation.announce(new).await.expect("it is noted");
    ring::check(world.database(), &Keyring::new([OLD])).await.expect("it seals nothing yet");
    assert!(rotation.promote(new).await.expect("the statements run").is_empty());
    for (has, lacks) in [(OLD, new), (NEW, old)] {
        let error =
            ring::check(world.database(), &Keyring::new([has])).await.expect_err("one is not enough").to_string();
        assert!(error.contains(&lacks.to_string()), "{error}");
    }
    ring::check(world.database(), &keyring).await.expect("both are");
    drop(rotation);
    // The other way round: what was begun is taken back by listing the old key first again.
    change(&world, &Keyring::new([OLD, NEW]), old).await;
    assert_eq!(noted(&world).await, [(old.to_string(), "seals".to_owned())]);
    world.end().await;
}

/// What was sealed by then under the old key cannot be written any more, by whomever.
#[tokio::test(flavor = "multi_thread")]
async fn the_database_takes_nothing_under_a_key_that_went() {
    let mut world = World::new().await;
    let acme = world.organization("Acme").await;
    world.connect(&acme, "100", "200", None).await;
    let sql = world.sql().await;
    let row = sql.query_one("SELECT token FROM wazapp.number", &[]).await.expect("a number");
    let before: Vec<u8> = row.get(0);
    world.idle().await;
    let (keyring, new) = both();
    change(&world, &keyring, new).await;
    let written = sql.execute("UPDATE wazapp.number SET token = $1", &[&before]).await;
    assert_eq!(written.expect_err("it is refused").code(), Some(&SqlState::FOREIGN_KEY_VIOLATION));
    // Nor does whoever has not heard of it seal under it.
    let proof = model::number::Proof::operators_word(&acme.scope, "101", "200", None, &SecretString::from("EAA"));
    let tx = world.database().operator().await.expect("a transaction");
    let line = model::event::line_of(&tx, &acme.scope).await.expect("a line");
    let connected = model::number::connect(&line, &Keyring::new([OLD]), &proof, world.now()).await;
    assert!(matches!(connected, Err(DatabaseError::Unfit(_))), "{connected:?}");
    tx.close();
    drop(sql);
    world.end().await;
}

/// An attempt that is under way goes through a change: its secrets open, what it was shown counts, and what it writes is
/// sealed under the new key.
#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_under_way_goes_through_a_change() {
    let mut world = World::with(Options { looks_at_numbers: false, ..Options::default() }).await;
    let acme = world.organization("Acme").await;
    world.idle().await;
    let (keyring, new) = both();
    let (token, pin) = (SecretString::from("EAA-first"), SecretString::from("123456"));
    let attempt = New { phone_number_id: Some("100"), waba_id: Some("200"), ..New::of(How::Token) };
    let attempt = New { token: Some(&token), pin: Some(&pin), ..attempt };
    let tx = world.database().operator().await.unwrap();
    let mut job = connection::any_organization_begin(&tx, &acme.scope, &keyring, world.now(), &attempt).await.unwrap();
    tx.commit().await.unwrap();
    job.was_shown("100");
    let save = async |job: &connection::Job| {
        let tx = world.database().operator().await.unwrap();
        assert!(job.any_organization_save(&tx, true, world.now()).await.unwrap());
        tx.commit().await.unwrap();
    };
    save(&job).await;
    change(&world, &keyring, new).await;

    // As it was read before, and as it stands now.
    let tx = world.database().operator().await.unwrap();
    let again = job.any_organization_reread(&tx).await.unwrap().expect("it is still its taker's");
    tx.close();
    for job in [&job, &again] {
        assert_eq!(job.opens(&keyring).expect("it was shown").phone_number_id(), "100");
        assert_eq!(job.pin(&keyring).unwrap().unwrap().expose_secret(), "123456");
    }
    job.starts(What::Token, world.now());
    save(&job).await;
    let only = Keyring::new([NEW]);
    assert_eq!(opened(&world, &only).await.len(), 2, "what did not change was not written back");
    job.keep_token(&keyring, &SecretString::from("EAA-second"));
    job.was_shown("100");
    job.forget_pin();
    save(&job).await;
    let left: Vec<String> = opened(&world, &only).await.into_values().collect();
    assert_eq!(left, ["EAA-second"]);
    world.end().await;
}

/// Whoever remembers a token by its mark, as a rest that waits for another token does, finds the same one.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_has_the_same_mark_under_another_key() {
    let mut world = World::new().await;
    let acme = world.organization("Acme").await;
    world.connect(&acme, "100", "200", None).await;
    world.idle().await;
    let mark = async || {
        let tx = world.database().operator().await.unwrap();
        let link = link::find(&tx, &acme.scope, By::PhoneNumberId("100")).await.unwrap().unwrap();
        tx.close();
        link.token_mark()
    };
    let (keyring, new) = both();
    let before = mark().await;
    change(&world, &keyring, new).await;
    assert!(before.is_some() && before == mark().await);
    world.end().await;
}

/// A value that opens under no key stays, and with it the key it names; a key that is lost is given up with what it sealed.
#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_open_is_named_and_lost_keys_are_given_up() {
    let mut world = World::new().await;
    let acme = world.organization("Acme").await;
    for number in ["100", "101"] {
        world.connect(&acme, number, "200", None).await;
    }
    world.app("555", "secret").await;
    world.idle().await;
    let sql = world.sql().await;
    let swap =
        "UPDATE wazapp.number SET token = set_byte(token, 40, get_byte(token, 40) # 1) WHERE phone_number_id = '100'";
    assert_eq!(sql.execute(swap, &[]).await.expect("it runs"), 1);
    let (keyring, new) = both();
    let old = keyring.listed()[1];
    let rotation = begin(&world, &keyring).await;
    rotation.announce(new).await.expect("it is noted");
    assert!(rotation.promote(new).await.expect("the statements run").is_empty());
    let pass = rotation.any_organization_reseal(new, || ()).await.expect("the statements run");
    assert_eq!((pass.resealed, pass.stuck.len()), (2, 1), "{pass:?}");
    assert_eq!((pass.stuck[0].column.as_str(), pass.stuck[0].organization), ("number.token", acme.id));
    assert!(!rotation.retire(new).await.expect("the statements run"));
    drop(rotation);

    let tx = world.database().operator().await.unwrap();
    assert_eq!(ring::any_organization_forget(&tx, old).await.unwrap(), Some(1));
    assert_eq!(ring::any_organization_forget(&tx, old).await.unwrap(), None);
    tx.commit().await.unwrap();
    assert_eq!(noted(&world).await, [(new.to_string(), "seals".to_owned())]);
    assert_eq!(opened(&world, &Keyring::new([NEW])).await.len(), 2);
    // The one that seals: then nothing is left, and the next server begins anew.
    let tx = world.database().operator().await.unwrap();
    assert_eq!(ring::any_organization_forget(&tx, new).await.unwrap(), Some(2));
    tx.commit().await.unwrap();
    ring::check(world.database(), &Keyring::new([OLD])).await.expect("it begins anew");
    assert_eq!(noted(&world).await, [(old.to_string(), "seals".to_owned())]);
    drop(sql);
    world.end().await;
}

/// A server that died is seen not to run, and is forgotten; one that runs comes back by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_forgotten_and_runs_comes_back() {
    let world = World::new().await;
    let list = async || {
        let tx = world.database().operator().await.unwrap();
        let list = holder::list(&tx).await.unwrap();
        tx.close();
        list
    };
    let seen = list().await.remove(0);
    world.until("it shows that it runs", async || list().await[0].beat > seen.beat).await;
    let tx = world.database().operator().await.unwrap();
    holder::forget(&tx, &seen).await.unwrap();
    tx.commit().await.unwrap();
    let now = list().await;
    assert_eq!(now.len(), 1, "it had shown itself since");
    world.sql().await.execute("DELETE FROM wazapp.key_holder", &[]).await.expect("it runs");
    world.until("it is back", async || list().await.iter().any(|holder| holder.id == seen.id)).await;
    world.end().await;
}

/// Requests do not see which key seals: their server hears of it, shows that it did, and until then the old one does not go.
#[tokio::test(flavor = "multi_thread")]
async fn requests_seal_with_the_new_key_when_their_server_heard_of_it() {
    let mut world = World::new().await;
    let acme = world.organization("Acme").await;
    world.idle().await;
    let (keyring, new) = both();
    let (database, clock) = (world.database().clone(), model::Clock::default());
    let holder = Holder::join(database, keyring.clone(), clock, "a server".into(), String::new()).await;
    let holder = holder.expect("it has both");
    let begin_attempt = async || {
        let token = SecretString::from("EAA");
        let tx = world.database().tenant(&acme.scope).await.unwrap();
        let new = New { phone_number_id: Some("100"), token: Some(&token), ..New::of(How::Token) };
        connection::begin(&tx, &keyring, world.now(), &new).await.unwrap();
        tx.commit().await.unwrap();
    };
    let rotation = begin(&world, &keyring).await;
    rotation.announce(new).await.expect("it is noted");
    assert!(rotation.promote(new).await.expect("the statements run").is_empty());
    begin_attempt().await;
    assert_eq!(rotation.any_organization_left(new).await.expect("a count"), 1, "it has not heard");
    assert_eq!(rotation.unaware(new).await.expect("a list").len(), 1);

    let stop = CancellationToken::new();
    let running = tokio::spawn(holder.keep_current(stop.clone(), tokio::sync::oneshot::channel().0));
    world.until("it has heard", async || rotation.unaware(new).await.expect("a list").is_empty()).await;
    begin_attempt().await;
    assert_eq!(rotation.any_organization_left(new).await.expect("a count"), 1, "the second is under the new key");
    stop.cancel();
    running.await.expect("it ends");
    assert!(rotation.unaware(new).await.expect("a list").is_empty());
    let left = "SELECT count(*) FROM wazapp.key_holder";
    assert_eq!(world.count(left).await, 0, "who ended counts no more");
    drop(rotation);
    world.end().await;
}
