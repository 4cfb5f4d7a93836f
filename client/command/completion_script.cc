#include "client/command/completion.h"

namespace sluice::client {
namespace {

// `--output=js` is three words to readline, which puts a candidate in place of the last: they are
// joined for the question, and the answer is cut again.
constexpr absl::string_view kBash = R"(# Completion of sluice for bash.
_sluice() {
  local IFS=$' \t\n' words=() i word line before= paths=
  for ((i = 1; i <= COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if ((${#words[@]})) && [[ $word == = || ${COMP_WORDS[i - 1]} == = ]] &&
      [[ ${words[-1]} == -* ]]; then
      words[-1]+=$word
    else
      words+=("$word")
    fi
  done
  word=${words[-1]}
  if [[ $word == -*=* ]]; then
    before=${word%%=*}=
    word=${word#*=}
    [[ $COMP_WORDBREAKS == *=* ]] || paths=$before
  fi
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :files | :directories)
        compopt -o filenames
        while IFS= read -r line; do
          COMPREPLY+=("$paths$line")
        done < <(if [[ $line == :files ]]; then compgen -f -- "$word"; else compgen -d -- "$word"; fi)
        ;;
      *)
        line=${line%%$'\t'*}
        [[ -z $before || -n $paths ]] || line=${line#"$before"}
        COMPREPLY+=("$line")
        ;;
    esac
  done < <("${COMP_WORDS[0]}" complete -- "${words[@]}" 2>/dev/null </dev/null)
  # What ends so is not whole yet.
  [[ ${COMPREPLY[*]} != *= ]] || compopt -o nospace
}
complete -F _sluice sluice
)";

constexpr absl::string_view kZsh = R"(#compdef sluice
# Completion of sluice for zsh.
_sluice() {
  local -a lines candidates joined  # joined: what ends in = is not whole yet
  local line paths=
  lines=("${(@f)$(command ${words[1]} complete -- "${(@Q)words[2,CURRENT]}" 2>/dev/null </dev/null)}")
  for line in $lines; do
    case $line in
      :files) paths=-f ;;
      :directories) paths=-/ ;;
      *) candidates+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}") ;;
    esac
  done
  [[ $candidates[1] == *=:* ]] && joined=(-S '')
  (($#candidates)) && _describe -V sluice candidates "${joined[@]}"
  if [[ -n $paths ]]; then
    [[ $PREFIX == -*=* ]] && compset -P '*='
    _path_files $paths
  fi
}
if [[ $funcstack[1] == _sluice ]]; then
  _sluice "$@"
else
  compdef _sluice sluice
fi
)";

constexpr absl::string_view kFish = R"(# Completion of sluice for fish.
function __sluice_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l typed (string replace -r -- '^-[^=]*=' '' $words[-1])
    set -l before (string match -r -- '^-[^=]*=' $words[-1])
    for line in ($words[1] complete -- $words[2..-1] 2>/dev/null </dev/null)
        switch $line
            case :files
                string replace -r -- '^' "$before" (__fish_complete_path $typed)
            case :directories
                string replace -r -- '^' "$before" (__fish_complete_directories $typed '')
            case '*'
                echo $line
        end
    end
end
complete -c sluice -f -a '(__sluice_complete)'
)";

}  // namespace

absl::string_view CompletionScript(absl::string_view shell) {
  if (shell == "bash") return kBash;
  return shell == "zsh" ? kZsh : kFish;
}

}  // namespace sluice::client
