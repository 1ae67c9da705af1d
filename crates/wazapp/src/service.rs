//! What a service manager is told, where one runs the server: that it is ready, that it is alive, that it stops.
//! <https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html>

use std::net::SocketAddr;

use sd_notify::NotifyState;
use tokio_util::sync::CancellationToken;

/// Others may begin now; from here on it is told that the server is alive, if that is asked for, until the token is cancelled.
pub(crate) fn ready(listen: SocketAddr, stop: &CancellationToken) {
    tell(&[NotifyState::Ready, NotifyState::Status(&format!("listening on {listen}"))]);
    let Some(patience) = sd_notify::watchdog_enabled() else { return };
    let stop = stop.clone();
    // On the threads that answer everybody: where these are stuck, nothing is told.
    tokio::spawn(async move {
        let mut every = tokio::time::interval(patience / 3);
        while stop.run_until_cancelled(every.tick()).await.is_some() {
            tell(&[NotifyState::Watchdog]);
        }
    });
}

/// How far it is.
pub(crate) fn status(words: &str) {
    tell(&[NotifyState::Status(words)]);
}

/// What is under way is finished, and no more begun.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("finishing what is under way")]);
}

/// Nobody listens, mostly.
fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "the service manager could not be told");
    }
}
