//! How many management calls an App may make of an account in an hour (§11).

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{Needs, Object, Operation};
use crate::error::GraphError;
use crate::world::World;

const WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// Calls in the window, where the account has a registered number.
const REGISTERED: usize = 5000;

/// Calls in the window, where it has none.
const UNREGISTERED: usize = 200;

/// Counts a management call against its account; 80007 where there were too many. Answers the header
/// `x-business-use-case-usage`, which shows the share that is used up; `None` for calls that are not counted.
pub(super) fn count(
    world: &mut World,
    operation: &Operation,
    object: &str,
    app_id: &str,
    now: Timestamp,
) -> Result<Option<String>, GraphError> {
    let Some(waba_id) = waba_of(world, operation, object) else { return Ok(None) };
    let registered = world.numbers.values().any(|number| number.waba_id == waba_id && number.registered);
    let most = if registered { REGISTERED } else { UNREGISTERED };
    let waba = world.wabas.get_mut(&waba_id).expect("the id was found in the world");
    let calls = waba.calls.entry(app_id.to_owned()).or_default();
    calls.retain(|at| now.duration_since(*at) < WINDOW);
    if calls.len() >= most {
        return Err(GraphError::of(80007).subcode(2_446_079).message(
            "(#80007) There have been too many calls from this WhatsApp Business Account. Wait a bit and try again.",
        ));
    }
    calls.push_back(now);
    let share = calls.len() * 100 / most;
    let usage = json!({ waba_id: [{
        "type": "whatsapp", "call_count": share, "total_cputime": share, "total_time": share,
        "estimated_time_to_regain_access": 0,
    }] });
    Ok(Some(usage.to_string()))
}

/// The account that a call is counted against. Sends and media are no management.
fn waba_of(world: &World, operation: &Operation, object: &str) -> Option<String> {
    let looks_at_number = operation.on == Object::Number && operation.edge.is_empty();
    if operation.needs != Needs::Management && !looks_at_number {
        return None;
    }
    match operation.on {
        Object::Waba => Some(object.to_owned()),
        Object::Number => world.numbers.get(object).map(|number| number.waba_id.clone()),
        Object::Template => world.templates.get(object).map(|template| template.waba_id.clone()),
        Object::Flow => world.flows.get(object).map(|flow| flow.waba_id.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(world: &mut World, waba: &str, now: Timestamp) -> Result<Option<String>, GraphError> {
        let lists_numbers = super::super::operations()
            .find(|op| op.on == Object::Waba && op.edge == "phone_numbers" && op.method == http::Method::GET)
            .expect("numbers can be listed");
        count(world, lists_numbers, waba, "1", now)
    }

    #[test]
    fn an_account_without_a_registered_number_has_200_calls_an_hour() {
        let now = Timestamp::from_second(1_800_000_000).expect("a time");
        let mut world = World::furnished(1, None, None, now);
        let waba = world.wabas.keys().next().expect("there are accounts").clone();
        for number in world.numbers.values_mut() {
            number.registered = false;
        }
        for _ in 0..200 {
            look(&mut world, &waba, now).expect("one of 200");
        }
        assert_eq!(look(&mut world, &waba, now).expect_err("one too many").code, 80007);
        look(&mut world, &waba, now + WINDOW).expect("an hour later");
        world.numbers[0].registered = true;
        for _ in 0..4000 {
            look(&mut world, &waba, now + WINDOW).expect("one of 5000");
        }
    }
}
