//! The world out of the box: two businesses, two accounts, four numbers, and tokens that open them.

use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::json;

use super::{App, Business, Number, Profile, Throughput, Token, Waba, World};

/// What a token needs for everything (§2.6).
pub(crate) const SCOPES: [&str; 3] = ["whatsapp_business_management", "whatsapp_business_messaging", "public_profile"];

impl World {
    /// The world out of the box: the same for the same seed.
    pub(crate) fn furnished(seed: u64, app_id: Option<&str>, app_secret: Option<&str>, now: Timestamp) -> Self {
        let mut world = Self::empty(seed);
        let app = App {
            id: app_id.map_or_else(|| world.chance.id(), str::to_owned),
            name: "wazapp on a laptop".into(),
            secret: app_secret.map_or_else(|| world.chance.hex(16), str::to_owned),
            business_id: world.chance.id(),
            needs_proof: false,
            subscription: None,
        };
        let app_id = app.id.clone();
        world.apps.insert(app_id.clone(), app);

        let lucero = world.business("Café Lucero", true);
        let waba = world.waba(&lucero, &app_id, "Café Lucero", "MX", "MXN", now);
        world.number(&waba, "525585261100", "+52 55 8526 1100", "Café Lucero", now);
        world.number(&waba, "528183304420", "+52 81 8330 4420", "Café Lucero Pedidos", now);

        let harbor = world.business("Harbor & Pine", true);
        let waba = world.waba(&harbor, &app_id, "Harbor & Pine", "US", "USD", now);
        world.number(&waba, "16505550142", "+1 650-555-0142", "Harbor & Pine", now);
        world.number(&waba, "551140028922", "+55 11 4002-8922", "Harbor & Pine Brasil", now);

        for (waba, language) in world.wabas.keys().cloned().zip(["es_MX", "en_US"]).collect::<Vec<_>>() {
            world.furnish_templates(&waba, language, now);
        }
        world
    }

    /// Adds a business portfolio; answers its id.
    pub(crate) fn business(&mut self, name: &str, verified: bool) -> String {
        let id = self.chance.id();
        let business = Business {
            id: id.clone(),
            name: name.into(),
            verified,
            messaging_limit: Some(10_000),
            begun: std::collections::HashMap::new(),
        };
        self.businesses.insert(id.clone(), business);
        id
    }

    /// Adds an account that the App hears of, and a token that opens it; answers its id.
    pub(crate) fn waba(
        &mut self,
        business_id: &str,
        app_id: &str,
        name: &str,
        country: &str,
        currency: &str,
        now: Timestamp,
    ) -> String {
        let id = self.chance.id();
        let waba = Waba {
            id: id.clone(),
            business_id: business_id.into(),
            name: name.into(),
            currency: currency.into(),
            country: country.into(),
            timezone_id: "1".into(),
            namespace: self.chance.hex(16),
            insights: false,
            subscribed: IndexMap::from([(app_id.to_owned(), None)]),
            creations: Default::default(),
            blocked_names: Default::default(),
            calls: Default::default(),
            users: Default::default(),
            schedules: Vec::new(),
        };
        self.wabas.insert(id.clone(), waba);
        let token = Token {
            app_id: app_id.into(),
            user_id: self.chance.id(),
            scopes: SCOPES.map(str::to_owned).to_vec(),
            wabas: vec![id.clone()],
            names_wabas: true,
            business_id: business_id.into(),
            issued_at: now,
            expires_at: None,
            revoked: false,
        };
        let word = self.chance.token();
        self.tokens.insert(word, token);
        id
    }

    /// Adds a number that is verified and registered; answers its id.
    pub(crate) fn number(&mut self, waba_id: &str, digits: &str, display: &str, name: &str, now: Timestamp) -> String {
        let id = self.chance.id();
        let number = Number {
            id: id.clone(),
            waba_id: waba_id.into(),
            digits: digits.into(),
            display: display.into(),
            verified_name: name.into(),
            name_status: "APPROVED".into(),
            new_name: None,
            quality: "GREEN".into(),
            throughput: Throughput::Standard,
            registered: true,
            pin: None,
            wrong_pins: Default::default(),
            code_status: "VERIFIED".into(),
            code: None,
            code_requests: Default::default(),
            wrong_codes: 0,
            registrations: Default::default(),
            profile: Profile { vertical: "RETAIL".into(), ..Profile::default() },
            settings: json!({}),
            automation: json!({}),
            commerce: json!({ "is_cart_enabled": true, "is_catalog_visible": false }),
            username: None,
            username_status: "reserved",
            searchable: true,
            official: "NOT_STARTED",
            compliance: Default::default(),
            public_key: None,
            qr_codes: Default::default(),
            ringing: Default::default(),
            shares_history: true,
            blocked: Default::default(),
            override_callback: None,
            sends: Default::default(),
            maintenance_until: None,
            synced: Default::default(),
            onboarded_at: now,
        };
        self.numbers.insert(id.clone(), number);
        id
    }

    /// The token, out of the box, that opens an account.
    pub(crate) fn token_of(&self, waba_id: &str) -> Option<&str> {
        let opens = |token: &Token| !token.revoked && token.wabas.iter().any(|id| id == waba_id);
        self.tokens.iter().find(|(_, token)| opens(token)).map(|(word, _)| word.as_str())
    }
}
