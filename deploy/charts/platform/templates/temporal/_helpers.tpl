{{/* How psql, Temporal's SQL tool and the server reach the databases, as variables of the first two. */}}
{{- define "temporal.psqlVariables" -}}
- { name: PGHOST, value: {{ include "platform.postgresqlHost" . }} }
- { name: PGPORT, value: {{ include "platform.postgresqlPort" . | quote }} }
- { name: PGCONNECT_TIMEOUT, value: "5" }
- { name: PGOPTIONS, value: "-c client_min_messages=warning" }
- { name: TEMPORAL_PASSWORD_FILE, value: /run/secrets/platform/TEMPORAL_DATABASE_PASSWORD }
{{- with include "temporal.databaseTls" . | fromYaml }}
{{- if .enabled }}
- { name: PGSSLMODE, value: {{ ternary "verify-full" "require" (not (empty .caSecret)) }} }
{{- if .caSecret }}
- { name: PGSSLROOTCERT, value: /run/secrets/database-ca/ca.crt }
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* TLS to the databases: only an external server has it. */}}
{{- define "temporal.databaseTls" -}}
{{- if .Values.postgresql.enabled }}{}{{ else }}{{ toYaml .Values.postgresql.external.tls }}{{ end -}}
{{- end }}

{{- define "temporal.databaseCaMount" -}}
{{- if (include "temporal.databaseTls" . | fromYaml).caSecret }}
- { name: database-ca, mountPath: /run/secrets/database-ca, readOnly: true }
{{- end }}
{{- end }}

{{- define "temporal.databaseCaVolume" -}}
{{- with (include "temporal.databaseTls" . | fromYaml).caSecret }}
- name: database-ca
  secret: { secretName: {{ . }}, items: [{ key: ca.crt, path: ca.crt }] }
{{- end }}
{{- end }}

{{/* A Job cannot be changed, so its name says what it does: the version it brings and a hash of all that it runs with. */}}
{{- define "temporal.schemaJob" -}}
{{- $input := list .Values.temporal.adminTools .Values.postgresql.image .Values.temporal.schema .Values.temporal.database .Values.postgresql.adminUser (include "platform.postgresqlHost" .) (include "platform.postgresqlPort" .) (include "temporal.databaseTls" .) .Values.existingSecret (include "temporal.scripts" .) -}}
temporal-schema-{{ .Values.temporal.adminTools.image.tag | replace "." "-" | lower | trunc 20 | trimSuffix "-" }}-{{ $input | toJson | sha256sum | trunc 8 }}
{{- end }}

{{- define "temporal.namespaceJob" -}}
{{- $input := list .Values.temporal.adminTools .Values.temporal.namespaceJob .Values.temporal.namespaces (include "platform.temporalAddress" .) (include "temporal.scripts" .) -}}
temporal-namespaces-{{ .Values.temporal.adminTools.image.tag | replace "." "-" | lower | trunc 20 | trimSuffix "-" }}-{{ $input | toJson | sha256sum | trunc 8 }}
{{- end }}

{{- define "temporal.scripts" -}}
{{- range $path, $content := .Files.Glob "files/*.sh" }}
{{ base $path }}: |
  {{- toString $content | nindent 2 }}
{{- end }}
{{- end }}

{{/* The server's configuration. POD_IP is filled in by the server, which reads this as a template. */}}
{{- define "temporal.serverConfig" -}}
{{- $database := .Values.temporal.database -}}
{{- $tls := include "temporal.databaseTls" . | fromYaml -}}
{{- $server := .Values.temporal.server -}}
# enable-template
log:
  stdout: true
  level: {{ $server.logLevel }}
persistence:
  numHistoryShards: {{ $server.historyShards }}
  defaultStore: main
  visibilityStore: visibility
  datastores:
    {{- range $store := list (dict "name" "main" "database" $database.name "connections" $database.maxConnections) (dict "name" "visibility" "database" $database.visibilityName "connections" $database.maxVisibilityConnections) }}
    {{ $store.name }}:
      sql:
        pluginName: postgres12_pgx
        connectAddr: {{ include "platform.postgresqlHost" $ }}:{{ include "platform.postgresqlPort" $ }}
        connectProtocol: tcp
        databaseName: {{ $store.database }}
        user: {{ $database.login }}
        # Run for every new connection, so a changed Secret is taken up without a restart.
        passwordCommand:
          command: /bin/sh
          args: [-c, 'head -n 1 /run/secrets/platform/TEMPORAL_DATABASE_PASSWORD']
          timeout: 10s
        maxConns: {{ $store.connections }}
        maxIdleConns: {{ $store.connections }}
        maxConnLifetime: 1h
        {{- if $tls.enabled }}
        tls:
          enabled: true
          {{- if $tls.caSecret }}
          caFile: /run/secrets/database-ca/ca.crt
          enableHostVerification: true
          serverName: {{ include "platform.postgresqlHost" $ }}
          {{- end }}
        {{- end }}
    {{- end }}
global:
  membership:
    # A role that starts within 20 s of the server before it sees that one beside itself, and nobody else: it tries to join the dead for
    # this long, and only the second try, 10 s later, finds the roles of its own process. Until then no work is given out.
    maxJoinDuration: 5s
    broadcastAddress: {{ `'{{ env "POD_IP" }}'` }}
  metrics:
    prometheus: { timerType: histogram, listenAddress: '0.0.0.0:9090' }
# Ports of the membership must be below 32768: PostgreSQL keeps them in a smallint.
services:
  frontend: { rpc: { grpcPort: 7233, httpPort: 7243, membershipPort: 6933, bindOnIP: 0.0.0.0 } }
  history: { rpc: { grpcPort: 7234, membershipPort: 6934, bindOnIP: 0.0.0.0 } }
  matching: { rpc: { grpcPort: 7235, membershipPort: 6935, bindOnIP: 0.0.0.0 } }
  worker: { rpc: { grpcPort: 7239, membershipPort: 6939, bindOnIP: 0.0.0.0 } }
clusterMetadata:
  enableGlobalNamespace: false
  failoverVersionIncrement: 10
  masterClusterName: active
  currentClusterName: active
  clusterInformation:
    active: { enabled: true, initialFailoverVersion: 1, rpcName: frontend, rpcAddress: '127.0.0.1:7233', httpAddress: '127.0.0.1:7243' }
dcRedirectionPolicy: { policy: noop }
archival:
  history: { state: disabled, enableRead: false }
  visibility: { state: disabled, enableRead: false }
dynamicConfigClient: { filepath: /etc/temporal/waybill/dynamic-config.yaml, pollInterval: 30s }
{{- end }}

{{- define "temporal.dynamicConfig" -}}
{{- range $key, $value := .Values.temporal.server.dynamicConfig }}
{{ $key }}:
  - value: {{ $value | toJson }}
{{- end }}
{{- end }}
