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
  BACKUP_KEY: setting.optional(
    setting.secret({
      description:
        'What backups are encrypted with: 32 random bytes in base64. Made by the first backup; keep a copy elsewhere, since no backup can be read without it.',
    }),
  ),
  BACKUP_PASSPHRASE: setting.optional(
    setting.secret({ description: 'Encrypts backups in place of BACKUP_KEY: a passphrase that you keep, of 12 characters or more.' }),
  ),
  LOCAL_MIN_DISK_MB: setting.integer({
    description: 'Free space, in MB, that the disk of the root folder must have for a start.',
    default: '500',
    min: 0,
    max: 1_000_000,
  }),
  LOCAL_START_TIMEOUT: setting.duration({ description: 'How long a start waits for the server to become ready.', default: '90s' }),
  LOCAL_STOP_TIMEOUT: setting.duration({ description: 'How long a stop waits for each process before it is killed.', default: '20s' }),
  LOCAL_DOCKER: setting.boolean({
    description:
      'What runs on this machine are containers, with Caddy before them. Written by "local start --docker"; the other verbs of "local" go by it.',
    default: 'false',
  }),
  LOCAL_IMAGE: setting.optional(
    setting.text({
      description:
        'Image of the containers on this machine, as REPOSITORY:TAG or REPOSITORY@DIGEST; by default the one of this version. Kept by "local start --docker --image".',
    }),
  ),
  IMAGE_REPOSITORY: setting.text({
    description: 'Name of the container image without its tag: where "images push" puts it.',
    default: 'waybill/waybill',
  }),
  IMAGE_PLATFORMS: setting.list({ description: 'Platforms that "images push" builds for.', default: 'linux/amd64,linux/arm64' }),
  K8S_CONTEXT: setting.optional(setting.text({ description: 'Context of the kubeconfig; its current one when not set.' })),
  K8S_ENVIRONMENTS: setting.list({
    description: 'Environments that are rendered: prod, staging or both. Installing one adds it.',
    default: 'prod',
  }),
  K8S_PROD_TOPOLOGY: setting.choice({ of: ['compact', 'services'], description: 'Topology of prod in the cluster.', default: 'compact' }),
  K8S_STAGING_TOPOLOGY: setting.choice({
    of: ['compact', 'services'],
    description: 'Topology of staging in the cluster.',
    default: 'compact',
  }),
  K8S_MONITORING: setting.boolean({
    description: 'Install collector and Prometheus in the cluster; false where it has its own.',
    default: 'true',
  }),
  K8S_REPLICAS: setting.optional(
    setting.list({ description: 'Replicas that differ from the charts: prod/orders-api=3. Written by "k8s scale".' }),
  ),
  K8S_EARLIER_BUILDS: setting.optional(
    setting.list({
      description:
        'Builds whose workers stay beside the newest until the last order that began on them has ended: prod/TAG. Written by "k8s quickstart", "start" and "rollback".',
    }),
  ),
  K8S_IMAGE: setting.optional(
    setting.text({
      description: 'Image of the cluster’s pods, as REPOSITORY:TAG or REPOSITORY@DIGEST; by default the one of this version.',
    }),
  ),
  K8S_ENTRANCE: setting.choice({
    of: ['none', 'gatewayApi', 'ingress', 'caddy'],
    description: 'How callers from outside reach the cluster’s gateway; "cluster check" says what fits.',
    default: 'none',
  }),
  K8S_GATEWAY_CLASS: setting.optional(
    setting.text({ description: 'GatewayClass of the Gateway that K8S_ENTRANCE=gatewayApi makes; "cluster check" names those there are.' }),
  ),
  K8S_INGRESS_CLASS: setting.optional(
    setting.text({ description: 'IngressClass of the Ingress that K8S_ENTRANCE=ingress makes; the cluster’s default without it.' }),
  ),
  K8S_HOST: setting.optional(setting.text({ description: 'Public host name of prod, such as shop.example.com.' })),
  K8S_STAGING_HOST: setting.optional(setting.text({ description: 'Public host name of staging.' })),
  K8S_TIMEOUT: setting.duration({ description: 'How long an install in the cluster waits for each part to become ready.', default: '10m' }),
  K8S_SECRETS: setting.choice({
    of: ['generate', 'external'],
    description:
      'Who puts the Secrets into the cluster: the command, from what it generated once, or somebody else (External Secrets, sealed-secrets). With external it writes none, and says which are missing.',
    default: 'generate',
  }),
  K8S_DATABASE_URL: setting.optional(
    setting.secret({
      description: 'Administrator’s address of a PostgreSQL of your own, for the cluster’s migrations; by default the bundled one.',
    }),
  ),
  POSTGRES_PASSWORD: setting.optional(
    setting.secret({ description: 'Password of the administrator of the PostgreSQL bundled in a cluster or in Docker; generated once.' }),
  ),
  TEMPORAL_DATABASE_PASSWORD: setting.optional(
    setting.secret({ description: 'Password of Temporal’s own login in that PostgreSQL; generated once.' }),
  ),
  VALKEY_PASSWORD: setting.optional(setting.secret({ description: 'Password of the cluster’s bundled Valkey; generated once.' })),
  GRAFANA_ADMIN_PASSWORD: setting.optional(
    setting.secret({ description: 'Password of the user admin of the cluster’s Grafana; generated once.' }),
  ),
};
