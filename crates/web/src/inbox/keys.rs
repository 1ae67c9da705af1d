//! What the keys of the inbox do, as its list of them says.

use crate::pages::Key;

/// Keys, one or the other apart by a space, and what they do. `assets/js/keys.js` does it.
pub(super) const TABLE: &[(&str, Key)] = &[
    ("J K", Key("key-next")),
    ("R Enter", Key("key-write")),
    ("Esc", Key("key-back")),
    ("E", Key("key-resolve")),
    ("Shift+E", Key("key-resolve-stay")),
    ("A", Key("key-assign")),
    ("M", Key("key-take")),
    ("U", Key("key-unread")),
    ("T", Key("key-template")),
    ("I", Key("key-panel")),
    ("B / Ctrl+K", Key("key-palette")),
    ("G·P G·M G·S G·E G·R G·T", Key("key-views")),
    ("Alt+↑ Alt+↓", Key("key-inside")),
    ("↑", Key("key-reply")),
    ("?", Key("key-list")),
];
