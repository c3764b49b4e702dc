//! What is shipped beside the program names things that are there. No container is started here.

use std::path::Path;

fn file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The services of docker-compose.yml: what stands two spaces in, below `services:`.
fn services(compose: &str) -> Vec<&str> {
    let below = compose.split_once("\nservices:\n").expect("services").1;
    below
        .lines()
        .take_while(|line| line.is_empty() || line.starts_with(' '))
        .filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':'))
        .filter(|name| !name.starts_with([' ', '#']))
        .collect()
}

#[test]
fn the_containers_mount_files_that_are_there() {
    let compose = file("docker-compose.yml");
    let mounts: Vec<&str> = compose
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- ./")?.split(':').next())
        .collect();
    assert!(mounts.len() >= 6, "{mounts:?}");
    for path in mounts {
        let there = Path::new(env!("CARGO_MANIFEST_DIR")).join(path).exists();
        assert!(there, "docker-compose.yml mounts {path}, which is not there");
    }
}

#[test]
fn the_proxy_and_prometheus_know_every_node_by_its_name_and_its_ports() {
    let (compose, proxy) = (file("docker-compose.yml"), file("deploy/haproxy/haproxy.cfg"));
    let services = services(&compose);
    for name in ["postgres", "redis", "haproxy", "prometheus", "grafana"] {
        assert!(services.contains(&name), "{name} is not one of {services:?}");
    }
    let nodes: Vec<_> = services.iter().filter(|name| name.starts_with("wallet-")).collect();
    assert_eq!(nodes.len(), 2, "{services:?}");
    let prometheus = file("deploy/prometheus/prometheus.yml");
    for node in nodes {
        assert!(prometheus.contains(&format!("{node}:9090")), "nobody watches {node}");
        let server = format!("server {node} {node}:8080 port 9090");
        // Those that are ready, and those that live.
        assert_eq!(proxy.matches(&server).count(), 2, "{server}");
    }
    for (name, port) in [("LISTEN=0.0.0.0", "8080"), ("OPS__LISTEN=0.0.0.0", "9090")] {
        let dockerfile = file("deploy/Dockerfile");
        assert!(dockerfile.contains(&format!("{name}:{port}")), "{name}:{port}");
    }
}

#[test]
fn a_node_in_a_container_cannot_write_and_is_given_time_to_end() {
    let compose = file("docker-compose.yml");
    assert!(compose.contains("read_only: true") && compose.contains("cap_drop: [ALL]"));
    let defaults: toml::Table = file("src/defaults.toml").parse().expect("TOML");
    let number = |name: &str| defaults["http"][name].as_integer().expect("a number");
    let grace: i64 = compose
        .split_once("stop_grace_period: ")
        .and_then(|(_, rest)| rest.split_once('s')?.0.parse().ok())
        .expect("seconds");
    assert!(grace * 1000 > number("drain_ms") + number("shutdown_ms"), "{grace} s are too few");
    let dockerfile = file("deploy/Dockerfile");
    assert!(dockerfile.contains("\nUSER 65532:65532\n") && dockerfile.contains("HEALTHCHECK"));
}
