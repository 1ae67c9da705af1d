//! Costs: each message that Meta priced is counted once, and priced by the organization's own list.

use std::collections::BTreeMap;

use e2e::{Organization, World, body};
use serde_json::{Value, json};

const NUMBER: &str = "106540352242922";
const MIGRATION: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../model/migrations/20261128140100_delivered.sql"));

async fn stage() -> (World, Organization) {
    let world = World::new().await;
    let organization = world.organization("Acme").await;
    world.connect(&organization, NUMBER, "102290129340398", None).await;
    (world, organization)
}

/// A status with a price. The second is of November 2026 from 1,793,491,200 on.
fn priced(wamid: &str, status: &str, second: i64, to: &str, category: &str, billable: bool) -> Value {
    let kind = if billable { "regular" } else { "free_customer_service" };
    let pricing = json!({ "billable": billable, "pricing_model": "PMP", "type": kind, "category": category });
    let mut row = json!({ "id": wamid, "status": status, "timestamp": second.to_string(), "pricing": pricing });
    row[if to.contains('.') { "recipient_user_id" } else { "recipient_id" }] = to.into();
    row
}

fn statuses(rows: &[Value]) -> Value {
    body::value(NUMBER, &json!({ "statuses": rows }))
}

async fn costs(world: &World, organization: &Organization, query: &str) -> Value {
    world.read(organization, &format!("/costs?{query}")).await
}

