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
  TEMPORAL_API_KEY: setting.optional(setting.secret({ description: 'API key of Temporal Cloud, in place of a client certificate.' })),
} satisfies SettingsSchema;

export type TemporalTlsSettings = SettingsOf<typeof temporalTlsSettings>;

type TemporalTls = {
  serverNameOverride?: string;
  serverRootCACertificate?: Buffer;
  clientCertPair?: { crt: Buffer; key: Buffer };
};

/** The option `tls` of the SDK's connections. Throws SettingsError with all problems. */
export function temporalTls(settings: TemporalTlsSettings): TemporalTls | false {
  const { TEMPORAL_TLS_SERVER_NAME: name, TEMPORAL_TLS_CA: ca, TEMPORAL_TLS_CERT: cert, TEMPORAL_TLS_KEY: key } = settings;
  const problems: string[] = [];
  const needTls = (['SERVER_NAME', 'CA', 'CERT', 'KEY'] as const).map((part) => `TEMPORAL_TLS_${part}` as const);
  if (!settings.TEMPORAL_TLS) {
    for (const one of [...needTls, 'TEMPORAL_API_KEY'] as const)
      if (settings[one] !== undefined) problems.push(`${one} is set, but TEMPORAL_TLS is false: set TEMPORAL_TLS=true, or leave it out`);
  }
  if (cert && !key) problems.push('TEMPORAL_TLS_KEY is missing: the private key of TEMPORAL_TLS_CERT');
  if (key && !cert) problems.push('TEMPORAL_TLS_CERT is missing: the certificate of TEMPORAL_TLS_KEY');
  if (cert && settings.TEMPORAL_API_KEY) problems.push('TEMPORAL_API_KEY and TEMPORAL_TLS_CERT are both set: Temporal takes one of them');
  if (problems.length > 0) throw new SettingsError(problems);
  if (!settings.TEMPORAL_TLS) return false;
  return {
    ...(name !== undefined && { serverNameOverride: name }),
    ...(ca && { serverRootCACertificate: Buffer.from(ca.reveal()) }),
    ...(cert && key && { clientCertPair: { crt: Buffer.from(cert.reveal()), key: Buffer.from(key.reveal()) } }),
  };
}
