//! Who may call the webhook, where the server takes Meta's client certificate alone.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use metrics::counter;
use tokio::time::Instant;

use crate::serve::{Caller, Standing};

/// Strangers call all the time: the log hears of one in so long.
const SAID_EVERY: Duration = Duration::from_secs(60);

/// Begins what is said to whoever is refused.
pub const REFUSED: &str = "This webhook takes calls with a client certificate alone";

/// When the log was told last.
#[derive(Clone, Debug, Default)]
pub(super) struct Said(Arc<Mutex<Option<Instant>>>);

impl Said {
    fn say(&self, why: &str) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|last| last.elapsed() >= SAID_EVERY) {
            *last = Some(Instant::now());
            tracing::warn!(
                "a call of the webhook was refused: {why}; if it was Meta's, see WAZAPP_WEBHOOK_CLIENT_CA and mTLS in the App's dashboard"
            );
        }
    }
}

/// Refuses whoever is not who they should be, before a byte of a body is read.
pub(super) async fn guard(State(said): State<Said>, request: Request, next: Next) -> Response {
    let caller = request.extensions().get::<Caller>().map(Caller::standing);
    let why = match caller {
        Some(Standing::Proven) => return next.run(request).await,
        Some(Standing::Nobody) => "none was shown".to_owned(),
        Some(Standing::Unproven(why)) => {
            format!("the one shown is of no authority that is taken, or not in force ({why})")
        }
        Some(Standing::Other(names)) => format!("the one shown is of another name ({names})"),
        None => "this came by plain HTTP, or through a proxy".to_owned(),
    };
    said.say(&why);
    if request.method() == Method::POST {
        counter!("wazapp_webhooks_total", "outcome" => "uncertified").increment(1);
    }
    let words = format!(
        "{REFUSED}, over this server's own HTTPS: {why}. The caller shows its certificate, or whoever runs the server corrects WAZAPP_WEBHOOK_CLIENT_CA and WAZAPP_WEBHOOK_CLIENT_NAME.\n"
    );
    (StatusCode::FORBIDDEN, words).into_response()
}
