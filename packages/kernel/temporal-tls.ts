import { SettingsError, type SettingsOf, type SettingsSchema, setting } from './config.ts';

/** How Temporal elsewhere, such as Temporal Cloud, is spoken to. Certificates and keys are PEM text, usually files: `<KEY>_FILE`. */
export const temporalTlsSettings = {
  TEMPORAL_TLS: setting.boolean({ description: 'Speak TLS with Temporal, as Temporal Cloud wants it.', default: 'false' }),
  TEMPORAL_TLS_SERVER_NAME: setting.optional(
    setting.text({ description: 'Name in the certificate of Temporal, where it is not the host in TEMPORAL_ADDRESS.' }),
  ),
  TEMPORAL_TLS_CA: setting.optional(
    setting.secret({ description: 'Certificates (PEM) of the authorities that may vouch for Temporal; the well-known ones without it.' }),
  ),
  TEMPORAL_TLS_CERT: setting.optional(
    setting.secret({
      description: 'Client certificate (PEM) shown to Temporal; with TEMPORAL_TLS_KEY. A changed one is used after a restart.',
    }),
  ),
  TEMPORAL_TLS_KEY: setting.optional(setting.secret({ description: 'Private key (PEM) of TEMPORAL_TLS_CERT.' })),
  TEMPORAL_API_KEY: setting.optional(
    setting.secret({ description: 'API key of Temporal Cloud, in place of a client certificate; used with TEMPORAL_TLS only.' }),
  ),
} satisfies SettingsSchema;

export type TemporalTlsSettings = SettingsOf<typeof temporalTlsSettings>;

type TemporalAccess = {
  tls: false | { serverNameOverride?: string; serverRootCACertificate?: Buffer; clientCertPair?: { crt: Buffer; key: Buffer } };
  /** What it is now, also after its file has changed. */
  apiKey?: () => string;
};

/**
 * What the SDK's connections take. Without TLS keys and certificates are left alone, since a folder of secrets may serve an installation
 * elsewhere too. Throws SettingsError with all problems.
 */
export function temporalAccess(settings: TemporalTlsSettings): TemporalAccess {
  const { TEMPORAL_TLS_SERVER_NAME: name, TEMPORAL_TLS_CA: ca, TEMPORAL_TLS_CERT: cert, TEMPORAL_TLS_KEY: key } = settings;
  const { TEMPORAL_API_KEY: apiKey } = settings;
  const problems: string[] = [];
  if (!settings.TEMPORAL_TLS) {
    if (name === undefined) return { tls: false };
    problems.push('TEMPORAL_TLS_SERVER_NAME is set, but TEMPORAL_TLS is false: set TEMPORAL_TLS=true, or leave it out');
  }
  if (cert && !key) problems.push('TEMPORAL_TLS_KEY is missing: the private key of TEMPORAL_TLS_CERT');
  if (key && !cert) problems.push('TEMPORAL_TLS_CERT is missing: the certificate of TEMPORAL_TLS_KEY');
  if (cert && apiKey) problems.push('TEMPORAL_API_KEY and TEMPORAL_TLS_CERT are both set: Temporal takes one of them');
  if (problems.length > 0) throw new SettingsError(problems);
  return {
    tls: {
      ...(name !== undefined && { serverNameOverride: name }),
      ...(ca && { serverRootCACertificate: Buffer.from(ca.reveal()) }),
      ...(cert && key && { clientCertPair: { crt: Buffer.from(cert.reveal()), key: Buffer.from(key.reveal()) } }),
    },
    ...(apiKey && { apiKey: () => apiKey.reveal() }),
  };
}
