//! How this router wants its configuration written. Releases differ in words and places; which
//! form a router takes is read from its configuration, from the component versions at the end of
//! its configuration file, or from its release, in this order. What none of them tells is an error.

use serde::Serialize;

use crate::config::{Document, Node};

/// Why the form of a setting is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DialectError {
    /// A text that names no release.
    #[error("`{text}` is not the version of a VyOS release that is known")]
    Release {
        /// The text.
        text: String,
    },
    /// Neither configuration nor component versions nor release tell.
    #[error(
        "how this router writes {what} could not be determined: {missing}; the version line at the \
         end of its configuration file says it"
    )]
    Undetermined {
        /// What is written.
        what: &'static str,
        /// What was looked at.
        missing: &'static str,
    },
    /// Older than what is understood here.
    #[error("{what} of this router is that of a release before 1.4, which cannot be changed here")]
    TooOld {
        /// What is written.
        what: &'static str,
    },
}

/// A release by its version text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Release {
    /// As the router says it.
    pub text: String,
    /// The line of releases.
    pub train: Train,
    /// The day of the build as `YYYYMMDD`, where the text has one.
    pub day: Option<u32>,
}

/// A line of releases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Train {
    /// 1.3.
    Equuleus,
    /// 1.4.
    Sagitta,
    /// 1.5: `1.5.0`, or a stream of the coming release.
    Circinus,
    /// Built from the newest sources, with or without a number in front.
    Rolling,
}

impl Release {
    /// Reads texts such as `1.4.0`, `VyOS 1.5-rolling-202410150007` and `2026.02.03-0027-rolling`.
    pub fn parse(text: &str) -> Result<Self, DialectError> {
        let text = text.trim().trim_start_matches("Version:").trim();
        let text = text.strip_prefix("VyOS ").unwrap_or(text).trim();
        let failed = || DialectError::Release { text: text.chars().take(80).collect() };
        let mut numbers = text.split(['.', '-', ' ', '+']);
        let first = numbers.next().unwrap_or_default();
        let day = day_in(text);
        let train = match (first, numbers.next().unwrap_or_default()) {
            ("1", "3") => Train::Equuleus,
            ("1", "4") => Train::Sagitta,
            ("1", "5" | "6") if text.contains("rolling") => Train::Rolling,
            ("1", "5") => Train::Circinus,
            ("999", _) => Train::Rolling,
            (year, _) if year.len() == 4 && year.starts_with("20") && day.is_some() => {
                Train::Rolling
            }
            _ => return Err(failed()),
        };
        Ok(Self { text: text.chars().take(80).collect(), train, day })
    }
}

/// The first run of eight digits or more, or of `YYYY.MM.DD`, that can be a day of this century.
fn day_in(text: &str) -> Option<u32> {
    let plausible = |day: u32| {
        let (month, of_month) = (day / 100 % 100, day % 100);
        (20_200_101..21_000_101).contains(&day)
            && (1..=12).contains(&month)
            && (1..=31).contains(&of_month)
    };
    let runs = text.split(|c: char| !c.is_ascii_digit());
    let packed = runs.clone().filter_map(|run| run.get(..8)?.parse().ok()).find(|d| plausible(*d));
    packed.or_else(|| {
        let runs: Vec<&str> = runs.collect();
        runs.windows(3).find_map(|three| match three {
            [year, month, day] if year.len() == 4 && month.len() == 2 && day.len() == 2 => {
                format!("{year}{month}{day}").parse().ok().filter(|day| plausible(*day))
            }
            _ => None,
        })
    })
}

/// The versions of a configuration's components, as the end of the file has them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Components(Vec<(String, u32)>);

impl Components {
    /// Those of a file.
    pub fn of(document: &Document) -> Self {
        Self::parse(&document.footer.join("\n"))
    }

    /// From the text of a file's end: `vyos-config-version: "bgp@5:dhcp-server@11:…"`.
    pub fn parse(text: &str) -> Self {
        let line = text.lines().find(|line| line.contains("config-version"));
        let words = line.and_then(|line| line.split('"').nth(1)).unwrap_or_default();
        let component = |word: &str| {
            let (name, version) = word.split_once('@')?;
            Some((name.to_owned(), version.parse().ok()?))
        };
        Self(words.split(':').filter_map(component).collect())
    }

