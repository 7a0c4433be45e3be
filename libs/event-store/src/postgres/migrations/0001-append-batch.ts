/** `append_batch` as the first release had it. Frozen: 0002 replaces it, and sql/append-batch.ts explains it. */
export const firstAppendBatch = `
CREATE FUNCTION plumbline.append_batch(batch jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
SET search_path = plumbline, pg_catalog
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  start_position bigint;
  head_position  bigint;
  head_hash      bytea;
  command        jsonb;
  entry          jsonb;
  lost           text;
  prefix         text;
  freed          text[];
  before         bigint;
  hex            text[];
  hashes         bytea[]  := '{}';
  answers        jsonb[]  := '{}';
  won            integer[] := '{}';
  befores        bigint[] := '{}';
  lasts          bigint[] := '{}';
  fed            record;
BEGIN
  SELECT position, hash INTO STRICT start_position, head_hash FROM log_head FOR UPDATE;
  head_position := start_position;

  <<commands>>
  FOR i IN 0 .. jsonb_array_length(batch) - 1 LOOP
    command := batch -> i;
    IF jsonb_array_length(command -> 'events') = 0 THEN
      answers := answers || jsonb_build_object('b', head_position, 'h', '[]'::jsonb);
      CONTINUE;
    END IF;

    -- A repeat: if its first event is here, the whole command is, and is answered as it was then.
    IF command ? 'again' THEN
      SELECT e.position - 1 INTO before FROM events e WHERE e.id = (command #>> '{events,0,id}')::uuid;
      IF FOUND THEN
        answers := answers || (
          SELECT jsonb_build_object('b', before, 'h', jsonb_agg(encode(e.hash, 'hex') ORDER BY e.position), 'p', (
              SELECT coalesce(jsonb_agg(f.prev ORDER BY h.n), '[]')
              FROM jsonb_array_elements_text(command -> 'hosts') WITH ORDINALITY h (host, n)
              LEFT JOIN feed f ON f.host = h.host AND f.position = before + jsonb_array_length(command -> 'events')))
          FROM events e WHERE e.position > before AND e.position <= before + jsonb_array_length(command -> 'events'));
        CONTINUE;
      END IF;
    END IF;

    PERFORM 1 FROM (
      SELECT (x.e ->> 'sv')::bigint AS said,
             (command -> 'expect' ->> (x.e ->> 'stream'))::bigint + row_number() OVER (PARTITION BY x.e ->> 'stream' ORDER BY x.n) AS due
      FROM jsonb_array_elements(command -> 'events') WITH ORDINALITY x (e, n)) numbered
    WHERE said IS DISTINCT FROM due;
    IF FOUND THEN
      RAISE EXCEPTION 'command % of the batch writes a stream whose version it does not expect', i USING ERRCODE = '22023';
    END IF;

    SELECT x.key INTO lost FROM jsonb_each_text(command -> 'expect') x LEFT JOIN streams s ON s.stream = x.key
    WHERE x.value::bigint <> coalesce(s.version, 0) ORDER BY x.key COLLATE "C" LIMIT 1;
    IF FOUND THEN
      answers := answers || jsonb_build_object('v', lost);
      CONTINUE;
    END IF;

    freed := ARRAY(SELECT jsonb_array_elements_text(command -> 'release'));
    -- The first key at or after a prefix has that prefix, if any key has: no pattern, so no wildcard, is ever made from data.
    FOR prefix IN SELECT jsonb_array_elements_text(command -> 'none') LOOP
      SELECT c.key INTO lost FROM claims c WHERE c.key >= prefix COLLATE "C" AND c.key <> ALL (freed) ORDER BY c.key LIMIT 1;
      IF FOUND AND starts_with(lost, prefix) THEN
        answers := answers || jsonb_build_object('n', prefix);
        CONTINUE commands;
      END IF;
    END LOOP;

    SELECT t.key INTO lost FROM jsonb_array_elements_text(command -> 'take') WITH ORDINALITY t (key, n)
    JOIN claims c ON c.key = t.key WHERE t.key <> ALL (freed) ORDER BY t.n LIMIT 1;
    IF FOUND THEN
      answers := answers || jsonb_build_object('c', lost);
      CONTINUE;
    END IF;

    -- Nothing can fail from here on.
    IF cardinality(freed) > 0 THEN
      DELETE FROM claims WHERE key = ANY (freed);
    END IF;
    INSERT INTO claims SELECT jsonb_array_elements_text(command -> 'take');
    INSERT INTO streams AS s (stream, version)
    SELECT e ->> 'stream', max((e ->> 'sv')::bigint) FROM jsonb_array_elements(command -> 'events') e GROUP BY 1
    ON CONFLICT (stream) DO UPDATE SET version = excluded.version;

    before := head_position;
    hex := '{}';
    FOR entry IN SELECT jsonb_array_elements(command -> 'events') LOOP
      head_position := head_position + 1;
      head_hash := sha256(head_hash || int8send(head_position) || convert_to(entry ->> 'envelope', 'UTF8'));
      hashes := array_append(hashes, head_hash);
      hex := array_append(hex, encode(head_hash, 'hex'));
    END LOOP;
    won := array_append(won, i);
    befores := array_append(befores, before);
    lasts := array_append(lasts, head_position);
    answers := answers || jsonb_build_object('b', before, 'h', to_jsonb(hex));
  END LOOP;

  IF head_position = start_position THEN
    RETURN to_jsonb(answers);
  END IF;

  INSERT INTO events (position, id, stream, stream_version, type, version, envelope, hash)
  SELECT w.before + x.n, (x.e ->> 'id')::uuid, x.e ->> 'stream', (x.e ->> 'sv')::bigint, x.e ->> 'type', (x.e ->> 'v')::integer,
         x.e ->> 'envelope', hashes[w.before + x.n - start_position]
  FROM unnest(won, befores) w (i, before), jsonb_array_elements(batch -> w.i -> 'events') WITH ORDINALITY x (e, n);

  DELETE FROM objects o USING (
    SELECT r ->> 'kind' AS kind, r ->> 'id' AS id
    FROM unnest(won) w (i), jsonb_array_elements(batch -> w.i -> 'rows') r WHERE r ? 'deleted') gone
  WHERE o.id = gone.id AND o.kind = gone.kind;

  INSERT INTO objects AS o (id, kind, project_id, name, version, position, doc, set_at)
  SELECT r ->> 'id', r ->> 'kind', r ->> 'projectId', r ->> 'name', (r ->> 'version')::bigint,
         facets.latest, r -> 'doc', facets.absolute
  FROM unnest(won, befores) w (i, before), jsonb_array_elements(batch -> w.i -> 'rows') r,
  LATERAL (
    SELECT coalesce(max(at), 0) AS latest, coalesce(jsonb_object_agg(facet, at), '{}') AS absolute
    FROM (SELECT s.key AS facet, CASE WHEN s.value::bigint < 0 THEN w.before - s.value::bigint ELSE s.value::bigint END AS at
          FROM jsonb_each_text(r -> 'setAt') s) resolved) facets
  WHERE NOT r ? 'deleted'
  ON CONFLICT (id, kind) DO UPDATE SET project_id = excluded.project_id, name = excluded.name, version = excluded.version,
    position = excluded.position, doc = excluded.doc, set_at = excluded.set_at;

  FOR fed IN
    WITH told AS (
      SELECT w.i, w.last, h.host, h.n
      FROM unnest(won, lasts) w (i, last), jsonb_array_elements_text(batch -> w.i -> 'hosts') WITH ORDINALITY h (host, n)
    ), linked AS (
      SELECT t.i, t.n, t.host, t.last, coalesce(lag(t.last) OVER (PARTITION BY t.host ORDER BY t.last), f.position) AS prev
      FROM told t LEFT JOIN feed_head f ON f.host = t.host
    ), written AS (
      INSERT INTO feed (host, position, prev) SELECT host, last, prev FROM linked
    ), moved AS (
      INSERT INTO feed_head (host, position) SELECT host, max(last) FROM linked GROUP BY host
      ON CONFLICT (host) DO UPDATE SET position = excluded.position
    )
    SELECT l.i, jsonb_agg(l.prev ORDER BY l.n) AS prevs FROM linked l GROUP BY l.i
  LOOP
    answers[fed.i + 1] := answers[fed.i + 1] || jsonb_build_object('p', fed.prevs);
  END LOOP;

  UPDATE log_head SET position = head_position, hash = head_hash;
  RETURN to_jsonb(answers);
END
$$;
REVOKE ALL ON FUNCTION plumbline.append_batch(jsonb) FROM PUBLIC;
`;
