//! Primaries and standbys.

use super::support::{ask, environment, open};
use crate::events::postgres::connect::ConnectError;
use icecore_test_cluster::{Cluster, Mode};

/// Which server one comes to, of a primary and its standby: `p` or `s`, and `-` for none.
async fn reached(clusters: &[&Cluster], standby: &Cluster, wanted: &str) -> &'static str {
    let hosts = clusters.iter().map(|cluster| format!("127.0.0.1:{}", cluster.port()));
    let hosts = hosts.collect::<Vec<_>>().join(",");
    let text = format!("postgres://postgres@{hosts}/postgres?target_session_attrs={wanted}");
    match open(&text, &environment(&[])).await {
        Ok(client) if ask(&client, "SHOW port").await == standby.port().to_string() => "s",
        Ok(_) => "p",
        Err(ConnectError::OtherSession { .. } | ConnectError::AllFailed { .. }) => "-",
        Err(error) => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn the_session_that_is_wanted_is_found() {
    let mut primary = Cluster::start();
    let standby = primary.standby();
    for (wanted, both, primary_alone, standby_alone) in [
        ("any", "p", "p", "s"),
        ("primary", "p", "p", "-"),
        ("standby", "s", "-", "s"),
        ("prefer-standby", "s", "p", "s"),
        ("read-write", "p", "p", "-"),
        ("read-only", "s", "-", "s"),
    ] {
        assert_eq!(reached(&[&primary, &standby], &standby, wanted).await, both, "{wanted}");
        assert_eq!(reached(&[&primary], &standby, wanted).await, primary_alone, "{wanted}");
        assert_eq!(reached(&[&standby], &standby, wanted).await, standby_alone, "{wanted}");
    }
    primary.psql("postgres", "ALTER SYSTEM SET default_transaction_read_only = on");
    primary.stop(Mode::Fast);
    assert_eq!(reached(&[&primary, &standby], &standby, "prefer-standby").await, "s");
    primary.start_again();
    for (wanted, expected) in [("read-write", "-"), ("read-only", "p"), ("primary", "p")] {
        assert_eq!(reached(&[&primary], &standby, wanted).await, expected, "{wanted}");
    }
}
