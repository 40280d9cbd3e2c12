use std::os::unix::fs::PermissionsExt;

use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

fn subject(name: &str) -> Subject {
    Subject { names: vec![name.to_owned()], addresses: vec!["192.168.1.1".parse().unwrap()] }
}

fn own(folder: &Path) -> Source {
    Source::Own { folder: folder.join("tls") }
}

#[test]
fn the_first_run_makes_certificates_and_the_next_keeps_them() {
    let dir = tempfile::tempdir().unwrap();
    let first = Tls::open(own(dir.path()), &subject("router.lan"), NOW).unwrap();
    let second = Tls::open(own(dir.path()), &subject("router.lan"), NOW).unwrap();
    assert_eq!(first.fingerprint(), second.fingerprint());
    assert_eq!(first.ca(), second.ca());
    assert_eq!(first.fingerprint().len(), 95);
    for entry in std::fs::read_dir(dir.path().join("tls")).unwrap() {
        let mode = entry.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let mode = std::fs::metadata(dir.path().join("tls")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn another_address_renews_the_certificate_under_the_same_ca() {
    let dir = tempfile::tempdir().unwrap();
    let tls = Tls::open(own(dir.path()), &subject("router.lan"), NOW).unwrap();
    let (before, ca) = (tls.fingerprint(), tls.ca());
    assert!(!tls.refresh(&subject("router.lan"), NOW).unwrap());
    let mut moved = subject("router.lan");
    moved.addresses.push("10.1.1.1".parse().unwrap());
    assert!(tls.refresh(&moved, NOW).unwrap());
    assert_ne!(tls.fingerprint(), before);
    assert_eq!(tls.ca(), ca);
    assert!(!tls.refresh(&moved, NOW).unwrap(), "once is enough");
}

#[test]
fn a_start_that_does_not_know_the_addresses_yet_keeps_the_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let first = Tls::open(own(dir.path()), &subject("router.lan"), NOW).unwrap();
    let early = Subject { addresses: Vec::new(), ..subject("router.lan") };
    let later = NOW.plus(Duration::from_secs(86_400));
    let second = Tls::open(own(dir.path()), &early, later).unwrap();
    assert_eq!(first.fingerprint(), second.fingerprint());
    assert!(!second.refresh(&subject("router.lan"), later).unwrap());
}

#[test]
fn an_address_that_goes_or_that_the_ca_may_not_sign_for_renews_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut both = subject("router.lan");
    both.addresses.push("10.1.1.1".parse().unwrap());
    let tls = Tls::open(own(dir.path()), &both, NOW).unwrap();
    assert!(!tls.refresh(&subject("router.lan"), NOW).unwrap());
    both.addresses.push("2001:db8::1".parse().unwrap());
    assert!(!tls.refresh(&both, NOW).unwrap());
}

#[test]
fn another_name_makes_another_ca() {
    let dir = tempfile::tempdir().unwrap();
    let tls = Tls::open(own(dir.path()), &subject("router.lan"), NOW).unwrap();
    let ca = tls.ca();
    assert!(tls.refresh(&subject("box.home"), NOW.plus(Duration::from_secs(1))).unwrap());
    assert_ne!(tls.ca(), ca);
}

#[test]
fn a_damaged_ca_is_told_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    Tls::open(own(dir.path()), &subject("router.lan"), NOW).unwrap();
    let path = dir.path().join("tls/ca.json");
    std::fs::write(&path, "{").unwrap();
    let Err(error) = Tls::open(own(dir.path()), &subject("router.lan"), NOW) else {
        panic!("a damaged file was accepted")
    };
    assert!(error.to_string().contains("ca.json"), "{error}");
}

