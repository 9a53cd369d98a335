-- Up Migration

-- What is to be analysed, and what each analysed track adds to the loudness of its album (src/tracks/replay-gain.ts). Tracks of
-- before stay without an analysis; new ones are to be analysed.
alter table tracks
  add column analysis     text,
  add column gain_album   text collate "C",
  add column gain_lufs    double precision,
  add column gain_peak    double precision,
  add column gain_seconds double precision;
alter table tracks alter column analysis set default 'pending';
create index tracks_unanalysed on tracks (uploaded_at, filename)
  where analysis = 'pending' and status = 'ready' and removed_at is null;
create index tracks_gain_album on tracks (gain_album) where gain_album is not null and removed_at is null;

-- Tracks that a node analyses just now, or that are set aside for a moment.
create table analysing (
  filename text collate "C" primary key references tracks on delete cascade,
  node     uuid not null,
  until    timestamptz not null
);

-- Down Migration

drop table analysing;
drop index tracks_unanalysed, tracks_gain_album;
alter table tracks drop column analysis, drop column gain_album, drop column gain_lufs, drop column gain_peak,
  drop column gain_seconds;
