{{/* The release's own name for what it makes; at most 38 characters: with `-redis-backup` and what Kubernetes
     itself adds, a label may have 63. */}}
{{- define "gigaday.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 38 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 38 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "gigaday.selector" -}}
app.kubernetes.io/name: gigaday
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "gigaday.labels" -}}
{{ include "gigaday.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "gigaday.image" -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end }}

{{- define "gigaday.secret" -}}
{{ default (include "gigaday.name" .) .Values.existingSecret }}
{{- end }}

{{/* `host:port` of the members of a StatefulSet, by commas: (root, set's suffix, count, port). */}}
{{- define "gigaday.members" -}}
{{- $root := index . 0 }}{{ $set := printf "%s-%s" (include "gigaday.name" $root) (index . 1) }}{{ $port := index . 3 }}
{{- range $index := until (int (index . 2)) }}{{ if $index }},{{ end }}{{ $set }}-{{ $index }}.{{ $set }}.{{ $root.Release.Namespace }}.svc:{{ $port }}{{ end }}
{{- end }}

{{- define "gigaday.redisCount" -}}
{{ mul .Values.redis.primaries (add 1 .Values.redis.replicas) }}
{{- end }}

{{/* Without rights, and with nothing to write to but what is mounted. */}}
{{- define "gigaday.confined" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}
