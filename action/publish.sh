#!/usr/bin/env bash
# Says what came of the run: in the job's summary, and beside the lines of the suites. Never fails the job.
# STATUS: pytest's exit status. BASELINE: may be empty. Leaves the path of the summary in GITHUB_OUTPUT.
set -uo pipefail
shopt -s nullglob
most_bytes=1000000 # GitHub drops the whole summary of a step beyond 1 MiB
summary="$PWD/reports/comment.md"
mkdir -p reports
pages=(reports/*/summary.md)
runs=(reports/*/run.jsonl)
choice=(${BASELINE:+--baseline "$BASELINE"})

if ((${#pages[@]} == 0)); then
  printf '**ERROR** no suite was judged: pytest ended with status %d, see the log of the job\n' "$STATUS" >"$summary"
elif ((${#pages[@]} == 1)) || ! evalharness report "${runs[@]}" ${choice[@]+"${choice[@]}"} -o "$summary"; then
  cp "${pages[0]}" "$summary"
fi

written=0
for page in "${pages[@]:-$summary}"; do
  size=$(wc -c <"$page")
  if ((written + size > most_bytes)); then
    printf '\n... more suites, cut here: their reports are in the artifact of this job\n' >>"$GITHUB_STEP_SUMMARY"
    break
  fi
  { cat "$page" && echo; } >>"$GITHUB_STEP_SUMMARY"
  written=$((written + size + 1))
done

if ((${#runs[@]})); then
  evalharness report "${runs[@]}" ${choice[@]+"${choice[@]}"} --format github-annotations ||
    echo "::warning::evalharness: no annotations, see the summary of this job"
fi
echo "summary=$summary" >>"$GITHUB_OUTPUT"
