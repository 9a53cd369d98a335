-- Up Migration

-- Orders the changes of all tracks: a node that hears of two keeps the later one.
create sequence track_versions;

-- One row for each track. The record is what track.json is on disk; the columns beside it are for look-ups.
create table tracks (
  filename    text collate "C" primary key,
  name_key    text collate "C" not null unique,
  -- The key of its objects in the bucket. Never used again, so a late deletion meets no new track of the same name.
  home        uuid not null unique default gen_random_uuid(),
  status      text not null,
  -- Null for a record that cannot be read.
  sha256      text collate "C",
  upload      text collate "C",
  uploaded_at timestamptz(3) not null,
  search      text collate "C" not null,
  -- Not jsonb, which refuses the character U+0000 in a name.
  record      json not null,
  version     bigint not null default nextval('track_versions'),
  changed_at  timestamptz not null default clock_timestamp(),
  -- Set: the track is gone, and its name is taken until its objects are removed.
  removed_at  timestamptz
);
create unique index tracks_sha256 on tracks (sha256) where removed_at is null;
create index tracks_order on tracks (uploaded_at, filename);
create index tracks_unfinished on tracks (uploaded_at, filename) where status = 'processing' and removed_at is null;
create index tracks_upload on tracks (upload) where upload is not null;
create index tracks_removed on tracks (removed_at) where removed_at is not null;

-- Each lease has an epoch of its own: the later one counts.
create sequence work_epochs;

-- One row for each track that is to be encoded: the lease of the node that encodes it. Only PostgreSQL's clock counts.
create table work (
  filename text collate "C" primary key references tracks on delete cascade,
  added_at timestamptz not null default clock_timestamp(),
  -- Null: free.
  node     uuid,
  -- What an owner writes to the record carries it.
  epoch    bigint not null default 0,
  until    timestamptz not null default '-infinity',
  -- The track is being deleted: nobody takes it any more.
  cancel   boolean not null default false,
  -- Owners that were lost one after the other without a new segment.
  attempts integer not null default 0,
  -- Set aside by a node that has enough to do: a node takes it only when it has little to do.
  aside    boolean not null default false,
  -- Version of the ffmpeg that encodes it.
  ffmpeg   text,
  -- Client that has uploaded the track: encoders take turns among holders.
  holder   text not null default ''
);
create index work_until on work (until);

-- The progress of each encode. Told again each quarter of a second, so it may be lost in a crash of the database.
create unlogged table live (
  filename text collate "C" primary key,
  epoch    bigint not null,
  state    json not null
);

-- Originals of ready tracks, kept for an hour: a database that fails over may forget that a track was ready.
create table trash (
  upload     text collate "C" primary key,
  not_before timestamptz not null
);

-- Chores of the whole cluster, and when each was done last.
create table chores (
  name    text primary key,
  done_at timestamptz not null
);

-- Names this database in the bucket, which belongs to one database alone.
create table identity (id uuid not null default gen_random_uuid());
insert into identity default values;

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

-- Down Migration

drop function add_track;
drop table identity, chores, trash, live, work, tracks;
drop sequence work_epochs, track_versions;
