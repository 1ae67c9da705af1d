//! Numbers, over HTTP.

mod support;

use serde_json::{Value, json};
use support::{Answered, Laptop, Receiver, answered};

impl Laptop {
    /// A path below the number.
    fn of(&self, edge: &str) -> String {
        format!("{}/{edge}", self.number)
    }

    async fn delete_with(&self, path: &str, body: Value) -> Answered {
        let request = self.client.delete(self.url(path)).bearer_auth(&self.token);
        answered(request.header("content-type", "application/json").body(body.to_string())).await
    }

    /// The code that Meta sent to a number.
    async fn code_of(&self, number: &str) -> String {
        let (_, state) = answered(self.client.get(format!("{}/_sim/state", self.simulator.url()))).await;
        let wabas = state["businesses"].as_array().into_iter().flatten().flat_map(|one| one["wabas"].as_array());
        let mut numbers = wabas.flatten().flat_map(|waba| waba["numbers"].as_array()).flatten();
        let row = numbers.find(|row| row["phone_number_id"] == number).expect("the number is there");
        row["code"].as_str().expect("a code was sent").to_owned()
    }

    async fn writes(&self, from: &str, body: &str) {
        let message = json!({ "phone_number_id": self.number, "from": from, "type": "text", "text": { "body": body } });
        self.sim("messages", message).await;
    }
}

fn code(answer: &Answered) -> i64 {
    answer.1["error"]["code"].as_i64().unwrap_or_else(|| panic!("{} is an error", answer.1))
}

fn done(answer: Answered) {
    assert_eq!(answer, (200, json!({ "success": true })));
}

#[tokio::test]
async fn a_number_is_shown_field_by_field() {
    let laptop = Laptop::start().await;
    let (_, shown) = laptop.get(&laptop.number).await;
    assert_eq!(shown["display_phone_number"], "+52 55 8526 1100");
    assert_eq!(shown["throughput"], json!({ "level": "STANDARD" }));
    assert_eq!(shown.get("name_status"), None, "it was not asked for");
    let fields = "status,account_mode,name_status,messaging_limit_tier,whatsapp_business_manager_messaging_limit,\
                  is_on_biz_app,is_official_business_account,last_onboarded_time,search_visibility,username,\
                  country_dial_code,code_verification_status,platform_type,quality_rating,conversational_automation";
    let (status, shown) = laptop.get(&format!("{}?fields={fields}", laptop.number)).await;
    assert_eq!(status, 200, "{shown}");
    assert_eq!((&shown["status"], &shown["country_dial_code"]), (&json!("CONNECTED"), &json!("52")));
    assert_eq!(shown["whatsapp_business_manager_messaging_limit"], "TIER_10K");
    assert_eq!(shown.get("username"), None, "it has none");
    let (_, health) = laptop.get(&format!("{}?fields=health_status", laptop.number)).await;
    assert_eq!(health["health_status"]["can_send_message"], "AVAILABLE");
    assert_eq!(health["health_status"]["entities"].as_array().map(Vec::len), Some(4));
    assert_eq!(code(&laptop.get(&format!("{}?fields=id,nonsense", laptop.number)).await), 100);
}

