"""`gc3 completion`."""

from __future__ import annotations

import argparse
from typing import Final

from gc3libs.cli import _exits as exits
from gc3libs.cli._output import write, write_json

_BASH: Final = """\
_gc3() {
    local IFS=$'\\n' word=${COMP_WORDS[COMP_CWORD]}
    COMPREPLY=($(gc3 _complete bash "$COMP_POINT" "$COMP_LINE" "$word" 2>/dev/null))
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == */ ]] && compopt -o nospace
}
complete -o filenames -F _gc3 gc3
"""
_ZSH: Final = """\
#compdef gc3
_gc3() {
    local -a found
    found=("${(@f)$(gc3 _complete zsh "$((CURRENT - 1))" "${(@Q)words}" 2>/dev/null)}")
    [[ ${#found} -eq 1 && $found == */ ]] && compadd -S '' -- $found || compadd -- $found
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _gc3 gc3
"""
_FISH: Final = """\
function __gc3_complete
    set -l words (commandline -opc)
    gc3 _complete fish (count $words) $words (commandline -ct) 2>/dev/null
end
complete -c gc3 -f -a '(__gc3_complete)'
"""
_SCRIPTS: Final = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}

MORE = """\
examples:
  bash:  echo 'source <(gc3 completion bash)' >> ~/.bashrc
  zsh:   echo 'source <(gc3 completion zsh)' >> ~/.zshrc
  fish:  gc3 completion fish > ~/.config/fish/completions/gc3.fish
"""


def arguments(parser: argparse.ArgumentParser, name: str) -> None:
    parser.add_argument("shell", choices=sorted(_SCRIPTS), help="bash, fish or zsh")


def run(args: argparse.Namespace) -> int:
    script = _SCRIPTS[args.shell]
    if args.json:
        write_json("completion", None, shell=args.shell, script=script)
    else:
        write(script.rstrip("\n"))
    return exits.OK
