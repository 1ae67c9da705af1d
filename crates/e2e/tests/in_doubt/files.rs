//! Files, through both ways in: what is told to be there is there.

use e2e::form::Form;
use reqwest::Method;

use super::*;

const PNG: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, 0x49, 0x48, 0x44, 0x52, 0, 0, 0, 1, 0, 0, 0, 1, 8,
    6, 0, 0, 0, 0x1f, 0x15, 0xc4, 0x89, 0, 0, 0, 0x0d, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x62, 0xf8, 0xcf, 0xc0, 0,
    0, 3, 1, 1, 0, 0xc9, 0xfe, 0x92, 0xef, 0, 0, 0, 0, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82,
];

impl Stage {
    async fn upload(&self, graph: bool, filename: &str) -> (u16, Value) {
        let form = Form::new().field("type", "image/png");
        if !graph {
            return self
                .world
                .post_form(&self.organization, "/media", &[], form.file(filename, "image/png", PNG))
                .await;
        }
        let url = format!("{}/v23.0/{}/media", self.world.url(), self.number.phone_number_id);
        let form = form.field("messaging_product", "whatsapp").file(filename, "image/png", PNG);
        let request = self.world.client().post(url).bearer_auth(&self.organization.key);
        let answer =
            request.header("content-type", Form::CONTENT_TYPE).body(form.end()).send().await.expect("an answer");
        (answer.status().as_u16(), serde_json::from_str(&answer.text().await.expect("an answer")).expect("JSON"))
    }

    fn of_upload(&self, graph: bool, status: u16, answer: &Value) -> Says {
        if !graph {
            return self.read(status, answer);
        }
        match (status, answer["error"]["is_transient"].as_bool()) {
            (200, _) => Says::Done(answer["id"].as_str().expect("an id").to_owned()),
            (503, Some(true)) => Says::Repeat,
            _ => panic!("an answer that says neither what happened nor what to do: {status} {answer}"),
        }
    }

    async fn is_there(&self, graph: bool, id: &str) {
        self.world
            .until("it can be looked at", async || {
                let (status, medium) = match graph {
                    true => self.world.meta().graph(Method::GET, id, &self.number.token, None).await,
                    false => self.world.get(&self.organization, &format!("/media/{id}")).await,
                };
                assert!([200, 503].contains(&status), "{id}: {medium}");
                status == 200
            })
            .await;
    }
}

async fn every_file_is_there(graph: bool) {
    let stage = Stage::new().await;
    let mut chance = Random::new(11);
    let mut count = 0;
    for cut in Cut::ALL {
        let mut tally = Tally::default();
        for _ in 0..requests(15) {
            count += 1;
            let filename = format!("foto-{count}-x.png");
            stage.cut_off(cut, &filename, &mut chance);
            let id = loop {
                let (status, answer) = stage.upload(graph, &filename).await;
                let says = stage.of_upload(graph, status, &answer);
                tally.count(&says);
                match says {
                    Says::Done(id) => break id,
                    Says::Repeat => tokio::time::sleep(PAUSE).await,
                    Says::Look(path) => panic!("a file can be sent again, whatever became of it: {path}"),
                }
            };
            stage.is_there(graph, &id).await;
        }
        tally.tell(&format!("files, Graph side {graph}, {cut:?}"));
    }
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_by_the_api() {
    every_file_is_there(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_by_the_graph_side() {
    every_file_is_there(true).await;
}
