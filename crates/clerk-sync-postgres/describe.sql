-- Describes everything in the schema $1, a line for each column, index and rule.
WITH ours AS (
  SELECT c.oid, c.relname, c.relkind FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v'))
SELECT concat(CASE relkind WHEN 'v' THEN 'view ' ELSE 'table ' END, relname, '.', attname, ' ',
    pg_catalog.format_type(atttypid, atttypmod),
    CASE WHEN collname <> 'default' THEN ' collate ' || collname END,
    CASE WHEN attnotnull THEN ' not null' END) COLLATE "C" AS line
  FROM ours JOIN pg_catalog.pg_attribute ON attrelid = ours.oid AND attnum > 0 AND NOT attisdropped
  LEFT JOIN pg_catalog.pg_collation k ON k.oid = attcollation
UNION ALL
SELECT concat(replace(pg_catalog.pg_get_indexdef(indexrelid), pg_catalog.quote_ident($1) || '.', ''),
    CASE WHEN NOT (indisvalid AND indisready) THEN ' (not valid)' END)
  FROM ours JOIN pg_catalog.pg_index ON indrelid = ours.oid
UNION ALL
SELECT concat('check ', conname, ' of ', relname)
  FROM ours JOIN pg_catalog.pg_constraint ON conrelid = ours.oid AND contype = 'c' AND convalidated
ORDER BY line
