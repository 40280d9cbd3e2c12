//! Setting up, signing in and out.

mod bed;

use bed::Bed;

#[tokio::test]
async fn the_bed_stands() {
    let (bed, mut ada) = Bed::ready().await;
    assert!(!bed.audit().await.is_empty());
    ada.get("/nothing").await.expect(404).says("Nothing lives here");
}
