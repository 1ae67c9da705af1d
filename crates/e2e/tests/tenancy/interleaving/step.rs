//! What they do.

use std::collections::BTreeSet;
use std::time::Duration;

use e2e::{SimulatedNumber, body};
use model::number;
use model::quarantine::Filter;
use serde_json::{Value, json};
use worker::inbound::replay_quarantine;

use super::Stage;
use super::model::Told;

const ANA: &str = "34600111222";

/// Sign-ups make numbers, and the model is about a few.
const SIGNUPS: usize = 3;

/// What an attempt was given: the account that its token opens, and the number that it is to be.
struct Given<'a> {
    account: &'a str,
    phone_number_id: Option<&'a str>,
}

impl Stage {
    /// One step; answers its name.
    pub(super) async fn step(&mut self, nth: usize) -> &'static str {
        let (organization, number) = (self.random.below(3), self.pick(&self.numbers.clone()));
        match self.random.below(24) {
            0..=2 => self.connect(organization, &number).await,
            3..=4 => self.retry(number).await,
            5 => self.rotate(organization).await,
            6 => self.disconnect().await,
            7..=8 => self.hand_over(organization).await,
            9 => self.sign_up(organization, &number).await,
            10 => self.race(&number).await,
            11 => self.rotate_while_it_moves(organization).await,
            12..=14 => self.write(nth, &number).await,
            15..=16 => self.write_late(nth, &number).await,
            17..=18 => self.repeat().await,
            19 => self.edit(nth).await,
            20 => self.news(nth, &number).await,
            21..=22 => self.send(nth, organization).await,
            _ => self.replay().await,
        }
    }

    // Who has what ---------------------------------------------------------------------------------------------------

    /// Nothing that Meta tells of is of the same second as a claim.
    fn a_moment_later(&self) {
        self.world.pass(Duration::from_secs(1));
    }

    /// With any token, number and account there is: what a person may type.
    async fn connect(&mut self, organization: usize, number: &SimulatedNumber) -> &'static str {
        let (token, account) = self.pick(&self.tokens[organization].clone());
        let fitting: Vec<SimulatedNumber> = self.numbers.iter().filter(|one| one.waba_id == account).cloned().collect();
        let fits = !fitting.is_empty() && self.random.below(2) == 0;
        let number = if fits { &self.pick(&fitting) } else { number };
        let named =
            if self.random.below(4) == 0 { self.pick(&self.numbers.clone()).waba_id } else { number.waba_id.clone() };
        self.a_moment_later();
        let wish = json!({ "phone_number_id": number.phone_number_id, "waba_id": named, "token": token });
        let answer = self.world.post_api(&self.organizations[organization], "/numbers", &wish).await;
        let given = Given { account: &account, phone_number_id: Some(&number.phone_number_id) };
        self.came_of(organization, &given, &answer).await;
        "connect"
    }

    /// An attempt of its own that failed, with another number, another token, both or neither.
    async fn retry(&mut self, number: SimulatedNumber) -> &'static str {
        if self.model.failed.is_empty() {
            return "nothing to retry";
        }
        let at = self.random.below(self.model.failed.len());
        let (organization, id) = self.model.failed.swap_remove(at);
        let mut with = json!({});
        if self.random.below(3) > 0 {
            with["phone_number_id"] = number.phone_number_id.clone().into();
        }
        if self.random.below(2) == 0 {
            with["token"] = self.pick(&self.tokens[organization].clone()).0.into();
        }
        self.a_moment_later();
        let path = format!("/connections/{id}/retry");
        let answer = self.world.post_api(&self.organizations[organization], &path, &with).await;
        // Whatever token it has, it is one of the organization's.
        self.came_of(organization, &Given { account: "", phone_number_id: None }, &answer).await;
        "retry"
    }

    /// Any of its tokens for any number it has, or had.
    async fn rotate(&mut self, organization: usize) -> &'static str {
        let all = self.world.all(&self.organizations[organization], "/numbers").await;
        if all.is_empty() {
            return "nothing to rotate";
        }
        let id = self.pick(&all)["id"].as_str().expect("an id").to_owned();
        let token = self.pick(&self.tokens[organization].clone()).0;
        let path = format!("/numbers/{id}/token");
        let wish = json!({ "token": token });
        let answer = self.world.put_api(&self.organizations[organization], &path, &wish).await;
        self.remember_failure(organization, &answer.1);
        "rotate"
    }

    /// A number that somebody has, and who has it.
    fn held(&mut self) -> Option<(String, usize)> {
        let all: Vec<(String, usize)> = self.model.holders.iter().map(|(id, holder)| (id.clone(), *holder)).collect();
        (!all.is_empty()).then(|| self.pick(&all))
    }

    /// The API's path of an organization's number.
    async fn path(&self, organization: usize, phone_number_id: &str) -> String {
        let all = self.world.all(&self.organizations[organization], "/numbers").await;
        let number = all.iter().find(|number| number["phone_number_id"] == phone_number_id).expect("a number");
        format!("/numbers/{}", number["id"].as_str().expect("an id"))
    }

    async fn disconnect(&mut self) -> &'static str {
        let Some((phone_number_id, organization)) = self.held() else { return "nothing to disconnect" };
        let path = self.path(organization, &phone_number_id).await;
        self.a_moment_later();
        let (status, answer) = self.world.delete(&self.organizations[organization], &path).await;
        assert!(status < 300, "{answer:#}");
        self.model.set(&phone_number_id, None, self.world.now().as_second());
        "disconnect"
    }

    /// Whoever runs the server gives a number to another organization.
    async fn hand_over(&mut self, to: usize) -> &'static str {
        let Some((phone_number_id, from)) = self.held().filter(|(_, from)| *from != to) else {
            return "nothing to move";
        };
        self.a_moment_later();
        self.moves(&phone_number_id, from, to).await;
        self.model.set(&phone_number_id, Some(to), self.world.now().as_second());
        "move"
    }

    async fn moves(&self, phone_number_id: &str, from: usize, to: usize) {
        let scopes = (&self.organizations[from].scope, &self.organizations[to].scope);
        let tx = self.world.database().operator().await.unwrap();
        let (keyring, now) = (self.world.keyring(), self.world.now());
        let moved = number::hand_over(&tx, keyring, scopes, phone_number_id, now).await.unwrap();
        assert!(moved.is_some_and(|moved| moved.is_ok()));
        tx.commit().await.unwrap();
    }

    /// Two of them, or one twice, connect the same number at the same moment.
    async fn race(&mut self, number: &SimulatedNumber) -> &'static str {
        let racers = [self.random.below(3), self.random.below(3)];
        let tokens = racers.map(|racer| self.pick(&self.tokens[racer].clone()));
        self.a_moment_later();
        let wishes = tokens.each_ref().map(|(token, _)| {
            json!({ "phone_number_id": number.phone_number_id, "waba_id": number.waba_id, "token": token })
        });
        let connect = |nth: usize| self.world.post_api(&self.organizations[racers[nth]], "/numbers", &wishes[nth]);
        let answers: [_; 2] = futures::join!(connect(0), connect(1)).into();
        let holder = self.claims().await.get(&number.phone_number_id).copied();
        for (nth, answer) in answers.iter().enumerate() {
            if holder == Some(racers[nth]) && answer.0 == 201 {
                let given = Given { account: &tokens[nth].1, phone_number_id: Some(&number.phone_number_id) };
                self.came_of(racers[nth], &given, answer).await;
            }
            self.remember_failure(racers[nth], &answer.1);
        }
        "race"
    }

    /// An attempt is under way while its number goes to another organization.
    async fn rotate_while_it_moves(&mut self, to: usize) -> &'static str {
        let Some((phone_number_id, from)) = self.held().filter(|(_, from)| *from != to) else {
            return "nothing to move";
        };
        let path = format!("{}/token", self.path(from, &phone_number_id).await);
        let wish = json!({ "token": self.pick(&self.tokens[from].clone()).0 });
        self.a_moment_later();
        let rotate = self.world.put_api(&self.organizations[from], &path, &wish);
        let (answer, ()) = futures::join!(rotate, self.moves(&phone_number_id, from, to));
        self.model.set(&phone_number_id, Some(to), self.world.now().as_second());
        self.remember_failure(from, &answer.1);
        "rotate while it moves"
    }

    /// A person goes through Meta's window, and the browser tells the truth, or another's ids.
    async fn sign_up(&mut self, organization: usize, strange: &SimulatedNumber) -> &'static str {
        if self.signed_up.len() >= SIGNUPS {
            return "no more sign-ups";
        }
        let wish = json!({ "business": format!("Business {}", self.signed_up.len()) });
        let done = self.world.meta().control(reqwest::Method::POST, "signup", Some(&wish)).await;
        let mut session = done["session"]["data"].clone();
        session["event"] = done["session"]["event"].clone();
        let honest = self.random.below(3) > 0;
        if !honest {
            session["phone_number_id"] = strange.phone_number_id.clone().into();
            if self.random.below(2) == 0 {
                session["waba_id"] = strange.waba_id.clone().into();
            }
        }
        self.numbers = self.world.meta().numbers().await;
        let account = done["session"]["data"]["waba_id"].as_str().expect("an account").to_owned();
        self.signed_up.push(account.clone());
        self.a_moment_later();
        let wish = json!({ "signup": { "code": done["code"], "session": session }, "pin": "123456" });
        let answer = self.world.post_api(&self.organizations[organization], "/numbers", &wish).await;
        self.came_of(organization, &Given { account: &account, phone_number_id: None }, &answer).await;
        "sign-up"
    }

    fn remember_failure(&mut self, organization: usize, answer: &Value) {
        let connection = &answer["connection"];
        if connection["state"] == "failed" {
            self.model.failed.push((organization, connection["id"].as_str().expect("an id").to_owned()));
        }
    }

    /// What an attempt changed must be what its token proves: a number that nobody had, in an account that it opens.
    async fn came_of(&mut self, organization: usize, given: &Given<'_>, answer: &(u16, Value)) {
        self.remember_failure(organization, &answer.1);
        let now = self.claims().await;
        for (phone_number_id, holder) in &now {
            let before = self.model.holders.get(phone_number_id);
            if before == Some(holder) {
                continue;
            }
            let shown = format!("{phone_number_id} of {before:?} to {holder}: {:#}", answer.1);
            assert_eq!((before, *holder), (None, organization), "{shown}");
            let mut opened: BTreeSet<&str> =
                self.tokens[organization].iter().map(|(_, account)| account.as_str()).collect();
            opened.extend(self.signed_up.iter().map(String::as_str));
            if !given.account.is_empty() {
                opened = BTreeSet::from([given.account]);
            }
            assert!(opened.iter().any(|account| self.has(account, phone_number_id)), "not proven: {shown}");
            assert!(given.phone_number_id.is_none_or(|asked| asked == phone_number_id), "not asked for: {shown}");
            self.model.set(phone_number_id, Some(organization), self.world.now().as_second());
        }
        let lost = self.model.holders.keys().find(|id| !now.contains_key(*id));
        assert!(lost.is_none(), "{lost:?} is nobody's after {:#}", answer.1);
    }

    // What Meta tells ------------------------------------------------------------------------------------------------

    /// Meta tells of a message, under the number's account or, now and then, under another.
    async fn tell(&mut self, wamid: &str, told: Told) {
        let number = self.numbers.iter().find(|number| number.phone_number_id == told.phone_number_id);
        let number = number.expect("a number").clone();
        let mut message = body::text_message(ANA, wamid, told.second, wamid);
        if let Some(target) = &told.target {
            message["type"] = "edit".into();
            message["edit"] =
                json!({ "original_message_id": target, "message": { "type": "text", "text": { "body": "new" } } });
        }
        let value = json!({
            "messaging_product": "whatsapp", "contacts": [body::contact(ANA, "Ana")], "messages": [message],
            "metadata": { "display_phone_number": number.digits, "phone_number_id": number.phone_number_id },
        });
        let account = if self.random.below(10) == 0 { "0".to_owned() } else { number.waba_id };
        let change = json!({ "field": "messages", "value": value });
        self.world.receive(&body::envelope(&[body::entry(&account, &[change])])).await;
        self.model.tell(wamid, told);
    }

    async fn write(&mut self, nth: usize, number: &SimulatedNumber) -> &'static str {
        let (phone_number_id, second) = (number.phone_number_id.clone(), self.world.now().as_second());
        self.tell(&format!("wamid.{nth:08}"), Told { phone_number_id, second, target: None, owner: None }).await;
        "message"
    }

    /// One that Meta could not deliver, in the second of another.
    async fn write_late(&mut self, nth: usize, number: &SimulatedNumber) -> &'static str {
        let of = |told: &&Told| told.phone_number_id == number.phone_number_id;
        let seconds: Vec<i64> = self.model.messages.values().filter(of).map(|told| told.second).collect();
        if seconds.is_empty() {
            return "nothing to be late";
        }
        let (phone_number_id, second) = (number.phone_number_id.clone(), self.pick(&seconds));
        self.tell(&format!("wamid.{nth:08}"), Told { phone_number_id, second, target: None, owner: None }).await;
        "late message"
    }

    async fn repeat(&mut self) -> &'static str {
        let all: Vec<String> = self.model.messages.keys().cloned().collect();
        if all.is_empty() {
            return "nothing to repeat";
        }
        let wamid = self.pick(&all);
        let told = self.model.messages[&wamid].clone();
        self.tell(&wamid, told).await;
        "repeat"
    }

    async fn edit(&mut self, nth: usize) -> &'static str {
        let all: Vec<String> = self.model.messages.keys().cloned().collect();
        if all.is_empty() {
            return "nothing to edit";
        }
        let target = self.pick(&all);
        let phone_number_id = self.model.messages[&target].phone_number_id.clone();
        let told = Told { phone_number_id, second: self.world.now().as_second(), target: Some(target), owner: None };
        self.tell(&format!("wamid.{nth:08}"), told).await;
        "edit"
    }

    /// News of an account: of all of it, or of the number whose digits it names.
    async fn news(&mut self, nth: usize, number: &SimulatedNumber) -> &'static str {
        let mark = format!("mark {nth}");
        let of_number = self.random.below(2) == 0;
        let mut value = json!({ "event": "ACCOUNT_VIOLATION", "mark": mark });
        if of_number {
            value["phone_number"] = number.digits.clone().into();
        }
        let entry = json!({
            "id": number.waba_id, "time": self.world.now().as_second(),
            "changes": [{ "field": "account_update", "value": value }],
        });
        self.world.receive(&body::envelope(&[entry])).await;
        let about = |one: &&SimulatedNumber| {
            one.waba_id == number.waba_id && (!of_number || one.phone_number_id == number.phone_number_id)
        };
        let about = self.numbers.iter().filter(about).map(|one| one.phone_number_id.clone()).collect();
        self.model.tell_news(&mark, about, self.world.now().as_second());
        "news"
    }

    /// From a number that it has, or had: what is taken went out while it had it.
    async fn send(&mut self, nth: usize, organization: usize) -> &'static str {
        let all = self.world.all(&self.organizations[organization], "/numbers").await;
        if all.is_empty() {
            return "nothing to send from";
        }
        let number = self.pick(&all);
        let phone_number_id = number["phone_number_id"].as_str().expect("an id").to_owned();
        let text = format!("send {nth}");
        let wish = json!({ "number_id": number["id"], "to": ANA, "type": "text", "text": { "body": text } });
        let (status, answer) = self.world.post_api(&self.organizations[organization], "/messages", &wish).await;
        if status == 202 {
            let holder = self.model.holders.get(&phone_number_id);
            assert_eq!(holder, Some(&organization), "{answer:#}");
            self.model.sent.push((text, phone_number_id, organization));
        }
        "send"
    }

    /// An operator has what waits applied.
    async fn replay(&mut self) -> &'static str {
        replay_quarantine(self.world.database(), self.world.clock(), &Filter::default(), |_| ())
            .await
            .expect("the replay runs");
        self.model.replay();
        "replay"
    }
}