#[tokio::test]
async fn a_number_is_added_verified_and_registered() {
    let laptop = Laptop::start().await;
    let receiver = Receiver::start(&laptop).await;
    let numbers = format!("{}/phone_numbers", laptop.waba);
    let asked = json!({ "cc": "1", "phone_number": "14195551518", "verified_name": "Lucky Shrub" });
    let (status, made) = laptop.post(&numbers, &asked).await;
    assert_eq!(status, 200, "{made}");
    let number = made["id"].as_str().expect("an id");
    assert_eq!(code(&laptop.post(&numbers, &asked).await), 100, "it is there already");
    let (_, shown) = laptop.get(&format!("{number}?fields=status,code_verification_status,display_phone_number")).await;
    assert_eq!(shown["status"], "UNVERIFIED");
    assert_eq!(shown["display_phone_number"], "+1 419-555-1518");

    let pin = json!({ "messaging_product": "whatsapp", "pin": "123456" });
    let register = format!("{number}/register");
    assert_eq!(code(&laptop.post(&register, &pin).await), 133006);
    let verify = format!("{number}/verify_code");
    assert_eq!(code(&laptop.post(&verify, &json!({ "code": "000000" })).await), 136025, "no code was sent");
    let request = format!("{number}/request_code");
    assert_eq!(code(&laptop.post(&request, &json!({ "code_method": "PIGEON", "language": "en_US" })).await), 100);
    done(laptop.post(&request, &json!({ "code_method": "SMS", "language": "en_US" })).await);
    let sent = laptop.code_of(number).await;
    let wrong = if sent == "111111" { "222222" } else { "111111" };
    assert_eq!(code(&laptop.post(&verify, &json!({ "code": wrong })).await), 136025);
    let (status, verified) = laptop.post(&verify, &json!({ "code": sent })).await;
    assert_eq!((status, verified), (200, json!({ "success": true, "id": number })));
    assert_eq!(code(&laptop.post(&request, &json!({ "code_method": "SMS", "language": "en_US" })).await), 136024);

    assert_eq!(code(&laptop.post(&register, &json!({ "messaging_product": "whatsapp", "pin": "12" })).await), 100);
    done(laptop.post(&register, &pin).await);
    let (value, entry_id, _) = receiver.hears("phone_number_quality_update", |_| true).await;
    assert_eq!((&value["event"], entry_id), (&json!("ONBOARDING"), json!(laptop.waba)));
    let (_, shown) = laptop.get(&format!("{number}?fields=status,platform_type")).await;
    assert_eq!(shown, json!({ "status": "CONNECTED", "platform_type": "CLOUD_API", "id": number }));

    done(laptop.post(&format!("{number}/deregister"), &json!({})).await);
    assert_eq!(laptop.post(&format!("{number}/deregister"), &json!({})).await.1["error"]["error_subcode"], 2_207_051);
    assert_eq!(laptop.get(&format!("{number}?fields=status")).await.1["status"], "DISCONNECTED");
}

#[tokio::test]
async fn a_pin_is_guessed_wrong_then_too_fast_then_too_often() {
    let laptop = Laptop::start().await;
    let receiver = Receiver::start(&laptop).await;
    assert_eq!(code(&laptop.post(&laptop.number, &json!({ "pin": "12345" })).await), 100);
    assert_eq!(code(&laptop.post(&laptop.number, &json!({})).await), 100);
    done(laptop.post(&laptop.number, &json!({ "pin": "150954" })).await);
    receiver.hears("security", |value| value["event"] == "PIN_CHANGED").await;
    let register = async |pin: &str| {
        laptop.post(&laptop.of("register"), &json!({ "messaging_product": "whatsapp", "pin": pin })).await
    };
    for _ in 0..3 {
        assert_eq!(code(&register("000000").await), 133005);
    }
    assert_eq!(code(&register("150954").await), 133009, "even the right one");
    laptop.advance("2m").await;
    for _ in 0..3 {
        assert_eq!(code(&register("000000").await), 133005);
    }
    assert_eq!(code(&register("150954").await), 133008);
    laptop.advance("24h").await;
    done(register("150954").await);
    assert_eq!(
        code(&{
            done(register("150954").await);
            register("150954").await
        }),
        133016,
        "the eleventh in 72 hours"
    );
    laptop.advance("72h").await;
    done(register("150954").await);
}

