#!/bin/bash
# Roll the warehouse out to one environment.
set -euo pipefail
environment="$1"
echo "Deploying warehouse $(git describe --always) to $environment"
echo "Rendering manifests…"
mkdir -p out && sed "s/{{env}}/$environment/" scripts/manifest.yml > out/manifest.yml
kubeapply --context "$environment" --file out/manifest.yml --wait
echo "Deployed"
