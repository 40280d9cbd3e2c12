//! Certificate and key by their name in `pki`, with the authorities that lead to a root.

use std::fmt;

use serde_json::Value;

/// A chain of certificates and its private key, both in PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Pair {
    /// The certificate, followed by those that link it to a root.
    pub chain: String,
    /// The key.
    pub key: String,
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pair { .. }")
    }
}

/// Links between a certificate and its root that are followed.
const MOST_LINKS: usize = 8;

/// What `set service panoptikon certificate NAME` means, or why it cannot be had.
pub(super) fn pair(node: &Value, name: &str) -> Result<Pair, String> {
    let entry = &node["pki"]["certificate"][name];
    if entry.is_null() {
        return Err(format!(
            "certificate: there is no `{name}`; see `show pki certificate`, or set pki certificate \
             {name}"
        ));
    }
    let missing = |what: &str, path: &str| {
        format!("certificate: `{name}` has no {what}; set pki certificate {name} {path}")
    };
    let certificate = entry["certificate"].as_str();
    let certificate = certificate.ok_or_else(|| missing("certificate", "certificate"))?;
    let private = &entry["private"];
    let key = private["key"].as_str().ok_or_else(|| missing("private key", "private key"))?;
    if !private["password-protected"].is_null() || !private["password_protected"].is_null() {
        return Err(format!(
            "certificate: the private key of `{name}` is protected by a password, which the service \
             has nobody to ask for"
        ));
    }
    let authorities: Vec<&str> = node["pki"]["ca"]
        .as_object()
        .into_iter()
        .flat_map(|all| all.values())
        .filter_map(|ca| ca["certificate"].as_str())
        .collect();
    let chain: String = links(certificate, &authorities)
        .into_iter()
        .map(|body| armoured("CERTIFICATE", body))
        .collect();
    let key = armoured("PRIVATE KEY", key);
    web::tls::check(&chain, &key).map_err(|why| format!("certificate: `{name}`: {why}"))?;
    Ok(Pair { chain, key })
}

/// `VyOS` keeps the base64 body without the lines around it.
fn armoured(label: &str, body: &str) -> String {
    let body: String = body.chars().filter(|c| !c.is_whitespace()).collect();
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in body.as_bytes().chunks(64) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    text + "-----END " + label + "-----\n"
}

/// The certificate and, one after the other, those that signed it; the root itself stays out.
fn links<'a>(certificate: &'a str, authorities: &[&'a str]) -> Vec<&'a str> {
    let mut chain = vec![certificate];
    let mut issuer = web::tls::names(&armoured("CERTIFICATE", certificate)).map(|n| n.issuer);
    while chain.len() < MOST_LINKS {
        let next = authorities.iter().find_map(|body| {
            let names = web::tls::names(&armoured("CERTIFICATE", body))?;
            let is_next = Some(&names.subject) == issuer.as_ref()
                && names.subject != names.issuer
                && !chain.contains(body);
            is_next.then_some((*body, names.issuer))
        });
        let Some((body, further)) = next else {
            break;
        };
        chain.push(body);
        issuer = Some(further);
    }
    chain
}