#[tokio::test]
async fn a_profile_has_limits() {
    let laptop = Laptop::start().await;
    let path = laptop.of("whatsapp_business_profile");
    let with = |name: &str, value: Value| json!({ "messaging_product": "whatsapp", name: value });
    assert_eq!(code(&laptop.post(&path, &json!({ "about": "Hi" })).await), 100, "messaging_product is missing");
    for (name, value) in [
        ("about", json!("a".repeat(140))),
        ("about", json!("")),
        ("description", json!("d".repeat(513))),
        ("address", json!("a".repeat(257))),
        ("email", json!("nobody")),
        ("websites", json!(["https://a.example", "https://b.example", "https://c.example"])),
        ("websites", json!(["ftp://a.example"])),
        ("vertical", json!("PIRACY")),
        ("profile_picture_handle", json!("4::nonsense")),
    ] {
        assert_eq!(code(&laptop.post(&path, &with(name, value)).await), 100, "{name}");
    }
    let profile = json!({
        "messaging_product": "whatsapp", "about": "☕".repeat(139), "email": "hola@lucero.example",
        "websites": ["https://lucero.example"], "vertical": "RESTAURANT",
    });
    done(laptop.post(&path, &profile).await);
    let (_, shown) =
        laptop.get(&format!("{path}?fields=about,email,websites,vertical,address,messaging_product")).await;
    assert_eq!(shown, json!({ "data": [profile] }), "flat, and without the address that it has not");
    assert_eq!(code(&laptop.get(&format!("{path}?fields=shoe_size")).await), 100);

    let upload = format!("{}/uploads?file_name=a.png&file_length=4&file_type=image/png", laptop.app_id);
    let (_, upload) = laptop.post(&upload, &json!({})).await;
    let upload = laptop.client.post(laptop.url(upload["id"].as_str().expect("an upload")));
    let upload = upload.header("authorization", format!("OAuth {}", laptop.token)).header("file_offset", "0");
    let (_, handle) = answered(upload.body("\u{89}PN")).await;
    done(laptop.post(&path, &with("profile_picture_handle", handle["h"].clone())).await);
    let (_, shown) = laptop.get(&format!("{path}?fields=profile_picture_url")).await;
    assert!(shown["data"][0]["profile_picture_url"].as_str().is_some_and(|url| url.starts_with("https://")));
}

#[tokio::test]
async fn ice_breakers_codes_carts_and_keys_are_kept() {
    let laptop = Laptop::start().await;
    let automation = laptop.of("conversational_automation");
    let commands = |names: &[&str]| {
        let commands = names.iter().map(|name| json!({ "command_name": name, "command_description": "Helps" }));
        json!({ "commands": commands.collect::<Vec<_>>() })
    };
    assert_eq!(code(&laptop.post(&automation, &json!({ "prompts": ["a", "b", "c", "d"] })).await), 100);
    assert_eq!(code(&laptop.post(&automation, &commands(&["with space"])).await), 100);
    assert_eq!(laptop.post(&automation, &commands(&["help", "help"])).await.0, 422);
    done(laptop.post(&automation, &json!({ "prompts": ["How?"], "enable_welcome_message": true })).await);
    done(laptop.post(&automation, &commands(&["help"])).await);
    let (_, shown) = laptop.get(&automation).await;
    assert_eq!((&shown["prompts"], &shown["commands"][0]["command_name"]), (&json!(["How?"]), &json!("help")));
    let (_, of_number) = laptop.get(&format!("{}?fields=conversational_automation", laptop.number)).await;
    assert_eq!(of_number["conversational_automation"], shown);

    let qr = laptop.of("message_qrdls");
    assert_eq!(code(&laptop.post(&qr, &json!({})).await), 100);
    let (_, made) = laptop.post(&qr, &json!({ "prefilled_message": "Hi", "generate_qr_image": "SVG" })).await;
    assert!(made["qr_image_url"].is_string(), "{made}");
    let one = format!("{qr}/{}", made["code"].as_str().expect("a code"));
    let (_, other) = laptop.post(&qr, &json!({ "code": made["code"], "prefilled_message": "Hola" })).await;
    assert_eq!((&other["code"], &other["prefilled_message"]), (&made["code"], &json!("Hola")));
    let row = json!({
        "code": made["code"], "prefilled_message": "Hola", "deep_link_url": made["deep_link_url"],
    });
    assert_eq!(laptop.get(&one).await.1, json!({ "data": [row] }));
    assert_eq!(laptop.get(&qr).await.1["data"], json!([row]));
    done(laptop.delete(&one).await);
    let gone = laptop.delete(&one).await;
    assert_eq!((gone.0, code(&gone)), (404, 803));

    let commerce = laptop.of("whatsapp_commerce_settings");
    done(laptop.post(&format!("{commerce}?is_cart_enabled=false&is_catalog_visible=true"), &json!({})).await);
    let (_, shown) = laptop.get(&commerce).await;
    assert_eq!(shown["data"][0]["is_cart_enabled"], false);
    assert_eq!(code(&laptop.post(&format!("{commerce}?is_cart_enabled=perhaps"), &json!({})).await), 100);

    let encryption = laptop.of("whatsapp_business_encryption");
    assert_eq!(laptop.get(&encryption).await.1, json!({ "data": [] }));
    assert_eq!(code(&laptop.post(&encryption, &json!({ "business_public_key": "nonsense" })).await), 100);

    let official = laptop.of("official_business_account");
    assert_eq!(laptop.get(&official).await.1["oba_status"], "NOT_STARTED");
    assert_eq!(laptop.post(&official, &json!({ "action": "WITHDRAW_APPLICATION" })).await.0, 409);
    let application = json!({ "action": "SUBMIT_APPLICATION", "application_data": { "business_name": "Lucero" } });
    assert_eq!(laptop.post(&official, &application).await.1["updated_status"]["oba_status"], "PENDING");
    assert_eq!(code(&laptop.post(&official, &application).await), 100);

    let compliance = laptop.of("business_compliance_info");
    let phone = json!({ "email": "a@b.example", "mobile_number": "+913854559033" });
    let mut info = json!({
        "messaging_product": "whatsapp", "entity_name": "Lucky Shrub", "entity_type": "OTHER",
        "grievance_officer_details": phone, "customer_care_details": phone,
    });
    assert_eq!(code(&laptop.post(&compliance, &info).await), 100, "OTHER needs a word");
    info["entity_type_custom"] = "Guild".into();
    done(laptop.post(&compliance, &info).await);
    assert_eq!(laptop.get(&compliance).await.1["data"][0]["entity_type_custom"], "Guild");
}

