use access::Role;

use crate::router::{Release, RouterBed};
use crate::{HOSTILE, is_inert};

async fn with_one() -> (RouterBed, crate::bed::Browser) {
    let more = format!(
        "container {{\n    name web {{\n        image docker.io/library/nginx:1.27\n        \
         description \"{HOSTILE}\"\n        environment PASSWORD {{\n            value topsecret\n        \
         }}\n        network inside {{\n            address 172.16.0.2\n        }}\n        \
         port http {{\n            source 8080\n            destination 80\n        }}\n    }}\n    \
         network inside {{\n        prefix 172.16.0.0/24\n    }}\n}}\n"
    );
    RouterBed::with(Release::Current, &more, system::Options::default()).await
}

#[tokio::test]
async fn a_container_is_shown_as_configured_where_podman_cannot_be_asked() {
    let (_bed, mut ada) = with_one().await;
    let page = ada.get("/router/containers").await.expect(200);
    for text in ["nginx:1.27", "8080/tcp → 80", "172.16.0.2 in inside", "is told PASSWORD"] {
        page.says(text);
    }
    assert!(!page.body.contains("topsecret"));
    is_inert(&page);
}

#[tokio::test]
async fn a_container_is_switched_off() {
    let (bed, mut ada) = with_one().await;
    let answer = ada.post("/router/containers/switch", &[("name", "web")]).await;
    assert_eq!(bed.planned(&mut ada, &answer).await, ["set container name web disable"]);
    let fields = [("name", "nosuch"), ("on", "1")];
    ada.post("/router/containers/switch", &fields).await.expect(404);
    let mut viewer = bed.bed.person(Role::Viewer).await;
    assert!(!viewer.get("/router/containers").await.expect(200).body.contains("Switch off"));
    viewer.post("/router/containers/switch", &[("name", "web")]).await.expect(403);
}

#[tokio::test]
async fn without_containers_the_page_says_so() {
    let (_bed, mut ada) = RouterBed::new(Release::Sagitta).await;
    ada.get("/router/containers").await.expect(200).says("No containers");
}