    /// The version of a component; none where the file has none.
    pub fn version(&self, component: &str) -> Option<u32> {
        self.0.iter().find(|(name, _)| name == component).map(|(_, version)| *version)
    }

    /// None are known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The older or the newer of two forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Era {
    Old,
    New,
}

impl Era {
    const fn words(self) -> &'static str {
        match self {
            Self::Old => "older form",
            Self::New => "newer form",
        }
    }
}

/// How DHCP for IPv4 is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Dhcp4Form {
    /// 1.4: options stand in the subnet itself; stations are `mac-address`; names may have `_`.
    Plain,
    /// 1.5 and rolling: options stand under `option`, a subnet has a `subnet-id`, stations are `mac`.
    Option,
}

/// How DHCP for IPv6 is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Dhcp6Form {
    /// 1.4: `address-range`, `identifier`, options in the subnet itself.
    Plain,
    /// 1.5 and rolling: `range`, `duid`, `subnet-id`, options under `option`.
    Option,
}

/// Where the web API's switches are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ApiForm {
    /// `service https api` is all there is; `strict` stands directly under it.
    Plain,
    /// REST has its own switch: `service https api rest`, with `strict` under it.
    Rest,
}

/// How NetFlow is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NetflowForm {
    /// `system flow-accounting interface`.
    Interface,
    /// `system flow-accounting netflow interface`.
    NetflowInterface,
}

/// How the ciphers of `OpenVPN` are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OpenVpnForm {
    /// 1.4: `encryption ncp-ciphers`; no `ip-version`.
    NcpCiphers,
    /// 1.5 and rolling: `encryption data-ciphers`, and `ip-version`.
    DataCiphers,
}

/// The forms that a router takes. Each is asked for where it is needed, and is an error where it is
/// not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dialect {
    dhcp4: Option<Dhcp4Form>,
    dhcp6: Option<Dhcp6Form>,
    api: Option<ApiForm>,
    netflow: Option<NetflowForm>,
    openvpn: Option<OpenVpnForm>,
    /// `firewall ipv4 forward filter` and its like; false in 1.3.
    firewall_families: Option<bool>,
    /// What each decision was made from, for a person who wonders.
    pub reasons: Vec<String>,
}

