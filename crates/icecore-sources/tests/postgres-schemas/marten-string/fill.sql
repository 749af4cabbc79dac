-- A small and odd content for Marten with streams named by strings, two tenants and all metadata.
-- See ../marten-guid/fill.sql.

SET client_encoding = 'UTF8';

BEGIN;
SELECT mt_quick_append_events('invoice/1', 'invoice', 'tenant-a',
    ARRAY['d1000000-0000-7000-8000-000000000001', 'd1000000-0000-7000-8000-000000000002']::uuid[],
    ARRAY['invoice_opened', 'line_added']::varchar[],
    ARRAY['Invoices.InvoiceOpened, Invoices', 'Invoices.LineAdded, Invoices']::varchar[],
    ARRAY['{}', '{"Price": 1.50, "Text": "žluťoučký 🧊 \u2028"}']::jsonb[], ARRAY[NULL, NULL]::bytea[],
    ARRAY['cause-1', NULL]::varchar[], ARRAY['correlation-1', 'correlation-1']::varchar[],
    ARRAY['{"source": "tést", "n": 1}', NULL]::jsonb[], ARRAY['Žofie', NULL]::varchar[],
    ARRAY['2026-11-21 09:00:00+00', '2026-11-21 09:00:00+00']::timestamptz[]);
-- The same name in another tenant is another stream.
SELECT mt_quick_append_events('invoice/1', 'invoice', 'ténant-日本',
    ARRAY['d1000000-0000-7000-8000-000000000003']::uuid[], ARRAY['invoice_opened']::varchar[],
    ARRAY['Invoices.InvoiceOpened, Invoices']::varchar[], ARRAY['{"Text": ""}']::jsonb[], ARRAY[NULL]::bytea[],
    ARRAY[NULL]::varchar[], ARRAY[NULL]::varchar[], ARRAY['{}']::jsonb[], ARRAY['']::varchar[],
    ARRAY['2026-11-21 09:00:01+00']::timestamptz[], 0);
COMMIT;

-- A transaction that is rolled back leaves a gap: seq_id 4 and 5 are gone.
BEGIN;
SELECT mt_quick_append_events('invoice/2', 'invoice', 'tenant-a',
    ARRAY['d1000000-0000-7000-8000-000000000004', 'd1000000-0000-7000-8000-000000000005']::uuid[],
    ARRAY['lost', 'lost']::varchar[], ARRAY[NULL, NULL]::varchar[], ARRAY['{}', '{}']::jsonb[],
    ARRAY[NULL, NULL]::bytea[], ARRAY[NULL, NULL]::varchar[], ARRAY[NULL, NULL]::varchar[],
    ARRAY[NULL, NULL]::jsonb[], ARRAY[NULL, NULL]::varchar[], ARRAY[now(), now()]);
ROLLBACK;

SELECT mt_quick_append_events('Účet: Žofie''s "quoted"', NULL, '*DEFAULT*',
    ARRAY['d1000000-0000-7000-8000-000000000006']::uuid[], ARRAY['účet_otevřen']::varchar[],
    ARRAY[NULL]::varchar[], ARRAY['[]']::jsonb[], ARRAY[NULL]::bytea[], ARRAY[NULL]::varchar[],
    ARRAY[NULL]::varchar[], ARRAY[NULL]::jsonb[], ARRAY[NULL]::varchar[],
    ARRAY['2026-11-21 09:00:02+00']::timestamptz[]);

-- Archived in one tenant only.
SELECT mt_archive_stream('invoice/1', 'ténant-日本');

-- A tombstone, as ../marten-guid/fill.sql has one; with strings its stream has a name.
INSERT INTO mt_streams (id, tenant_id, version, is_archived)
VALUES ('mt_tombstone', 'tenant-a', 0, false) ON CONFLICT (id, tenant_id) DO NOTHING;
INSERT INTO mt_events (seq_id, id, stream_id, version, data, type, timestamp, tenant_id, mt_dotnet_type, is_archived)
SELECT n, 'd1000000-0000-7000-8000-000000000007', 'mt_tombstone', n, '{}', 'tombstone',
    '2026-11-21 13:00:00+00', 'tenant-a', 'JasperFx.Events.Tombstone, JasperFx.Events', false
FROM nextval('mt_events_sequence') AS n;

-- Progress, of the whole store and of one tenant.
SELECT mt_mark_event_progression('HighWaterMark', 7);
SELECT mt_mark_event_progression('Invoices:All', 7);
SELECT mt_mark_event_progression('Invoices:All:tenant-a', 2);
