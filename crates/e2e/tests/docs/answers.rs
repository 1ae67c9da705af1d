//! Whether a command answered what its page says: the same members of JSON, the same words of lines. What differs from one server to
//! another (ids, times, counts), and what the page leaves out by `…`, is not looked at.

use std::collections::BTreeSet;

use regex::Regex;

use super::blocks::Command;
use super::reader::Ran;

/// Commands whose lines are about what there is on a server: their headings alone are held against the page's.
const OF_A_SERVER: [&str; 1] = ["wazapp doctor"];

/// What a server says that is not on the Internet.
const ON_LOOPBACK: (&str, &str) = ("answers here; Meta itself calls https alone.", "answers.");

/// Members of Meta's own, which it sends or not.
const OF_META: [&str; 1] = ["from_user_id"];

/// Calls whose answer a server has only later: nothing of today is past its retention.
const LATER: [(&str, u16); 1] = [("events?after=9\"", 200)];

/// What is not as the page says.
pub(super) fn differs(command: &Command, ran: &Ran) -> Option<String> {
    let odd = if command.text.contains("curl ") { of_a_call(command, ran) } else { of_a_program(command, ran) };
    odd.map(|odd| format!("{}: {}\n{odd}\n{}", command.at, command.text, ran.said))
}

fn of_a_program(command: &Command, ran: &Ran) -> Option<String> {
    let code = ran.output.status.code();
    let fails = command.says.lines().any(|line| line.starts_with("error: "));
    let of_a_server = OF_A_SERVER.iter().any(|begun| command.text.starts_with(begun));
    match code {
        Some(1) if fails || of_a_server => {}
        Some(0) if !fails => {}
        _ => return Some(format!("exit code {code:?}")),
    }
    let said = ran.said.replace(ON_LOOPBACK.0, ON_LOOPBACK.1);
    let said: Vec<Vec<&str>> = said.lines().map(|line| line.split_whitespace().collect()).collect();
    let lines = command.says.lines().filter(|line| !line.trim().is_empty());
    let lines = lines.take(if is_table(&command.says) { 1 } else { usize::MAX });
    let lines = lines.filter(|line| !of_a_server || line.starts_with(|first: char| first.is_ascii_uppercase()));
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>()).find_map(|line| {
        let there = said.iter().any(|said| is_like(&line, said));
        (!there).then(|| format!("it does not say: {}", line.join(" ")))
    })
}

/// Whether it begins with the names of columns.
fn is_table(says: &str) -> bool {
    let mut names = says.lines().next().unwrap_or_default().split_whitespace().peekable();
    names.peek().is_some() && names.all(|name| name.chars().all(|char| char.is_ascii_uppercase() || char == '_'))
}

/// Whether a line has the words of the page's: a number, a path or an address stands for any, and `…` for whatever follows.
pub(super) fn is_like(line: &[&str], said: &[&str]) -> bool {
    let until = line.iter().position(|word| word.contains('…'));
    let alike = |(ours, theirs): (&&str, &&str)| {
        ours == theirs || ours.contains(|char: char| char.is_ascii_digit() || char == '/')
    };
    let same = line.iter().zip(said).take(until.unwrap_or(usize::MAX)).all(alike);
    same && match until {
        Some(until) => said.len() >= until,
        None => line.len() == said.len(),
    }
}

fn of_a_call(command: &Command, ran: &Ran) -> Option<String> {
    let refusal = Regex::new(r#"^\{"type":"/docs#.*?"status":(\d+)"#).expect("a pattern");
    let wanted = refusal.captures(&command.says).map(|found| found[1].parse::<u16>().expect("a status"));
    let statuses = ran.statuses();
    let later = LATER.iter().find(|(part, _)| command.text.contains(part)).map(|(_, status)| *status);
    let wanted = later.or(wanted);
    let as_said = |status: &u16| wanted.map_or((200..300).contains(status), |wanted| *status == wanted);
    // 28: of a stream, which the reader ends.
    if statuses.is_empty() || !statuses.iter().all(as_said) || !matches!(ran.output.status.code(), Some(0 | 28)) {
        return Some(format!("statuses {statuses:?}, {}", ran.output.status));
    }
    if later.is_some() {
        return None;
    }
    let (ours, theirs) = (members(&command.says), members(&ran.stdout()));
    let missing: Vec<_> = ours.difference(&theirs).collect();
    if !missing.is_empty() {
        return Some(format!("the answer has no {missing:?}"));
    }
    let more: Vec<_> = theirs.difference(&ours).filter(|name| !OF_META.contains(&name.as_str())).collect();
    let whole = command.says.starts_with(['{', '[']) && !command.says.contains('…');
    (whole && !more.is_empty()).then(|| format!("the page does not show {more:?}"))
}

/// Names of members, of whatever depth.
fn members(json: &str) -> BTreeSet<String> {
    let name = Regex::new(r#""([a-z0-9_]+)": ?"#).expect("a pattern");
    name.captures_iter(json).map(|found| found[1].to_owned()).collect()
}
