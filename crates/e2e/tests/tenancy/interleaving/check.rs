//! Whether the world is as the model says.

use std::collections::{BTreeMap, BTreeSet};

use model::link::{self, By};
use secrecy::ExposeSecret;
use serde_json::Value;
use uuid::Uuid;

use super::Stage;

impl Stage {
    fn place_of(&self, organization: Uuid) -> usize {
        self.organizations.iter().position(|one| one.id == organization).expect("one of the three")
    }

    /// Who has which number, by the claims.
    pub(super) async fn claims(&self) -> BTreeMap<String, usize> {
        let rows = self.sql.query("SELECT phone_number_id, organization_id FROM wazapp.number_claim", &[]).await;
        rows.unwrap().iter().map(|row| (row.get(0), self.place_of(row.get(1)))).collect()
    }

    /// What a step touches: the claims, and the messages that it told of.
    pub(super) async fn check(&mut self, place: &str) {
        assert_eq!(self.claims().await, self.model.holders, "{place}: who has which number");
        let touched = std::mem::take(&mut self.model.touched);
        if touched.is_empty() {
            return;
        }
        let sql = "SELECT wamid, organization_id FROM wazapp.message WHERE wamid = ANY ($1)
                   AND organization_id IN (SELECT id FROM wazapp.organization)";
        let rows = self.sql.query(sql, &[&touched]).await.unwrap();
        for wamid in touched {
            let found = rows.iter().filter(|row| row.get::<_, &str>(0) == wamid);
            let owners: BTreeSet<usize> = found.map(|row| self.place_of(row.get(1))).collect();
            let told = &self.model.messages[&wamid];
            let due: BTreeSet<usize> = told.owner.into_iter().collect();
            let claims = self.model.claims.get(&told.phone_number_id);
            assert_eq!(owners, due, "{place}: whose {wamid} is ({told:?}); claims {claims:?}");
        }
    }

    /// Everything: messages, news, lists, tokens in force, names in events, sends.
    pub(super) async fn check_all(&mut self, place: &str) {
        let all = self.model.messages.keys().cloned().collect();
        self.model.touched = all;
        self.check(place).await;
        self.check_news(place).await;
        for nth in 0..self.organizations.len() {
            self.check_numbers(nth, place).await;
            self.check_names(nth, place).await;
        }
        self.check_sent(place).await;
    }

    async fn check_news(&self, place: &str) {
        let sql = "SELECT organization_id, data::text FROM wazapp.event WHERE type = 'meta.account_update'";
        let mut heard = BTreeMap::<String, BTreeSet<usize>>::new();
        for row in self.sql.query(sql, &[]).await.unwrap() {
            let data: Value = serde_json::from_str(row.get(1)).unwrap();
            if let Some(mark) = data["data"]["mark"].as_str() {
                heard.entry(mark.to_owned()).or_default().insert(self.place_of(row.get(0)));
            }
        }
        for (mark, news) in &self.model.news {
            let due: BTreeSet<usize> = news.heard.iter().copied().collect();
            assert_eq!(heard.remove(mark).unwrap_or_default(), due, "{place}: who heard of {mark} ({news:?})");
        }
        assert!(heard.is_empty(), "{place}: {heard:?}");
    }

    /// What the API lists as connected, and that each token in force opens its number.
    async fn check_numbers(&self, nth: usize, place: &str) {
        let organization = &self.organizations[nth];
        let listed = self.world.all(organization, "/numbers").await;
        let connected = listed.iter().filter(|number| number["status"] == "connected");
        let connected: BTreeSet<&str> =
            connected.map(|number| number["phone_number_id"].as_str().expect("an id")).collect();
        let due: BTreeSet<&str> =
            self.model.holders.iter().filter(|(_, holder)| **holder == nth).map(|(id, _)| id.as_str()).collect();
        assert_eq!(connected, due, "{place}: what {} has", organization.slug);
        for number in &listed {
            let id = number["phone_number_id"].as_str().expect("an id");
            assert!(self.model.ever_had(id, nth), "{place}: {} never had {id}", organization.slug);
        }
        let tx = self.world.database().operator().await.unwrap();
        for id in connected {
            let link = link::find(&tx, &organization.scope, By::PhoneNumberId(id)).await.unwrap().expect("a link");
            let token = link.token(self.world.keyring()).expect("a token").expect("it opens");
            let mut tokens = self.tokens.iter().flatten();
            let account = tokens.find(|(own, _)| own == token.expose_secret()).map(|(_, account)| account.as_str());
            // A sign-up's token is known to nobody here.
            let by_signup = || self.signed_up.iter().find(|account| self.has(account, id)).map(String::as_str);
            let account = account.or_else(by_signup).unwrap_or_else(|| panic!("{place}: whose token opens {id}?"));
            assert!(self.has(account, id), "{place}: {id} is not in {account}");
        }
        tx.commit().await.unwrap();
    }

    /// No event and no conversation names a number that the organization never had.
    async fn check_names(&self, nth: usize, place: &str) {
        for number in &self.numbers {
            if self.model.ever_had(&number.phone_number_id, nth) {
                continue;
            }
            for name in [&number.phone_number_id, &number.digits] {
                let sql = "SELECT count(*) FROM wazapp.event WHERE organization_id = $1 AND strpos(data::text, $2) > 0";
                let named = self.sql.query_one(sql, &[&self.organizations[nth].id, name]).await.unwrap();
                assert_eq!(named.get::<_, i64>(0), 0, "{place}: {} hears of {name}", self.organizations[nth].slug);
            }
        }
    }

    /// What Meta took on a number was sent by whoever had it.
    async fn check_sent(&self, place: &str) {
        let mut due = BTreeMap::<&str, &str>::new();
        for (text, phone_number_id, _) in &self.model.sent {
            due.insert(text, phone_number_id);
        }
        for number in &self.numbers {
            for accepted in self.world.meta().accepted(number).await {
                let Some(text) = accepted["request"]["text"]["body"].as_str() else { continue };
                assert_eq!(due.get(text), Some(&number.phone_number_id.as_str()), "{place}: {text}");
            }
        }
    }
}