impl Dialect {
    /// Decides from a configuration, the component versions of its file and the router's release;
    /// the latter two may be empty or absent.
    pub fn decide(root: &Node, components: &Components, release: Option<&Release>) -> Self {
        let mut reasons = Vec::new();
        let mut pick = |what: &str, tries: [(Option<Era>, String); 3]| {
            let (form, why) = tries.into_iter().find_map(|(f, why)| f.map(|form| (form, why)))?;
            reasons.push(format!("{what}: {}, by {why}", form.words()));
            Some(form)
        };
        let by = |component: &str, decide: &dyn Fn(u32) -> Option<Era>| {
            let version = components.version(component);
            let why = version.map(|version| format!("{component}@{version}")).unwrap_or_default();
            (version.and_then(decide), why)
        };
        let shape = |form: Option<Era>| (form, "the present configuration".to_owned());
        let told = |form: Option<Era>| {
            (form, format!("release {}", release.map_or("", |release| release.text.as_str())))
        };
        let dhcp4 = pick(
            "dhcp-server",
            [
                shape(dhcp4_shape(root)),
                by("dhcp-server", &|version| match version {
                    ..=8 => Some(Era::Old),
                    // Two weeks of rolling releases between the forms.
                    9 => None,
                    10.. => Some(Era::New),
                }),
                told(release.and_then(|release| since(release, 20_240_115, 20_240_301))),
            ],
        );
        let dhcp6 = pick(
            "dhcpv6-server",
            [
                shape(dhcp6_shape(root)),
                by("dhcpv6-server", &|version| match version {
                    ..=1 => Some(Era::Old),
                    2..=3 => None,
                    4.. => Some(Era::New),
                }),
                told(release.and_then(|release| since(release, 20_240_115, 20_240_301))),
            ],
        );
        let api = pick(
            "https",
            [
                shape(api_shape(root)),
                by("https", &|version| Some(if version >= 7 { Era::New } else { Era::Old })),
                told(release.and_then(|release| match release.train {
                    // The streams before 1.5.0 changed it somewhere on the way.
                    Train::Circinus if !release.text.starts_with("1.5.") => None,
                    _ => since(release, 20_240_901, 20_241_001),
                })),
            ],
        );
        let netflow = pick(
            "flow-accounting",
            [
                shape(netflow_shape(root)),
                by("flow-accounting", &|version| match version {
                    ..=1 => Some(Era::Old),
                    2.. => Some(Era::New),
                }),
                told(release.and_then(|release| match release.train {
                    Train::Equuleus | Train::Sagitta => Some(Era::Old),
                    Train::Circinus | Train::Rolling => None,
                })),
            ],
        );
        let openvpn = pick(
            "openvpn",
            [
                shape(openvpn_shape(root)),
                // 1.4 keeps no version of it.
                by("openvpn", &|version| Some(if version >= 4 { Era::New } else { Era::Old })),
                told(release.and_then(|release| since(release, 20_240_630, 20_240_801))),
            ],
        );
        let openvpn = openvpn.or_else(|| {
            let versions = !components.is_empty() && components.version("openvpn").is_none();
            versions.then_some(Era::Old)
        });
        let firewall = pick(
            "firewall",
            [
                shape(firewall_shape(root)),
                by("firewall", &|version| match version {
                    ..=10 => Some(Era::Old),
                    // Rolling releases of 2023 that wrote interfaces and switches in other ways.
                    11..=13 => None,
                    14.. => Some(Era::New),
                }),
                told(release.and_then(|release| match release.train {
                    Train::Equuleus => Some(Era::Old),
                    Train::Sagitta | Train::Circinus => Some(Era::New),
                    Train::Rolling => since(release, 20_230_801, 20_240_201),
                })),
            ],
        );
        Self {
            dhcp4: dhcp4.map(|f| if f == Era::Old { Dhcp4Form::Plain } else { Dhcp4Form::Option }),
            dhcp6: dhcp6.map(|f| if f == Era::Old { Dhcp6Form::Plain } else { Dhcp6Form::Option }),
            api: api.map(|f| if f == Era::Old { ApiForm::Plain } else { ApiForm::Rest }),
            netflow: netflow.map(|f| match f {
                Era::Old => NetflowForm::Interface,
                Era::New => NetflowForm::NetflowInterface,
            }),
            openvpn: openvpn.map(|f| match f {
                Era::Old => OpenVpnForm::NcpCiphers,
                Era::New => OpenVpnForm::DataCiphers,
            }),
            firewall_families: firewall.map(|form| form != Era::Old),
            reasons,
        }
    }

    /// Decides from a configuration file.
    pub fn of(document: &Document) -> Self {
        let release = document.release().and_then(|text| Release::parse(text).ok());
        Self::decide(&document.root, &Components::of(document), release.as_ref())
    }

    /// How DHCP for IPv4 is written.
    pub fn dhcp4(&self) -> Result<Dhcp4Form, DialectError> {
        self.dhcp4.ok_or(undetermined("the DHCP server"))
    }

    /// How DHCP for IPv6 is written.
    pub fn dhcp6(&self) -> Result<Dhcp6Form, DialectError> {
        self.dhcp6.ok_or(undetermined("the DHCPv6 server"))
    }

    /// Where the web API's switches are.
    pub fn api(&self) -> Result<ApiForm, DialectError> {
        self.api.ok_or(undetermined("the web API's switches"))
    }

    /// How NetFlow is written.
    pub fn netflow(&self) -> Result<NetflowForm, DialectError> {
        self.netflow.ok_or(undetermined("NetFlow"))
    }

    /// How the ciphers of `OpenVPN` are written.
    pub fn openvpn(&self) -> Result<OpenVpnForm, DialectError> {
        self.openvpn.ok_or(undetermined("OpenVPN"))
    }

    /// Fails where the firewall is not written as 1.4 and later do, by families and hooks.
    pub fn firewall(&self) -> Result<(), DialectError> {
        match self.firewall_families {
            Some(true) => Ok(()),
            Some(false) => Err(DialectError::TooOld { what: "the firewall" }),
            None => Err(undetermined("the firewall")),
        }
    }
}

const fn undetermined(what: &'static str) -> DialectError {
    DialectError::Undetermined {
        what,
        missing: "nothing of it is configured, and neither component versions nor release tell",
    }
}

