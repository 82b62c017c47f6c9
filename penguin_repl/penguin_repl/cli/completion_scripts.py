"""`penguin completion`: completion scripts for bash, zsh and fish, generated from the declared command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin.orchestration.workflow_status import GATES, WorkflowStatus
from penguin_commands.errors import UsageError
from penguin_commands.grammar.declarations import ValueKind
from penguin_commands.grammar.table import NOUNS, TABLE
from penguin_commands.grammar.values import unknown_message
from penguin_repl.cli.subcommands import COMMAND_FLAGS, PROGRAM, SHELLS, SUBCOMMANDS, flags_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from penguin_commands.grammar.declarations import Command, Flag

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
    case $typed:$option in
@values@
    *:)
        if [[ $current == -* ]]; then
            case $typed in
@flags@
            esac
        else
            case $typed in
            '') words='@first@' files=-f ;;
@following@
@files@
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
        case "$subcommand $word" in
        ' '(@names@)) subcommand=$word; break ;;
        ' '(@nouns@)) subcommand=$word ;;
        @commands@) subcommand+=" $word"; break ;;
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
@files@
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
function __penguin_does -d 'Check for one of these commands or subcommands; "none" for none'
    set -l typed (__penguin_words)
    set -l name "$typed[1..2]"
    contains -- "$name" @commands@; or set name "$typed[1]"
    contains -- "$name" @names@ @commands@; or set name none
    contains -- $name $argv
end
complete -c penguin -f
complete -c penguin -n __penguin_typed -F
@described@
@following@
@files@
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


def _contexts() -> Iterator[tuple[str, tuple[Flag, ...]]]:
    """Yield the name of each subcommand and command with the options that it accepts."""
    for subcommand in SUBCOMMANDS:
        yield subcommand.name, flags_of(subcommand)
    for command in _commands():
        yield command.name[1:], (*command.flags, *COMMAND_FLAGS)


def _commands() -> list[Command]:
    """Return the slash commands that can be typed as words."""
    names = _subcommand_names()
    return [command for command in TABLE.commands if command.noun not in names]


def _first_words() -> Iterator[tuple[str, str]]:
    """Yield the words that a command line may begin with, with a description."""
    for subcommand in SUBCOMMANDS:
        yield subcommand.name, _short_help(subcommand.help)
    for noun in dict.fromkeys(command.noun for command in _commands()):
        commands = TABLE.verbs(noun)
        yield noun, ", ".join(command.verb for command in commands) if commands[0].verb else commands[0].help


def _words_after() -> Iterator[tuple[str, str]]:
    """Yield each word with the words that may follow it."""
    for subcommand in SUBCOMMANDS:
        if subcommand.choices:
            yield subcommand.name, " ".join(subcommand.choices)
    yield "help", " ".join([*NOUNS, *(subcommand.name for subcommand in SUBCOMMANDS)])
    for noun in NOUNS:
        names = " ".join(command.verb for command in TABLE.verbs(noun) if command.verb)
        if names:
            yield f"help {noun}", names
            yield noun, names
    for command in _commands():
        if command.arguments and command.arguments[0].choices:
            yield command.name[1:], " ".join(command.arguments[0].choices)


def _before_files() -> Iterator[str]:
    """Yield the commands whose first argument is a file."""
    for command in _commands():
        if command.arguments and command.arguments[0].kind is ValueKind.FILE:
            yield command.name[1:]


def _subcommand_names() -> list[str]:
    return [subcommand.name for subcommand in SUBCOMMANDS]


def _nouns_with_verbs() -> list[str]:
    return list(dict.fromkeys(command.noun for command in _commands() if command.verb))


def _names_alone() -> list[str]:
    """Return the subcommands, and the commands without a verb."""
    return [*_subcommand_names(), *(command.noun for command in _commands() if not command.verb)]


def _spellings(flag: Flag) -> list[str]:
    return [f"--{flag.name}", *([f"-{flag.short}"] if flag.short else [])]


def _value_options() -> list[str]:
    """Return the spellings of all options that take a value."""
    flags = [*PROGRAM.flags, *(flag for command in _commands() for flag in command.flags)]
    return list(dict.fromkeys(name for flag in flags if flag.kind for name in _spellings(flag)))


def _values(flag: Flag) -> tuple[str, ...]:
    """Return the values of an option, if there are only a few."""
    if flag.kind is ValueKind.PHASE:
        return tuple(phase.lower() for phase in GATES)
    if flag.kind in (ValueKind.STATUS, ValueKind.STATUSES):
        return tuple(status.lower() for status in WorkflowStatus)
    return flag.choices


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
        first=[" ".join(name for name, _ in _first_words())],
        following=(f"            '{typed}') words='{words}' ;;" for typed, words in _words_after()),
        files=(f"            '{typed}') files=-f ;;" for typed in _before_files()),
    )


def _bash_values() -> Iterator[str]:
    for flag in PROGRAM.flags:
        pattern = "|".join(f"*:{name}" for name in _spellings(flag))
        if flag.choices:
            yield f"    {pattern}) words='{' '.join(flag.choices)}' ;;"
        elif flag.placeholder == FOLDER:
            yield f"    {pattern}) files=-d ;;"
    for command in _commands():
        for flag in command.flags:
            if values := _values(flag):
                patterns = (f"'{command.name[1:]}'*:{name}" for name in _spellings(flag))
                yield f"    {'|'.join(patterns)}) words='{' '.join(values)}' ;;"


def _bash_flags() -> Iterator[str]:
    for name, flags in _contexts():
        words = " ".join(spelling for flag in flags for spelling in _spellings(flag))
        yield f"            '{name}' | '{name} '*) words='{words}' ;;"
    yield f"            *) words='{' '.join(name for flag in flags_of(None) for name in _spellings(flag))}' ;;"


# --- zsh ---


def _zsh() -> str:
    return _fill_template(
        ZSH,
        names=["|".join(_names_alone())],
        nouns=["|".join(_nouns_with_verbs())],
        commands=["|".join(_quoted(command.name[1:]) for command in _commands() if command.verb)],
        flags=_zsh_flags(),
        described=(f"            {_quoted(f'{name}:{about}')}" for name, about in _first_words()),
        following=(f"        '{typed}') compadd -- {words} ;;" for typed, words in _words_after()),
        files=(f"        '{typed}') _files ;;" for typed in _before_files()),
    )


def _zsh_flags() -> Iterator[str]:
    for name, flags in (*_contexts(), ("", flags_of(None))):
        yield f"    {_quoted(name) if name else '*'}) flags=("
        yield from (f"        {line}" for flag in flags for line in _zsh_flag(flag))
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
    values = f"({' '.join(_values(flag))})" if _values(flag) else " "
    return f":{flag.name}:{'_files -/' if flag.placeholder == FOLDER else values}"


# --- fish ---


def _fish() -> str:
    about = "complete -c penguin -n"
    return _fill_template(
        FISH,
        takers=[" ".join(_value_options())],
        names=[" ".join(_names_alone())],
        commands=[" ".join(_quoted(command.name[1:]) for command in _commands() if command.verb)],
        described=(
            f"{about} __penguin_typed -a {name} -d {_fish_quoted(described)}" for name, described in _first_words()
        ),
        following=(f"{about} '__penguin_typed {typed}' -a '{words}'" for typed, words in _words_after()),
        files=(f"{about} '__penguin_typed {typed}' -F" for typed in _before_files()),
        flags=(_fish_flag(flag, names) for flag, names in _users().items()),
    )


def _users() -> dict[Flag, list[str]]:
    """Return the options with the names of what accepts them; `none` for shells and scripts."""
    found: dict[Flag, list[str]] = {}
    for name, flags in (*_contexts(), ("none", flags_of(None))):
        for flag in flags:
            found.setdefault(flag, []).append(name)
    return found


def _fish_flag(flag: Flag, names: Sequence[str]) -> str:
    """Return the command for an option, limited to what accepts it."""
    users = " ".join(f'"{name}"' if " " in name else name for name in names)
    parts = [f"complete -c penguin -n '__penguin_does {users}' -l {flag.name}"]
    if flag.short:
        parts.append(f"-s {flag.short}")
    if flag.kind:
        values = "(__fish_complete_directories)" if flag.placeholder == FOLDER else " ".join(_values(flag))
        parts.append(f"-x -a '{values}'" if values else "-x")
    return " ".join([*parts, "-d", _fish_quoted(_short_help(flag.help))])


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
