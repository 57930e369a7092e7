import { type SettingsOf, type SettingsSchema, setting } from '@waybill/kernel/config';
import { encryptionSettings } from '@waybill/kernel/encryption';

export const codecServerSettings = {
  ...encryptionSettings,
  ADMIN_API_KEY: setting.secret({ description: 'The key that opens the codec server, traded for a cookie at its /login.' }),
  SERVICE_TOKEN_KEYS: setting.secret({
    description: 'Signs sessions and service tokens: id:base64key[,id:base64key…]; the first signs, all verify.',
  }),
  CODEC_PORT: setting.port({ description: 'Port of the codec server. 0 takes a free one.', default: '8089' }),
  CODEC_ORIGINS: setting.list({
    description: 'Origins of the Temporal UIs that may ask for plain text, exactly as the browser names them.',
    default: 'http://localhost:8233,http://127.0.0.1:8233,http://localhost:8080',
  }),
  CODEC_URL: setting.url({
    description: 'Where browsers reach the codec server; with https its cookie is Secure.',
    default: 'http://localhost:8089',
  }),
  CODEC_SESSION: setting.duration({ description: 'How long a login at the codec server lasts.', default: '12h' }),
} satisfies SettingsSchema;

export type CodecServerSettings = SettingsOf<typeof codecServerSettings>;
