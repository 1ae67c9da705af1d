//! The CPU time of the thread that asks.

use std::time::Duration;

/// What the kernel counts CPU time in for programs: 1/100 s on every Linux.
const TICK: Duration = Duration::from_millis(10);

/// CPU time of this thread so far, alone: what other threads of the process do is not in it. `None` where there is no
/// `/proc`.
pub(super) fn of_this_thread() -> Option<Duration> {
    let precise = std::fs::read_to_string("/proc/thread-self/schedstat").ok().and_then(|text| nanoseconds(&text));
    precise.or_else(|| ticks(&std::fs::read_to_string("/proc/thread-self/stat").ok()?))
}

fn nanoseconds(schedstat: &str) -> Option<Duration> {
    Some(Duration::from_nanos(schedstat.split_whitespace().next()?.parse().ok()?))
}

/// The name in parentheses may hold anything, so fields are counted after its end.
fn ticks(stat: &str) -> Option<Duration> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let count = |index: usize| fields.get(index)?.parse::<u32>().ok();
    Some(TICK * (count(11)? + count(12)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_kernel_says() {
        assert_eq!(nanoseconds("1500000 22 3\n"), Some(Duration::from_micros(1500)));
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194304 100 0 0 0 12 30 5 6 20 0 1 0 99";
        assert_eq!(ticks(stat), Some(Duration::from_millis(420)));
        assert_eq!(ticks("7 (a"), None);
    }

    #[test]
    fn grows_with_work() {
        let before = of_this_thread().expect("/proc is there");
        let mut sum = 0u64;
        while of_this_thread().expect("/proc is there") < before + Duration::from_millis(2) {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(sum > 0);
    }
}
