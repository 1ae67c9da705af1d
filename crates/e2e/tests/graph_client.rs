//! The Graph client against a simulated Meta: what it makes of each answer, and what Meta had truly accepted by then.

use std::time::Duration;

use e2e::receiver::{Receiver, VERIFY_TOKEN};
use e2e::{Meta, SimulatedNumber};
use futures::TryStreamExt;
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use whatsapp::graph::{
    CreatedTemplate, Credential, DownloadFailure, Failure, Graph, NotSent, Override, Sent, TemplateQuery, Timeouts,
    Unknown, Upload, User,
};
use whatsapp::verdict::{Rest, Verdict, explain, verdict};

const LUCIA: &str = "34600111222";
const APP: &str = "670843887433847";
const SECRET: &str = "a secret of the App";

/// Enough for an answer on this machine, and little to wait for one that does not come.
const MOMENT: Duration = Duration::from_secs(1);

/// A simulated Meta, a number of it, and a client that holds the number's token.
struct Stage {
    meta: Meta,
    number: SimulatedNumber,
    graph: Graph,
    token: Credential,
}

impl Stage {
    async fn new() -> Self {
        let options = simulator::Options {
            app_id: Some(APP.into()),
            app_secret: Some(SECRET.into()),
            seed: 5,
            ..simulator::Options::default()
        };
        let meta = Meta::start(options).await;
        let number = meta.numbers().await.remove(0);
        let graph = Graph::new(meta.url(), "v26.0").expect("a client");
        let token = Credential::new(number.token.clone().into());
        meta.customer_says(&number, LUCIA, "¿Están abiertos?").await;
        Self { meta, number, graph, token }
    }

    /// A client that soon gives up waiting.
    fn hurried(&self) -> Graph {
        let timeouts = Timeouts { call: MOMENT, piece: MOMENT, ..Timeouts::default() };
        Graph::with_timeouts(self.meta.url(), "v26.0", timeouts).expect("a client")
    }

    async fn send(&self, graph: &Graph) -> Result<Sent, Failure> {
        graph.send_message(&self.token, &self.number.phone_number_id, &text(LUCIA)).await
    }

    async fn accepted(&self) -> usize {
        self.meta.accepted(&self.number).await.len()
    }
}

fn text(to: &str) -> Value {
    json!({
        "messaging_product": "whatsapp", "to": to, "type": "text", "text": { "body": "Sí, hasta las ocho." },
        "biz_opaque_callback_data": "0192",
    })
}

fn template(name: &str) -> Value {
    json!({
        "name": name, "language": "es_MX", "category": "UTILITY",
        "components": [{ "type": "BODY", "text": "Su pedido está listo, puede pasar por él cuando guste." }],
    })
}

/// Makes a template, which Meta then approves; answers what it said at first.
async fn approve(stage: &Stage, name: &str) -> CreatedTemplate {
    let Stage { meta, number, graph, token } = stage;
    let made = graph.create_template(token, &number.waba_id, &template(name)).await.expect("a template");
    meta.control(Method::POST, &format!("templates/{}", made.id), Some(&json!({ "event": "APPROVED" }))).await;
    made
}

fn secret() -> SecretString {
    SecretString::from(SECRET)
}

fn refused(failure: Failure) -> (u16, i64, Option<i64>) {
    match failure {
        Failure::Refused(error) => (error.http, error.code, error.subcode),
        other => panic!("not a refusal: {other:?}"),
    }
}

