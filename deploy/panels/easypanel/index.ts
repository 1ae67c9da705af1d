// Made by scripts/deploy-files of deploy/container/service.toml: change that, then run it.
import type { Output, Services } from "~templates-utils";
import type { Input } from "./meta";

export function generate(input: Input): Output {
  const services: Services = [{
    "type": "app",
    "data": {
      "serviceName": `${input.appServiceName}`,
      "source": {
        "type": "image",
        "image": `${input.imageRegistry}/wazapp:0.1.0`
      },
      "env": `WAZAPP_PUBLIC_URL=https://$(PRIMARY_DOMAIN)\nWAZAPP_TRUSTED_PROXIES=10.0.0.0/8,172.16.0.0/12,192.168.0.0/16\nWAZAPP_META_APP_ID=${input.metaAppId ?? ""}\nWAZAPP_META_APP_SECRET=${input.metaAppSecret ?? ""}\nWAZAPP_META_VERIFY_TOKEN=${input.metaVerifyToken ?? ""}\nWAZAPP_DATABASE_URL=${input.databaseUrl ?? ""}`,
      "domains": [
        {
          "host": "$(EASYPANEL_DOMAIN)",
          "port": 8080
        }
      ],
      "mounts": [
        {
          "type": "volume",
          "name": "data",
          "mountPath": "/var/lib/wazapp"
        }
      ],
      "deploy": {
        "replicas": 1,
        "zeroDowntime": false,
        "capDrop": [
          "ALL"
        ]
      }
    }
  }];
  return { services };
}
