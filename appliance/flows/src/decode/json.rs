//! Records as lines of JSON, for tools.

use std::fmt::Write as _;

use super::record::{Record, Value};

impl Record<'_> {
    /// Appends the record as one JSON object, without an end of line: what flows have in common
    /// first, with octets and packets scaled by the sampling, then every field as it came.
    pub fn write_json(&self, out: &mut String) {
        let flow = self.flow;
        let format = match self.version {
            super::Version::Sflow5 => "sflow",
            super::Version::Ipfix => "ipfix",
            _ => "netflow",
        };
        let _ = write!(
            out,
            "{{\"exporter\":\"{}\",\"format\":\"{format}\",\"version\":{},\"domain\":{},\
             \"template\":{},\"sampling\":{},\"start\":\"{}\",\"end\":\"{}\",\"source\":\"{}\",\
             \"destination\":\"{}\",\"source_port\":{},\"destination_port\":{},\"protocol\":{},\
             \"bytes\":{},\"packets\":{}",
            self.exporter,
            self.version.number(),
            self.domain,
            self.template,
            flow.sampling,
            flow.start,
            flow.end,
            flow.source,
            flow.destination,
            flow.source_port,
            flow.destination_port,
            flow.protocol,
            flow.bytes,
            flow.packets,
        );
        if let Some(reverse) = self.reverse {
            let (bytes, packets) = (reverse.bytes, reverse.packets);
            let _ = write!(out, ",\"reverse_bytes\":{bytes},\"reverse_packets\":{packets}");
        }
        self.each(|name, value| {
            let _ = write!(out, ",\"{name}\":");
            let _ = match value {
                Value::Unsigned(number) => write!(out, "{number}"),
                Value::Signed(number) => write!(out, "{number}"),
                Value::Float(number) if number.is_finite() => write!(out, "{number}"),
                Value::Float(_) => write!(out, "null"),
                Value::Boolean(yes) => write!(out, "{yes}"),
                Value::Text(text) => {
                    quote(&text, out);
                    Ok(())
                }
            };
        });
        out.push('}');
    }
}

/// RFC 8259, 7.
fn quote(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_its_quotes() {
        let mut out = String::new();
        quote("a\"b\\c\nd\u{9b}e", &mut out);
        assert_eq!(out, r#""a\"b\\c\u000ad\u009be""#);
    }
}