#[tokio::test]
async fn only_who_wrote_today_is_blocked() {
    let laptop = Laptop::start().await;
    let path = laptop.of("block_users");
    let users = |all: &[&str]| {
        let users: Vec<Value> = all.iter().map(|user| json!({ "user": user })).collect();
        json!({ "messaging_product": "whatsapp", "block_users": users })
    };
    laptop.writes("525512345678", "hola").await;
    laptop.writes("16505551234", "hello").await;
    let (status, answer) = laptop.post(&path, &users(&["+52 55 1234 5678", "+34600000000"])).await;
    assert_eq!((status, &answer["error"]["code"]), (400, &json!(139100)));
    let added = json!([{ "input": "+52 55 1234 5678", "wa_id": "5215512345678" }]);
    assert_eq!(answer["block_users"]["added_users"], added);
    assert_eq!(answer["block_users"]["failed_users"][0]["input"], "+34600000000");
    let heard = json!({ "phone_number_id": laptop.number, "from": "525512345678", "type": "text", "text": { "body": "¿hola?" } });
    let heard = laptop.client.post(format!("{}/_sim/messages", laptop.simulator.url())).body(heard.to_string());
    assert_eq!(answered(heard).await.0, 409, "who is blocked is not heard");
    let (_, list) = laptop.get(&path).await;
    assert_eq!(list["data"][0]["block_users"][0]["wa_id"], "5215512345678");
    assert!(list["paging"]["cursors"]["after"].is_string());

    let (status, answer) = laptop.delete_with(&path, users(&["525512345678"])).await;
    assert_eq!((status, &answer["block_users"]["removed_users"][0]["wa_id"]), (200, &json!("5215512345678")));
    assert_eq!(laptop.get(&path).await.1, json!({ "data": [] }));
    laptop.advance("25h").await;
    assert_eq!(laptop.post(&path, &users(&["16505551234"])).await.0, 400, "that was yesterday");
    assert_eq!(code(&laptop.post(&path, &json!({ "messaging_product": "whatsapp" })).await), 100);
}

