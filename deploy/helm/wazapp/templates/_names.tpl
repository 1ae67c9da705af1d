{{- define "wazapp.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-{{ .Chart.Name }}{{ end -}}
{{- end -}}

{{- define "wazapp.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "wazapp.labels" -}}
{{ include "wazapp.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{- /* What cannot run is refused before anything is made. */ -}}
{{- define "wazapp.check" -}}
{{- $several := gt (int .Values.replicas) 1 -}}
{{- if not .Values.publicUrl }}{{ fail "publicUrl: say how others call this server, such as https://wa.example.org" }}{{ end -}}
{{- if eq .Values.database "embedded" -}}
{{- if $several }}{{ fail "replicas: a PostgreSQL of its own serves one pod; for more set database: external" }}{{ end -}}
{{- if .Values.mediaClaim }}{{ fail "mediaClaim: with database: embedded media are on the volume of persistence; leave it out" }}{{ end -}}
{{- else -}}
{{- if not .Values.secret }}{{ fail "secret: name the Secret that holds WAZAPP_DATABASE_URL and WAZAPP_MASTER_KEY" }}{{ end -}}
{{- if and (not .Values.mediaClaim) (not .Values.settings.media_url) }}{{ fail "media: pods of an external database keep nothing; set settings.media_url to s3://BUCKET/PREFIX, or mediaClaim" }}{{ end -}}
{{- if and .Values.mediaClaim .Values.settings.media_url }}{{ fail "mediaClaim: settings.media_url says where media are; set one of the two" }}{{ end -}}
{{- end -}}
{{- end -}}