async fn counted(world: &World) -> BTreeMap<String, i64> {
    let rows = world
        .sql()
        .await
        .query(
            "SELECT concat_ws(' ', month, category, type, billable, prefix), messages FROM wazapp.cost WHERE messages <> 0",
            &[],
        )
        .await
        .unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Replaces the counts by those that the migration makes of the stored statuses.
async fn recount(world: &World) {
    let begins = MIGRATION.find("INSERT INTO wazapp.cost").expect("the migration counts");
    let statement = &MIGRATION[begins..];
    let statement = &statement[..statement.find("RESET ROLE").expect("and ends")];
    let sql = world.sql().await;
    sql.batch_execute(&format!("DELETE FROM wazapp.cost; {statement}")).await.unwrap();
}

const NOVEMBER: i64 = 1_793_491_200;
const DECEMBER: i64 = NOVEMBER + 30 * 86_400;

fn story() -> Vec<Value> {
    let mut all = vec![
        priced("wamid.1", "sent", DECEMBER - 2, "5491155551234", "marketing", true),
        priced("wamid.1", "delivered", DECEMBER + 3, "5491155551234", "marketing", true),
        priced("wamid.2", "delivered", NOVEMBER + 9, "34600111222", "authentication-international", true),
        priced("wamid.3", "sent", NOVEMBER + 10, "AR.13491208655302741918", "marketing", true),
        priced("wamid.4", "sent", NOVEMBER + 11, "34600111222", "service", false),
        priced("wamid.4", "read", NOVEMBER + 19, "34600111222", "service", false),
        priced("wamid.5", "sent", DECEMBER + 11, "14165550000", "utility", true),
        json!({ "id": "wamid.6", "status": "sent", "timestamp": NOVEMBER.to_string(), "recipient_id": "34600111222" }),
        json!({ "id": "wamid.7", "status": "sent", "timestamp": NOVEMBER.to_string(), "recipient_id": "34600111222",
                "conversation": { "id": "c", "pricing": { "billable": "true", "category": "MARKETING_LITE" } } }),
        json!({ "id": "wamid.8", "status": "sent", "timestamp": NOVEMBER.to_string(), "recipient_id": "group",
                "pricing": { "category": "group_marketing", "type": "regular" } }),
        json!({ "id": "wamid.9", "status": "sent", "timestamp": NOVEMBER.to_string(), "pricing": "free" }),
    ];
    let failed = json!({ "id": "wamid.2", "status": "failed", "timestamp": (NOVEMBER + 30).to_string(),
                         "errors": [{ "code": 131_049, "title": "x" }] });
    all.push(failed);
    // These were delivered, and only their `sent` said the price.
    for (wamid, second) in [("wamid.3", NOVEMBER + 12), ("wamid.7", NOVEMBER + 1), ("wamid.8", NOVEMBER + 2)] {
        all.push(json!({ "id": wamid, "status": "delivered", "timestamp": second.to_string(), "recipient_id": "x" }));
    }
    all
}

/// However Meta delivers the same statuses, the counts are the same; and the same as a count of what is stored.
#[tokio::test(flavor = "multi_thread")]
async fn in_any_order_and_however_often_a_message_is_counted_once() {
    let mut counts = Vec::new();
    for nth in 0..4 {
        let (world, organization) = stage().await;
        let mut rows = story();
        let size = rows.len();
        match nth {
            0 => world.take(&statuses(&rows)).await,
            1 => {
                rows.reverse();
                for row in &rows {
                    world.receive(&statuses(std::slice::from_ref(row))).await;
                }
            }
            2 => {
                rows.rotate_left(size / 2);
                for some in rows.chunks(3) {
                    world.take(&statuses(some)).await;
                }
                world.drain().await;
                world.take(&statuses(&rows)).await;
            }
            _ => {
                // Steps that share no factor with 15 meet every row.
                for step in [7, 11, 13] {
                    rows = (0..size).map(|place| rows[place * step % size].clone()).collect();
                    for row in &rows {
                        world.take(&statuses(std::slice::from_ref(row))).await;
                    }
                }
            }
        }
        world.drain().await;
        let of_fold = counted(&world).await;
        recount(&world).await;
        assert_eq!(counted(&world).await, of_fold, "as the migration counts");
        let november = costs(&world, &organization, "month=2026-11").await;
        assert_eq!(november["total"], json!({ "messages": 5, "billable": 4, "unpriced": 4, "amount": null }));
        counts.push(of_fold);
        world.end().await;
    }
    assert!(counts.iter().all(|count| *count == counts[0]), "{counts:#?}");
    let expected = [
        ("202611 authentication_international regular t 3460", 1),
        ("202611 group_marketing regular t ", 1),
        ("202612 marketing regular t 5491", 1),
        ("202611 marketing regular t AR", 1),
        ("202611 marketing_lite  t 3460", 1),
        ("202611 service free_customer_service f 3460", 1),
    ];
    assert_eq!(counts[0], expected.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_costs_what_the_price_list_says() {
    let (world, acme) = stage().await;
    let other = world.organization("Other").await;
    world.receive(&statuses(&story())).await;
    assert_eq!(world.read(&acme, "/prices").await, json!({ "currency": null, "data": [] }));
    let list = json!({ "currency": "USD", "data": [
        { "category": "marketing", "country": "AR", "from": "2026-01", "amount": "0.0618" },
        { "category": "AUTHENTICATION-INTERNATIONAL", "from": "2026-11", "amount": "0.02" },
        { "category": "marketing", "country": "AR", "from": "2026-12", "amount": "1" },
    ] });
    let (status, kept) = world.put_api(&acme, "/prices", &list).await;
    assert_eq!(status, 200, "{kept}");
    assert_eq!(world.read(&acme, "/prices").await, kept);
    assert_eq!(
        kept["data"][1],
        json!({ "category": "marketing", "country": "AR", "from": "2026-01", "amount": "0.0618" })
    );
    assert_eq!(world.read(&other, "/prices").await["data"], json!([]), "each has its own");

    let costs_of = |query: &'static str| costs(&world, &acme, query);
    let all = costs_of("month=2026-11&group_by=category,country").await;
    let row = |category: &str, country: &str| {
        let rows = all["data"].as_array().unwrap();
        rows.iter().find(|row| row["category"] == category && row["country"] == country).cloned().unwrap()
    };
    assert_eq!(row("marketing", "AR")["amount"], "0.0618");
    assert_eq!(row("marketing", "AR")["messages"], 1, "the other was delivered in December");
    assert_eq!(costs_of("month=2026-12").await["total"]["amount"], "1.00");
    assert_eq!(row("service", "ES")["amount"], "0.00");
    assert_eq!(
        (&row("marketing_lite", "ES")["amount"], &row("marketing_lite", "ES")["unpriced"]),
        (&Value::Null, &json!(1))
    );
    assert_eq!(all["total"], json!({ "messages": 5, "billable": 4, "unpriced": 2, "amount": "0.0818" }));
    assert_eq!(all["currency"], "USD");
    assert_eq!(costs_of("month=2026-10").await["data"], json!([]));

    let number = world.read(&acme, "/numbers").await["data"][0]["id"].as_str().unwrap().to_owned();
    let by_number = costs(&world, &acme, &format!("month=2026-11&group_by=number&number_id={number}")).await;
    assert_eq!((&by_number["data"][0]["number_id"], by_number["data"].as_array().unwrap().len()), (&json!(number), 1));
    assert_eq!(costs(&world, &other, "month=2026-11").await["total"]["messages"], 0);

    // Back to none.
    let (status, _) = world.put_api(&acme, "/prices", &json!({ "currency": null, "data": [] })).await;
    assert_eq!(status, 200);
    assert_eq!(costs_of("month=2026-11").await["total"]["amount"], Value::Null);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_cannot_be_is_refused_whole() {
    let (world, acme) = stage().await;
    let good = json!({ "category": "utility", "from": "2026-11", "amount": "0.01" });
    for (list, field) in [
        (json!({ "currency": "usd", "data": [good] }), "currency"),
        (json!({ "data": [good] }), "currency"),
        (json!({ "currency": "USD", "data": [good, good] }), "data[1]"),
        (json!({ "currency": "USD", "data": [1] }), "data[0]"),
        (
            json!({ "currency": "USD", "data": [{ "category": "utility", "from": "2026-11", "amount": 0.01 }] }),
            "data[0].amount",
        ),
        (
            json!({ "currency": "USD", "data": [{ "category": "utility", "from": "2026-11", "amount": "-1" }] }),
            "data[0].amount",
        ),
        (
            json!({ "currency": "USD", "data": [{ "category": "utility", "from": "November", "amount": "1" }] }),
            "data[0].from",
        ),
        (
            json!({ "currency": "USD", "data": [{ "category": "", "from": "2026-11", "amount": "1" }] }),
            "data[0].category",
        ),
        (
            json!({ "currency": "USD", "data": [{ "category": "utility", "country": "XX", "from": "2026-11", "amount": "1" }] }),
            "data[0].country",
        ),
        (
            json!({ "currency": "USD", "data": [{ "category": "utility", "until": "x", "from": "2026-11", "amount": "1" }] }),
            "data[0].until",
        ),
    ] {
        let (status, problem) = world.put_api(&acme, "/prices", &list).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!(field)), "{list}: {problem}");
    }
    for list in [json!({ "currency": "USD" }), json!({ "currency": "USD", "data": [], "more": 1 }), json!([])] {
        assert_eq!(world.put_api(&acme, "/prices", &list).await.0, 400, "{list}");
    }
    for query in ["month=2026-13", "month=november", "group_by=colour", "group_by=", "day=1", "number_id=7"] {
        let (status, problem) = world.get(&acme, &format!("/costs?{query}")).await;
        assert!(status == 400 || status == 422, "{query}: {problem}");
    }
    assert_eq!(world.read(&acme, "/prices").await["data"], json!([]));
    world.end().await;
}

/// With Meta simulated: what is sent through the API is counted as its statuses say.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_is_counted() {
    let world = World::simulated().await;
    let organization = world.organization("Café Lucero").await;
    let number = world.meta().numbers().await.remove(0);
    world.connect_simulated(&organization, &number).await;
    world.meta().customer_says(&number, "34600111222", "Hola").await;
    world.settle().await;
    let conversation = world.conversation(&organization).await;
    let path = format!("/conversations/{}/messages", conversation["id"].as_str().unwrap());
    for nth in 0..3 {
        let body = json!({ "type": "text", "text": { "body": format!("Nr. {nth}") } });
        assert_eq!(world.post_api(&organization, &path, &body).await.0, 202);
    }
    let total =
        async || costs(&world, &organization, "group_by=category,type,country").await["total"]["messages"].clone();
    world.until("all are counted", async || total().await == 3).await;
    world.settle().await;
    let costs = costs(&world, &organization, "group_by=category,type,country").await;
    assert_eq!(costs["data"].as_array().unwrap().len(), 1, "{costs:#}");
    let row = &costs["data"][0];
    assert_eq!((&row["category"], &row["country"]), (&json!("service"), &json!("ES")), "{row}");
    assert_eq!((&row["type"], &row["billable"]), (&json!("free_customer_service"), &json!(0)), "{row}");
    world.end().await;
}
