//! How much memory there is: the machine's, or what the control group of this process may take of it.

use std::fs;
use std::path::{Path, PathBuf};

/// In bytes; 0: nobody says.
pub(super) fn bytes() -> u64 {
    let machine = of_machine(&fs::read_to_string("/proc/meminfo").unwrap_or_default());
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limits = limits(&groups).into_iter().filter_map(|file| fs::read_to_string(file).ok()?.trim().parse().ok());
    limits.fold(machine, |least, limit| least.min(limit))
}

fn of_machine(meminfo: &str) -> u64 {
    let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kilobytes = total.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

/// The files that limit a process of these groups: each group's, and those of the groups that it is in. Inside of a container the
/// names may be those of outside; there the topmost one is its own.
/// <https://docs.kernel.org/admin-guide/cgroup-v2.html>, <https://docs.kernel.org/admin-guide/cgroup-v1/memory.html>
fn limits(groups: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(kinds), Some(group)) = (parts.next(), parts.next()) else { continue };
        let (root, file) = match kinds {
            "" => ("/sys/fs/cgroup", "memory.max"),
            kinds if kinds.split(',').any(|kind| kind == "memory") => {
                ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => continue,
        };
        let group = Path::new(group.trim_start_matches('/'));
        files.extend(group.ancestors().map(|group| Path::new(root).join(group).join(file)));
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_memory_is_read() {
        assert_eq!(of_machine("MemTotal:         497432 kB\nMemFree:           11432 kB\n"), 497_432 * 1024);
        assert_eq!(of_machine(""), 0);
    }

    #[test]
    fn each_group_above_may_limit_it() {
        let paths =
            |groups: &str| -> Vec<String> { limits(groups).iter().map(|file| file.display().to_string()).collect() };
        let unified = "0::/system.slice/wazapp.service\n";
        let files =
            ["system.slice/wazapp.service/", "system.slice/", ""].map(|at| format!("/sys/fs/cgroup/{at}memory.max"));
        assert_eq!(paths(unified), files);
        let older = "9:name=systemd:/\n4:cpu,memory:/docker/abc\n3:cpuset:/\n";
        let files = ["docker/abc/", "docker/", ""].map(|at| format!("/sys/fs/cgroup/memory/{at}memory.limit_in_bytes"));
        assert_eq!(paths(older), files);
        assert!(paths("nonsense").is_empty());
    }
}
