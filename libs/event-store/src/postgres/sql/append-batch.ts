/**
 * The append itself: one function, so one round trip and one implicit transaction; a client that stops at any instant holds nothing.
 *
 * Everything is checked before anything is changed: a command in conflict leaves nothing behind, and needs no savepoint. Nobody else can change a stream, a
 * claim or a tally meanwhile, because every append locks the head row first; a check followed by a plain insert is therefore the same as ON
 * CONFLICT DO NOTHING, and says which claim the conflict is about.
 *
 * Starting a statement costs more than its work for one command, so each statement handles the whole batch. That equals one command after the other as long as no
 * command changes a precondition of another in the batch. The appender makes sure of this (batch.ts); a batch that breaks it is refused, and the appender then
 * sends its commands one by one. Only limits are added up in order, in `tallied`.
 *
 * SECURITY INVOKER: it can do only what its caller may. Plans are pinned to index look-ups, because tables are empty when a
 * session makes its plans and large when it still runs them.
 *
 * Before anything else it is asked whether the writer is of this log: its catalogue (`of_generation`) must be the one that made the derived tables, and at each
 * position up to which it has read (`known`: pairs of position and hash) this log must have that hash. That the log has gone on since is no difference.
 *
 * `within_ms` ends the wait for the head row, and the whole: a batch that is not ready by then is refused, because its client no longer waits. So "not stored" stays true.
 *
 * Answers are short on purpose ({b: before, h: hashes, p: feed prevs} or {v|c|n|w|l|k: the conflict}): rows are sent before the commit,
 * and with an answer larger than the socket's buffer a stopped client would hold the head row.
 */
import { isOfServer } from './server-event-tables.js';

/** SQLSTATEs of this function; class PB is ours. */
export const OTHER_LOG = 'PB001';
export const OTHER_GENERATION = 'PB002';
/** How long an idempotency key counts. */
export const KEPT = '24 hours';

