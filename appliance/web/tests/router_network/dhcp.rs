use access::Role;
use model::Timestamp;

use crate::router::{BOTH, Release, RouterBed};
use crate::{HOSTILE, is_inert};

const PHONE: &str = "02:00:00:00:00:77";

/// Lets the server of the release have given an address to a station.
fn lease(bed: &RouterBed, release: Release, name: &str) {
    let folder = bed.bed.dir.path().join("router/config");
    let end = Timestamp::now().as_secs() + 3_600;
    if release == Release::Sagitta {
        let at = Timestamp::from_secs(end).rfc3339();
        let at = at.get(..19).unwrap().replace('-', "/").replace('T', " ");
        let text = format!(
            "lease 192.168.1.120 {{\n  starts 4 2026/11/19 10:00:00;\n  ends 4 {at};\n  \
             binding state active;\n  hardware ethernet {PHONE};\n  \
             client-hostname \"{name}\";\n}}\n"
        );
        std::fs::write(folder.join("dhcpd.leases"), text).unwrap();
    } else {
        std::fs::create_dir_all(folder.join("dhcp")).unwrap();
        let text = format!(
            "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,\
             state,user_context,pool_id\n192.168.1.120,{PHONE},,3600,{end},1,0,0,{name},0,,0\n"
        );
        std::fs::write(folder.join("dhcp/dhcp4-leases.csv"), text).unwrap();
    }
}

#[tokio::test]
async fn pools_are_shown_with_how_full_they_are() {
    for release in BOTH {
        let (bed, mut ada) = RouterBed::new(release).await;
        lease(&bed, release, "kims-phone");
        let page = ada.get("/router/dhcp").await.expect(200);
        for text in ["192.168.1.0/24", "192.168.1.100 – 192.168.1.199", "1 of 100 addresses given"]
        {
            page.says(text);
        }
        page.says("home.arpa");
    }
}

#[tokio::test]
async fn a_lease_becomes_a_fixed_address_in_the_words_of_the_release() {
    for release in BOTH {
        let (bed, mut ada) = RouterBed::new(release).await;
        lease(&bed, release, "kims-phone");
        let page = ada.get("/router/dhcp/leases").await.expect(200);
        page.says("kims-phone");
        page.says("given");
        let link = page.body.split("href=\"").find(|part| part.contains("fixed/edit?")).unwrap();
        let link = link.split('"').next().unwrap().replace("&#38;", "&");
        let form = ada.get(&link).await.expect(200);
        form.says("value=\"kims-phone\"");
        form.says("value=\"192.168.1.120\"");
        let fields = [
            ("place", "LAN 192.168.1.0/24"),
            ("name", "kims-phone"),
            ("mac", PHONE),
            ("address", "192.168.1.120"),
            ("enabled", "1"),
        ];
        let answer = ada.post("/router/dhcp/fixed/edit", &fields).await;
        let word = if release == Release::Sagitta { "mac-address" } else { "mac" };
        let path = "service dhcp-server shared-network-name LAN subnet 192.168.1.0/24 \
                    static-mapping kims-phone";
        assert_eq!(
            bed.planned(&mut ada, &answer).await,
            [format!("set {path} ip-address 192.168.1.120"), format!("set {path} {word} {PHONE}"),]
        );
        bed.apply(&mut ada, &answer).await.location();
        assert_eq!(bed.runs(&format!("{path} {word}")).as_deref(), Some(PHONE));
        ada.get("/router/dhcp/leases").await.expect(200).says(">fixed<");
    }
}

#[tokio::test]
async fn an_address_that_another_has_is_given_only_on_purpose() {
    let (bed, mut ada) = RouterBed::new(Release::Current).await;
    lease(&bed, Release::Current, "kims-phone");
    let fields = [
        ("place", "LAN 192.168.1.0/24"),
        ("name", "tv"),
        ("mac", "02:00:00:00:00:01"),
        ("address", "192.168.1.120"),
        ("enabled", "1"),
    ];
    let page = ada.post("/router/dhcp/fixed/edit", &fields).await.expect(422);
    page.says("is leased to 02:00:00:00:00:77 (kims-phone) now");
    page.says("name=\"anyway\"");
    let mut all = fields.to_vec();
    all.push(("anyway", "1"));
    let answer = ada.post("/router/dhcp/fixed/edit", &all).await;
    bed.apply(&mut ada, &answer).await.location();
    ada.get("/router/dhcp/fixed").await.expect(200).says("is leased to 02:00:00:00:00:77");
}

