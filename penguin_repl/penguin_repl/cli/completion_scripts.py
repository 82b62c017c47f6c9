"""`penguin completion`: completion scripts for bash, zsh and fish, generated from the declared command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin_commands.errors import UsageError
from penguin_commands.grammar.table import NOUNS, TABLE
from penguin_commands.grammar.values import unknown_message
from penguin_repl.cli.subcommands import PROGRAM, SHELLS, SUBCOMMANDS, flags_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from penguin_commands.grammar.declarations import Flag

FOLDER = "FOLDER"
"""The placeholder of the value of an option that is a folder."""

# In a template, a name between @ is replaced with a part generated from the declarations.
BASH = """\
# Completion of penguin for bash. In ~/.bashrc: eval "$(penguin completion bash)"
_penguin() {
    local current=${COMP_WORDS[COMP_CWORD]} option='' typed='' words='' files='' word i
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ -n $option ]]; then
            # bash splits --color=auto into three words.
            [[ $word == '=' ]] || option=''
            continue
        fi
        case $word in
        @takers@) option=$word ;;
        -?*) ;;
        *) typed+="${typed:+ }$word" ;;
        esac
    done
    [[ -n $option && $current == '=' ]] && current=''
    case $option in
@values@
    '')
        if [[ $current == -* ]]; then
            case $typed in
@flags@
            esac
        else
            case $typed in
            '') words='@subcommands@' files=-f ;;
@following@
            esac
        fi
        ;;
    esac
    # One word per line: file names may contain spaces.
    local IFS=$'\\n'
    COMPREPLY=($(compgen -W "${words// /$IFS}" -- "$current"))
    if [[ -n $files ]]; then
        COMPREPLY+=($(compgen "$files" -- "$current"))
        compopt -o filenames 2>/dev/null
    fi
}
complete -F _penguin penguin
"""
ZSH = """\
#compdef penguin
# Completion of penguin for zsh. In ~/.zshrc, behind compinit: source <(penguin completion zsh)
_penguin() {
    local curcontext=$curcontext context state state_descr line word subcommand=''
    local -a flags described
    local -A opt_args
    for word in ${words[2,CURRENT-1]}; do
        case $word in
        @names@) subcommand=$word; break ;;
        esac
    done
    case $subcommand in
@flags@
    esac
    _arguments -C -s -S : $flags '1: :->first' '*: :->rest' && return
    case $state in
    first)
        described=(
@described@
        )
        _describe -t commands command described
        _files
        ;;
    rest)
        case ${(j: :)line[1,-2]} in
@following@
        esac
        ;;
    esac
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _penguin "$@"
else
    compdef _penguin penguin
fi
"""
FISH = """\
# Completion of penguin for fish. In ~/.config/fish/config.fish: penguin completion fish | source
function __penguin_words -d 'The words so far, without options'
    set -l value
    for word in (commandline -opc)[2..-1]
        if set -q value[1]
            set -e value
        else if contains -- $word @takers@
            set value $word
        else if not string match -q -- '-?*' $word
            echo $word
        end
    end
end
function __penguin_typed -d 'Check that these are the words so far'
    set -l typed (__penguin_words)
    test "$typed" = "$argv"
end
function __penguin_does -d 'Check for one of these subcommands; "none" for none'
    set -l typed (__penguin_words)
    contains -- "$typed[1]" @names@; or set typed none
    contains -- $typed[1] $argv
