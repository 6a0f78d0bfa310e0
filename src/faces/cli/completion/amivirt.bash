# bash completion for amivirt: every answer is amivirt's own.

_amivirt() {
  local program=${COMP_WORDS[0]/#\~/$HOME}
  local rest=${COMP_LINE:0:COMP_POINT} word before i
  local -a words=()
  # readline takes words apart at "=" and ":", too; here they are as they were typed.
  for ((i = 0; i <= COMP_CWORD; i++)); do
    before=$rest
    rest=${rest#"${rest%%[![:space:]]*}"}
    word=${COMP_WORDS[i]}
    if ((i == COMP_CWORD)); then
      word=$rest
    fi
    rest=${rest#"$word"}
    if ((${#words[@]} == 0)) || [[ $before == [[:space:]]* ]]; then
      words+=("$word")
    else
      words[-1]+=$word
    fi
  done

  local current=${words[-1]} quote=
  [[ $current == [\"\']* ]] && quote=${current:0:1}
  for i in "${!words[@]}"; do
    word=${words[i]#[\"\']}
    ((i == ${#words[@]} - 1)) || word=${word%[\"\']}
    words[i]=${word//\\/}
  done
  current=${words[-1]}

  # What readline will not replace, since it takes the word for ended there.
  local kept=
  if [[ -z $quote ]]; then
    [[ $COMP_WORDBREAKS == *=* && $current == *=* ]] && kept=${current%"${current##*=}"}
    [[ $COMP_WORDBREAKS == *:* && $current == *:* ]] && word=${current%"${current##*:}"} && ((${#word} > ${#kept})) && kept=$word
  fi

  local paths= line
  local -a found=()
  while IFS= read -r line; do
    word=${line%%$'\t'*}
    if [[ -z $word ]]; then
      paths=${line#$'\t'}
    else
      found+=("${word#"$kept"}")
    fi
  done < <("$program" __complete "${words[@]:1}" 2>/dev/null </dev/null)

  COMPREPLY=()
  local value=${current#"$kept"}
  [[ $current == --*=* ]] && value=${current#*=}
  if [[ -n $paths ]]; then
    local kind=-f
    [[ $paths == folders ]] && kind=-d
    # Among paths alone, readline puts the quotes and the slashes where they belong.
    ((${#found[@]})) || compopt -o filenames 2>/dev/null
    while IFS= read -r line; do
      if ((${#found[@]})); then
        [[ -d $line ]] && line+=/
        found+=("$line")
      else
        COMPREPLY+=("$line")
      fi
    done < <(compgen "$kind" -- "${value/#\~\//$HOME/}")
  fi
  for word in "${found[@]}"; do
    [[ $word == *[:/] ]] && compopt -o nospace 2>/dev/null
    [[ -n $quote ]] || printf -v word %q "$word"
    COMPREPLY+=("$word")
  done
}

complete -F _amivirt amivirt
