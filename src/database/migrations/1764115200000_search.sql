-- Up Migration

-- Finds text within text. A database's owner may create it from PostgreSQL 13 on: see docs/scaling.md.
create extension if not exists pg_trgm;

-- What lists are sorted and filtered by: folded text, which src/library/search-text.ts makes. Null in rows that an older version
-- has added: src/library/filling.ts fills them when a node starts.
alter table tracks
  add column title_key  text collate "C",
  add column artist_key text collate "C",
  add column album_key  text collate "C",
  add column seconds    double precision;

create index tracks_search on tracks using gin (search gin_trgm_ops) where removed_at is null;
create index tracks_title on tracks (title_key, uploaded_at, filename) where removed_at is null;
create index tracks_artist on tracks (artist_key, uploaded_at, filename) where removed_at is null;
create index tracks_album on tracks (album_key, uploaded_at, filename) where removed_at is null;
create index tracks_duration on tracks (seconds, uploaded_at, filename) where removed_at is null;
-- Nearly always empty: rows that a node of an older version has added, or changed. Its search texts have U+0001, and no folded one.
create index tracks_unfilled on tracks (filename) where title_key is null or strpos(search, E'\x01') > 0;
create index tracks_failed on tracks (uploaded_at, filename) where status = 'failed' and removed_at is null;

drop function add_track;

-- Adds a track under the first free of the names, in one statement, and makes it work. Gives the track that exists where one
-- has the same content, and nothing where all names are taken.
create function add_track(
  -- Names in the order of preference, with their keys and search texts.
  _names text[], _keys text[], _searches text[],
  _sha256 text, _upload text, _status text,
  -- The record without its name and time: a JSON object.
  _body text,
  -- The node that adds it, and whether it gets the lease.
  _node uuid, _encodes boolean, _ffmpeg text, _holder text,
  -- What lists are sorted by; the titles in the order of the names. A node of an older version does not give them.
  _titles text[] default null, _artist text default null, _album text default null, _seconds double precision default null
) returns table (filename text, home uuid, record json, version bigint, created boolean, epoch bigint)
language plpgsql as $$
declare
  _place integer;
  _at timestamptz;
  _added tracks;
  _epoch bigint := 0;
begin
  -- One after the other in the whole cluster: each sees the names, contents and times before it.
  perform pg_advisory_xact_lock(1633969267);
  return query select t.filename, t.home, t.record, t.version, false, null::bigint from tracks t
    where t.sha256 = _sha256 and t.removed_at is null;
  if found then return; end if;
  select min(i) into _place from generate_subscripts(_keys, 1) i
    where not exists (select from tracks t where t.name_key = _keys[i]);
  if _place is null then return; end if;
  _at := greatest(date_trunc('milliseconds', clock_timestamp()),
    (select t.uploaded_at + interval '1 ms' from tracks t order by t.uploaded_at desc limit 1));
  insert into tracks (filename, name_key, status, sha256, upload, uploaded_at, search, title_key, artist_key, album_key, seconds,
      record)
    values (_names[_place], _keys[_place], _status, _sha256, _upload, _at, _searches[_place],
      _titles[_place], _artist, _album, _seconds,
      ('{"filename":' || to_json(_names[_place]) || ',"uploadedAt":"'
        || to_char(_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') || '",' || substr(_body, 2))::json)
    returning * into _added;
  if _encodes then _epoch := nextval('work_epochs'); end if;
  insert into work (filename, node, epoch, until, ffmpeg, holder)
    values (_added.filename, case when _encodes then _node end, _epoch,
      case when _encodes then now() + interval '6 s' else '-infinity' end, case when _encodes then _ffmpeg end, _holder);
  perform pg_notify('track',
    json_build_object('filename', _added.filename, 'version', _added.version, 'node', _node)::text);
  if not _encodes then perform pg_notify('work', ''); end if;
  return query select _added.filename, _added.home, _added.record, _added.version, true, _epoch;
end $$;

-- Down Migration

drop function add_track;
drop index tracks_search, tracks_title, tracks_artist, tracks_album, tracks_duration, tracks_unfilled, tracks_failed;
alter table tracks drop column title_key, drop column artist_key, drop column album_key, drop column seconds;
-- Nodes of the older version search names. Original names follow with the next change of each record.
update tracks set search = lower(filename) || E'\x01' || lower(filename);

-- Adds a track under the first free of the names, in one statement, and makes it work. Gives the track that exists where one
-- has the same content, and nothing where all names are taken.
create function add_track(
  -- Names in the order of preference, with their keys and search texts.
  _names text[], _keys text[], _searches text[],
  _sha256 text, _upload text, _status text,
  -- The record without its name and time: a JSON object.
  _body text,
  -- The node that adds it, and whether it gets the lease.
  _node uuid, _encodes boolean, _ffmpeg text, _holder text
) returns table (filename text, home uuid, record json, version bigint, created boolean, epoch bigint)
language plpgsql as $$
declare
  _place integer;
  _at timestamptz;
  _added tracks;
  _epoch bigint := 0;
begin
  -- One after the other in the whole cluster: each sees the names, contents and times before it.
  perform pg_advisory_xact_lock(1633969267);
  return query select t.filename, t.home, t.record, t.version, false, null::bigint from tracks t
    where t.sha256 = _sha256 and t.removed_at is null;
  if found then return; end if;
  select min(i) into _place from generate_subscripts(_keys, 1) i
    where not exists (select from tracks t where t.name_key = _keys[i]);
  if _place is null then return; end if;
  _at := greatest(date_trunc('milliseconds', clock_timestamp()),
    (select t.uploaded_at + interval '1 ms' from tracks t order by t.uploaded_at desc limit 1));
  insert into tracks (filename, name_key, status, sha256, upload, uploaded_at, search, record)
    values (_names[_place], _keys[_place], _status, _sha256, _upload, _at, _searches[_place],
      ('{"filename":' || to_json(_names[_place]) || ',"uploadedAt":"'
        || to_char(_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') || '",' || substr(_body, 2))::json)
    returning * into _added;
  if _encodes then _epoch := nextval('work_epochs'); end if;
  insert into work (filename, node, epoch, until, ffmpeg, holder)
    values (_added.filename, case when _encodes then _node end, _epoch,
      case when _encodes then now() + interval '6 s' else '-infinity' end, case when _encodes then _ffmpeg end, _holder);
  perform pg_notify('track',
    json_build_object('filename', _added.filename, 'version', _added.version, 'node', _node)::text);
  if not _encodes then perform pg_notify('work', ''); end if;
  return query select _added.filename, _added.home, _added.record, _added.version, true, _epoch;
end $$;
