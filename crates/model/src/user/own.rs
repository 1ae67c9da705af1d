//! What people do to how they sign in, as the audit tells it. None of it holds a secret.

use serde_json::json;

use super::User;
use crate::audit::Deed;

impl User {
    /// That they are called otherwise, or read in another language or zone.
    pub fn profile_changed(&self, after: &Self) -> Deed {
        let told = |user: &Self| json!({ "name": user.name, "language": user.language, "zone": user.zone });
        Deed::of_account("profile", self).changed(Some(told(self)), Some(told(after)))
    }

    /// That they have another password.
    pub fn password_changed(&self) -> Deed {
        Deed::of_account("password", self)
    }

    /// That whoever runs the server took their password from them, and perhaps their second factor.
    pub fn was_reset(&self, forgets_second_factor: bool) -> Deed {
        Deed::of_account("reset", self).changed(None, Some(json!({ "second_factor_forgotten": forgets_second_factor })))
    }

    /// That a session of theirs was ended.
    pub fn session_ended(&self) -> Deed {
        Deed::of_account("session", self)
    }

    /// That all of their sessions were.
    pub fn signed_out_everywhere(&self) -> Deed {
        Deed::of_account("sessions", self)
    }

    /// That signing in asks for codes of an app, or no more.
    pub fn app_changed(&self, is_on: bool) -> Deed {
        if is_on { Deed::of_account("app_on", self) } else { Deed::of_account("app_off", self) }
    }

    /// That they have other recovery codes.
    pub fn recovery_codes_made(&self) -> Deed {
        Deed::of_account("recovery_codes", self)
    }

    /// That they have one more passkey.
    pub fn passkey_added(&self, name: &str) -> Deed {
        Deed::of_account("passkey_added", self).changed(None, Some(json!({ "passkey": name })))
    }

    /// That one of them is called otherwise.
    pub fn passkey_renamed(&self, before: &str, after: &str) -> Deed {
        let told = |name: &str| Some(json!({ "passkey": name }));
        Deed::of_account("passkey_renamed", self).changed(told(before), told(after))
    }

    /// That one of them opens nothing any more.
    pub fn passkey_removed(&self, name: &str) -> Deed {
        Deed::of_account("passkey_removed", self).changed(Some(json!({ "passkey": name })), None)
    }
}
