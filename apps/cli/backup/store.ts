import type { Readable } from 'node:stream';

/** Where backups are kept: a folder per version, in it files. A version is whole once it has its manifest, which is written last. */
export type BackupStore = {
  /** As a person would write it. */
  where: string;
  /** Versions in ascending order, with or without a manifest. */
  versions(): Promise<string[]>;
  /** Undefined when there is no such file. */
  readText(version: string, name: string): Promise<string | undefined>;
  read(version: string, name: string): Promise<Readable>;
  /** Resolves when the file is there to stay. A failed write leaves no file. */
  write(version: string, name: string, content: Readable, signal: AbortSignal): Promise<void>;
  /** What an interrupted backup left of a version. */
  remove(version: string): Promise<void>;
};

export const manifestName = 'manifest.json';
export const isVersion = (name: string): boolean => /^\d{8}T\d{6}Z-[0-9a-f]{4}$/.test(name);
