{{/* The components of the chosen topology with their defaults, and what their roles imply. A YAML map by name. */}}
{{- define "waybill.components" -}}
{{- $out := dict -}}
{{- range $name, $own := .Values.components -}}
{{- $component := mergeOverwrite (deepCopy $.Values.componentDefaults) (deepCopy $own) -}}
{{- if and $component.enabled (has $.Values.topology $component.topologies) -}}
{{- $services := list -}}
{{- $apis := list -}}
{{- $workers := list -}}
{{- range $role := $component.roles -}}
{{- if regexMatch "-(api|worker)$" $role -}}
{{- $services = append $services (regexReplaceAll "-(api|worker)$" $role "") -}}
{{- end -}}
{{- if hasSuffix "-worker" $role -}}
{{- $workers = append $workers $role -}}
{{- end -}}
{{- if hasSuffix "-api" $role -}}
{{- $apis = append $apis (trimSuffix "-api" $role) -}}
{{- end -}}
{{- end -}}
{{- $gateway := has "gateway" $component.roles -}}
{{- $codec := has "codec-server" $component.roles -}}
{{- $derived := dict "services" ($services | uniq) "apis" $apis "gateway" $gateway "codec" $codec "worker" (gt (len $workers) 0) -}}
{{- $_ := set $derived "probePort" (ternary "public" (ternary "internal" "codec" (gt (len $services) 0)) $gateway) -}}
{{- /* None at all is a stop, which no autoscaler may undo. */ -}}
{{- if eq (int $component.replicas) 0 -}}
{{- $_ := set $component.autoscaling "enabled" false -}}
{{- end -}}
{{- $_ := set $out $name (merge $derived $component) -}}
{{- end -}}
{{- end -}}
{{- toYaml $out -}}
{{- end -}}

{{/* Services whose API runs here: a YAML list under "items". */}}
{{- define "waybill.apis" -}}
{{- $apis := list -}}
{{- range include "waybill.components" . | fromYaml -}}
{{- $apis = concat $apis .apis -}}
{{- end -}}
{{- dict "items" ($apis | uniq | sortAlpha) | toYaml -}}
{{- end -}}

{{- define "waybill.tag" -}}
{{- .Values.image.tag | default .Chart.AppVersion -}}
{{- end -}}

{{/* A tag as a label: at most 63 characters that a label may have. */}}
{{- define "waybill.labelValue" -}}
{{- regexReplaceAll "[^A-Za-z0-9._-]" . "-" | trunc 63 | trimSuffix "-" | trimSuffix "." | trimSuffix "_" -}}
{{- end -}}

{{/* A tag as part of an object's name. */}}
{{- define "waybill.nameOf" -}}
{{- regexReplaceAll "[^a-z0-9-]" (lower .) "-" -}}
{{- end -}}

{{/* Takes root, tag, digest. */}}
{{- define "waybill.image" -}}
{{ .root.Values.image.repository }}:{{ .tag }}{{ with .digest }}@{{ . }}{{ end }}
{{- end -}}

{{/* What tells a component's pods from all others. Never a version. Takes root, name. */}}
{{- define "waybill.selector" -}}
app.kubernetes.io/name: waybill
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .name }}
{{- end -}}

{{/* Takes root, name and, where it is another one than the chart's, tag. */}}
{{- define "waybill.labels" -}}
{{ include "waybill.selector" . }}
app.kubernetes.io/part-of: waybill
app.kubernetes.io/version: {{ include "waybill.labelValue" (.tag | default (include "waybill.tag" .root)) | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end -}}

{{- define "waybill.tlsSecret" -}}
{{- .Values.entrance.tls.secretName | default "waybill-tls" -}}
{{- end -}}

{{- define "waybill.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "waybill.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* The names of the Secret's keys that a component needs. Takes root, component. */}}
{{- define "waybill.secretKeys" -}}
{{- $further := .root.Values.secretKeys -}}
{{- $keys := list "SERVICE_TOKEN_KEYS" "ENCRYPTION_KEYS" -}}
{{- if or .component.gateway .component.codec -}}{{- $keys = append $keys "ADMIN_API_KEY" -}}{{- end -}}
{{- range .component.services -}}
{{- $keys = append $keys (printf "%s_DATABASE_PASSWORD" (upper .)) -}}
{{- end -}}
{{- if or .component.worker (has "orders" .component.services) -}}{{- $keys = concat $keys $further.temporal -}}{{- end -}}
{{- if .component.worker -}}{{- $keys = concat $keys $further.kafka -}}{{- end -}}
{{- dict "items" $keys | toYaml -}}
{{- end -}}

{{/* Files of the Secret. Without subPath, so that a changed Secret reaches running pods. Takes root, keys. */}}
{{- define "waybill.secretVolume" -}}
name: secrets
secret:
  secretName: {{ .root.Values.existingSecret }}
  defaultMode: 288 # 0440
  items:
    {{- range .keys }}
    - key: {{ . }}
      path: {{ . }}
    {{- end }}
{{- end -}}

{{- define "waybill.secretVariables" -}}
{{- range .keys }}
- name: {{ . }}_FILE
  value: /run/secrets/waybill/{{ . }}
{{- end }}
{{- end -}}
