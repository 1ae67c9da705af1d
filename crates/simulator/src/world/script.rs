//! Customers that answer by themselves.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::World;

impl World {
    /// Sets out what the customer's script answers to a message that came.
    pub(crate) fn script_answers(&mut self, _wamid: &str, _now: Timestamp) {}

    /// A script's answer is sent.
    pub(crate) fn answer(&mut self, customer: &str, phone_number_id: &str, message: &Value, now: Timestamp) {
        if let Value::Object(message) = message {
            self.customer_sends(phone_number_id, customer, message.clone(), now);
        }
    }

    /// Who writes, by digits, user id or username; made where not known.
    pub(crate) fn customer_writing(&mut self, _phone_number_id: &str, from: &str, name: Option<&str>) -> String {
        let key = self.customer_dialed(from);
        if let Some(name) = name {
            self.customers[&key].name = Some(name.to_owned());
        }
        key
    }

    /// A customer's message, made whole.
    pub(crate) fn complete(
        &mut self,
        _phone_number_id: &str,
        message: Map<String, Value>,
        _now: Timestamp,
    ) -> Result<Map<String, Value>, String> {
        Ok(message)
    }
}
