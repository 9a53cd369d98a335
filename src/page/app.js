/** The page: uploads with their progress, the list of tracks, and a player. Text from files is only ever text. */
import { createPlayer } from './player.js';
import { showTracks } from './tracks.js';
import { watchUploads } from './uploads.js';

const player = createPlayer();
const tracks = showTracks({ onPlay: player.play, onGone: player.forget });
watchUploads({ onStored: tracks.refresh });
await tracks.refresh();
