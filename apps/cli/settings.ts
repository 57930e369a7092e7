import { setting } from '@waybill/kernel/config';

/** What only the command reads. The servers' own settings are in apps/server. */
export const cliSettings = {
  API_URL: setting.optional(setting.url({ description: 'Where the HTTP API answers; by default what HOST and PORT say.' })),
  LOCAL_POSTGRES_PORT: setting.port({ description: 'Port of the embedded PostgreSQL, on the loopback address.', default: '5433' }),
  LOCAL_POSTGRES_PASSWORD: setting.optional(
    setting.secret({ description: 'Password of the embedded PostgreSQL’s administrator; generated once.' }),
  ),
  LOCAL_TEMPORAL_PORT: setting.port({ description: 'Port of the embedded Temporal, on the loopback address.', default: '7233' }),
  LOCAL_TEMPORAL_UI_PORT: setting.port({
    description: 'Port of the embedded Temporal’s web UI, on the loopback address.',
    default: '8233',
  }),
  LOCAL_MIN_DISK_MB: setting.integer({
    description: 'Free space, in MB, that the disk of the root folder must have for a start.',
    default: '500',
    min: 0,
    max: 1_000_000,
  }),
  LOCAL_START_TIMEOUT: setting.duration({ description: 'How long a start waits for the server to become ready.', default: '90s' }),
  LOCAL_STOP_TIMEOUT: setting.duration({ description: 'How long a stop waits for each process before it is killed.', default: '20s' }),
  IMAGE_REPOSITORY: setting.text({
    description: 'Name of the container image without its tag: where "images push" puts it.',
    default: 'waybill/waybill',
  }),
  IMAGE_PLATFORMS: setting.list({ description: 'Platforms that "images push" builds for.', default: 'linux/amd64,linux/arm64' }),
};
