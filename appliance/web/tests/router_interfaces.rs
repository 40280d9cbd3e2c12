//! The pages of the router's interfaces, over a stand-in for the router.

mod bed;
#[path = "bed/router.rs"]
mod router;

use router::{BOTH, RouterBed};

#[tokio::test]
async fn bed_works() {
    for release in BOTH {
        let (bed, mut ada) = RouterBed::new(release).await;
        ada.get("/router/config").await.expect(200).says("interfaces");
        assert_eq!(bed.runs("service ssh port").as_deref(), Some("22"));
    }
}