#[tokio::test]
async fn a_username_is_one_numbers_own() {
    let laptop = Laptop::start().await;
    let receiver = Receiver::start(&laptop).await;
    let path = laptop.of("username");
    assert_eq!(laptop.get(&path).await, (200, json!({})));
    for name in ["ab", "UPPER", "12345", "a..b", ".abc", "www.abc", "abc.com"] {
        assert_eq!(code(&laptop.post(&path, &json!({ "username": name })).await), 147001, "{name}");
    }
    let (_, suggested) = laptop.get(&laptop.of("username_suggestions")).await;
    assert!(suggested["data"][0]["username_suggestions"].as_array().is_some_and(|names| !names.is_empty()));
    assert_eq!(laptop.post(&path, &json!({ "username": "lucero.mx" })).await, (200, json!({ "status": "approved" })));
    let (value, ..) = receiver.hears("business_username_updates", |value| value["status"] == "approved").await;
    assert_eq!(value["username"], "lucero.mx");

    let (_, list) = laptop.get(&format!("{}/phone_numbers?fields=id", laptop.waba)).await;
    let second = format!("{}/username", list["data"][1]["id"].as_str().expect("an id"));
    let wish = |transfer: &str| json!({ "username": "lucero.mx", "transfer_action": transfer });
    assert_eq!(code(&laptop.post(&second, &wish("none")).await), 147003, "it is the first's");
    let of_other = laptop.client.post(laptop.url(&format!("{}/username", laptop.other.0))).bearer_auth(&laptop.other.1);
    let of_other = of_other.header("content-type", "application/json").body(wish("force_transfer").to_string());
    assert_eq!(code(&answered(of_other).await), 147002, "it is another business's");
    assert_eq!(laptop.post(&second, &wish("force_transfer")).await.0, 200);
    assert_eq!(laptop.get(&path).await.1, json!({}));
    done(laptop.delete(&second).await);
    let (value, ..) = receiver.hears("business_username_updates", |value| value["status"] == "deleted").await;
    assert_eq!(value.get("username"), None);
    assert_eq!(code(&laptop.delete(&second).await), 147004);
}

#[tokio::test]
async fn calls_need_the_setting_and_a_permission() {
    let laptop = Laptop::start().await;
    let receiver = Receiver::start(&laptop).await;
    let (settings, calls) = (laptop.of("settings"), laptop.of("calls"));
    let connect = json!({
        "messaging_product": "whatsapp", "to": "16505551234", "action": "connect",
        "session": { "sdp_type": "offer", "sdp": "v=0\r\n" },
    });
    assert_eq!(code(&laptop.post(&calls, &connect).await), 138000);
    assert_eq!(laptop.get(&settings).await.1["calling"]["status"], "DISABLED");
    assert_eq!(code(&laptop.post(&settings, &json!({ "calling": "on" })).await), 100);
    assert_eq!(code(&laptop.post(&settings, &json!({ "calling": { "status": "PERHAPS" } })).await), 100);
    assert_eq!(code(&laptop.post(&settings, &json!({ "weather": {} })).await), 100);
    let servers = json!([{ "hostname": "sip.example.com", "port": 5061 }]);
    let calling = json!({ "status": "ENABLED", "sip": { "status": "ENABLED", "servers": servers } });
    done(laptop.post(&settings, &json!({ "calling": calling })).await);
    done(laptop.post(&settings, &json!({ "user_identity_change": { "enable_identity_key_check": true } })).await);
    let (_, shown) = laptop.get(&settings).await;
    assert_eq!(shown["calling"]["sip"]["servers"], servers, "passwords are asked for by name");
    let (_, shown) = laptop.get(&format!("{settings}?include_sip_credentials=true")).await;
    assert!(shown["calling"]["sip"]["servers"][0]["sip_user_password"].is_string());
    let (value, _, time) = receiver.hears("account_settings_update", |_| true).await;
    assert_eq!((&value["type"], time), (&json!("PHONE_NUMBER_SETTINGS"), Value::Null));

    assert_eq!(code(&laptop.post(&calls, &connect).await), 138006);
    let permissions = laptop.of("call_permissions?user_wa_id=16505551234");
    assert_eq!(laptop.get(&permissions).await.1["permission"]["status"], "no_permission");
    let reply = json!({
        "phone_number_id": laptop.number, "from": "16505551234", "type": "interactive",
        "interactive": {
            "type": "call_permission_reply",
            "call_permission_reply": { "response": "accept", "is_permanent": true, "response_source": "user_action" },
        },
    });
    laptop.sim("messages", reply).await;
    assert_eq!(laptop.get(&permissions).await.1["permission"]["status"], "permanent");
    let (status, made) = laptop.post(&calls, &connect).await;
    assert_eq!(status, 200, "{made}");
    let id = made["calls"][0]["id"].as_str().expect("an id");
    assert!(id.starts_with("wacid."));
    let (value, ..) = receiver.hears("calls", |value| value["statuses"][0]["status"] == "RINGING").await;
    assert_eq!(value["statuses"][0]["id"], id);
    let end = json!({ "messaging_product": "whatsapp", "call_id": id, "action": "terminate" });
    done(laptop.post(&calls, &end).await);
    receiver.hears("calls", |value| value["calls"][0]["event"] == "terminate").await;
    assert_eq!(code(&laptop.post(&calls, &end).await), 100);
}

