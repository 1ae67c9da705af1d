//! What commands answer: words for people, JSON for machines.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

/// How this command answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Print {
    pub(crate) json: bool,
}

impl Print {
    /// The answer: `words` for people, `value` for machines.
    pub(crate) fn answer(&self, value: &impl Serialize, words: impl FnOnce() -> String) {
        let text = if self.json { serde_json::to_string(value).expect("answers are JSON") } else { words() };
        // A closed pipe (`wazapp … | head`) is nobody's failure.
        let _ = writeln!(std::io::stdout(), "{text}");
    }

    /// The command failed; one line says why.
    pub(crate) fn failed(&self, error: &anyhow::Error) -> ExitCode {
        let line = format!("{error:#}");
        if self.json {
            let _ = writeln!(std::io::stdout(), "{}", serde_json::json!({ "error": line }));
        }
        let _ = writeln!(std::io::stderr(), "error: {line}");
        ExitCode::FAILURE
    }

    /// A line on the way to the answer, for people alone.
    pub(crate) fn line(&self, words: &str) {
        if !self.json {
            let _ = writeln!(std::io::stdout(), "{words}");
        }
    }

    /// The command was refused in the end: `value` says all for machines, the line says why.
    pub(crate) fn refused(&self, value: &impl Serialize, line: &str) -> ExitCode {
        if self.json {
            let text = serde_json::to_string(value).expect("answers are JSON");
            let _ = writeln!(std::io::stdout(), "{text}");
        }
        let _ = writeln!(std::io::stderr(), "error: {line}");
        ExitCode::FAILURE
    }

    /// How far work is whose end is known. Silent where nobody watches.
    pub(crate) fn bar(&self, what: &'static str, all: u64) -> ProgressBar {
        if self.json || !std::io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("{spinner} {msg} {wide_bar} {human_pos}/{human_len} ({eta})");
        let bar = ProgressBar::new(all).with_style(style.expect("the template is valid")).with_message(what);
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    }

    /// A sign of life for work that may take long. Silent where nobody watches.
    pub(crate) fn progress(&self, what: &'static str) -> ProgressBar {
        if self.json || !std::io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let style =
            ProgressStyle::with_template("{spinner} {msg} {human_pos} ({elapsed})").expect("the template is valid");
        let bar = ProgressBar::new_spinner().with_style(style).with_message(what);
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    }
}

/// A table with columns as wide as their widest cell.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    // What others typed neither turns lines nor speaks to the terminal.
    let plain = |cell: &String| -> String {
        cell.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
    };
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(plain).collect()).collect();
    let mut widths: Vec<usize> = header.iter().map(|cell| cell.chars().count()).collect();
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = cells.zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(&mut header.iter().copied())];
    lines.extend(rows.iter().map(|row| line(&mut row.iter().map(String::as_str))));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn nothing_in_a_cell_turns_a_line() {
        let rows = vec![vec!["a\nb\u{1b}[31m".into(), "1".into()]];
        assert_eq!(table(&["NAME", "N"], &rows).lines().count(), 2);
    }

    #[test]
    fn columns_line_up() {
        let rows = vec![vec!["ñandú".into(), "1".into()], vec!["a".into(), "22".into()]];
        assert_eq!(table(&["NAME", "N"], &rows), "NAME   N\nñandú  1\na      22");
    }
}