// Calls --------------------------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_sent_and_one_is_read() {
    let stage = Stage::new().await;
    let Stage { meta, number, graph, token } = &stage;
    let sent = stage.send(graph).await.expect("accepted");
    assert!(sent.wamid.starts_with("wamid."));
    assert_eq!((sent.wa_id.as_deref(), sent.user_id), (Some(LUCIA), None));
    let accepted = meta.accepted(number).await;
    assert_eq!(accepted.len(), 1);
    assert!(accepted[0].to_string().contains("0192"), "the callback data came along: {}", accepted[0]);

    let asked = meta.customer_says(number, LUCIA, "Gracias").await;
    graph.mark_read(token, &number.phone_number_id, &asked, true).await.expect("success");
    let failure = graph.mark_read(token, &number.phone_number_id, "wamid.none", false).await.expect_err("unknown");
    assert_eq!(refused(failure).1, 131_009);
    let accepted = meta.accepted(number).await;
    assert_eq!(accepted.len(), 2, "the message and the receipt");
    assert!(accepted[1].to_string().contains("typing_indicator"), "{}", accepted[1]);
    stage.meta.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_send_has_a_status() {
    let stage = Stage::new().await;
    let Stage { number, graph, token, .. } = &stage;
    approve(&stage, "pedido_listo").await;
    let body = json!({
        "messaging_product": "whatsapp", "to": LUCIA, "type": "template",
        "template": { "name": "pedido_listo", "language": { "code": "es_MX" } },
    });
    let sent = graph.send_message(token, &number.phone_number_id, &body).await.expect("accepted");
    assert_eq!(sent.message_status.as_deref(), Some("accepted"));
    stage.meta.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_medium_goes_up_and_comes_down() {
    let stage = Stage::new().await;
    let Stage { meta, number, graph, token } = &stage;
    let id = &number.phone_number_id;
    let bytes: Vec<u8> = (0..200_000_u32).map(|byte| byte as u8).collect();
    let pieces = bytes.chunks(7_000).map(|piece| Ok::<_, std::io::Error>(bytes::Bytes::copy_from_slice(piece)));
    let stream = futures::stream::iter(pieces.collect::<Vec<_>>());
    let upload = Upload::stream("application/pdf", "cuenta \"ñ\".pdf", stream, bytes.len() as u64);
    let medium = graph.upload_media(token, id, upload).await.expect("an id");

    let info = graph.media(token, &medium, Some(id)).await.expect("a medium");
    assert_eq!((info.mime_type.as_deref(), info.file_size), (Some("application/pdf"), Some(200_000)));
    let download = graph.download(token, &info.url, 1 << 20).await.expect("a download");
    assert_eq!((download.mime_type.as_deref(), download.length), (Some("application/pdf"), Some(200_000)));
    let came: Vec<bytes::Bytes> = download.into_stream().try_collect().await.expect("all of it");
    assert!(came.concat() == bytes);
    let failure = graph.download(token, &info.url, 1_000).await.expect_err("too long");
    assert_eq!(failure, DownloadFailure::TooLong { limit: 1_000 });

    let stranger = meta.numbers().await.pop().expect("another account's");
    let stranger = Credential::new(stranger.token.into());
    let failure = graph.download(&stranger, &info.url, 1 << 20).await.expect_err("a refusal");
    assert!(matches!(&failure, DownloadFailure::Refused(error) if error.code == 190), "{failure:?}");
    let failure = graph.media(&stranger, &medium, None).await.expect_err("a refusal");
    assert_eq!(refused(failure), (400, 100, Some(33)));

    meta.advance(Duration::from_secs(301)).await;
    assert_eq!(graph.download(token, &info.url, 1 << 20).await.expect_err("old"), DownloadFailure::Expired);
    graph.delete_media(token, &medium).await.expect("success");
    assert_eq!(refused(graph.media(token, &medium, None).await.expect_err("gone")).1, 100);
    stage.meta.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_looked_at_and_registered() {
    let stage = Stage::new().await;
    let Stage { number, graph, token, .. } = &stage;
    let id = &number.phone_number_id;
    let shown = graph.number(token, id, &[]).await.expect("a number");
    assert_eq!((&shown.id, shown.throughput.as_deref()), (id, Some("STANDARD")));
    let shown = graph.number(token, id, &["status", "health_status", "messaging_limit_tier"]).await.expect("a number");
    assert_eq!((shown.status.as_deref(), shown.verified_name), (Some("CONNECTED"), None));
    assert!(shown.messaging_limit.is_some() && shown.whole["health_status"].is_object());
    assert_eq!(refused(graph.number(token, id, &["nonsense"]).await.expect_err("unknown")).1, 100);
    let numbers = graph.numbers_of(token, &number.waba_id, &["id", "quality_rating"]).await.expect("numbers");
    assert_eq!(numbers.len(), 2);
    assert!(numbers.iter().any(|one| &one.id == id && one.quality_rating.as_deref() == Some("GREEN")));

    graph.set_pin(token, id, "123456").await.expect("success");
    graph.deregister(token, id).await.expect("success");
    let failure = stage.send(graph).await.expect_err("not registered");
    assert!(matches!(verdict(&failure, 0), Verdict::PauseNumber { rest: Rest::UntilPerson, .. }), "{failure:?}");
    assert_eq!(refused(failure).1, 133_010);
    assert_eq!(refused(graph.register(token, id, "654321").await.expect_err("another PIN")).1, 133_005);
    graph.register(token, id, "123456").await.expect("success");
    stage.send(graph).await.expect("accepted again");
    assert_eq!(stage.accepted().await, 1);
    stage.meta.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_tells_the_app_or_not() {
    let stage = Stage::new().await;
    let Stage { number, graph, token, .. } = &stage;
    let waba = &number.waba_id;
    let shown = graph.waba(token, waba, &["name", "currency", "account_review_status"]).await.expect("an account");
    assert_eq!((shown.name.as_deref(), shown.currency.as_deref()), (Some("Café Lucero"), Some("MXN")));
    graph.unsubscribe_app(token, waba).await.expect("success");
    assert_eq!(graph.subscribed_apps(token, waba).await.expect("apps"), []);
    graph.subscribe_app(token, waba, None).await.expect("success");
    let apps = graph.subscribed_apps(token, waba).await.expect("apps");
    assert_eq!((apps[0].id.as_str(), &apps[0].override_callback_uri), (APP, &None));
    let callback = Receiver::start(SECRET).await;
    let instead = Override { url: callback.url(), verify_token: VERIFY_TOKEN };
    graph.subscribe_app(token, waba, Some(instead)).await.expect("success");
    let apps = graph.subscribed_apps(token, waba).await.expect("apps");
    assert_eq!(apps[0].override_callback_uri.as_deref(), Some(callback.url()));
    let wrong = Override { url: callback.url(), verify_token: "wrong" };
    assert!(matches!(graph.subscribe_app(token, waba, Some(wrong)).await, Err(Failure::Refused(_))));
    stage.meta.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_is_made_changed_and_deleted() {
    let stage = Stage::new().await;
    let Stage { number, graph, token, .. } = &stage;
    let waba = &number.waba_id;
    let made = approve(&stage, "pedido_listo").await;
    assert_eq!((made.status.as_deref(), made.category.as_deref()), (Some("PENDING"), Some("UTILITY")));
    let change =
        json!({ "components": [{ "type": "BODY", "text": "Su pedido ya está listo, lo esperamos en el café." }] });
    graph.edit_template(token, &made.id, &change).await.expect("success");
    let failure = graph.create_template(token, waba, &template("PEDIDO LISTO!")).await.expect_err("a wrong name");
    assert!(matches!(failure, Failure::Refused(_)), "{failure:?}");

    let query = TemplateQuery { name: Some("pedido_listo"), ..TemplateQuery::default() };
    let found = graph.templates(token, waba, query, 10).await.expect("templates");
    assert_eq!((found.len(), found[0].id.as_str()), (1, made.id.as_str()));
    assert!(found[0].components.to_string().contains("ya está listo"));
    graph.delete_template(token, waba, "pedido_listo", Some(&made.id)).await.expect("success");
    assert!(graph.delete_template(token, waba, "pedido_listo", None).await.is_err(), "it is gone");
    stage.meta.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_list_is_read_to_its_end() {
    let stage = Stage::new().await;
    let Stage { number, graph, token, .. } = &stage;
    let waba = &number.waba_id;
    let all = TemplateQuery::default();
    let before = graph.templates(token, waba, all, 1_000).await.expect("templates").len();
    // 100 creations an hour are allowed; a page has 100.
    for number in 0..100 {
        let body = template(&format!("aviso_{number}"));
        graph.create_template(token, waba, &body).await.expect("a template");
    }
    let templates = graph.templates(token, waba, all, 1_000).await.expect("templates");
    assert_eq!(templates.len(), before + 100);
    let mut ids: Vec<&str> = templates.iter().map(|template| template.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), templates.len(), "each once");
    assert_eq!(graph.templates(token, waba, all, 7).await.expect("templates").len(), 7);
    stage.meta.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_up_ends_in_a_token_that_is_what_it_claims() {
    let stage = Stage::new().await;
    let Stage { meta, graph, .. } = &stage;
    let signed = meta.control(Method::POST, "signup", Some(&json!({}))).await;
    let code = SecretString::from(signed["code"].as_str().expect("a code"));
    let waba = signed["session"]["data"]["waba_id"].as_str().expect("an account");
    let wrong = SecretString::from("another secret");
    assert!(matches!(graph.exchange_code(APP, &wrong, &code).await, Err(Failure::Refused(_))));
    let granted = graph.exchange_code(APP, &secret(), &code).await.expect("a token");
    let again = graph.exchange_code(APP, &secret(), &code).await.expect_err("used");
    assert_eq!(refused(again).1, 100);

    let info = graph.debug_token(APP, &secret(), &granted.token).await.expect("facts");
    assert_eq!((info.is_valid, info.app_id.as_deref(), info.expires_at), (true, Some(APP), None));
    assert!(info.may("whatsapp_business_messaging", waba) && !info.may("whatsapp_business_messaging", "1"));
    let token = Credential::new(granted.token.clone());
    assert_eq!(graph.waba(&token, waba, &[]).await.expect("an account").id, waba);

    let revoked = json!({ "token": granted.token.expose_secret() });
    meta.control(Method::DELETE, "tokens", Some(&revoked)).await;
    let info = graph.debug_token(APP, &secret(), &granted.token).await.expect("facts");
    assert_eq!((info.is_valid, info.error.and_then(|error| error.subcode)), (false, Some(460)));

    let signed = meta.control(Method::POST, "signup", Some(&json!({}))).await;
    let code = SecretString::from(signed["code"].as_str().expect("a code"));
    meta.advance(Duration::from_secs(31)).await;
    assert_eq!(refused(graph.exchange_code(APP, &secret(), &code).await.expect_err("old")).1, 100);
    stage.meta.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_app_chooses_where_its_webhooks_go() {
    let stage = Stage::new().await;
    let Stage { meta, number, graph, .. } = &stage;
    let callback = Receiver::start(SECRET).await;
    let word = SecretString::from(VERIFY_TOKEN);
    graph.set_app_subscription(APP, &secret(), callback.url(), &word, &["messages"]).await.expect("success");
    let all = graph.app_subscriptions(APP, &secret()).await.expect("subscriptions");
    assert_eq!((all.len(), all[0].callback_url.as_deref(), all[0].active), (1, Some(callback.url()), true));
    assert_eq!((all[0].fields.len(), all[0].fields[0].name.as_str()), (1, "messages"));
    let wamid = meta.customer_says(number, LUCIA, "¿Y mañana?").await;
    callback.until_told(&[(&wamid, "message")]).await;
    let failure = graph.app_subscriptions(APP, &SecretString::from("wrong")).await.expect_err("a refusal");
    assert_eq!(refused(failure).1, 190);
    stage.meta.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_are_blocked_one_by_one() {
    let stage = Stage::new().await;
    let Stage { number, graph, token, .. } = &stage;
    let users = [User::Phone(LUCIA), User::Phone("34600999888")];
    let blocks = graph.block_users(token, &number.phone_number_id, &users).await.expect("lists");
    assert_eq!((blocks.done.len(), blocks.done[0].wa_id.as_deref()), (1, Some(LUCIA)));
    assert_eq!((blocks.failed.len(), blocks.failed[0].input.as_deref()), (1, Some("34600999888")));
    assert_eq!(blocks.failed[0].errors[0].code, 131_047);
    let blocks = graph.unblock_users(token, &number.phone_number_id, &users[..1]).await.expect("lists");
    assert_eq!((blocks.done.len(), blocks.failed.len()), (1, 0));
    stage.meta.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_wants_proof_gets_it() {
    let stage = Stage::new().await;
    stage.meta.control(Method::POST, "apps", Some(&json!({ "id": APP, "needs_proof": true }))).await;
    let failure = stage.send(&stage.graph).await.expect_err("no proof");
    assert_eq!(refused(failure).1, 100);
    let proven = stage.token.clone().with_app_secret(secret());
    let id = &stage.number.phone_number_id;
    stage.graph.send_message(&proven, id, &text(LUCIA)).await.expect("accepted");
    let wrong = stage.token.clone().with_app_secret("wrong".to_owned().into());
    assert!(stage.graph.send_message(&wrong, id, &text(LUCIA)).await.is_err());
    stage.graph.app_subscriptions(APP, &secret()).await.expect("the App's own token proves itself too");
    assert_eq!(stage.accepted().await, 1);
    stage.meta.stop().await;
}

// Faults -------------------------------------------------------------------------------------------------------------

/// Whatever breaks on the way: nobody can tell, nothing is put twice, and what was accepted was accepted once.
#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_on_the_way_is_unknown() {
    let faults = [
        (json!({ "kind": "reset" }), 0),
        (json!({ "kind": "reset_after_accept" }), 1),
        (json!({ "kind": "truncate_answer" }), 1),
        (json!({ "kind": "html_500" }), 0),
        (json!({ "kind": "html_500", "http_status": 503 }), 0),
        (json!({ "kind": "html_500", "after_accept": true }), 1),
        (json!({ "kind": "hang" }), 0),
        (json!({ "kind": "hang", "after_accept": true }), 1),
        (json!({ "kind": "slow", "seconds": 60 }), 1),
    ];
    let stage = Stage::new().await;
    for (fault, accepted) in faults {
        let silent = fault["kind"] == "hang" || fault["kind"] == "slow";
        let graph = if silent { stage.hurried() } else { stage.graph.clone() };
        // Two of each: on a new connection, and on the one that was kept from the send in between.
        for _ in 0..2 {
            let before = stage.accepted().await;
            stage.meta.faults(json!([fault])).await;
            let failure = stage.send(&graph).await.expect_err("a failure");
            stage.meta.no_faults().await;
            assert!(matches!(failure, Failure::Unknown(_)), "{fault}: {failure:?}");
            assert_eq!(failure == Failure::Unknown(Unknown::TimedOut), silent, "{fault}: {failure:?}");
            assert_eq!(verdict(&failure, 0), Verdict::SettleByStatus, "{fault}");
            assert_eq!(stage.accepted().await - before, accepted, "{fault}");
            stage.send(&graph).await.expect("accepted, once all is well");
            assert_eq!(stage.accepted().await - before, accepted + 1, "{fault}");
            // The customer is written to no more often than Meta allows.
            stage.meta.advance(Duration::from_secs(60)).await;
        }
    }
    stage.meta.stop().await;
}

/// Each error that the simulator knows, as an answer to a send: read in full, explained, and nothing accepted.
#[tokio::test(flavor = "multi_thread")]
async fn what_meta_refuses_is_not_accepted() {
    let stage = Stage::new().await;
    for known in simulator::TABLE {
        stage.meta.faults(json!([{ "kind": "error", "code": known.code, "count": 1 }])).await;
        let failure = stage.send(&stage.graph).await.expect_err("a refusal");
        let Failure::Refused(error) = &failure else { panic!("{}: {failure:?}", known.code) };
        assert_eq!((error.http, error.code), (known.http, known.code));
        assert_eq!(failure.explanation(), explain(known.code));
        assert_ne!(explain(known.code), explain(-1), "{} is not explained", known.code);
    }
    assert_eq!(stage.accepted().await, 0);
    stage.meta.stop().await;
}

/// What the worker is told to do for the errors that stop more than one message.
#[tokio::test(flavor = "multi_thread")]
async fn verdicts_of_what_meta_refuses() {
    let stage = Stage::new().await;
    let judge = async |fault: Value| {
        stage.meta.faults(json!([fault])).await;
        let failure = stage.send(&stage.graph).await.expect_err("a refusal");
        stage.meta.no_faults().await;
        verdict(&failure, 1)
    };
    let error = |code: i64| json!({ "kind": "error", "code": code });
    let seconds = Duration::from_secs;
    assert_eq!(judge(error(131_056)).await, Verdict::PausePair(seconds(4)));
    assert_eq!(judge(error(131_016)).await, Verdict::RetryAfter(seconds(2)));
    assert_eq!(judge(error(131_049)).await, Verdict::RetryAfter(seconds(2 * 24 * 3_600)));
    assert_eq!(judge(error(1)).await, Verdict::SettleByStatus);
    assert_eq!(judge(error(131_000)).await, Verdict::SettleByStatus);
    assert!(matches!(judge(error(131_047)).await, Verdict::AskPerson(_)));
    assert!(matches!(judge(error(131_026)).await, Verdict::GiveUp(_)));
    let rest = Rest::For(seconds(2));
    assert_eq!(judge(error(130_429)).await, Verdict::PauseNumber { rest, advice: explain(130_429) });
    let rest = Rest::UntilPerson;
    assert_eq!(judge(error(131_048)).await, Verdict::PauseNumber { rest, advice: explain(131_048) });
    assert_eq!(judge(error(368)).await, Verdict::PauseAccount { rest, advice: explain(368) });
    // Codes that nobody here has heard of go by their status.
    let unheard = |http: u16| json!({ "kind": "error", "code": 987_654, "http_status": http });
    assert_eq!(judge(unheard(500)).await, Verdict::SettleByStatus);
    assert_eq!(judge(unheard(429)).await, Verdict::RetryAfter(seconds(60)));
    assert_eq!(judge(unheard(400)).await, Verdict::AskPerson(explain(-1)));
    assert_eq!(stage.accepted().await, 0);
    stage.meta.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_stops_its_number() {
    let stage = Stage::new().await;
    stage.meta.control(Method::DELETE, "tokens", Some(&json!({ "token": stage.number.token }))).await;
    let failure = stage.send(&stage.graph).await.expect_err("a refusal");
    assert!(failure.explanation().es.contains("anuló"), "{:?}", failure.explanation());
    assert!(matches!(verdict(&failure, 0), Verdict::PauseNumber { rest: Rest::UntilPerson, .. }));
    assert!(!format!("{failure} {failure:?}").contains(&stage.number.token));
    assert_eq!(refused(failure), (401, 190, Some(460)));
    stage.meta.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_meta_nothing_is_sent_and_all_is_tried_again() {
    let Stage { meta, number, token, .. } = Stage::new().await;
    let graph = Graph::new(meta.url(), "v26.0").expect("a client");
    meta.stop().await;
    let failure = graph.send_message(&token, &number.phone_number_id, &text(LUCIA)).await.expect_err("a failure");
    assert!(matches!(failure, Failure::NotSent(NotSent::NoConnection(_))), "{failure:?}");
    assert_eq!(verdict(&failure, 2), Verdict::RetryAfter(Duration::from_secs(4)));
}

#[tokio::test(flavor = "multi_thread")]
async fn media_that_are_gone_or_break_off() {
    let stage = Stage::new().await;
    let Stage { meta, number, graph, token } = &stage;
    let upload = Upload::bytes("application/pdf", "a.pdf", vec![7; 100_000]);
    let medium = graph.upload_media(token, &number.phone_number_id, upload).await.expect("an id");
    let url = graph.media(token, &medium, None).await.expect("a medium").url;
    let download = async || {
        let download = graph.download(token, &url, 1 << 20).await?;
        let pieces: Vec<bytes::Bytes> = download.into_stream().try_collect().await?;
        Ok::<usize, DownloadFailure>(pieces.concat().len())
    };
    let broken = |result: &Result<usize, DownloadFailure>| matches!(result, Err(DownloadFailure::Broken(_)));

    meta.faults(json!([{ "kind": "media_truncated", "count": 1 }])).await;
    let half = download().await;
    assert!(broken(&half), "{half:?}");
    for kind in ["reset", "html_500"] {
        meta.faults(json!([{ "kind": kind, "edge": "media", "count": 1 }])).await;
        let result = download().await;
        assert!(broken(&result), "{kind}: {result:?}");
    }
    meta.faults(json!([{ "kind": "media_expired", "count": 2 }])).await;
    assert_eq!(download().await, Err(DownloadFailure::Expired));
    let failure = graph.media(token, &medium, None).await.expect_err("gone");
    assert_eq!(refused(failure), (404, 100, Some(33)));
    assert_eq!(download().await, Ok(100_000), "once all is well");

    meta.faults(json!([{ "kind": "hang", "edge": "media", "count": 1 }])).await;
    let failure = stage.hurried().media(token, &medium, None).await.expect_err("silence");
    assert_eq!(failure, Failure::Unknown(Unknown::TimedOut));
    meta.faults(json!([{ "kind": "slow", "edge": "media", "seconds": 60, "count": 1 }])).await;
    let failure = stage.hurried().download(token, &url, 1 << 20).await.expect_err("silence");
    assert!(matches!(failure, DownloadFailure::Broken(_)), "{failure:?}");
    stage.meta.stop().await;
}
