{{- /* The pod of both kinds. It needs nothing of root: the volume is the group's by fsGroup, and no other image prepares it. */ -}}
{{- define "wazapp.pod" -}}
{{- $facts := include "wazapp.facts" . | fromJson -}}
{{- $embedded := eq .Values.database "embedded" -}}
metadata:
  labels:
    {{- include "wazapp.labels" . | nindent 4 }}
  {{- with .Values.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "wazapp.name" . }}
  automountServiceAccountToken: false
  # The variables that Kubernetes makes of a Service's name would be taken for mistyped settings.
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ add (int $facts.stopSeconds) (int $facts.drainSeconds) }}
  {{- with .Values.image.pullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: {{ int $facts.user }}
    runAsGroup: {{ int $facts.user }}
    fsGroup: {{ int $facts.user }}
    # Once: done at every mount, it would open keys to the group again.
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      type: RuntimeDefault
  containers:
    - name: {{ .Chart.Name }}
      image: {{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
      {{- with .Values.secret }}
      envFrom:
        - secretRef:
            name: {{ . }}
      {{- end }}
      env:
        - name: WAZAPP_PUBLIC_URL
          value: {{ .Values.publicUrl | quote }}
        - name: WAZAPP_TRUSTED_PROXIES
          value: {{ .Values.trustedProxies | quote }}
        - name: WAZAPP_METRICS_LISTEN
          value: "0.0.0.0:{{ int $facts.metricsPort }}"
        {{- if .Values.mediaClaim }}
        - name: WAZAPP_MEDIA_URL
          value: "file:{{ $facts.volume }}/media"
        {{- end }}
        {{- range $name, $value := .Values.settings }}
        - name: WAZAPP_{{ upper $name }}
          value: {{ $value | quote }}
        {{- end }}
      ports:
        - name: http
          containerPort: {{ int $facts.port }}
        - name: metrics
          containerPort: {{ int $facts.metricsPort }}
      startupProbe:
        httpGet: {path: {{ $facts.alive }}, port: http}
        periodSeconds: 5
        failureThreshold: {{ mul (int .Values.startupMinutes) 12 }}
      livenessProbe:
        httpGet: {path: {{ $facts.alive }}, port: http}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: {path: {{ $facts.ready }}, port: http}
        periodSeconds: 5
        timeoutSeconds: 5
      lifecycle:
        preStop:
          exec:
            command: [sleep, {{ int $facts.drainSeconds | quote }}]
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      volumeMounts:
        - name: data
          mountPath: {{ $facts.volume }}
        - name: scratch
          mountPath: {{ $facts.scratch }}
        {{- if $embedded }}
        - name: shared-memory
          mountPath: /dev/shm
        {{- end }}
        {{- if .Values.mediaClaim }}
        - name: media
          mountPath: {{ $facts.volume }}/media
        {{- end }}
  volumes:
    - name: scratch
      emptyDir: {}
    {{- if $embedded }}
    - name: shared-memory
      emptyDir:
        medium: Memory
        sizeLimit: {{ int $facts.sharedMemoryMib }}Mi
    {{- else }}
    - name: data
      emptyDir: {}
    {{- end }}
    {{- with .Values.mediaClaim }}
    - name: media
      persistentVolumeClaim:
        claimName: {{ . }}
    {{- end }}
  {{- if not $embedded }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "wazapp.selector" . | nindent 10 }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
