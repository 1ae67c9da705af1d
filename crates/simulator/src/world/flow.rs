//! Flows: forms that a customer fills in.

/// A form of an account.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    pub(crate) id: String,
    pub(crate) waba_id: String,
    pub(crate) name: String,
    /// `DRAFT`, `PUBLISHED` or `DEPRECATED`.
    pub(crate) status: &'static str,
    pub(crate) categories: Vec<String>,
    /// Its screens, once there are any.
    pub(crate) json: Option<String>,
}
