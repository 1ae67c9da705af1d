//! Findings as people and machines read them.

use serde_json::json;

use super::finding::{Finding, Level};
use crate::print::Print;

pub(super) fn show(print: &Print, findings: &[Finding]) {
    let worst = findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Good);
    print.answer(&json!({ "level": worst, "findings": findings }), || words(findings));
}

fn words(findings: &[Finding]) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut area = "";
    for finding in findings {
        if finding.area != area {
            area = finding.area;
            lines.push(area.to_owned());
        }
        let sign = match finding.level {
            Level::Good => '✓',
            Level::Warning => '!',
            Level::Broken => '✗',
        };
        lines.push(format!("  {sign} {}: {}", finding.subject, finding.says));
        if let Some(fix) = &finding.fix {
            lines.push(format!("      → {fix}"));
        }
    }
    lines.push(String::new());
    lines.push(summary(findings));
    lines.join("\n")
}

fn summary(findings: &[Finding]) -> String {
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    match (count(Level::Broken), count(Level::Warning)) {
        (0, 0) => "All is well.".into(),
        (0, warnings) => format!("It works; {warnings} {} to see to.", things(warnings)),
        (broken, 0) => format!("{broken} {} broken.", things(broken)),
        (broken, warnings) => format!("{broken} {} broken, {warnings} more to see to.", things(broken)),
    }
}

fn things(count: usize) -> &'static str {
    if count == 1 { "thing" } else { "things" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_finding_is_a_line_and_its_fix_another() {
        let findings = [
            Finding::good("Database", "server", "PostgreSQL 17"),
            Finding::broken("Database", "schema", "3 steps behind", "wazapp migrate"),
            Finding::warning("Numbers", "acme", "YELLOW", "write less"),
        ];
        let expected = "Database\n  ✓ server: PostgreSQL 17\n  ✗ schema: 3 steps behind\n      → wazapp migrate\n\
                        Numbers\n  ! acme: YELLOW\n      → write less\n\n1 thing broken, 1 more to see to.";
        assert_eq!(words(&findings), expected);
        assert!(words(&findings[..1]).ends_with("All is well."));
    }
}
