//! Every column of sealed secrets. What re-seals, counts and checks goes by this list; a test holds it against the catalog.
//!
//! Beside each stands a column `<name>_key`, made of the value by PostgreSQL, which refers to `sealing_key`.

use uuid::Uuid;

use super::Place;

/// Whose rows a table has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Each an organization's, by `organization_id`.
    Organization,
    /// The server's.
    Server,
}

/// A column of sealed secrets. The uuid `id` finds its row, within an organization where there is one.
#[derive(Debug)]
pub struct Column {
    /// Its table.
    pub table: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Whose rows they are.
    pub owner: Owner,
    /// What its secrets are sealed for, as `table.column`. Never changes: what was sealed would not open.
    pub sealed_for: &'static str,
    /// The column that names the row they are sealed for.
    pub row: &'static str,
    /// Whether the row stands without its secret.
    pub optional: bool,
}

const fn column(table: &'static str, name: &'static str, sealed_for: &'static str) -> Column {
    Column { table, name, owner: Owner::Organization, sealed_for, row: "id", optional: true }
}

/// The secrets of Apps.
pub const APP_SECRET: Column =
    Column { owner: Owner::Server, optional: false, ..column("app_secret", "sealed", "app_secret.sealed") };
/// The verify tokens of Apps, which once stood in the App's row and are sealed for it.
pub const APP_VERIFY_TOKEN: Column = Column {
    owner: Owner::Server,
    row: "app_id",
    optional: false,
    ..column("app_verify_token", "sealed", "app.verify_token")
};
/// The access tokens of numbers.
pub const NUMBER_TOKEN: Column = column("number", "token", "number.token");
/// The access token of an attempt, until its end.
pub const CONNECTION_TOKEN: Column = column("connection", "token", "connection.token");
/// The code of a sign-up, likewise.
pub const CONNECTION_CODE: Column = column("connection", "code", "connection.code");
/// The PIN to register with, likewise.
pub const CONNECTION_PIN: Column = column("connection", "pin", "connection.pin");

/// The seeds of people's one-time codes.
pub const USER_TOTP: Column = Column { owner: Owner::Server, ..column("user", "totp", "user.totp") };

/// What calls to an endpoint are signed with.
pub const ENDPOINT_SECRET: Column = Column { optional: false, ..column("endpoint", "secret", "endpoint.secret") };
/// The one before, sealed when it was that.
pub const ENDPOINT_FORMER_SECRET: Column = column("endpoint", "former_secret", "endpoint.secret");
/// What further headers of calls to an endpoint say.
pub const ENDPOINT_HEADERS: Column = column("endpoint", "headers", "endpoint.headers");

/// Who the server is at an authority that gives certificates.
pub const ACME_ACCOUNT: Column = Column {
    owner: Owner::Server,
    optional: false,
    ..column("acme_account", "credentials", "acme_account.credentials")
};
/// The key of a certificate of HTTPS.
pub const CERTIFICATE_KEY: Column =
    Column { owner: Owner::Server, optional: false, ..column("certificate", "private_key", "certificate.private_key") };

/// All of them.
pub const COLUMNS: &[&Column] = &[
    &APP_SECRET,
    &APP_VERIFY_TOKEN,
    &NUMBER_TOKEN,
    &CONNECTION_TOKEN,
    &CONNECTION_CODE,
    &CONNECTION_PIN,
    &USER_TOTP,
    &ENDPOINT_SECRET,
    &ENDPOINT_FORMER_SECRET,
    &ENDPOINT_HEADERS,
    &ACME_ACCOUNT,
    &CERTIFICATE_KEY,
];

impl Column {
    /// Where the secret of an organization's row belongs.
    pub fn place<'a>(&self, organization: Uuid, row: &'a str) -> Place<'a> {
        let organization = if self.owner == Owner::Server { Uuid::nil() } else { organization };
        Place { organization, column: self.sealed_for, row }
    }

    /// `table.column`, for people.
    pub fn title(&self) -> String {
        format!("{}.{}", self.table, self.name)
    }

    /// Values under other keys than `$1`, behind the row `$2`, `$3`.
    pub(super) fn select(&self) -> String {
        let Self { table, name, row, .. } = self;
        let (owner, behind, order) = match self.owner {
            Owner::Organization => ("organization_id", "(organization_id, id) > ($2, $3)", "organization_id, id"),
            Owner::Server => ("$2::uuid", "id > $3", "id"),
        };
        format!(
            "SELECT {owner} AS organization_id, id, {row}::text AS row, {name} AS sealed FROM wazapp.{table}
             WHERE {name}_key <> $1 AND {behind} ORDER BY {order} LIMIT 100"
        )
    }

    /// Puts `$4` in the place of `$3`, unless something else stands there by now.
    pub(super) fn replace(&self) -> String {
        let Self { table, name, .. } = self;
        let whose = match self.owner {
            Owner::Organization => "organization_id = $1",
            Owner::Server => "$1::uuid IS NOT NULL",
        };
        format!("UPDATE wazapp.{table} SET {name} = $4 WHERE {whose} AND id = $2 AND {name} = $3 RETURNING id")
    }

    /// Gives up what is sealed under the key `$1`.
    pub(super) fn forget(&self) -> String {
        let Self { table, name, .. } = self;
        match self.optional {
            true => format!("UPDATE wazapp.{table} SET {name} = NULL WHERE {name}_key = $1 RETURNING id"),
            false => format!("DELETE FROM wazapp.{table} WHERE {name}_key = $1 RETURNING id"),
        }
    }

    /// How many values each key seals.
    pub(super) fn count(&self) -> String {
        let Self { table, name, .. } = self;
        format!("SELECT {name}_key AS key, count(*) AS many FROM wazapp.{table} WHERE {name} IS NOT NULL GROUP BY 1")
    }
}
