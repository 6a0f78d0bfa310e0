#compdef amivirt
# zsh completion for amivirt: every answer is amivirt's own.

_amivirt() {
  local program=${~words[1]} line word note paths=
  local -a asked found shown open open_shown
  asked=("${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}")
  while IFS= read -r line; do
    word=${line%%$'\t'*}
    note=${line#*$'\t'}
    if [[ -z $word ]]; then
      paths=$note
    elif [[ $word == *: ]]; then
      open+=("$word")
      open_shown+=("$word${note:+  -- $note}")
    else
      found+=("$word")
      shown+=("$word${note:+  -- $note}")
    fi
  done < <("$program" __complete "${asked[@]}" 2>/dev/null </dev/null)

  local result=1
  (($#found)) && compadd -l -d shown -a found && result=0
  (($#open)) && compadd -S '' -l -d open_shown -a open && result=0
  if [[ -n $paths ]]; then
    [[ $PREFIX == --*=* ]] && compset -P '*='
    if [[ $paths == folders ]]; then
      _files -/ && result=0
    else
      _files && result=0
    fi
  fi
  return result
}

# Read by source, it names itself; from $fpath, this file is the function.
if [[ $funcstack[1] == _amivirt ]]; then
  _amivirt "$@"
else
  compdef _amivirt amivirt
fi
