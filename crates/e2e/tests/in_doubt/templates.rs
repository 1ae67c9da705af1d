//! Templates: Meta is asked, and then it is written down.

use tokio::time::Instant;

use super::*;

/// What Meta did is written down this long after the database is there again.
const WRITTEN_WITHIN: Duration = Duration::from_secs(20);

/// Fewer than Meta lets an account make in an hour.
const AN_HOURS: usize = 90;

impl Stage {
    /// How many templates of a name the organization sees.
    async fn shown(&self, name: &str) -> Option<usize> {
        let (status, page) = self.world.get(&self.organization, &format!("/templates?q={name}")).await;
        (status == 200)
            .then(|| page["data"].as_array().expect("a list").iter().filter(|row| row["name"] == name).count())
    }

    /// Makes a template as a client does that follows every answer to the letter. An answer "send it again" to what Meta has
    /// done would end in Meta's refusal of a second one.
    async fn make(&self, cut: Cut, name: &str, chance: &mut Random, tally: &mut Tally) {
        let mut body = template(name);
        body["number_id"] = json!(self.number_id);
        // The name stands in quotes only in what is written of it.
        self.cut_off(cut, &format!("\"{name}\""), chance);
        for _ in 0..TRIES {
            let (status, answer) = self.world.post_api(&self.organization, "/templates", &body).await;
            let says = self.read(status, &answer);
            tally.count(&says);
            match says {
                Says::Repeat => tokio::time::sleep(PAUSE).await,
                Says::Done(_) => return,
                Says::Look(path) => {
                    assert_eq!(path, "/templates", "{answer}");
                    let began = Instant::now();
                    while self.shown(name).await != Some(1) {
                        assert!(began.elapsed() < WRITTEN_WITHIN, "{name} was not written down");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                    return;
                }
            }
        }
        panic!("{name} could not be made");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_is_made_once() {
    let stage = Stage::new().await;
    let mut chance = Random::new(10);
    let mut names = Vec::new();
    for cut in Cut::ALL {
        let mut tally = Tally::default();
        for _ in 0..requests(12) {
            if names.len() % AN_HOURS == AN_HOURS - 1 {
                let hour = Duration::from_secs(3601);
                stage.world.pass(hour);
                stage.world.meta().advance(hour).await;
            }
            let name = format!("pedido_{}_x", names.len());
            stage.make(cut, &name, &mut chance, &mut tally).await;
            names.push(name);
        }
        tally.tell(&format!("templates, {cut:?}"));
    }
    for name in &names {
        stage.world.until("templates can be read", async || stage.shown(name).await.is_some()).await;
        assert_eq!(stage.shown(name).await, Some(1), "{name}");
    }
    stage.world.end().await;
}
