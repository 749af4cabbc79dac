//! What makes the tables is printed by `pg_dump` when it has changed, and is otherwise what it was.

use super::reading::Given;
use super::support::Shop;
use crate::events::postgres::kept::PRE_DATA_FILE;
use crate::events::postgres::remembered::Remembered;
use icecore_format::record::Record;

/// Nobody prints this.
const MARK: &str = "-- as it was kept\n";

/// Whether the next backup takes the statements that were kept.
async fn is_known(shop: &Shop, last: &Given) -> bool {
    let mut since = last.since();
    let mut remembered = Remembered::read(&since.kept);
    remembered.dump.as_mut().expect("it was dumped").pre_data = MARK.to_owned();
    since.kept = remembered.encode();
    let next = shop.read(Some(since)).await;
    let file = next.end.files.iter().find(|file| file.name == PRE_DATA_FILE);
    file.expect("there are statements").content == MARK.as_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_the_tables_is_printed_again_when_it_changed_and_not_otherwise() {
    let shop = Shop::new("eventcore");
    shop.append(1, "order-1");
    shop.sql("CREATE TYPE color AS ENUM ('red'); CREATE SEQUENCE numbers");
    let mut last = shop.read(None).await;

    for unchanged in [
        "SELECT 1",
        "VACUUM eventcore_events",
        "ANALYZE",
        "CREATE TEMPORARY TABLE passing (id bigserial PRIMARY KEY, name text DEFAULT 'x')",
        "SELECT nextval('numbers')",
    ] {
        shop.sql(unchanged);
        assert!(is_known(&shop, &last).await, "{unchanged}");
    }

    for changed in [
        "ALTER TABLE eventcore_events ADD COLUMN tenant text DEFAULT 'eu'",
        "ALTER TABLE eventcore_events ALTER COLUMN tenant SET DEFAULT 'us'",
        "ALTER TABLE eventcore_events ALTER COLUMN tenant SET NOT NULL",
        "ALTER TABLE eventcore_events ADD CONSTRAINT named CHECK (tenant <> '')",
        "CREATE INDEX by_tenant ON eventcore_events (tenant)",
        "DROP INDEX by_tenant",
        "COMMENT ON COLUMN eventcore_events.tenant IS 'whose it is'",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 2'",
        "ALTER TABLE eventcore_events DISABLE TRIGGER USER",
        "ALTER TABLE eventcore_events ENABLE TRIGGER USER",
        "ALTER TYPE color ADD VALUE 'blue'",
        "ALTER SEQUENCE numbers OWNED BY eventcore_events.tenant",
        "ALTER SEQUENCE numbers INCREMENT BY 32",
        "CREATE POLICY all_of_it ON eventcore_events USING (true)",
        "CREATE STATISTICS together ON stream_id, event_type FROM eventcore_events",
        "CREATE TABLE part () INHERITS (eventcore_events)",
    ] {
        shop.sql(changed);
        assert!(!is_known(&shop, &last).await, "{changed}");
        last = shop.read(None).await;
        assert!(is_known(&shop, &last).await, "after {changed}");
    }
}
