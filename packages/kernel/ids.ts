import { decodeTime, encodeTime, monotonicFactory } from 'ulid';

const nextUlid = monotonicFactory();

/** `prefix_` and a lower-case ULID: 26 characters, sortable by time of creation, unique without asking anyone. */
export const newId = (prefix: string): string => `${prefix}_${nextUlid().toLowerCase()}`;

/** The smallest id that can be made at `time`: a bound for partitions and for time filters over an id column. */
export const lowestId = (prefix: string, time: Date): string => `${prefix}_${encodeTime(time.getTime()).toLowerCase()}${'0'.repeat(16)}`;

/** When an id was made. Throws on text that is not an id of ours. */
export const timeOfId = (id: string): Date => new Date(decodeTime(id.slice(id.indexOf('_') + 1).toUpperCase()));

/** A JSON-schema pattern for ids with this prefix. */
export const idPattern = (prefix: string): string => `^${prefix}_[0-9a-hjkmnp-tv-z]{26}$`;