#[test]
fn the_operators_files_are_taken_and_taken_again_when_they_change() {
    let dir = tempfile::tempdir().unwrap();
    let ca = make_ca(&subject("a.example").tidy(), NOW).unwrap();
    let (certificate, key) = (dir.path().join("c.pem"), dir.path().join("k.pem"));
    let put = |at: Timestamp| {
        let leaf = make_leaf(&ca, &subject("a.example").tidy(), at).unwrap();
        std::fs::write(&certificate, format!("{}{}", leaf.certificate, ca.certificate)).unwrap();
        std::fs::write(&key, leaf.key).unwrap();
    };
    put(NOW);
    let source = Source::Files { certificate: certificate.clone(), key: key.clone() };
    let tls = Tls::open(source, &Subject::default(), NOW).unwrap();
    let before = tls.fingerprint();
    assert!(tls.ca().is_none() && tls.trusted().load(std::sync::atomic::Ordering::Relaxed));
    assert!(!tls.refresh(&Subject::default(), NOW).unwrap());

    std::thread::sleep(Duration::from_millis(20));
    std::fs::write(&key, "half a file").unwrap();
    assert!(tls.refresh(&Subject::default(), NOW).is_err());
    assert_eq!(tls.fingerprint(), before, "the old one stays in use");

    std::thread::sleep(Duration::from_millis(20));
    put(NOW);
    assert!(tls.refresh(&Subject::default(), NOW).unwrap());
    assert_ne!(tls.fingerprint(), before);
}

#[test]
fn a_key_of_another_certificate_is_refused_with_the_files_name() {
    let dir = tempfile::tempdir().unwrap();
    let subject = subject("a.example").tidy();
    let ca = make_ca(&subject, NOW).unwrap();
    let (one, two) =
        (make_leaf(&ca, &subject, NOW).unwrap(), make_leaf(&ca, &subject, NOW).unwrap());
    let (certificate, key) = (dir.path().join("c.pem"), dir.path().join("k.pem"));
    std::fs::write(&certificate, one.certificate).unwrap();
    std::fs::write(&key, two.key).unwrap();
    let Err(error) = Tls::open(Source::Files { certificate, key }, &subject, NOW) else {
        panic!("a foreign key was accepted")
    };
    assert!(error.to_string().contains("c.pem"), "{error}");
}

#[test]
fn apples_profile_holds_the_ca_and_two_different_ids() {
    let dir = tempfile::tempdir().unwrap();
    let ca = Tls::open(own(dir.path()), &subject("router.lan"), NOW).unwrap().ca().unwrap();
    let profile = ca.mobileconfig();
    let ids: Vec<_> = profile.lines().filter(|l| l.contains("PayloadUUID")).collect();
    assert_eq!(ids.len(), 2);
    assert_ne!(ids[0], ids[1]);
    assert!(profile.contains("<data>MII"));
    assert!(!profile.contains("PRIVATE"));
}

#[test]
fn certificates_may_come_from_elsewhere_while_it_serves_and_a_bad_place_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let tls = Tls::open(own(dir.path()), &subject("router.lan"), NOW).unwrap();
    let before = tls.fingerprint();
    let (certificate, key) = (dir.path().join("c.pem"), dir.path().join("k.pem"));
    let files = Source::Files { certificate: certificate.clone(), key: key.clone() };
    assert!(tls.set_source(files.clone(), &subject("router.lan"), NOW).is_err());
    assert_eq!(tls.fingerprint(), before);
    assert!(!tls.trusted().load(Ordering::Relaxed));

    let pair = rcgen::generate_simple_self_signed(["router.example".to_owned()]).unwrap();
    std::fs::write(&certificate, pair.cert.pem()).unwrap();
    std::fs::write(&key, pair.signing_key.serialize_pem()).unwrap();
    tls.set_source(files, &subject("router.lan"), NOW).unwrap();
    assert_ne!(tls.fingerprint(), before);
    assert!(tls.trusted().load(Ordering::Relaxed));
    tls.set_source(own(dir.path()), &subject("router.lan"), NOW).unwrap();
    assert_eq!(tls.fingerprint(), before, "its own were kept");
}
