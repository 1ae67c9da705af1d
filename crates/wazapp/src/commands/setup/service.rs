//! The service of this machine: whether commands are about it, and what to type to change its settings.

use std::path::Path;

use crate::config::Config;
use crate::serve::running_public_url;
use crate::unit;

/// As `deploy/systemd/wazapp.service` has them.
const SETTINGS: &str = "/etc/wazapp/env";

/// What the commands of a person at this machine are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    /// There is none: a server is started by hand, or by something that this does not know.
    None,
    /// They are about the service.
    Here,
    /// There is one, and they are about an empty place beside it.
    Elsewhere,
}

impl Service {
    pub(super) fn find(config: &Config) -> Self {
        let chosen = config.is_said("data_dir") || running_public_url(&config.data_dir).is_some();
        Self::among(unit::data_dir().as_deref(), &config.data_dir, chosen)
    }

    /// `of_service`: its data directory, if there is one. `chosen`: somebody named the data directory, or a server runs on it.
    fn among(of_service: Option<&Path>, data_dir: &Path, chosen: bool) -> Self {
        match of_service {
            Some(data) if data == data_dir => Self::Here,
            Some(_) if !chosen => Self::Elsewhere,
            _ => Self::None,
        }
    }
}

/// What gives the service this address.
pub(super) fn lines(address: &str) -> String {
    let set = |line: String| format!("echo '{line}' | sudo tee -a {SETTINGS}\nsudo systemctl restart wazapp");
    let proxied = set(format!("WAZAPP_PUBLIC_URL={address}"));
    let host = address.trim_start_matches("https://");
    // A certificate by itself is for port 443.
    match host.contains(':') {
        true => format!(
            "A proxy in front of it has the certificate (docs/operate.md has files for nginx, Caddy and Traefik):\n{proxied}"
        ),
        false => format!(
            "It gets its certificate by itself, where ports 80 and 443 of {host} lead to this machine:\n{}\n\
             or a proxy in front of it has one (docs/operate.md has files for nginx, Caddy and Traefik):\n{proxied}",
            set(format!("WAZAPP_DOMAIN={host}"))
        ),
    }
}

/// How to name an address where nobody can be asked.
pub(super) fn setting() -> String {
    format!("WAZAPP_DOMAIN or WAZAPP_PUBLIC_URL in {SETTINGS} and sudo systemctl restart wazapp")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_has_them_there() {
        let unit = include_str!("../../../../../deploy/systemd/wazapp.service");
        assert!(unit.lines().any(|line| line == format!("EnvironmentFile={SETTINGS}")));
        assert!(unit.lines().any(|line| line == "Environment=WAZAPP_DATA_DIR=/var/lib/wazapp/data"));
        assert!(unit.lines().any(|line| line == "User=wazapp"));
    }

    #[test]
    fn it_is_found_by_its_unit() {
        let data = Path::new("/var/lib/wazapp/data");
        assert_eq!(Service::among(None, data, true), Service::None, "as in a container");
        assert_eq!(Service::among(Some(data), data, true), Service::Here);
        assert_eq!(Service::among(Some(data), Path::new("./data"), false), Service::Elsewhere);
        assert_eq!(Service::among(Some(data), Path::new("./data"), true), Service::None, "a checkout beside it");
    }

    #[test]
    fn an_address_becomes_lines_to_type() {
        let lines = lines("https://wa.example.org");
        for line in [
            "echo 'WAZAPP_DOMAIN=wa.example.org' | sudo tee -a /etc/wazapp/env",
            "echo 'WAZAPP_PUBLIC_URL=https://wa.example.org' | sudo tee -a /etc/wazapp/env",
            "sudo systemctl restart wazapp",
        ] {
            assert!(lines.lines().any(|typed| typed == line), "{line}: {lines}");
        }
        let ported = super::lines("https://wa.example.org:8443");
        assert!(!ported.contains("WAZAPP_DOMAIN") && ported.contains("WAZAPP_PUBLIC_URL=https://wa.example.org:8443"));
    }
}
