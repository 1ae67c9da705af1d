//! The world of tests watches over its own use.

use e2e::World;

/// What holds in every world is looked at by `end` alone: a test that forgets it would pass whatever it left behind.
#[tokio::test(flavor = "multi_thread")]
#[should_panic(expected = "forgot `world.end().await`")]
async fn a_test_that_forgets_the_end_of_its_world_fails() {
    let _world = World::new().await;
}

/// A test that failed says why, and nothing about its world.
#[tokio::test(flavor = "multi_thread")]
#[should_panic(expected = "the reason")]
async fn a_test_that_fails_keeps_its_reason() {
    let _world = World::new().await;
    panic!("the reason");
}
