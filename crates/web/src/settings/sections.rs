//! What there is to set, for whoever looks.

use model::act::Act;

use crate::pages::{Icon, Key, Page};

/// Sections that belong together.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) title: Key,
    pub(crate) sections: Vec<Section>,
}

/// One page of the settings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Section {
    pub(crate) path: &'static str,
    pub(crate) icon: Icon,
    pub(crate) name: Key,
    pub(crate) means: Key,
    /// Who may do this is shown it; `None`: everybody is.
    act: Option<Act>,
}

const GROUPS: &[(Key, &[Section])] = &[
    (
        Key("group-you"),
        &[Section {
            path: "/settings/profile",
            icon: Icon("circle-user-round"),
            name: Key("profile"),
            means: Key("profile-means"),
            act: None,
        }],
    ),
    (
        Key("group-people"),
        &[
            Section {
                path: "/settings/members",
                icon: Icon("users"),
                name: Key("members"),
                means: Key("members-means"),
                act: Some(Act::ReadMembers),
            },
            Section {
                path: "/settings/teams",
                icon: Icon("users-round"),
                name: Key("teams"),
                means: Key("teams-means"),
                act: Some(Act::ReadMembers),
            },
        ],
    ),
    (
        Key("group-organization"),
        &[
            Section {
                path: "/settings/organization",
                icon: Icon("building-2"),
                name: Key("organization"),
                means: Key("organization-means"),
                act: Some(Act::ManageOrganization),
            },
            Section {
                path: "/settings/numbers",
                icon: Icon("smartphone"),
                name: Key("numbers"),
                means: Key("numbers-means"),
                act: Some(Act::Read),
            },
            Section {
                path: "/settings/keys",
                icon: Icon("key-round"),
                name: Key("keys"),
                means: Key("keys-means"),
                act: Some(Act::ManageKeys),
            },
            Section {
                path: "/settings/endpoints",
                icon: Icon("webhook"),
                name: Key("endpoints"),
                means: Key("endpoints-means"),
                act: Some(Act::ManageEndpoints),
            },
            Section {
                path: "/settings/audit",
                icon: Icon("scroll-text"),
                name: Key("audit"),
                means: Key("audit-means"),
                act: Some(Act::ReadAudit),
            },
        ],
    ),
];

impl Page {
    /// What its reader may set, for templates.
    pub(crate) fn sections(&self) -> Vec<Group> {
        let role = self.reader.as_ref().and_then(|reader| reader.at.as_ref()).map(|at| at.role);
        let may = |section: &Section| section.act.is_none_or(|act| role.is_some_and(|role| role.may(act)));
        let groups = GROUPS
            .iter()
            .map(|(title, sections)| Group { title: *title, sections: sections.iter().copied().filter(may).collect() });
        groups.filter(|group| !group.sections.is_empty()).collect()
    }
}
