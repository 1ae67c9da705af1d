{{- /* Made by scripts/deploy-files of deploy/container/service.toml: change that, then run it. */ -}}
{{- define "wazapp.facts" -}}
{"user": 10001, "port": 8080, "metricsPort": 9090, "volume": "/var/lib/wazapp", "scratch": "/tmp", "alive": "/livez", "ready": "/readyz", "stopSeconds": 60, "drainSeconds": 5, "sharedMemoryMib": 256}
{{- end -}}
