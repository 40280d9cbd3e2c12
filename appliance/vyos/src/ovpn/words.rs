//! What is known of `OpenVPN`'s directives (openvpn(8)) that need no reading of their own.

use super::Fate;

/// What to do with a directive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// It runs a program or lets one steer: never taken.
    Runs,
    /// It makes no client, or cannot be without; and why.
    Stops(&'static str),
    /// It has a fate, and a meaning.
    Has(Fate, &'static str),
}

const OWN: &str = "VyOS does so in any case.";
const SERVER: &str = "it makes a server; this takes files of clients";
const ROUTE: &str = "Routes by which the router's own traffic would go through the tunnel.";
const TIMING: &str = "How fast a lost connection is noticed or made anew.";
const PACKETS: &str = "How large packets may be.";
const PEER: &str = "A check that the other end is the right one.";
const LOGS: &str = "What is written to the log: VyOS decides that.";
const PLACE: &str = "Where and as whom the program runs: VyOS decides that.";

/// Names with blanks between, and what is known of them.
const TABLE: &[(&str, Known)] = &[
    (
        "up down up-restart down-pre route-up route-pre-down ipchange client-connect \
         client-disconnect client-crresponse learn-address auth-user-pass-verify tls-verify \
         tls-export-cert tls-crypt-v2-verify script-security plugin iproute management \
         management-client management-hold management-query-passwords management-query-proxy \
         management-query-remote management-external-key management-external-cert \
         management-up-down management-forget-disconnect management-signal management-log-cache \
         management-client-auth management-client-user management-client-group setcon config \
         providers engine pkcs11-providers inetd dns-updown",
        Known::Runs,
    ),
    ("server server-ipv6 server-bridge", Known::Stops(SERVER)),
    ("tls-server", Known::Stops(SERVER)),
    (
        "secret",
        Known::Stops(
            "a shared key joins two sites; VyOS takes that as site-to-site, not as client",
        ),
    ),
    (
        "pkcs12 pkcs11-id cryptoapicert",
        Known::Stops(
            "certificate and key must stand in the file itself, between <cert> and <key>, as PEM",
        ),
    ),
    (
        "tls-crypt-v2",
        Known::Stops("VyOS knows tls-crypt, but not its second version: ask for a file without it"),
    ),
    ("socks-proxy http-proxy-user-pass", Known::Stops("a proxy with a password cannot be used")),
    (
        "askpass",
        Known::Stops("the private key is locked with a password, and VyOS cannot ask for it"),
    ),
    (
        "client pull tls-client nobind persist-key auth-retry resolv-retry mode topology dh \
         disable-dco bind-dev",
        Known::Has(Fate::Own, OWN),
    ),
    (
        "verb mute mute-replay-warnings log log-append syslog status status-version suppress-timestamps \
         machine-readable-output errors-to-stderr echo",
        Known::Has(Fate::Left, LOGS),
    ),
    (
        "daemon user group chroot cd writepid nice mlock dev-node remap-usr1 persist-local-ip \
         persist-remote-ip tmp-dir lport local port-share ping-timer-rem",
        Known::Has(Fate::Left, PLACE),
    ),
    (
        "route route-ipv6 redirect-gateway redirect-private route-gateway route-metric route-nopull \
         pull-filter ifconfig ifconfig-ipv6 route-delay",
        Known::Has(Fate::Route, ROUTE),
    ),
    (
        "keepalive ping ping-restart ping-exit inactive connect-timeout connect-retry \
         connect-retry-max server-poll-timeout explicit-exit-notify hand-window tran-window \
         reneg-sec reneg-bytes reneg-pkts tls-timeout",
        Known::Has(Fate::Option, TIMING),
    ),
    (
        "tun-mtu link-mtu tun-mtu-extra fragment mssfix mtu-disc sndbuf rcvbuf txqueuelen \
         tcp-nodelay fast-io passtos float",
        Known::Has(Fate::Option, PACKETS),
    ),
    (
        "remote-cert-tls remote-cert-ku remote-cert-eku verify-x509-name ns-cert-type",
        Known::Has(Fate::Option, PEER),
    ),
    (
        "tls-cipher tls-ciphersuites tls-cert-profile tls-groups ecdh-curve tls-version-max \
         data-ciphers-fallback allow-compression replay-window remote-random \
         remote-random-hostname auth-nocache http-proxy http-proxy-option http-proxy-retry \
         push-peer-info allow-recursive-routing ignore-unknown-option",
        Known::Has(Fate::Option, "Handed to OpenVPN as it is."),
    ),
    (
        "setenv setenv-safe",
        Known::Has(
            Fate::Left,
            "A word for apps of a vendor, or for programs, which do not run here.",
        ),
    ),
    (
        "dhcp-option block-outside-dns register-dns ip-win32 route-method win-sys show-net-up \
         windows-driver dhcp-renew dhcp-release dns block-ipv6 tap-sleep",
        Known::Has(
            Fate::Left,
            "Name servers and other settings of a PC; the router keeps its own under DNS.",
        ),
    ),
];

/// What is known of a directive; none where nothing is.
pub(super) fn known(name: &str) -> Option<Known> {
    let has = |names: &str| names.split_ascii_whitespace().any(|known| known == name);
    TABLE.iter().find(|(names, _)| has(names)).map(|(_, known)| *known)
}

/// `OpenVPN`'s names of ciphers, and VyOS's.
const CIPHERS: &[(&str, &str)] = &[
    ("AES-128-GCM", "aes128gcm"),
    ("AES-192-GCM", "aes192gcm"),
    ("AES-256-GCM", "aes256gcm"),
    ("AES-128-CBC", "aes128"),
    ("AES-192-CBC", "aes192"),
    ("AES-256-CBC", "aes256"),
    ("DES-EDE3-CBC", "3des"),
];

/// VyOS's name of a cipher; none where it has no such.
pub(super) fn cipher(name: &str) -> Option<&'static str> {
    let found = CIPHERS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, vyos)| *vyos)
}

/// VyOS's name of a hash; none where it has no such.
pub(super) fn hash(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase().replace('-', "");
    let name = name.strip_prefix("rsa").unwrap_or(&name);
    ["md5", "sha1", "sha256", "sha384", "sha512"].into_iter().find(|known| *known == name)
}
