//! A business opens itself to an App, and leaves it (§9.3).

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::customer::country;
use super::furnish::SCOPES;
use super::{Code, Throughput, Token, World};
use crate::graph::display;

/// A code is good for this long (§9.3).
const CODE_LIFE: SignedDuration = SignedDuration::from_secs(30);

/// What a person does in Meta's window.
#[derive(Debug)]
pub(crate) struct SignUp<'a> {
    pub(crate) app_id: &'a str,
    /// The id of a portfolio that is there, or the name of one to be.
    pub(crate) business: Option<&'a str>,
    /// Digits; `None`: some.
    pub(crate) phone: Option<&'a str>,
    /// Whether the number comes from the owner's phone app, and stays in it (§7.2).
    pub(crate) coexists: bool,
    /// Whether the owner shares what was said there.
    pub(crate) shares_history: bool,
    /// Seconds that the token lives; `None`: for ever.
    pub(crate) token_life: Option<i64>,
    /// What the token may do; `None`: everything.
    pub(crate) scopes: Option<Vec<String>>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct SignedUp {
    pub(crate) code: String,
    pub(crate) business_id: String,
    pub(crate) waba_id: String,
    pub(crate) phone_number_id: String,
}

impl World {
    /// A new account with a number, opened to an App; the partner's portfolio is told. The refusal is in words.
    pub(crate) fn sign_up(&mut self, wish: &SignUp<'_>, now: Timestamp) -> Result<SignedUp, String> {
        if !self.apps.contains_key(wish.app_id) {
            return Err(format!("there is no App {}", wish.app_id));
        }
        let digits = self.digits_for(wish.phone)?;
        let business_id = self.business_for(wish.business);
        let name = self.businesses[&business_id].name.clone();
        let waba_id = self.bare_waba(&business_id, wish.app_id, &name, &digits, now);
        let phone_number_id = self.number(&waba_id, &digits, &display(&digits), &name, now);
        let number = &mut self.numbers[&phone_number_id];
        number.quality = "UNKNOWN".into();
        number.name_status = "AVAILABLE_WITHOUT_REVIEW".into();
        number.registered = wish.coexists;
        number.shares_history = wish.shares_history;
        if wish.coexists {
            number.throughput = Throughput::Coexistence;
            self.furnish_past(&phone_number_id, now);
        }
        let code = self.code(wish, &business_id, &waba_id, now);
        let info = json!({ "waba_id": waba_id, "owner_business_id": business_id });
        self.tell_partner(wish.app_id, &waba_id, json!({ "event": "PARTNER_ADDED", "waba_info": info }), now);
        let mut info = info;
        info["partner_app_id"] = wish.app_id.into();
        self.tell_partner(wish.app_id, &waba_id, json!({ "event": "PARTNER_APP_INSTALLED", "waba_info": info }), now);
        Ok(SignedUp { code, business_id, waba_id, phone_number_id })
    }

    fn digits_for(&mut self, phone: Option<&str>) -> Result<String, String> {
        let taken = |world: &Self, digits: &str| world.numbers.values().any(|number| number.digits == digits);
        let Some(phone) = phone else {
            loop {
                let digits = format!("1650555{:04}", self.chance.below(10_000));
                if !taken(self, &digits) {
                    return Ok(digits);
                }
            }
        };
        let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
        if !(8..=15).contains(&digits.len()) {
            return Err("phone is 8 to 15 digits, the country's code first".into());
        }
        if taken(self, &digits) {
            return Err(format!("{digits} is a number already"));
        }
        Ok(digits)
    }

    fn business_for(&mut self, business: Option<&str>) -> String {
        if let Some(known) = business.filter(|id| self.businesses.contains_key(*id)) {
            return known.to_owned();
        }
        let name = business.map_or_else(|| format!("Business {}", self.businesses.len() + 1), str::to_owned);
        let id = self.business(&name, false);
        self.businesses[&id].messaging_limit = Some(250);
        id
    }

