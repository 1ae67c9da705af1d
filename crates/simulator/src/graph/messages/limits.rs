//! What a number may send now (§11): only what is accepted counts, and time is the simulator's.

use jiff::SignedDuration;

use crate::error::GraphError;
use crate::graph::Call;

/// A number's throughput is counted over this.
const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// Messages to one customer that may be borrowed from later.
const PAIR_BURST: usize = 45;

/// Each message to one customer is paid back in this.
const PAIR_INTERVAL: SignedDuration = SignedDuration::from_secs(6);

/// The subcode in Meta's own example of 130429.
const THROUGHPUT_SUBCODE: i64 = 2_494_055;

/// The number can send at all: it is registered (133010), and not under maintenance (131057).
pub(super) fn ready(call: &Call<'_>) -> Result<(), GraphError> {
    let number = &call.world.numbers[&call.object];
    if !number.registered {
        return Err(GraphError::of(133010)
            .details("The phone number is not registered with Cloud API. Register it before sending."));
    }
    if number.maintenance_until.is_some_and(|until| call.now < until) {
        return Err(GraphError::of(131057)
            .details("The business account is in maintenance mode, as during a throughput upgrade. Try again soon."));
    }
    Ok(())
}

/// Counts a send: refused with 131056 where the customer got too many, with 130429 where the number sent too many.
pub(super) fn count(call: &mut Call<'_>, customer: Option<&str>) -> Result<(), GraphError> {
    let now = call.now;
    if let Some(customer) = customer
        && let Some(thread) = call.world.threads.get_mut(&(call.object.clone(), customer.to_owned()))
    {
        thread.pair_sends.retain(|paid_back| *paid_back > now);
        if thread.pair_sends.len() >= PAIR_BURST {
            return Err(GraphError::of(131056).details(
                "Message failed to send because there were too many messages sent from this phone number to the \
                 same phone number in a short period of time.",
            ));
        }
    }
    let number = call.world.numbers.get_mut(&call.object).expect("the operation is of a number");
    number.sends.retain(|at| now.duration_since(*at) < SECOND);
    if number.sends.len() >= number.throughput.per_second() {
        return Err(GraphError::of(130429)
            .subcode(THROUGHPUT_SUBCODE)
            .details("Cloud API message throughput has been reached."));
    }
    number.sends.push_back(now);
    Ok(())
}

/// Borrows one message to the customer: the thread remembers when each is paid back, one after the other.
pub(super) fn borrow(call: &mut Call<'_>, customer: &str) {
    let thread = call.world.threads.entry((call.object.clone(), customer.to_owned())).or_default();
    let begins = thread.pair_sends.back().copied().unwrap_or(call.now).max(call.now);
    thread.pair_sends.push_back(begins + PAIR_INTERVAL);
}