/// The form of a release where rolling ones changed between two days; later lines have the new one.
fn since(release: &Release, last_old: u32, first_new: u32) -> Option<Era> {
    match (release.train, release.day) {
        (Train::Equuleus | Train::Sagitta, _) => Some(Era::Old),
        (Train::Circinus, _) => Some(Era::New),
        (Train::Rolling, Some(day)) if day >= first_new => Some(Era::New),
        (Train::Rolling, Some(day)) if day <= last_old => Some(Era::Old),
        (Train::Rolling, _) => None,
    }
}

/// All subnets of a DHCP server.
fn subnets<'a>(root: &'a Node, service: &'a str) -> impl Iterator<Item = &'a Node> {
    let networks = root.at(["service", service, "shared-network-name"]).and_then(Node::children);
    let subnets = networks.into_iter().flat_map(crate::config::Children::iter);
    let subnets = subnets.filter_map(|(_, network)| network.at(["subnet"])?.children());
    subnets.flat_map(crate::config::Children::iter).map(|(_, subnet)| subnet)
}

fn any_below(node: &Node, group: &str, names: &[&str]) -> bool {
    let instances = node.at([group]).and_then(Node::children);
    let mut instances = instances.into_iter().flat_map(crate::config::Children::iter);
    instances.any(|(_, instance)| has(instance, names))
}

fn has(node: &Node, names: &[&str]) -> bool {
    names.iter().any(|name| node.at([*name]).is_some())
}

fn dhcp4_shape(root: &Node) -> Option<Era> {
    let plain = ["default-router", "name-server", "domain-name", "domain-search", "ntp-server"];
    for subnet in subnets(root, "dhcp-server") {
        if has(subnet, &["option", "subnet-id"]) || any_below(subnet, "static-mapping", &["mac"]) {
            return Some(Era::New);
        }
        if has(subnet, &plain) || any_below(subnet, "static-mapping", &["mac-address"]) {
            return Some(Era::Old);
        }
    }
    None
}

fn dhcp6_shape(root: &Node) -> Option<Era> {
    for subnet in subnets(root, "dhcpv6-server") {
        let mapping = |names: &[&str]| any_below(subnet, "static-mapping", names);
        if has(subnet, &["option", "subnet-id", "range"]) || mapping(&["duid", "mac"]) {
            return Some(Era::New);
        }
        if has(subnet, &["address-range", "name-server", "domain-search"])
            || mapping(&["identifier", "mac-address"])
        {
            return Some(Era::Old);
        }
    }
    None
}

fn api_shape(root: &Node) -> Option<Era> {
    let api = root.at(["service", "https", "api"])?;
    if has(api, &["rest"]) {
        return Some(Era::New);
    }
    has(api, &["strict", "debug", "cors"]).then_some(Era::Old)
}

fn netflow_shape(root: &Node) -> Option<Era> {
    let accounting = root.at(["system", "flow-accounting"])?;
    if accounting.at(["netflow", "interface"]).is_some() {
        return Some(Era::New);
    }
    has(accounting, &["interface"]).then_some(Era::Old)
}

fn openvpn_shape(root: &Node) -> Option<Era> {
    let all = root.at(["interfaces", "openvpn"]).and_then(Node::children)?;
    let has = |word: &str| all.iter().any(|(_, one)| one.at(["encryption", word]).is_some());
    if has("data-ciphers") {
        return Some(Era::New);
    }
    has("ncp-ciphers").then_some(Era::Old)
}

fn firewall_shape(root: &Node) -> Option<Era> {
    let firewall = root.at(["firewall"])?;
    if has(firewall, &["name", "ipv6-name", "all-ping", "state-policy"]) {
        return Some(Era::Old);
    }
    let hooks = ["forward", "input", "output", "prerouting"];
    let modern = |family: &str| firewall.at([family]).is_some_and(|family| has(family, &hooks));
    // Interfaces were named in other ways in rolling releases of 2023.
    (modern("ipv4") || modern("ipv6")).then_some(Era::New).filter(|_| !has_old_interfaces(firewall))
}

fn has_old_interfaces(node: &Node) -> bool {
    let Some(children) = node.children() else { return false };
    children.iter().any(|(name, child)| {
        (name == "interface-name" || name == "enable-default-log") || has_old_interfaces(child)
    })
}