    /// An account that no App hears of, and no token opens yet.
    fn bare_waba(&mut self, business_id: &str, app_id: &str, name: &str, digits: &str, now: Timestamp) -> String {
        let country = country(digits);
        let currency = match country {
            "MX" => "MXN",
            "BR" => "BRL",
            "DE" | "ES" | "FR" => "EUR",
            "IN" => "INR",
            _ => "USD",
        };
        let id = self.waba(business_id, app_id, name, country, currency, now);
        self.wabas[&id].subscribed.clear();
        self.tokens.retain(|_, token| token.wabas != [id.clone()]);
        id
    }

    /// The code that is exchanged for a token, which opens this account and those that the business opened before.
    fn code(&mut self, wish: &SignUp<'_>, business_id: &str, waba_id: &str, now: Timestamp) -> String {
        let mut wabas = vec![waba_id.to_owned()];
        let earlier = self
            .tokens
            .values()
            .filter(|token| !token.revoked && token.app_id == wish.app_id && token.business_id == business_id);
        for waba in earlier.flat_map(|token| &token.wabas) {
            if !wabas.contains(waba) {
                wabas.push(waba.clone());
            }
        }
        let code = format!("AQ{}", self.chance.alphanumeric(180));
        let known = Code {
            app_id: wish.app_id.into(),
            wabas,
            business_id: business_id.into(),
            expires_at: now + CODE_LIFE,
            used: false,
            token_life: wish.token_life,
            scopes: wish.scopes.clone(),
        };
        self.codes.insert(code.clone(), known);
        code
    }

    /// Makes an access token; `life` in seconds, `None`: for ever. Without scopes: all.
    pub(crate) fn issue(
        &mut self,
        app_id: &str,
        business_id: &str,
        wabas: Vec<String>,
        scopes: Option<Vec<String>>,
        life: Option<i64>,
        now: Timestamp,
    ) -> String {
        // A business has one system user for an App.
        let known = self.tokens.values().find(|token| token.app_id == app_id && token.business_id == business_id);
        let user_id = known.map(|token| token.user_id.clone()).unwrap_or_else(|| self.chance.id());
        let token = Token {
            app_id: app_id.into(),
            user_id,
            scopes: scopes.unwrap_or_else(|| SCOPES.map(str::to_owned).to_vec()),
            wabas,
            names_wabas: true,
            business_id: business_id.into(),
            issued_at: now,
            expires_at: life.map(|seconds| now + SignedDuration::from_secs(seconds)),
            revoked: false,
        };
        let word = self.chance.token();
        self.tokens.insert(word.clone(), token);
        word
    }

    /// A business closes an account to the Apps: their tokens open it no more, and the partners are told.
    pub(crate) fn offboard(&mut self, waba_id: &str, now: Timestamp) {
        let business_id = self.wabas[waba_id].business_id.clone();
        let mut apps: Vec<String> = self.wabas[waba_id].subscribed.drain(..).map(|(app, _)| app).collect();
        for token in self.tokens.values_mut().filter(|token| token.wabas.iter().any(|open| open == waba_id)) {
            apps.push(token.app_id.clone());
            if token.wabas.len() > 1 {
                token.wabas.retain(|open| open != waba_id);
            } else {
                token.revoked = true;
            }
        }
        apps.sort_unstable();
        apps.dedup();
        let coexists = self.numbers.values().any(|number| number.waba_id == waba_id && number.coexists());
        for app_id in apps {
            let info = json!({ "waba_id": waba_id, "owner_business_id": business_id });
            let mut removed = json!({ "event": "PARTNER_REMOVED", "waba_info": info });
            if coexists {
                removed["disconnection_info"] = json!({ "reason": "ACCOUNT_DISCONNECTED", "initiated_by": "USER" });
            }
            self.tell_partner(&app_id, waba_id, removed, now);
            let mut info = info;
            info["partner_app_id"] = app_id.clone().into();
            let value = json!({ "event": "PARTNER_APP_UNINSTALLED", "waba_info": info });
            self.tell_partner(&app_id, waba_id, value, now);
        }
    }
}
