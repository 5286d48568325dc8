#!/usr/bin/env bash
# Writes the result into the job's summary and as annotations at the lines of the suites. Never fails the job.
# STATUS: the exit status of the job. May be empty: BASELINE; VERIFICATION, the sentence to begin with. Leaves the path of the summary in GITHUB_OUTPUT.
set -uo pipefail
shopt -s nullglob
most_bytes=1000000 # GitHub drops the whole summary of a step beyond 1 MiB
most_of_a_comment=64000 # and takes no comment of more than 65,536 characters
summary="$PWD/reports/comment.md"
mkdir -p reports && rm -rf -- "$summary"
pages=() runs=() # of this job: run.sh began with an empty folder, and a run writes no links
for run in reports/*/run.jsonl; do
  page=${run%run.jsonl}summary.md
  [[ -L reports || -L ${run%/run.jsonl} || -L $run || ! -f $run ]] && continue
  runs+=("$run")
  [[ -f $page && ! -L $page ]] && pages+=("$page")
done
choice=(${BASELINE:+--baseline "$BASELINE"})

# A line for each run that ended before it had a page.
without_page() {
  local run suite
  for run in ${runs[@]+"${runs[@]}"}; do
    suite=$(basename "${run%/run.jsonl}")
    [[ -e ${run%run.jsonl}summary.md ]] ||
      printf '**ERROR** `%s`: the run ended before its summary was written\n\n' "${suite//[^A-Za-z0-9_.-]/_}"
  done
}

# The pages one after the other, as many as fit into $1 bytes.
joined() {
  local written=0 size page
  for page in "${pages[@]:-$summary}"; do
    size=$(wc -c <"$page")
    if ((written + size > $1)); then
      printf '\n... more suites, cut here: their reports are in the artifact of this job\n'
      break
    fi
    cat "$page" && echo
    written=$((written + size + 1))
  done
}

ended="pytest ended with status ${STATUS:-unknown}, see the log of the job"
said=${VERIFICATION:-}
said=${said//\`/\'}
said=${said:+**\`${said:0:500}\`**} # a code span, in which no markup takes effect
first=""                          # what has to stand before the verdicts
if ((${#pages[@]} == 0)); then
  { printf '%s\n\n' "${said:-**ERROR** no suite was evaluated: $ended}" && without_page; } >"$summary"
else
  if ((${#pages[@]} == 1 && ${#runs[@]} < 2)); then
    cp "${pages[0]}" "$summary"
  elif ! evalharness report "${runs[@]}" ${choice[@]+"${choice[@]}"} -o "$summary"; then
    { without_page && joined "$most_of_a_comment"; } >"$summary"
    first="**$ended**"
  fi
  # A red job never begins with a verdict that is not red.
  [[ $(head -n 1 "$summary") =~ ^\*\*(FAIL|ERROR|INCOMPARABLE)\*\* ]] || first="**$ended**"
  [[ $STATUS == 0 ]] && first=""
  first=${said:-$first}
  if [[ -n $first ]]; then
    { printf '%s\n\n' "$first" && cat "$summary"; } >"$summary.new" && mv "$summary.new" "$summary"
  fi
fi

{
  [[ -z $first ]] || printf '%s\n\n' "$first"
  ((${#pages[@]} == 0)) || without_page
  joined "$most_bytes"
} >>"$GITHUB_STEP_SUMMARY"

for run in ${runs[@]+"${runs[@]}"}; do # a picture of the gates for the artifact
  picture=${run%run.jsonl}gates.svg
  rm -rf -- "$picture"
  evalharness report "$run" ${choice[@]+"${choice[@]}"} --format svg -o "$picture" ||
    echo "::warning::evalharness: no picture of the gates, see the summary of this job"
done

if ((${#runs[@]})); then
  evalharness report "${runs[@]}" ${choice[@]+"${choice[@]}"} --format github-annotations ||
    echo "::warning::evalharness: no annotations, see the summary of this job"
fi
echo "summary=$summary" >>"$GITHUB_OUTPUT"
