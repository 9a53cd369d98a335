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

-- One row for each track that is to be encoded: the lease of the node that encodes it. Only PostgreSQL's clock counts.
create table work (
  filename text collate "C" primary key references tracks on delete cascade,
  added_at timestamptz not null default clock_timestamp(),
  -- Null: free.
  node     uuid,
  -- Grows with each owner. What an owner writes to the record carries it.
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

-- Down Migration

drop table chores, trash, live, work, tracks;
drop sequence track_versions;
