//! What a test's world is furnished with: organizations, numbers, Apps.

use model::Scope;
use model::api_key::NewKey;
use model::event;
use model::number::Proof;
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::World;
use crate::meta::SimulatedNumber;

/// A tenant of a world, with an API key.
#[derive(Clone, Debug)]
pub struct Organization {
    /// UUIDv7.
    pub id: Uuid,
    /// Its short name in commands.
    pub slug: String,
    /// An API key in force.
    pub key: String,
    /// Opens its rows.
    pub scope: Scope,
}

impl World {
    /// Creates an organization with an API key.
    pub async fn organization(&self, name: &str) -> Organization {
        let tx = self.database.operator().await.expect("a transaction");
        let made = model::organization::create(&tx, name).await.expect("an organization");
        let scope = made.scope();
        tx.commit().await.expect("the organization is there");
        let key = self.key(&scope, &NewKey::whole("test")).await;
        Organization { id: made.id, slug: made.slug, key, scope }
    }

    /// Makes an API key; answers its text.
    pub async fn key(&self, scope: &Scope, new: &NewKey<'_>) -> String {
        let tx = self.database.tenant(scope).await.expect("a transaction");
        let (_, key) = model::api_key::create(&tx, self.now(), new).await.expect("a key");
        tx.commit().await.expect("the key is there");
        key.expose_secret().to_owned()
    }

    /// Connects a number; answers its id.
    pub async fn connect(
        &self,
        organization: &Organization,
        phone_number_id: &str,
        waba_id: &str,
        app_id: Option<&str>,
    ) -> Uuid {
        self.connect_with(organization, phone_number_id, waba_id, app_id, "none").await
    }

    /// Connects a number with its token, or gives a connected one another token; answers its id.
    pub async fn connect_with(
        &self,
        organization: &Organization,
        phone_number_id: &str,
        waba_id: &str,
        app_id: Option<&str>,
        token: &str,
    ) -> Uuid {
        let tx = self.database.operator().await.expect("a transaction");
        let token = SecretString::from(token);
        let proof = Proof::operators_word(&organization.scope, phone_number_id, waba_id, app_id, &token);
        let line = event::line_of(&tx, &organization.scope).await.expect("its line");
        let id = model::number::connect(&line, &self.keyring, &proof, self.now())
            .await
            .expect("the statement runs")
            .expect("the number is free and the App is known");
        tx.commit().await.expect("the number is connected");
        id
    }

    /// Connects a number of the simulator; answers its id.
    pub async fn connect_simulated(&self, organization: &Organization, number: &SimulatedNumber) -> Uuid {
        self.connect_with(organization, &number.phone_number_id, &number.waba_id, None, &number.token).await
    }

    /// Ends the connection of a number.
    pub async fn disconnect(&self, organization: &Organization, phone_number_id: &str) {
        let tx = self.database.operator().await.expect("a transaction");
        let line = event::line_of(&tx, &organization.scope).await.expect("its line");
        model::number::disconnect(&line, phone_number_id, self.now())
            .await
            .expect("the statement runs")
            .expect("a connected number");
        tx.commit().await.expect("the number is disconnected");
    }

    /// Adds an App beside the default one.
    pub async fn app(&self, id: &str, secret: &str) {
        let tx = self.database.operator().await.expect("a transaction");
        let secret = SecretString::from(secret);
        let made = model::app::add(&tx, &self.keyring, id, id, &secret, None).await;
        assert!(made.expect("the statement runs"), "App {id} is new");
        tx.commit().await.expect("the App is there");
    }

    /// Makes an App an organization's own.
    pub async fn give_app(&self, id: &str, organization: &Organization) {
        let tx = self.database.operator().await.expect("a transaction");
        model::app::give_to(&tx, id, &organization.scope).await.expect("the statement runs");
        tx.commit().await.expect("the App is theirs");
    }
}
