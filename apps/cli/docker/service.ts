/** A service of a compose file, as far as it is used here. */
export type ComposeService = {
  image: string;
  pull_policy?: 'never';
  restart: 'unless-stopped' | 'no';
  user?: string;
  entrypoint?: readonly string[];
  command?: readonly string[];
  environment?: Readonly<Record<string, string>>;
  labels?: Readonly<Record<string, string>>;
  depends_on?: Readonly<Record<string, { condition: 'service_healthy' | 'service_completed_successfully' }>>;
  healthcheck?: { test: readonly string[]; interval: string; timeout: string; retries: number; start_period: string };
  ports?: readonly Port[];
  volumes?: readonly Mount[];
  tmpfs?: readonly string[];
  networks?: readonly ('front' | 'back')[];
  network_mode?: 'none';
  mem_limit?: string;
  stop_grace_period?: string;
  read_only: true;
  cap_drop: readonly ['ALL'];
  cap_add?: readonly string[];
  security_opt: readonly ['no-new-privileges:true'];
  logging: { driver: 'local' };
};

export type Port = { target: number; published: string; host_ip?: string; protocol: 'tcp' | 'udp' };

export type Mount =
  | { type: 'bind'; source: string; target: string; read_only: boolean; bind: { selinux: 'z'; create_host_path: false } }
  | { type: 'volume'; source: string; target: string; read_only?: boolean };

/** What every container has: nothing it does not need, and logs that do not fill the disk (Docker's driver "local" turns them over). */
export const contained = {
  read_only: true,
  cap_drop: ['ALL'],
  security_opt: ['no-new-privileges:true'],
  logging: { driver: 'local' },
} as const;

/** A folder beside the compose file. */
export const folder = (source: string, target: string): Mount => ({
  type: 'bind',
  source: `./${source}`,
  target,
  read_only: true,
  bind: { selinux: 'z', create_host_path: false },
});

export const volume = (source: string, target: string, read_only = false): Mount => ({
  type: 'volume',
  source,
  target,
  ...(read_only && { read_only }),
});

export const tcp = (target: number, published: number, host_ip?: string): Port => ({
  target,
  published: String(published),
  ...(host_ip !== undefined && { host_ip }),
  protocol: 'tcp',
});

/** Asked often while it starts, so that what waits for it goes on soon. */
export const healthy = (test: readonly string[], startSeconds: number): NonNullable<ComposeService['healthcheck']> => ({
  test,
  interval: '5s',
  timeout: '5s',
  retries: 6,
  start_period: `${startSeconds}s`,
});

export const after = (jobs: readonly string[], services: readonly string[] = []): NonNullable<ComposeService['depends_on']> => ({
  ...Object.fromEntries(jobs.map((name) => [name, { condition: 'service_completed_successfully' as const }])),
  ...Object.fromEntries(services.map((name) => [name, { condition: 'service_healthy' as const }])),
});
