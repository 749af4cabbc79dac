//! What is refused, and how that is said.

use super::client::{Answer, Server, TOKEN};
use crate::support::Sandbox;
use serde_json::json;

#[test]
fn nothing_but_health_is_told_without_the_token() {
    let sandbox = Sandbox::with_snapshot();
    let server = Server::start(&sandbox);
    let host = ("Host", server.host.as_str());
    server.send_with("GET", "/health", &[host], "").expect(200);
    for path in ["/v1/snapshots", "/v1/jobs", "/v1/openapi.json", "/", "/nothing", "/health/"] {
        for token in [None, Some("Bearer wrong"), Some("Bearer"), Some(TOKEN)] {
            let mut headers = vec![host];
            headers.extend(token.map(|token| ("Authorization", token)));
            let refused = server.send_with("GET", path, &headers, "").expect(401);
            assert_eq!(refused.code(), "unauthorized");
            assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
        }
    }
    let twice = format!("Bearer {TOKEN}");
    let twice = [host, ("Authorization", twice.as_str()), ("Authorization", twice.as_str())];
    server.send_with("GET", "/v1/jobs", &twice, "").expect(401);
}

#[test]
fn another_name_of_this_machine_is_not_taken() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let token = format!("Bearer {TOKEN}");
    let ask = |host: &str| {
        let headers = [("Authorization", token.as_str()), ("Host", host)];
        server.send_with("GET", "/v1/jobs", &headers, "")
    };
    let port = server.host.rsplit(':').next().unwrap();
    ask(&format!("localhost:{port}")).expect(200);
    ask("127.0.0.1").expect(200);
    for host in ["example.org", "example.org:8417", "", "127.0.0.1.example.org"] {
        assert_eq!(ask(host).expect(421).code(), "wrong_host", "{host}");
    }
    let none = [("Authorization", token.as_str())];
    server.send_with("GET", "/v1/jobs", &none, "").expect(421);
    let path = "http://example.org/v1/jobs";
    let headers = [("Authorization", token.as_str()), ("Host", server.host.as_str())];
    server.send_with("GET", path, &headers, "").expect(421);
}

#[test]
fn what_is_wrong_has_its_status_and_its_code() {
    let sandbox = Sandbox::with_snapshot();
    let server = Server::start(&sandbox);
    let json = [("Content-Type", "application/json")];
    let post = |body: &str| server.send("POST", "/v1/jobs/check", &json, body);
    let (long, deep) = ("x".repeat(1 << 20), "[".repeat(1000));
    let cases: Vec<(Answer, u16, &str)> = vec![
        (server.get("/"), 404, "not_found"),
        (server.get("/v1/snapshots/"), 404, "not_found"),
        (server.get("/v1/jobs/1"), 404, "no_job"),
        (server.get("/v1/jobs/1/events"), 404, "no_job"),
        (server.send("POST", "/v1/jobs/1/cancel", &[], ""), 404, "no_job"),
        (server.get("/v1/snapshots/ffff"), 404, "no_snapshot"),
        (server.get("/v1/snapshots/latest?source=other"), 404, "no_snapshot"),
        (server.get("/v1/snapshots/latest/streams/order-9/events"), 404, "no_stream"),
        (server.get("/v1/timeline?source=other"), 404, "no_source"),
        (server.get("/v1/snapshots/%ff"), 400, "bad_request"),
        (server.send("DELETE", "/v1/jobs", &[], ""), 405, "method_not_allowed"),
        (server.send("POST", "/v1/snapshots", &[], ""), 405, "method_not_allowed"),
        (server.get("/v1/jobs/check"), 405, "method_not_allowed"),
        (server.send("POST", "/v1/jobs/check", &[], "{}"), 415, "unsupported_media_type"),
        (
            server.send("POST", "/v1/jobs/check", &[("Content-Type", "text/plain")], "{}"),
            415,
            "unsupported_media_type",
        ),
        (post("{"), 400, "bad_request"),
        (post(""), 400, "bad_request"),
        (post(&deep), 400, "bad_request"),
        (post("[]"), 422, "invalid_request"),
        (post(r#"{"read_dat":true}"#), 422, "invalid_request"),
        (post(r#"{"snapshot":"latest"}"#), 422, "invalid_request"),
        (post(&format!(r#"{{"snapshot":["{long}"]}}"#)), 413, "too_large"),
        (server.get("/v1/snapshots?sauce=x"), 422, "invalid_request"),
        (server.get("/v1/snapshots?stream=["), 422, "invalid_request"),
        (server.get("/v1/snapshots/latest/streams?limit=0"), 422, "invalid_request"),
        (server.get("/v1/snapshots/latest/streams?limit=1001"), 422, "invalid_request"),
        (server.get("/v1/snapshots/latest/streams?limit=x"), 422, "invalid_request"),
        (server.get("/v1/log?before=1"), 422, "invalid_request"),
        (server.get("/v1/timeline"), 422, "invalid_request"),
    ];
    for (answer, status, code) in cases {
        let answer = answer.expect(status);
        assert_eq!(answer.code(), code, "{answer:#?}");
        assert_eq!(answer.header("allow").is_some(), status == 405, "{answer:#?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    assert_eq!(server.get_json("/v1/jobs"), json!({"jobs": []}));
}

#[test]
fn a_request_names_neither_standard_streams_nor_programs_nor_passwords() {
    let sandbox = Sandbox::with_snapshot();
    let server = Server::start(&sandbox);
    let refused = |operation: &str, body| {
        let answer = server.post(&format!("/v1/jobs/{operation}"), &body).expect(422);
        answer.json()["detail"].as_str().unwrap().to_owned()
    };
    let detail = refused("drill", json!({"source": "shop", "check_command": ["id"]}));
    assert!(detail.starts_with("there is no 'check_command' here, but source, "), "{detail}");
    refused("drill", json!({"source": "shop", "check_sql": ["x"]}));
    refused("restore", json!({"snapshot": "latest", "target": "-"}));
    refused("backup", json!({"source": "-"}));
    let detail = refused("backup", json!({"source": "postgres://me:secret@host/shop"}));
    assert!(detail.contains("password") && !detail.contains("secret"), "{detail}");
    let unknown = json!({"snapshot": "latest", "target": "mysql://me:secret@host/shop"});
    assert!(!refused("restore", unknown).contains("secret"));
}

#[test]
fn nobody_is_told_that_another_origin_may_read_along() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let origin = [("Origin", "https://example.org")];
    let answer = server.send("GET", "/v1/jobs", &origin, "").expect(200);
    assert!(answer.headers.iter().all(|(name, _)| !name.starts_with("access-control-")));
    let preflight = [("Origin", "https://example.org"), ("Access-Control-Request-Method", "POST")];
    let answer = server.send("OPTIONS", "/v1/jobs/check", &preflight, "").expect(405);
    assert!(answer.headers.iter().all(|(name, _)| !name.starts_with("access-control-")));
}