#[tokio::test]
async fn fixed_addresses_are_listed_changed_and_deleted() {
    for release in BOTH {
        let (bed, mut ada) = RouterBed::new(release).await;
        let page = ada.get("/router/dhcp/fixed").await.expect(200);
        page.says("printer");
        page.says("192.168.1.20");
        let path = "service dhcp-server shared-network-name LAN subnet 192.168.1.0/24 \
                    static-mapping printer";
        let fields = [
            ("place", "LAN 192.168.1.0/24"),
            ("old", "printer"),
            ("name", "printer"),
            ("mac", "02:00:00:00:10:20"),
            ("address", "192.168.1.21"),
            ("enabled", "1"),
            ("description", if release == Release::Sagitta { "" } else { "Laser printer" }),
        ];
        let answer = ada.post("/router/dhcp/fixed/edit", &fields).await;
        let commands = bed.planned(&mut ada, &answer).await;
        let wanted = format!("set {path} ip-address 192.168.1.21");
        assert_eq!(commands.last(), Some(&wanted), "{commands:?}");
        let fields = [("place", "LAN 192.168.1.0/24"), ("old", "printer")];
        let answer = ada.post("/router/dhcp/fixed/delete", &fields).await;
        assert_eq!(bed.planned(&mut ada, &answer).await, [format!("delete {path}")]);
        bed.apply(&mut ada, &answer).await.location();
        assert_eq!(bed.runs(path), None);
    }
}

#[tokio::test]
async fn wrong_fixed_addresses_are_told_beside_the_field() {
    let (_bed, mut ada) = RouterBed::new(Release::Current).await;
    let wrong = [
        ("tv", "nonsense", "192.168.1.30", "A hardware address such as"),
        ("tv", "02:00:00:00:10:10", "192.168.1.30", "Nas has it already"),
        ("tv", "02:00:00:00:00:01", "10.0.0.1", "Is not in 192.168.1.0/24"),
        ("nas", "02:00:00:00:00:01", "192.168.1.30", "There is one of this name"),
    ];
    for (name, mac, address, said) in wrong {
        let fields = [
            ("place", "LAN 192.168.1.0/24"),
            ("name", name),
            ("mac", mac),
            ("address", address),
            ("enabled", "1"),
        ];
        ada.post("/router/dhcp/fixed/edit", &fields).await.expect(422).says(said);
    }
    let fields = [("place", "LAN 10.0.0.0/8"), ("name", "tv")];
    ada.post("/router/dhcp/fixed/edit", &fields).await.expect(404);
}

#[tokio::test]
async fn a_pool_is_changed_in_the_words_of_the_release() {
    for release in BOTH {
        let (bed, mut ada) = RouterBed::new(release).await;
        let path = "/router/dhcp/pool?network=LAN&subnet=192.168.1.0/24";
        let form = ada.get(path).await.expect(200);
        form.says("0 192.168.1.100 192.168.1.199");
        let fields = [
            ("network", "LAN"),
            ("subnet", "192.168.1.0/24"),
            ("ranges", "0 192.168.1.100 192.168.1.150"),
            ("lease_seconds", "86400"),
            ("default_router", "192.168.1.1"),
            ("name_servers", "192.168.1.1\r\n9.9.9.9"),
        ];
        let answer = ada.post("/router/dhcp/pool", &fields).await;
        let option = if release == Release::Sagitta { "" } else { "option " };
        let at = "service dhcp-server shared-network-name LAN subnet 192.168.1.0/24";
        assert_eq!(
            bed.planned(&mut ada, &answer).await,
            [
                format!("delete {at} range 0 stop 192.168.1.199"),
                format!("set {at} {option}name-server 9.9.9.9"),
                format!("set {at} range 0 stop 192.168.1.150"),
            ]
        );
        let fields = [("network", "LAN"), ("subnet", "192.168.1.0/24"), ("ranges", "0 1.2.3.4")];
        ada.post("/router/dhcp/pool", &fields).await.expect(422).says("id=\"e-ranges\"");
    }
}

