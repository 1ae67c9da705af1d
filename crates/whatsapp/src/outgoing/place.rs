//! Where in a body we are.

/// A member's place, as people write it and as a JSON Pointer.
#[derive(Debug, Clone)]
pub(super) struct Place {
    field: String,
    pointer: String,
}

/// Longer keys are cut in the words of a problem.
const LONGEST_KEY: usize = 60;

impl Place {
    /// The body itself.
    pub(super) fn root() -> Self {
        Place { field: String::new(), pointer: String::new() }
    }

    pub(super) fn key(&self, key: &str) -> Self {
        let shown: String = key.chars().filter(|c| !c.is_control() && *c != '`').take(LONGEST_KEY).collect();
        let dot = if self.field.is_empty() { "" } else { "." };
        Place {
            field: format!("{}{dot}{shown}", self.field),
            pointer: format!("{}/{}", self.pointer, key.replace('~', "~0").replace('/', "~1")),
        }
    }

    pub(super) fn index(&self, index: usize) -> Self {
        Place { field: format!("{}[{index}]", self.field), pointer: format!("{}/{index}", self.pointer) }
    }

    /// `interactive.action.buttons[1]`; `$` is the body itself.
    pub(super) fn field(&self) -> &str {
        if self.field.is_empty() { "$" } else { &self.field }
    }

    /// `/interactive/action/buttons/1` (RFC 6901).
    pub(super) fn pointer(&self) -> &str {
        &self.pointer
    }
}
