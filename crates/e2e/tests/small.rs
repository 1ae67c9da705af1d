//! A machine of 512 MB: a furnished server and its PostgreSQL stay within it while a hundred messages a second come.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use e2e::program::Installation;
use tokio::time::Instant;

/// What all processes together may take.
const ROOM: u64 = 512 << 20;
const RATE: u64 = 100;

/// A control group of this test's own that holds what runs in it to so much memory; it goes with the test.
struct Group(PathBuf);

impl Group {
    /// None: the system lets nobody like us make one.
    fn make(room: u64) -> Option<Self> {
        let name = format!("wazapp-test-{}", std::process::id());
        let kinds = [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")];
        kinds.into_iter().find_map(|(place, limit)| {
            let group = Self(Path::new(place).join(&name));
            fs::create_dir(&group.0).ok()?;
            fs::write(group.0.join(limit), room.to_string()).ok()?;
            Some(group)
        })
    }

    fn enter(&self) -> [String; 4] {
        let procs = self.0.join("cgroup.procs").display().to_string();
        ["sh".into(), "-c".into(), r#"echo $$ >"$0" && exec "$@""#.into(), procs]
    }

    /// How much was taken at most, page cache included, and how often somebody was killed for want of memory.
    fn account(&self) -> (u64, u64) {
        let read = |name: &str| fs::read_to_string(self.0.join(name)).ok();
        let most = ["memory.max_usage_in_bytes", "memory.peak"].into_iter().find_map(read);
        let kills = ["memory.oom_control", "memory.events"].into_iter().find_map(read).unwrap_or_default();
        let kills = kills.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok());
        (most.and_then(|text| text.trim().parse().ok()).unwrap_or(0), kills.unwrap_or(0))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

/// A process and all that it began, and those began.
fn family(first: u32) -> BTreeSet<u32> {
    let parent = |pid: u32| -> Option<u32> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        text.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
    };
    let all: Vec<(u32, u32)> = fs::read_dir("/proc")
        .expect("processes")
        .filter_map(|entry| {
            let pid = entry.ok()?.file_name().to_str()?.parse().ok()?;
            Some((pid, parent(pid)?))
        })
        .collect();
    let mut family = BTreeSet::from([first]);
    loop {
        let more: Vec<u32> =
            all.iter().filter(|(pid, of)| family.contains(of) && !family.contains(pid)).map(|(pid, _)| *pid).collect();
        if more.is_empty() {
            return family;
        }
        family.extend(more);
    }
}

/// What a process takes: its own memory, and its part of what it shares.
fn taken(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let kilobytes =
        text.lines().find_map(|line| line.strip_prefix("Pss:")?.trim().strip_suffix(" kB")?.trim().parse().ok());
    kilobytes.unwrap_or(0) * 1024
}

/// What the server and its PostgreSQL take now, and how many processes PostgreSQL has.
fn measured(server: u32) -> (u64, u64, usize) {
    let mut family = family(server);
    family.remove(&server);
    (taken(server), family.iter().map(|pid| taken(*pid)).sum(), family.len())
}

/// `WAZAPP_SMALL_SECONDS=60` loads it for so long.
#[tokio::test(flavor = "multi_thread")]
async fn a_furnished_server_lives_on_512_mb() {
    let seconds: u64 = std::env::var("WAZAPP_SMALL_SECONDS").map_or(20, |text| text.parse().expect("a number"));
    let group = Group::make(ROOM);
    let mut installation = Installation::on_disk();
    match &group {
        Some(group) => installation = installation.within(group.enter()),
        None => eprintln!("no control group can be made here: memory is measured, and nobody is held to it"),
    }
    let (server, _) = installation.demo().await;
    let pid = server.process();
    let quiet = measured(pid);

    // Whoever loads it is another machine.
    let data_dir = installation.data_dir().join("demo");
    let elsewhere = Installation::new();
    let mut load = elsewhere.command(&["simulator", "load", "--url", server.url(), "--json", "--data-dir"]);
    load.arg(&data_dir).args(["--rate", &RATE.to_string(), "--seconds", &seconds.to_string()]);
    let loading = load.output();
    tokio::pin!(loading);
    let (mut most, began) = (quiet, Instant::now());
    let output = loop {
        tokio::select! {
            output = &mut loading => break output.expect("the load runs"),
            () = tokio::time::sleep(Duration::from_millis(500)) => {
                let now = measured(pid);
                if now.0 + now.1 > most.0 + most.1 {
                    most = now;
                }
            }
        }
    };
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{complained}\n{}", server.log());
    let megabytes = |bytes: u64| bytes >> 20;
    eprintln!(
        "furnished: server {} MB, PostgreSQL {} MB; at {RATE} bodies a second for {:.0?}: server {} MB, PostgreSQL {} MB in {} \
         processes",
        megabytes(quiet.0),
        megabytes(quiet.1),
        began.elapsed(),
        megabytes(most.0),
        megabytes(most.1),
        most.2
    );
    assert!(quiet.0 > 1 << 20 && quiet.1 > 1 << 20, "both were found: {quiet:?}");
    assert!(most.0 + most.1 < ROOM, "{} MB", megabytes(most.0 + most.1));
    if let Some(group) = &group {
        let (most, kills) = group.account();
        eprintln!(
            "held to {} MB: {} MB at most with the files that the system keeps, {kills} killed",
            megabytes(ROOM),
            megabytes(most)
        );
        assert_eq!(kills, 0, "nobody was killed for want of memory");
    }
    let (status, _, log) = server.terminate().await;
    assert!(status.success(), "{log}");
}