#[tokio::test]
async fn meta_decides_about_a_number() {
    let laptop = Laptop::start().await;
    let receiver = Receiver::start(&laptop).await;
    laptop.writes("16505551234", "hello").await;
    let control = format!("numbers/{}", laptop.number);
    let send = json!({ "messaging_product": "whatsapp", "to": "16505551234", "type": "text", "text": { "body": "x" } });

    laptop.sim(&control, json!({ "throughput": "HIGH" })).await;
    assert_eq!(code(&laptop.post(&laptop.of("messages"), &send).await), 131057);
    laptop.advance("61s").await;
    receiver.hears("phone_number_quality_update", |value| value["event"] == "THROUGHPUT_UPGRADE").await;
    assert_eq!(laptop.post(&laptop.of("messages"), &send).await.0, 200);
    let (_, shown) = laptop.get(&format!("{}?fields=throughput", laptop.number)).await;
    assert_eq!(shown["throughput"]["level"], "HIGH");

    done(laptop.post(&laptop.number, &json!({ "new_display_name": "Lucero Café" })).await);
    let names = format!("{}?fields=verified_name,new_display_name,new_name_status", laptop.number);
    assert_eq!(laptop.get(&names).await.1["new_name_status"], "PENDING_REVIEW");
    laptop.sim(&control, json!({ "name_decision": "APPROVED" })).await;
    let (value, ..) = receiver.hears("phone_number_name_update", |_| true).await;
    assert_eq!(value["requested_verified_name"], "Lucero Café");
    assert_eq!(laptop.get(&names).await.1, json!({ "verified_name": "Lucero Café", "id": laptop.number }));

    let hides = json!({ "search_visibility": "NON_VISIBLE", "username": "lucero_cafe" });
    done(laptop.post(&laptop.number, &hides).await);
    let (_, shown) = laptop.get(&format!("{}?fields=search_visibility,username", laptop.number)).await;
    assert_eq!((&shown["search_visibility"], &shown["username"]), (&json!("NON_VISIBLE"), &json!("lucero_cafe")));
}

#[tokio::test]
async fn the_contact_book_forgets_a_user() {
    let laptop = Laptop::start().await;
    let receiver = Receiver::start(&laptop).await;
    laptop.writes("16505551234", "hello").await;
    let (value, ..) = receiver.hears("messages", |value| value["messages"].is_array()).await;
    let user_id = value["messages"][0]["from_user_id"].as_str().expect("a user id").to_owned();
    let send = json!({ "messaging_product": "whatsapp", "to": "16505551234", "type": "text", "text": { "body": "x" } });
    assert_eq!(laptop.post(&laptop.of("messages"), &send).await.0, 200);
    let path = laptop.of(&format!("contact_book?messaging_product=whatsapp&bsuid={user_id}"));
    let answer = |deleted: bool| json!({ "messaging_product": "whatsapp", "success": true, "deleted": deleted });
    assert_eq!(laptop.delete(&path).await, (200, answer(true)));
    assert_eq!(laptop.delete(&path).await, (200, answer(false)));
    assert_eq!(code(&laptop.delete(&laptop.of("contact_book?messaging_product=whatsapp&bsuid=1650")).await), 100);
}
