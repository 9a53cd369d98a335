/** Starts the page: uploads with their progress, the list of tracks, and a player. Names from files are shown as text, never as HTML. */
import { followTracks } from './api.js';
import { createPlayer } from './player.js';
import { showTracks } from './tracks.js';
import { watchUploads } from './uploads.js';

const player = createPlayer();
const tracks = showTracks({ onPlay: player.play });
watchUploads();
await tracks.refresh();
followTracks({
  onTrack(track) {
    tracks.update(track);
    player.update(track);
  },
  onRemoved(filename) {
    tracks.drop(filename);
    player.forget(filename);
  },
});
