//! A look at something that changes, which all who come at once take together: however many ask, it is looked at a few times a
//! second, and nobody is told what was so before they came.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// Looks begin at least this far apart.
const APART: Duration = Duration::from_millis(250);

/// Nobody waits longer.
const WITHIN: Duration = Duration::from_secs(3);

/// When a look began, and what it showed; `None`: nothing could be seen.
type Look<T> = (Instant, Option<T>);

/// What was seen last.
#[derive(Debug)]
pub(super) struct Glance<T>(Arc<Mutex<Option<Look<T>>>>);

impl<T> Clone for Glance<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Default for Glance<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T: Clone> Glance<T> {
    /// What a look shows that began after this call. `None`: nothing can be seen, or not in time.
    pub(super) async fn take(&self, look: impl AsyncFnOnce() -> Option<T>) -> Option<T> {
        let came = Instant::now();
        let taken = async {
            let mut last = self.0.lock().await;
            if let Some((began, seen)) = &*last {
                if *began >= came {
                    return seen.clone();
                }
                tokio::time::sleep_until(*began + APART).await;
            }
            let began = Instant::now();
            let seen = look().await;
            *last = Some((began, seen.clone()));
            seen
        };
        tokio::time::timeout(WITHIN, taken).await.ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn thousands_are_answered_by_a_few_looks_and_none_of_them_by_an_old_one() {
        let (glance, looks, truth) = (Glance::default(), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let began = Instant::now();
        let asked: Vec<_> = (0..5000)
            .map(|_| {
                let (glance, looks, truth) = (glance.clone(), looks.clone(), truth.clone());
                tokio::spawn(async move {
                    let so_far = truth.fetch_add(1, Ordering::SeqCst);
                    let seen = glance.take(async || {
                        looks.fetch_add(1, Ordering::SeqCst);
                        Some(truth.load(Ordering::SeqCst))
                    });
                    let seen = seen.await.expect("it is seen in time");
                    assert!(seen > so_far, "what was so before");
                })
            })
            .collect();
        for one in asked {
            one.await.expect("each is answered");
        }
        let most = usize::try_from(began.elapsed().as_millis() / APART.as_millis()).expect("short") + 1;
        assert!(looks.load(Ordering::SeqCst) <= most, "{looks:?} looks, {most} at most");
    }

    #[tokio::test]
    async fn what_cannot_be_seen_is_waited_for_a_while() {
        let glance = Glance::<usize>::default();
        assert_eq!(glance.take(async || None).await, None);
        assert_eq!(glance.take(async || Some(1)).await, Some(1), "and looked at again");
        let began = Instant::now();
        assert_eq!(glance.take(async || std::future::pending().await).await, None);
        assert!(began.elapsed() < WITHIN + Duration::from_secs(2));
        assert_eq!(glance.take(async || Some(2)).await, Some(2));
    }
}
