#!/usr/bin/env bash
# Runs the suites and leaves pytest's exit status in GITHUB_OUTPUT: the job ends with it once all is uploaded.
# SUITES, RECORD, INCONCLUSIVE; may be empty: RECORDINGS (a pattern), BASELINE, ARGUMENTS (split at spaces, line ends).
set -uo pipefail
shopt -s nullglob
# The runner ignores workflow commands until it reads this token again, so texts of the suites cannot contain one.
token=$(python -c "import secrets; print(secrets.token_hex(16))")
echo "::stop-commands::$token"

finish() {
  echo "::$token::"
  echo "status=$1" >>"$GITHUB_OUTPUT"
  exit 0
}

# shellcheck disable=SC2206  # a pattern, expanded here
recordings=(${RECORDINGS:-})
if ((${#recordings[@]})); then
  evalharness record import "${recordings[@]}" || finish 4
fi
read -r -d '' -a more <<<"${ARGUMENTS:-}" || true # it finds no end but that of the text
python -m pytest --llm-suite="$SUITES" --llm-record="$RECORD" --llm-inconclusive="$INCONCLUSIVE" \
  ${BASELINE:+--llm-baseline="$BASELINE"} --junitxml=reports/junit.xml ${more[@]+"${more[@]}"}
finish $?
