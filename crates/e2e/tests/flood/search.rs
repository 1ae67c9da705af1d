//! A search among many contacts asks an index, and finds what people write.

use e2e::{Options, body};

use super::{AT, Street};

#[tokio::test(flavor = "multi_thread")]
async fn people_are_found_as_people_write() {
    let mut street = Street::with(Options::default()).await;
    let sql = street.world.sql().await;
    // Older than all who are looked at one by one.
    let known = "('María Ñandú', '5493515551234', 'maria.nandu'), ('Bob 50%_off', '34600000001', 'bob')";
    let organization = street.neighbour.id;
    sql.batch_execute(&format!(
        "INSERT INTO wazapp.contact (organization_id, id, profile_name, wa_id, username)
         SELECT '{organization}', ('00000000-0000-7000-8000-' || lpad(nth::text, 12, '0'))::uuid, name, wa_id, username
         FROM (SELECT row_number() OVER () AS nth, * FROM (VALUES {known}) AS k (name, wa_id, username)) k;
         INSERT INTO wazapp.contact (organization_id, id, profile_name, wa_id)
         SELECT '{organization}', ('00000000-0000-7000-9000-' || lpad(nth::text, 12, '0'))::uuid, 'Somebody ' || nth,
                '1555' || lpad(nth::text, 8, '0') FROM generate_series(1, 5000) AS nth;
         INSERT INTO wazapp.conversation (organization_id, id, number_id, contact_id, state, last_message_at)
         SELECT organization_id, id, (SELECT id FROM wazapp.number LIMIT 1), id, 'active', '2026-01-01'
         FROM wazapp.contact;
         ANALYZE wazapp.contact"
    ))
    .await
    .expect("contacts");
    for (q, name) in [
        ("maria nandu", "María Ñandú"),
        ("ÑANDÚ", "María Ñandú"),
        ("@maria.nandu", "María Ñandú"),
        ("+54 9 351 555-1234", "María Ñandú"),
        ("50%_o", "Bob 50%_off"),
    ] {
        let query = reqwest::Url::parse_with_params("http://x/", [("q", q)]).expect("a URL");
        let query = query.query().expect("a query");
        let contacts = street.world.all(&street.neighbour, &format!("/contacts?{query}")).await;
        assert_eq!(contacts.iter().map(|row| row["name"].as_str().unwrap()).collect::<Vec<_>>(), [name], "{q}");
        let conversations = street.world.all(&street.neighbour, &format!("/conversations?{query}")).await;
        let names: Vec<_> = conversations.iter().map(|row| row["contact"]["name"].as_str().unwrap()).collect();
        assert_eq!(names, [name], "conversations: {q}");
    }
    // What many have comes page by page, whole.
    let all = street.world.all(&street.neighbour, "/contacts?q=somebody&limit=100").await;
    assert_eq!(all.len(), 5000);
    let all = street.world.all(&street.neighbour, "/conversations?q=somebody%2049&limit=100").await;
    assert_eq!(all.len(), 111, "49, 490 to 499, 4900 to 4999");
    let used =
        "SELECT coalesce(sum(idx_scan), 0)::bigint FROM pg_stat_user_indexes WHERE indexrelname = 'contact_search'";
    street.world.until("the index was asked", async || street.world.count(used).await > 0).await;
    // Another organization finds none of them.
    let other = street.world.organization("Other").await;
    street.world.connect(&other, "106540352242911", "202", None).await;
    street.world.receive(&body::text("106540352242911", "34600999888", "wamid.other", AT, "hola")).await;
    assert_eq!(street.world.all(&other, "/contacts?q=maria").await.len(), 0);
    assert_eq!(street.world.all(&other, "/conversations?q=maria").await.len(), 0);
    sql.batch_execute("DELETE FROM wazapp.conversation WHERE last_message_at = '2026-01-01'").await.expect("it goes");
    street.neighbour_lives().await;
    street.end().await;
}