#[tokio::test]
async fn a_new_network_is_planned_in_the_words_of_the_release_and_taken_away_again() {
    for release in BOTH {
        let (bed, mut ada) = RouterBed::new(release).await;
        ada.get("/router/dhcp").await.expect(200).says("href=\"/router/dhcp/new\"");
        ada.get("/router/dhcp/new").await.expect(200).says("name=\"subnet\"");
        let fields = [
            ("network", "ROAD"),
            ("subnet", "10.99.0.0/24"),
            ("ranges", "0 10.99.0.100 10.99.0.120"),
            ("default_router", "10.99.0.1"),
        ];
        let answer = ada.post("/router/dhcp/new", &fields).await;
        let at = "service dhcp-server shared-network-name ROAD subnet 10.99.0.0/24";
        let planned = bed.planned(&mut ada, &answer).await;
        let number = planned.iter().any(|line| *line == format!("set {at} subnet-id 2"));
        assert_eq!(number, release == Release::Current, "{planned:?}");
        bed.apply(&mut ada, &answer).await.location();
        assert_eq!(bed.runs(&format!("{at} range 0 stop")).as_deref(), Some("10.99.0.120"));
        ada.get("/router/dhcp").await.expect(200).says("10.99.0.100 – 10.99.0.120");

        let twice = ada.post("/router/dhcp/new", &fields).await.expect(422);
        twice.says("id=\"e-subnet\"");
        twice.says("10.99.0.0/24 in ROAD overlaps it");
        let place = [("network", "ROAD"), ("subnet", "10.99.0.0/24")];
        let answer = ada.post("/router/dhcp/pool/delete", &place).await;
        assert_eq!(
            bed.planned(&mut ada, &answer).await,
            ["delete service dhcp-server shared-network-name ROAD"]
        );
    }
}

#[tokio::test]
async fn dhcp_for_ipv6_is_given_changed_and_fixed_in_the_words_of_the_release() {
    for release in BOTH {
        let more = "set interfaces ethernet eth1 address 2001:db8:7::1/64";
        let (bed, mut ada) = RouterBed::with(release, more, system::Options::default()).await;
        let is_new = release == Release::Current;
        let fields = [
            ("network", "LAN6"),
            ("subnet", "2001:db8:7::/64"),
            ("ranges", "0 2001:db8:7::100 2001:db8:7::1ff"),
            ("name_servers", "2001:db8:7::1"),
        ];
        let answer = ada.post("/router/dhcp/new", &fields).await;
        let change = bed.apply(&mut ada, &answer).await.expect(303).location().to_owned();
        ada.post(&format!("{change}/keep"), &[]).await.expect(303);
        let at = "service dhcpv6-server shared-network-name LAN6 subnet 2001:db8:7::/64";
        let option = if is_new { "option " } else { "" };
        let server = bed.runs(&format!("{at} {option}name-server"));
        assert_eq!(server.as_deref(), Some("2001:db8:7::1"));

        let form = ada.get("/router/dhcp/pool?network=LAN6&subnet=2001:db8:7::/64").await;
        let form = form.expect(200);
        form.says("2001:db8:7::100 2001:db8:7::1ff");
        assert!(!form.body.contains("name=\"default_router\""), "a gateway for IPv6");

        let fields = [
            ("place", "LAN6 2001:db8:7::/64"),
            ("name", "nas"),
            ("duid", "00:01:00:01:12:34"),
            ("address", "2001:db8:7::10"),
            ("prefix", "2001:db8:77::/56"),
            ("enabled", "1"),
        ];
        let answer = ada.post("/router/dhcp/fixed/edit", &fields).await;
        bed.apply(&mut ada, &answer).await.expect(303);
        let duid = if is_new { "duid" } else { "identifier" };
        let known = bed.runs(&format!("{at} static-mapping nas {duid}"));
        assert_eq!(known.as_deref(), Some("00:01:00:01:12:34"));
        let form = ada.get("/router/dhcp/fixed/edit?place=LAN6+2001:db8:7::/64&old=nas").await;
        let form = form.expect(200);
        form.says("value=\"2001:db8:77::/56\"");
        assert_eq!(form.body.contains("name=\"mac\""), is_new);
    }
}

#[tokio::test]
async fn hostile_names_of_stations_are_only_text_and_a_viewer_makes_nothing_static() {
    let (bed, mut ada) = RouterBed::new(Release::Current).await;
    lease(&bed, Release::Current, HOSTILE);
    is_inert(&ada.get("/router/dhcp/leases").await.expect(200));
    let mut viewer = bed.bed.person(Role::Viewer).await;
    let page = viewer.get("/router/dhcp/leases").await.expect(200);
    assert!(!page.body.contains("Make static"));
    for path in ["/router/dhcp/fixed/edit", "/router/dhcp/pool", "/router/dhcp/new"] {
        viewer.get(path).await.expect(403);
        viewer.post(path, &[]).await.expect(403);
    }
}

#[tokio::test]
async fn a_router_without_a_dhcp_server_says_so() {
    let more = "delete service dhcp-server";
    let (_bed, mut ada) = RouterBed::with(Release::Current, more, system::Options::default()).await;
    ada.get("/router/dhcp").await.expect(200).says("No DHCP server");
    ada.get("/router/dhcp/leases").await.expect(200).says("No DHCP server");
    ada.get("/router/dhcp/fixed").await.expect(200).says("No fixed addresses");
    ada.get("/router/dhcp/fixed/edit").await.expect(404);
}
