#!/usr/bin/env bash
# Installs the version of evalharness that belongs to this action. EXTRAS: comma-separated, may be empty.
# -I: no module of the checkout is imported.
set -euo pipefail
if [[ ! ${EXTRAS:-} =~ ^[a-z0-9,_-]*$ ]]; then
  echo "extras: names and commas only, such as local,embeddings" >&2
  exit 4
fi
python -I -m pip install --disable-pip-version-check --quiet "${GITHUB_ACTION_PATH}${EXTRAS:+[$EXTRAS]}"
