#!/usr/bin/env bash
# One comment in a pull request, updated by each run. A token without write access is a warning and does not fail the job.
# GH_TOKEN, NAME (of the comment), REPOSITORY (owner/name), PULL_REQUEST (its number), SUMMARY (a file).
# May be empty: REPORTS_URL, the page of the artifact with the reports; ARTIFACT, its name, where there is no such page.
set -uo pipefail
if [[ ! $NAME =~ ^[A-Za-z0-9_.-]+$ || ! $PULL_REQUEST =~ ^[0-9]+$ ]]; then
  echo "name: letters, digits, '.', '_' and '-'; pull request: a number" >&2
  exit 4
fi
if [[ -L $SUMMARY || ! -f $SUMMARY ]]; then
  echo "summary: expected a file, got a link or nothing" >&2
  exit 4
fi
export MARKER="<!-- evalharness:$NAME -->"
body=$(mktemp)
trap 'rm -f "$body"' EXIT
files='`report.html`, and `gates.svg`, a picture of the gates'
where=""
if [[ ${REPORTS_URL:-} =~ ^https://[A-Za-z0-9.-]+(:[0-9]+)?/[A-Za-z0-9._/#-]+$ ]]; then
  where="[Reports of this run]($REPORTS_URL): $files"
elif [[ ${ARTIFACT:-} =~ ^[A-Za-z0-9_.-]+$ ]]; then
  where="The artifact \`$ARTIFACT\` of this job has $files."
fi
{ cat "$SUMMARY" && printf '\n%s%s\n' "${where:+$where$'\n\n'}" "$MARKER"; } >"$body" || exit 4

# shellcheck disable=SC2016  # $ENV is jq's
mine='.[] | select(.user.type == "Bot" and (.body | rtrimstr("\n") | endswith($ENV.MARKER))) | .id'
if comments=$(gh api --paginate "repos/$REPOSITORY/issues/$PULL_REQUEST/comments?per_page=100" --jq "$mine"); then
  if [[ -n $comments ]]; then
    gh api --silent --method PATCH "repos/$REPOSITORY/issues/comments/${comments%%$'\n'*}" -F "body=@$body" && exit 0
  else
    gh api --silent --method POST "repos/$REPOSITORY/issues/$PULL_REQUEST/comments" -F "body=@$body" && exit 0
  fi
fi
echo "::warning::evalharness: the comment could not be written; from a fork, use the two workflows of docs/ci.md"
