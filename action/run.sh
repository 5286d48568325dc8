#!/usr/bin/env bash
# Runs the suites, then `evalharness verify`. Leaves in GITHUB_OUTPUT: `status`, that of pytest or, where it is 0, that of
# verify, with which the job ends once all is uploaded; `verification`, the sentence that the job's summary begins with.
# SUITES, RECORD, INCONCLUSIVE; may be empty: RECORDINGS (a pattern), BASELINE, ARGUMENTS (split at spaces, line ends).
set -uo pipefail
shopt -s nullglob
# Files and links that a commit brings under reports/ are no reports of this job. A link's target is left alone.
if [[ -d reports && ! -L reports ]]; then
  find reports -mindepth 1 -maxdepth 1 ! \( -name .gitignore -type f \) -exec rm -rf -- {} + || exit 4
else
  rm -f -- reports || exit 4
fi
# The runner ignores workflow commands until it reads this token again, so texts of the suites cannot contain one.
# -I: no module of the checkout is imported. Console scripts do not look there either.
token=$(python -I -c "import secrets; print(secrets.token_hex(16))") || exit 3
echo "::stop-commands::$token"

finish() {
  echo "::$token::"
  printf 'status=%s\nverification=%s\n' "$1" "${2:-}" >>"$GITHUB_OUTPUT"
  exit 0
}

# shellcheck disable=SC2206  # a pattern, expanded here
recordings=(${RECORDINGS:-})
if ((${#recordings[@]})); then
  evalharness record import "${recordings[@]}" || finish 4
fi
read -r -d '' -a more <<<"${ARGUMENTS:-}" || true # it finds no end but that of the text
pytest --llm-suite="$SUITES" --llm-record="$RECORD" --llm-inconclusive="$INCONCLUSIVE" \
  ${BASELINE:+--llm-baseline="$BASELINE"} --junitxml=reports/junit.xml ${more[@]+"${more[@]}"}
status=$?

# The options of the run that verify takes too. They come from the workflow and not from the checkout.
settings=(--inconclusive "$INCONCLUSIVE" ${BASELINE:+--baseline "$BASELINE"})
option=""
for word in ${more[@]+"${more[@]}"}; do
  if [[ -n $option ]]; then
    settings+=("$option" "$word")
    option=""
  elif [[ $word =~ ^--llm-(model|prompt|baseline|base|report|inconclusive)(=(.*))?$ ]]; then
    option="--${BASH_REMATCH[1]}"
    [[ -z ${BASH_REMATCH[2]} ]] || { settings+=("$option" "${BASH_REMATCH[3]}") && option=""; }
  fi
done
result=$(evalharness verify "${settings[@]}" -- "$SUITES")
verified=$?
printf '%s\n' "$result"
said=${result%%$'\n'*}
if ((status == 0 && verified)); then
  finish "$verified" "${said:-evalharness verify ended with status $verified, see the log of the job}"
fi
((verified > 1)) || said="" # the summary has the verdict
finish "$status" "$said"