export const appendBatch = `
CREATE OR REPLACE FUNCTION plumbline.append_batch(of_generation integer, within_ms integer, known jsonb, batch jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
SET search_path = plumbline, pg_catalog
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_memoize = off
SET jit = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  size           integer := jsonb_array_length(batch);
  id_of_log      uuid;
  found_here     integer;
  start_position bigint;
  head_position  bigint;
  head_hash      bytea;
  command        jsonb;
  one            record;
  lost           text;
  before         bigint;
  hex            text[];
  hashes         bytea[]  := '{}';
  answers        jsonb[]  := array_fill(NULL::jsonb, ARRAY[size]);
  live           integer[] := '{}';
  won            integer[] := '{}';
  befores        bigint[] := '{}';
  lasts          bigint[] := '{}';
  tallied        jsonb    := '{}';
  prefixes       boolean  := false;
  withins        boolean  := false;
  releases       boolean  := false;
  deletes        boolean  := false;
  feeds          boolean  := false;
  keys           boolean  := false;
  servers        boolean  := false;
BEGIN
  PERFORM set_config('lock_timeout', within_ms::text, true);
  SELECT log_id, position, hash INTO STRICT id_of_log, start_position, head_hash FROM log_head FOR UPDATE;
  head_position := start_position;
  -- After the lock: who waited for it sees what the one before has committed.
  SELECT generation INTO STRICT found_here FROM derived;
  IF found_here <> of_generation THEN
    RAISE EXCEPTION 'the tables derived from the log are of generation %, the writer is of %', found_here, of_generation USING ERRCODE = '${OTHER_GENERATION}';
  END IF;
  FOR one IN SELECT (k ->> 0)::bigint AS position, k ->> 1 AS hash FROM jsonb_array_elements(known) k LOOP
    IF one.hash IS DISTINCT FROM (
      CASE WHEN one.position = start_position THEN encode(head_hash, 'hex')
           WHEN one.position = 0 THEN encode(sha256(convert_to('plumbline log ' || id_of_log::text, 'UTF8')), 'hex')
           ELSE (SELECT encode(e.hash, 'hex') FROM events e WHERE e.position = one.position) END)
    THEN
      RAISE EXCEPTION 'the log does not have the event that the writer has read at position %', one.position USING ERRCODE = '${OTHER_LOG}';
    END IF;
  END LOOP;

  FOR i IN 0 .. size - 1 LOOP
    command := batch -> i;
    CONTINUE WHEN jsonb_array_length(command -> 'events') = 0;
    -- A repeat: if its first event is here, the whole command is, and is answered as it was then.
    IF command ? 'again' THEN
      SELECT e.position - 1 INTO before FROM events e WHERE e.id = (command #>> '{events,0,id}')::uuid;
      IF FOUND THEN
        answers[i + 1] := (
          SELECT jsonb_build_object('b', before, 'h', jsonb_agg(encode(e.hash, 'hex') ORDER BY e.position), 'p', (
              SELECT coalesce(jsonb_agg(f.prev ORDER BY h.n), '[]')
              FROM jsonb_array_elements_text(command -> 'hosts') WITH ORDINALITY h (host, n)
              LEFT JOIN feed f ON f.host = h.host AND f.position = before + jsonb_array_length(command -> 'events')))
          FROM events e WHERE e.position > before AND e.position <= before + jsonb_array_length(command -> 'events'));
        CONTINUE;
      END IF;
    END IF;
    IF command ? 'once' THEN
      PERFORM 1 FROM idempotency_keys k WHERE k.key = command #>> '{once,key}' AND k.made_at > now() - interval '${KEPT}';
      IF FOUND THEN
        answers[i + 1] := jsonb_build_object('k', command #>> '{once,key}');
        CONTINUE;
      END IF;
      keys := true;
    END IF;
    live := array_append(live, i);
    prefixes := prefixes OR jsonb_array_length(command -> 'none') > 0;
    withins := withins OR command ? 'within';
    releases := releases OR jsonb_array_length(command -> 'release') > 0;
    feeds := feeds OR jsonb_array_length(command -> 'hosts') > 0;
    servers := servers OR command ? 'servers';
  END LOOP;

  -- Malformed batches, which no order of commits explains.
  PERFORM 1 FROM (
    SELECT (x.e ->> 'sv')::bigint AS said, (batch -> w.i -> 'expect' ->> (x.e ->> 'stream'))::bigint
        + row_number() OVER (PARTITION BY w.i, x.e ->> 'stream' ORDER BY x.n) AS due
    FROM unnest(live) w (i), jsonb_array_elements(batch -> w.i -> 'events') WITH ORDINALITY x (e, n)) numbered
  WHERE said IS DISTINCT FROM due;
  IF FOUND THEN
    RAISE EXCEPTION 'a command of the batch writes a stream whose version it does not expect' USING ERRCODE = '22023';
  END IF;
  IF cardinality(live) > 1 THEN
    PERFORM 1 FROM (
      SELECT e ->> 'stream' AS stream, w.i, true AS written
      FROM unnest(live) w (i), jsonb_array_elements(batch -> w.i -> 'events') e
      UNION ALL
      SELECT k, w.i, false FROM unnest(live) w (i), jsonb_object_keys(batch -> w.i -> 'expect') k) touched
    GROUP BY stream HAVING bool_or(written) AND min(i) <> max(i);
    IF FOUND THEN
      RAISE EXCEPTION 'a command of the batch expects a stream that another one writes' USING ERRCODE = '22023';
    END IF;
    IF prefixes THEN
      PERFORM 1 FROM unnest(live) w (i), jsonb_array_elements_text(batch -> w.i -> 'none') p (prefix),
        unnest(live) v (i), jsonb_array_elements_text(batch -> v.i -> 'take') t (key)
      WHERE v.i <> w.i AND starts_with(t.key, p.prefix);
      IF FOUND THEN
        RAISE EXCEPTION 'a command of the batch takes a claim under a prefix that another one wants free' USING ERRCODE = '22023';
      END IF;
    END IF;
    IF withins THEN
      PERFORM 1 FROM unnest(live) w (i), jsonb_each(batch -> w.i -> 'within') p (prefix, parts),
        unnest(live) v (i), jsonb_array_elements_text(batch -> v.i -> 'take') t (key)
      WHERE v.i <> w.i AND starts_with(t.key, p.prefix)
        AND NOT p.parts ? split_part(substr(t.key, length(p.prefix) + 1), '/', 1);
      IF FOUND THEN
        RAISE EXCEPTION 'a command of the batch takes a claim that leads elsewhere than another one wants' USING ERRCODE = '22023';
      END IF;
    END IF;
  END IF;

  FOR one IN
    SELECT w.i, min(x.key COLLATE "C") AS key
    FROM unnest(live) w (i), jsonb_each_text(batch -> w.i -> 'expect') x LEFT JOIN streams s ON s.stream = x.key
    WHERE x.value::bigint <> coalesce(s.version, 0) GROUP BY w.i
  LOOP
    answers[one.i + 1] := jsonb_build_object('v', one.key);
  END LOOP;
  IF prefixes THEN
    -- The first key at or after a prefix has that prefix, if any key has: no pattern, so no wildcard, is ever made from data.
    FOR one IN
      SELECT w.i, p.prefix
      FROM unnest(live) w (i), jsonb_array_elements_text(batch -> w.i -> 'none') WITH ORDINALITY p (prefix, n),
      LATERAL (
        SELECT c.key FROM claims c WHERE c.key >= p.prefix COLLATE "C" AND NOT (batch -> w.i -> 'release') ? c.key
        ORDER BY c.key LIMIT 1) first
      WHERE starts_with(first.key, p.prefix) ORDER BY w.i, p.n
    LOOP
      answers[one.i + 1] := coalesce(answers[one.i + 1], jsonb_build_object('n', one.prefix));
    END LOOP;
  END IF;
  IF withins THEN
    -- From the first claim of one part to the first of the next: '0' is the character after the slash. It costs the parts, not the claims.
    FOR one IN
      SELECT w.i, found.key
      FROM unnest(live) w (i), jsonb_each(batch -> w.i -> 'within') p (prefix, parts),
      LATERAL (
        WITH RECURSIVE step AS (
          SELECT (SELECT c.key FROM claims c WHERE c.key >= p.prefix COLLATE "C" ORDER BY c.key LIMIT 1) AS key
          UNION ALL
          SELECT (
            SELECT c.key FROM claims c
            WHERE c.key >= (p.prefix || split_part(substr(s.key, length(p.prefix) + 1), '/', 1) || '0') COLLATE "C"
            ORDER BY c.key LIMIT 1)
          FROM step s WHERE starts_with(s.key, p.prefix)
        )
        SELECT s.key FROM step s
        WHERE starts_with(s.key, p.prefix) AND NOT p.parts ? split_part(substr(s.key, length(p.prefix) + 1), '/', 1)
        LIMIT 1) found
      ORDER BY w.i, p.prefix COLLATE "C"
    LOOP
      answers[one.i + 1] := coalesce(answers[one.i + 1], jsonb_build_object('w', one.key));
    END LOOP;
  END IF;
  FOR one IN
    SELECT w.i, t.key
    FROM unnest(live) w (i), jsonb_array_elements_text(batch -> w.i -> 'take') WITH ORDINALITY t (key, n)
    JOIN claims c ON c.key = t.key
    WHERE NOT (batch -> w.i -> 'release') ? t.key ORDER BY w.i, t.n
  LOOP
    answers[one.i + 1] := coalesce(answers[one.i + 1], jsonb_build_object('c', one.key));
  END LOOP;

  FOR i IN 0 .. size - 1 LOOP
    CONTINUE WHEN answers[i + 1] IS NOT NULL;
    command := batch -> i;
    IF jsonb_array_length(command -> 'events') = 0 THEN
      answers[i + 1] := jsonb_build_object('b', head_position, 'h', '[]'::jsonb);
      CONTINUE;
    END IF;
    IF command ? 'limits' THEN
      SELECT x.key INTO lost FROM jsonb_each_text(command -> 'limits') x LEFT JOIN tallies t ON t.key = x.key
      WHERE coalesce(t.count, 0) + coalesce((tallied ->> x.key)::bigint, 0) + coalesce((command -> 'tally' ->> x.key)::bigint, 0)
        > x.value::bigint
      ORDER BY x.key COLLATE "C" LIMIT 1;
      IF FOUND THEN
        answers[i + 1] := jsonb_build_object('l', lost);
        CONTINUE;
      END IF;
    END IF;
    -- Nothing can fail from here on.
    IF command ? 'tally' THEN
      tallied := tallied || (
        SELECT jsonb_object_agg(x.key, coalesce((tallied ->> x.key)::bigint, 0) + x.value::bigint)
        FROM jsonb_each_text(command -> 'tally') x);
    END IF;
    deletes := deletes OR jsonb_path_exists(command, '$.rows[*].deleted');
    before := head_position;
    hex := '{}';
    FOR n IN 0 .. jsonb_array_length(command -> 'events') - 1 LOOP
      head_position := head_position + 1;
      head_hash := sha256(head_hash || int8send(head_position) || convert_to(command -> 'events' -> n ->> 'envelope', 'UTF8'));
      hashes := array_append(hashes, head_hash);
      hex := array_append(hex, encode(head_hash, 'hex'));
    END LOOP;
    won := array_append(won, i);
    befores := array_append(befores, before);
    lasts := array_append(lasts, head_position);
    answers[i + 1] := jsonb_build_object('b', before, 'h', to_jsonb(hex));
  END LOOP;

  IF head_position = start_position THEN
    RETURN to_jsonb(answers);
  END IF;

  IF servers THEN
    -- Of the ports as they were: one that is deleted has its server still. Rows are inserted and read, never changed: nobody is waited for under the head lock.
    INSERT INTO server_events (port_id, server_id, name)
    SELECT p.id, p.doc ->> 'deviceId', x.event ->> 'name'
    FROM unnest(won) w (i), jsonb_array_elements(batch -> w.i -> 'servers') WITH ORDINALITY x (event, n)
    JOIN objects p ON p.kind = 'port' AND p.id = x.event ->> 'portId'
    WHERE ${isOfServer('p')} AND (x.event ->> 'name' <> 'network-vif-unplugged' OR EXISTS (
      SELECT FROM server_ports s WHERE s.port_id = p.id AND s.said = 'plugged'
        AND s.server_id = p.doc ->> 'deviceId' AND s.binding = (p.set_at ->> 'binding')::bigint))
    ORDER BY w.i, x.n;
  END IF;

  IF releases THEN
    DELETE FROM claims WHERE key = ANY (ARRAY(
      SELECT jsonb_array_elements_text(batch -> w.i -> 'release') FROM unnest(won) w (i)));
  END IF;
  INSERT INTO claims SELECT jsonb_array_elements_text(batch -> w.i -> 'take') FROM unnest(won) w (i);

  INSERT INTO streams AS s (stream, version)
  SELECT e ->> 'stream', max((e ->> 'sv')::bigint)
  FROM unnest(won) w (i), jsonb_array_elements(batch -> w.i -> 'events') e GROUP BY 1
  ON CONFLICT (stream) DO UPDATE SET version = excluded.version;

  INSERT INTO events (position, id, stream, stream_version, type, version, envelope, hash)
  SELECT w.before + x.n, (x.e ->> 'id')::uuid, x.e ->> 'stream', (x.e ->> 'sv')::bigint, x.e ->> 'type', (x.e ->> 'v')::integer,
         x.e ->> 'envelope', hashes[w.before + x.n - start_position]
  FROM unnest(won, befores) w (i, before), jsonb_array_elements(batch -> w.i -> 'events') WITH ORDINALITY x (e, n);

  IF deletes THEN
    DELETE FROM objects o USING (
      SELECT r ->> 'kind' AS kind, r ->> 'id' AS id
      FROM unnest(won) w (i), jsonb_array_elements(batch -> w.i -> 'rows') r WHERE r ? 'deleted') gone
    WHERE o.id = gone.id AND o.kind = gone.kind;
  END IF;

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

  IF tallied <> '{}' THEN
    INSERT INTO tallies AS t (key, count) SELECT x.key, x.value::bigint FROM jsonb_each_text(tallied) x
    ON CONFLICT (key) DO UPDATE SET count = t.count + excluded.count;
  END IF;

  IF feeds THEN
    FOR one IN
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
      answers[one.i + 1] := answers[one.i + 1] || jsonb_build_object('p', one.prevs);
    END LOOP;
  END IF;

  IF keys THEN
    -- A row that is still there is too old to count.
    INSERT INTO idempotency_keys AS k (key, fingerprint, result)
    SELECT batch -> w.i #>> '{once,key}', batch -> w.i #>> '{once,fingerprint}', batch -> w.i -> 'once' -> 'result'
    FROM unnest(won) w (i) WHERE batch -> w.i ? 'once'
    ON CONFLICT (key) DO UPDATE SET fingerprint = excluded.fingerprint, made_at = now(), result = excluded.result,
      outcome = NULL, answer = NULL;
  END IF;

  IF clock_timestamp() > statement_timestamp() + within_ms * interval '1 millisecond' THEN
    RAISE EXCEPTION 'the batch was not ready within % ms', within_ms USING ERRCODE = '57014';
  END IF;
  UPDATE log_head SET position = head_position, hash = head_hash;
  RETURN to_jsonb(answers);
END
$$;
REVOKE ALL ON FUNCTION plumbline.append_batch(integer, integer, jsonb, jsonb) FROM PUBLIC;
`;

/** What releases before 0004 call: they say neither what they have read nor which catalogue they write for. */
export const refuseOlderWriters = `
CREATE OR REPLACE FUNCTION plumbline.append_batch(batch jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'this process is of an older release than the database: end it, and start the release that migrated the database'
    USING ERRCODE = '${OTHER_GENERATION}';
END
$$;
`;
