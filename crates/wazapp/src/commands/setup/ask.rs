//! Questions to whoever sits at the terminal. What a flag said is not asked; where nobody sits, the flag is named.

use std::fmt::Display;
use std::io::IsTerminal;
use std::str::FromStr;

use anyhow::bail;
use dialoguer::{Input, Password};
use secrecy::SecretString;

use crate::commands::SecretArg;
use crate::print::Print;

pub(super) struct Ask<'a> {
    print: &'a Print,
    somebody: bool,
}

impl<'a> Ask<'a> {
    pub(super) fn new(print: &'a Print) -> Self {
        let somebody = !print.json && std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        Self { print, somebody }
    }

    /// Whether somebody sits there.
    pub(super) fn somebody(&self) -> bool {
        self.somebody
    }

    /// The next of the steps.
    pub(super) fn step(&self, nth: u8, title: &str) {
        self.print.line(&format!("\n{nth}. {title}"));
    }

    /// What to know before a question, for whoever is asked.
    pub(super) fn explain(&self, words: &str) {
        if self.somebody {
            let lines: Vec<String> = words.lines().map(|line| format!("   {line}")).collect();
            self.print.line(&lines.join("\n"));
        }
    }

    /// What was done, or was there.
    pub(super) fn done(&self, words: &str) {
        self.print.line(&format!("   ✓ {words}"));
    }

    /// An answer of one line.
    pub(super) fn text<T>(&self, said: Option<T>, question: &str, flag: &str) -> anyhow::Result<T>
    where
        T: FromStr<Err: Display>,
    {
        if let Some(said) = said {
            return Ok(said);
        }
        self.needs(question, flag)?;
        let check = |text: &String| text.trim().parse::<T>().map(|_| ()).map_err(|error| error.to_string());
        let text: String = Input::new().with_prompt(format!("   {question}")).validate_with(check).interact_text()?;
        text.trim().parse().map_err(|error: T::Err| anyhow::anyhow!("{error}"))
    }

    /// An answer that nobody else is to see.
    pub(super) fn secret(&self, said: Option<&SecretArg>, question: &str, flag: &str) -> anyhow::Result<SecretString> {
        if let Some(said) = said {
            return said.read();
        }
        self.needs(question, flag)?;
        let text = Password::new().with_prompt(format!("   {question} (it is not shown)")).interact()?;
        Ok(SecretString::from(text.trim()))
    }

    fn needs(&self, question: &str, flag: &str) -> anyhow::Result<()> {
        if !self.somebody {
            bail!("{question}? Say it with {flag}, or run wazapp setup at a terminal, where it asks");
        }
        Ok(())
    }
}