end
complete -c penguin -f
complete -c penguin -n __penguin_typed -F
@described@
@following@
@flags@
"""


def completion_script(words: Sequence[str]) -> str:
    """Return the output of `penguin completion` with these words. Raises UsageError."""
    usage = f"penguin completion {'|'.join(SHELLS)}"
    if len(words) != 1:
        raise UsageError("penguin completion needs the name of one shell", usage)
    if words[0] not in SHELLS:
        raise UsageError(unknown_message("shell", words[0], SHELLS), usage)
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[words[0]]()


def _fill_template(template: str, **parts: Iterable[str]) -> str:
    """Return the template with its parts, one line each."""
    for name, lines in parts.items():
        template = template.replace(f"@{name}@", "\n".join(lines))
    return template


def _words_after() -> Iterator[tuple[str, str]]:
    """Yield each word with the words that may follow it."""
    for subcommand in SUBCOMMANDS:
        if subcommand.choices:
            yield subcommand.name, " ".join(subcommand.choices)
    yield "help", " ".join([*NOUNS, *(subcommand.name for subcommand in SUBCOMMANDS)])
    for noun in NOUNS:
        names = [command.verb for command in TABLE.verbs(noun) if command.verb]
        if names:
            yield f"help {noun}", " ".join(names)


def _subcommand_names() -> list[str]:
    return [subcommand.name for subcommand in SUBCOMMANDS]


def _spellings(flag: Flag) -> list[str]:
    return [f"--{flag.name}", *([f"-{flag.short}"] if flag.short else [])]


def _value_options() -> list[str]:
    """Return the spellings of all options that take a value."""
    return [name for flag in PROGRAM.flags if flag.kind for name in _spellings(flag)]


def _short_help(help_: str) -> str:
    """Return the help up to the first semicolon."""
    return help_.partition(";")[0]


def _quoted(text: str) -> str:
    """Quote a text for bash and zsh."""
    return "'" + text.replace("'", "'\\''") + "'"


# --- bash ---


def _bash() -> str:
    """Return the parts of the bash script. They work in bash 3.2, the version that macOS includes."""
    return _fill_template(
        BASH,
        takers=["|".join(_value_options())],
        values=_bash_values(),
        flags=_bash_flags(),
        subcommands=[" ".join(_subcommand_names())],
        following=(f"            '{typed}') words='{words}' ;;" for typed, words in _words_after()),
    )


def _bash_values() -> Iterator[str]:
    for flag in PROGRAM.flags:
        pattern = "|".join(_spellings(flag))
        if flag.choices:
            yield f"    {pattern}) words='{' '.join(flag.choices)}' ;;"
        elif flag.placeholder == FOLDER:
            yield f"    {pattern}) files=-d ;;"


def _bash_flags() -> Iterator[str]:
    for subcommand in (*SUBCOMMANDS, None):
        pattern = f"{subcommand.name} | {subcommand.name}\\ *" if subcommand else "*"
        names = " ".join(name for flag in flags_of(subcommand) for name in _spellings(flag))
        yield f"            {pattern}) words='{names}' ;;"


# --- zsh ---


def _zsh() -> str:
    return _fill_template(
        ZSH,
        names=["|".join(_subcommand_names())],
        flags=_zsh_flags(),
        described=(
            f"            {_quoted(f'{subcommand.name}:{_short_help(subcommand.help)}')}" for subcommand in SUBCOMMANDS
        ),
        following=(f"        '{typed}') compadd -- {words} ;;" for typed, words in _words_after()),
    )


def _zsh_flags() -> Iterator[str]:
    for subcommand in (*SUBCOMMANDS, None):
        yield f"    {subcommand.name if subcommand else '*'}) flags=("
        yield from (f"        {line}" for flag in flags_of(subcommand) for line in _zsh_flag(flag))
        yield "    ) ;;"


def _zsh_flag(flag: Flag) -> Iterator[str]:
    """Yield the specifications for `_arguments`. One spelling excludes the other, unless the flag is repeatable."""
    about = _short_help(flag.help)
    for special in "\\[]:":
        about = about.replace(special, f"\\{special}")
    names = _spellings(flag)
    for name in names:
        others = "*" if flag.many else f"({' '.join(names)})"
        equals = "=" if flag.kind and name.startswith("--") else ""
        yield _quoted(f"{others}{name}{equals}[{about}]{_zsh_value(flag)}")


def _zsh_value(flag: Flag) -> str:
    if flag.kind is None:
        return ""
    values = f"({' '.join(flag.choices)})" if flag.choices else " "
    return f":{flag.name}:{'_files -/' if flag.placeholder == FOLDER else values}"


# --- fish ---


def _fish() -> str:
    about = "complete -c penguin -n"
    return _fill_template(
        FISH,
        takers=[" ".join(_value_options())],
        names=[" ".join(_subcommand_names())],
        described=(
            f"{about} __penguin_typed -a {subcommand.name} -d {_fish_quoted(_short_help(subcommand.help))}"
            for subcommand in SUBCOMMANDS
        ),
        following=(f"{about} '__penguin_typed {typed}' -a '{words}'" for typed, words in _words_after()),
        flags=map(_fish_flag, PROGRAM.flags),
    )


def _fish_flag(flag: Flag) -> str:
    """Return the command for an option, limited to the subcommands that accept it."""
    users = [
        subcommand.name if subcommand else "none" for subcommand in (*SUBCOMMANDS, None) if flag in flags_of(subcommand)
    ]
    parts = [f"complete -c penguin -n '__penguin_does {' '.join(users)}' -l {flag.name}"]
    if flag.short:
        parts.append(f"-s {flag.short}")
    if flag.kind:
        values = "(__fish_complete_directories)" if flag.placeholder == FOLDER else " ".join(flag.choices)
        parts.append(f"-x -a '{values}'" if values else "-x")
    return " ".join([*parts, "-d", _fish_quoted(_short_help(flag.help))])


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
