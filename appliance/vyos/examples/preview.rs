//! Measures what a preview costs on a long configuration: reading it, and working out what a change
//! does and puts at risk. Prints the median of each in milliseconds.

use std::hint::black_box;
use std::time::{Duration, Instant};

use panoptikon_vyos::config::{Command, Document, Node, commands, diff};
use panoptikon_vyos::{Operator, risks};

const ROUNDS: usize = 51;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let text = configuration(5_000);
    let lines = text.lines().count();
    let root = Document::parse(&text)?.root;
    let json = root.to_json();
    let change: Vec<Command> = commands::parse(
        "set firewall ipv4 forward filter rule 17 action drop\n\
         set firewall group address-group G7 address 10.7.0.99\n\
         delete firewall group address-group G9\n\
         set interfaces ethernet eth1 address 192.168.1.2/24\n\
         delete interfaces ethernet eth1 address 192.168.1.1/24",
    )?;
    let operator = Operator { address: None, local: Some("192.168.1.1".parse()?) };

    let parse = median(|| {
        black_box(Document::parse(black_box(&text)).is_ok());
    });
    let from_json = median(|| {
        black_box(Node::from_json(black_box(&json)).is_ok());
    });
    let preview = median(|| {
        let seen = Node::from_json(black_box(&json)).unwrap_or_default();
        let mut after = seen.clone();
        let _ = after.apply(&change);
        black_box((diff(&seen, &after), risks(&seen, &after, operator)));
    });
    println!("lines {lines}");
    println!("nodes {}", root.count());
    println!("parse {:.3}", parse.as_secs_f64() * 1e3);
    println!("index {:.3}", from_json.as_secs_f64() * 1e3);
    println!("preview {:.3}", preview.as_secs_f64() * 1e3);
    Ok(())
}

fn median(mut work: impl FnMut()) -> Duration {
    let mut took: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let began = Instant::now();
            work();
            began.elapsed()
        })
        .collect();
    took.sort_unstable();
    took[ROUNDS / 2]
}

/// A configuration of at least so many lines: groups, and rules that use them.
fn configuration(lines: usize) -> String {
    let mut list = vec![
        "set interfaces ethernet eth0 address dhcp".to_owned(),
        "set interfaces ethernet eth1 address 192.168.1.1/24".to_owned(),
        "set system host-name vyos".to_owned(),
    ];
    for number in 0.. {
        list.push(format!(
            "set firewall group address-group G{number} address 10.{}.0.1",
            number % 250
        ));
        list.push(format!(
            "set firewall group address-group G{number} address 10.{}.0.2",
            number % 250
        ));
        let rule = format!("set firewall ipv4 forward filter rule {}", number + 1);
        list.push(format!("{rule} action accept"));
        list.push(format!("{rule} protocol tcp"));
        list.push(format!("{rule} destination port {}", 1 + number % 60_000));
        list.push(format!("{rule} source group address-group G{number}"));
        // A line a value, and those of the groups around them.
        if number * 14 > lines {
            break;
        }
    }
    let mut root = Node::default();
    if let Ok(list) = commands::parse(&list.join("\n")) {
        let _ = root.apply(&list);
    }
    Document { root, footer: Vec::new() }.print()
}
