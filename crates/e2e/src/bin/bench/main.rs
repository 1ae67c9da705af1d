//! `make bench`: how fast wazapp is, seen from outside.
//!
//! Makes its own PostgreSQL and its own world, runs the server as users do, posts signed webhooks to it, and compares
//! what it measured with the targets. Timings never fail the run; a lost, doubled or misplaced message does.

#![expect(clippy::disallowed_methods, reason = "a load generator keeps its own time")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};

mod body;
mod clock;
mod closed;
mod cluster;
mod distance;
mod endpoints;
mod exact;
mod http;
mod limit;
mod live;
mod machine;
mod marker;
mod measure;
mod meter;
mod open;
mod open_loop;
mod process;
mod proxy;
mod read;
mod report;
mod saturation;
mod sends;
mod server;
mod source;
mod stage;
mod start;
mod statements;
mod watch;
mod world;

const USAGE: &str = "bench: measures a wazapp binary against its targets

  --wazapp FILE   the binary to measure (or $WAZAPP; default target/release/wazapp)
  --only NAME     limit, saturation, open, sends, live, endpoints, read, distance or start; may be repeated
  --quick         about a minute: a tenth of the conversations, shorter phases, one try
  --seed N        another sequence of messages (default 1)
  --json FILE     everything measured, for machines
  --statements    say which statements took most of PostgreSQL's time; counting them costs a little
  --keep-logs DIR copy the logs of server and database there at the end";

/// The parts of a run, in order.
const SCENARIOS: [&str; 9] = ["limit", "saturation", "open", "sends", "live", "endpoints", "read", "distance", "start"];

/// What the command line asked for.
#[derive(Debug)]
pub(crate) struct Options {
    wazapp: PathBuf,
    only: Vec<String>,
    quick: bool,
    seed: u64,
    json: Option<PathBuf>,
    pub(crate) statements: bool,
    keep_logs: Option<PathBuf>,
}

impl Options {
    /// `None`: help was asked for.
    fn parse(arguments: impl Iterator<Item = String>) -> Result<Option<Self>> {
        let wazapp = std::env::var_os("WAZAPP").map_or_else(|| "target/release/wazapp".into(), PathBuf::from);
        let mut options =
            Self { wazapp, only: Vec::new(), quick: false, seed: 1, json: None, statements: false, keep_logs: None };
        let mut arguments = arguments;
        while let Some(flag) = arguments.next() {
            let mut value = || arguments.next().with_context(|| format!("{flag} needs a value"));
            match flag.as_str() {
                "--wazapp" => options.wazapp = value()?.into(),
                "--only" => options.only.push(value()?),
                "--quick" => options.quick = true,
                "--seed" => options.seed = value()?.parse().context("--seed is a number")?,
                "--json" => options.json = Some(value()?.into()),
                "--statements" => options.statements = true,
                "--keep-logs" => options.keep_logs = Some(value()?.into()),
                "--help" | "-h" => return Ok(None),
                other => bail!("{other} is not known; --help lists what is"),
            }
        }
        if let Some(unknown) = options.only.iter().find(|name| !SCENARIOS.contains(&name.as_str())) {
            bail!("--only {unknown}: there is {}", SCENARIOS.join(", "));
        }
        Ok(Some(options))
    }

    /// Whether to run this part. The ratio to the limit needs the limit of the same run.
    fn wants(&self, scenario: &str) -> bool {
        self.only.is_empty()
            || self.only.iter().any(|name| name == scenario || (scenario == "limit" && name == "saturation"))
    }

    /// One of two numbers, for the full or the quick run.
    pub(crate) fn scale<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }
}

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("bench: {error:#}");
            return ExitCode::from(2);
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("bench: {error}");
            return ExitCode::FAILURE;
        }
    };
    // Dropped on a signal, the run stops its server and its database on the way out.
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = run(&options) => outcome,
            () = interrupted() => Err(anyhow::anyhow!("interrupted")),
        }
    });
    // A load that still runs ends by itself: its server is gone.
    runtime.shutdown_timeout(Duration::from_secs(10));
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs what was asked for; answers whether every message was exactly where it belongs.
async fn run(options: &Options) -> Result<bool> {
    let began = clock::now();
    let bench = stage::Bench::prepare(options).await?;
    let results = measure_all(&bench, options).await;
    if let Some(directory) = &options.keep_logs {
        bench.keep_logs(directory)?;
    }
    let mut results = results?;
    results.seconds = began.elapsed().as_secs_f64();
    results.disturbance = Some(bench.disturbance()?);
    print!("{}", report::table(&results));
    if let Some(file) = &options.json {
        std::fs::write(file, serde_json::to_string_pretty(&results)?).with_context(|| file.display().to_string())?;
    }
    Ok(results.is_exact())
}

async fn measure_all(bench: &stage::Bench<'_>, options: &Options) -> Result<report::Results> {
    let mut results = report::Results::new(bench);
    if options.wants("limit") {
        results.limit = Some(limit::run(bench).await?);
    }
    if options.wants("saturation") {
        let (saturation, exactness) = saturation::run(bench).await?;
        results.saturation = Some(saturation);
        results.exact.push(exactness);
    }
    if options.wants("open") {
        let (open, exactness) = open::run(bench).await?;
        results.open = Some(open);
        results.exact.push(exactness);
    }
    if options.wants("sends") {
        results.sends = Some(sends::run(bench).await?);
    }
    if options.wants("live") {
        let (live, exactness) = live::run(bench).await?;
        results.live = Some(live);
        results.exact.extend(exactness);
    }
    if options.wants("endpoints") {
        let (endpoints, exactness) = endpoints::run(bench).await?;
        results.endpoints = Some(endpoints);
        results.exact.push(exactness);
    }
    if options.wants("read") {
        results.read = Some(read::run(bench).await?);
    }
    if options.wants("distance") {
        let (distance, exactness) = distance::run(bench).await?;
        results.distance = Some(distance);
        results.exact.push(exactness);
    }
    if options.wants("start") {
        results.start = Some(start::run(bench).await?);
    }
    Ok(results)
}

async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::Options;

    fn parse(line: &str) -> anyhow::Result<Option<Options>> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn one_scenario_brings_the_limit_it_is_compared_with() {
        let options = parse("--only saturation --quick").unwrap().unwrap();
        assert!(options.wants("limit") && options.wants("saturation") && !options.wants("open"));
        assert_eq!(options.scale(10, 1), 1);
    }

    #[test]
    fn unknown_words_are_refused() {
        assert!(parse("--only everything").is_err());
        assert!(parse("--fast").is_err());
        assert!(parse("--json").is_err());
        assert!(parse("--help").unwrap().is_none());
    }
}
