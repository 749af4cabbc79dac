//! Backups of a store in PostgreSQL, over its life: thirty of them, each restored and compared with
//! what the database had at that moment.

use icecore::backup::{BackupOptions, BackupReport, History, backup};
use icecore::source::Reading;
use icecore::{Monitor, Repository};
use icecore_sources::events::postgres::connect::{ConnectionSettings, Environment};
use icecore_sources::events::postgres::{PostgresSource, SchemaChoice};
use icecore_test_cluster::Cluster;
use icecore_tests::{Host, assert_clean};
use std::path::Path;

const DATABASE: &str = "shop";

struct Shop {
    cluster: Cluster,
    host: Host,
    repository: Repository,
}

impl Shop {
    async fn new(schema: &str) -> Self {
        let cluster = Cluster::start();
        cluster.create_database(DATABASE);
        let schemas = Path::new("../crates/icecore-sources/tests/postgres-schemas");
        let ddl = std::fs::read_to_string(schemas.join(schema).join("schema.sql")).unwrap();
        cluster.psql(DATABASE, &ddl);
        let host = Host::new();
        let (_, repository) = host.init_small().await;
        Self { cluster, host, repository }
    }

    fn sql(&self, sql: &str) -> String {
        self.cluster.psql(DATABASE, sql)
    }

    /// Appends events of these numbers, one transaction for all.
    fn append(&self, numbers: std::ops::Range<u32>, end: &str) {
        let (first, last) = (numbers.start, numbers.end - 1);
        self.sql(&format!(
            "BEGIN; INSERT INTO eventcore_events (event_id, stream_id, event_type, event_data) \
             SELECT ('019a0000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, \
                    'order-' || n % 7, 'Happened', jsonb_build_object('number', n, 'text', md5(n::text)) \
             FROM generate_series({first}, {last}) n; {end}"
        ));
    }

    async fn back_up(&self, full: bool) -> BackupReport {
        let settings =
            ConnectionSettings::parse(&self.cluster.url(DATABASE), &Environment::default());
        let source = PostgresSource::new(settings.unwrap(), SchemaChoice::default());
        let name = Some("shop".to_owned());
        let options = BackupOptions { name, full, ..self.host.backup_options() };
        backup(&self.repository, &source, &options, &Monitor::default()).await.unwrap()
    }

    /// What the database has: stream, version and payload of each event, sorted.
    fn events(&self) -> Vec<String> {
        let events = self.sql(
            "SELECT stream_id || ' ' || stream_version || ' ' || event_data FROM eventcore_events",
        );
        let mut events: Vec<String> = events.lines().map(str::to_owned).collect();
        events.sort();
        events
    }

    /// What a snapshot restores to, likewise.
    async fn restored(&self, report: &BackupReport) -> Vec<String> {
        let lines =
            self.host.restore(&self.repository, &report.snapshot.id.to_string()).await.unwrap();
        let lines = String::from_utf8(lines).unwrap();
        let mut events: Vec<String> = lines
            .lines()
            .map(|line| {
                let event: serde_json::Value = serde_json::from_str(line).unwrap();
                let (stream, version) = (&event["stream_id"], &event["version"]);
                // As the server prints it: the line has the payload's own bytes.
                let data = line.split_once("\"data\":").unwrap().1;
                let end = data.find('}').unwrap() + 1;
                format!("{} {version} {}", stream.as_str().unwrap(), &data[..end])
            })
            .collect();
        events.sort();
        events
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_backups_are_each_what_the_database_had() {
    for schema in ["eventcore", "eventcore-delivery"] {
        let shop = Shop::new(schema).await;
        let mut next = 0;
        let mut made = Vec::new();
        for round in 0..30u32 {
            let count = round * 5 % 17;
            if round % 4 == 1 {
                shop.append(next..next + 40, "ROLLBACK");
            }
            if round % 5 == 3 {
                // What was rolled back leaves room that later events take.
                shop.sql("VACUUM eventcore_events");
            }
            if count > 0 {
                shop.append(next..next + count, "COMMIT");
            }
            next += count;
            let report = shop.back_up(round == 20).await;
            let is_whole = matches!(report.reading, Reading::Whole(_));
            assert_eq!(
                is_whole,
                round == 0 || round == 20,
                "{schema} {round}: {:?}",
                report.reading
            );
            let history = if round == 0 { History::First } else { History::Continued };
            assert_eq!(report.history, history, "{schema} {round}");
            assert_eq!(report.events_new, u64::from(count), "{schema} {round}");
            assert_eq!(report.snapshot.epoch, 0);
            made.push((report, shop.events()));
        }
        assert!(next > 200);
        for (report, expected) in &made {
            assert_eq!(&shop.restored(report).await, expected, "{schema}");
        }
        assert_clean(&shop.host.check(&shop.repository).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redacted_event_begins_a_new_epoch_and_the_old_one_keeps_it() {
    for schema in ["eventcore", "eventcore-delivery"] {
        let shop = Shop::new(schema).await;
        shop.append(0..50, "COMMIT");
        let first = shop.back_up(false).await;
        let before = shop.events();
        shop.sql(
            "ALTER TABLE eventcore_events DISABLE TRIGGER USER; \
             UPDATE eventcore_events SET event_data = '{}' WHERE event_data->>'number' = '7'; \
             ALTER TABLE eventcore_events ENABLE TRIGGER USER",
        );
        let second = shop.back_up(false).await;
        assert_eq!(second.history, History::Rewritten { events_before: 50 }, "{schema}");
        assert_eq!(second.snapshot.epoch, 1);
        assert_eq!(shop.restored(&first).await, before);
        assert_eq!(shop.restored(&second).await, shop.events());
    }
}
