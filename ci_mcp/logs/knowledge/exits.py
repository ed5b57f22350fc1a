"""Where a command, a step or a job ends badly, by CI: the consequence, and the place to look above."""

from typing import Final

from ci_mcp.logs.rules import Body, Kind, Rule

_E: Final = Kind.EXIT

RULES: Final = (
    Rule(
        "github",
        _E,
        4,
        r"^##\[error\]Process completed with exit code \d+",
        "##[error]Process completed with exit code 1.",
        Body.ABOVE,
    ),
    Rule("github", Kind.ERROR, 8, r"^(?:##\[error\]|::error\b[^:]*::)\S", "##[error]src/cart.py:12: total is wrong"),
    Rule(
        "travis",
        _E,
        5,
        r'^The command ".*" (?:exited with [1-9]|failed and exited with [1-9])',
        'The command "make test" exited with 2.',
        Body.ABOVE,
    ),
    Rule(
        "travis",
        _E,
        4,
        r"^(?:\S.*)?\" (?:exited with|failed and exited with) [1-9]\d*\.?$",
        'make test" exited with 2.',
        Body.ABOVE,
    ),
    Rule(
        "travis",
        Kind.INFRA,
        7,
        r"^(?:The job exceeded the maximum|No output has been received|The log length has exceeded|An error occurred while generating the build script|Your build has been stopped|The build has been terminated|I'm sorry but your test run exceeded)",
        "The job exceeded the maximum time limit for jobs, and has been terminated.",
    ),
    Rule(
        "travis",
        _E,
        1.5,
        r"^(?:Done\. Your build exited with [1-9]|Your build (?:has been stopped|exited with [1-9]))",
        "Done. Your build exited with 1.",
    ),
    Rule(
        "buildkite", _E, 4, r"^(?:🚨 Error: |\^\^\^ \+\+\+)", "🚨 Error: The command exited with status 1", Body.ABOVE
    ),
    Rule("gitlab", _E, 4, r"^ERROR: Job failed", "ERROR: Job failed: exit code 1", Body.ABOVE),
    Rule(
        "jenkins",
        _E,
        3,
        r"^(?:Build step '.*' (?:marked build as failure|changed build result)|Finished: (?:FAILURE|ABORTED|UNSTABLE)|ERROR: script returned exit code)",
        "Finished: FAILURE",
        Body.ABOVE,
    ),
    Rule("circleci", _E, 4, r"^Exited with code (?:exit status )?[1-9]", "Exited with code exit status 1", Body.ABOVE),
    Rule("semaphore", _E, 3, r"^exit code: [1-9]|^Job failed\.", "exit code: 1 duration: 3s", Body.ABOVE),
    Rule(
        "azure",
        _E,
        4,
        r"^##\[error\](?:Bash|PowerShell|Cmd\.exe|The process) .*exit(?:ed with)? code",
        "##[error]Bash exited with code '1'.",
        Body.ABOVE,
    ),
    Rule("appveyor", _E, 4, r"^Command exited with code [1-9-]", "Command exited with code 1", Body.ABOVE),
    Rule(
        "drone", _E, 3, r"^(?:linux|drone).*: exit code [1-9]|^(?:\w+\.go:\d+: )?exit status [1-9]\d*$", "exit status 1"
    ),
    Rule(
        "shell",
        _E,
        3,
        r"(?i)\b(?:exit(?:ed)?(?: with)?|returned?|failed with|terminated with|finished with)(?: a)?(?: non-?zero)?(?: exit)?[ -](?:code|status|value|error code)(?: of)?[:= ]+'?-?[1-9]\d*",
        "Process 'command' finished with non-zero exit value 1",
    ),
    Rule("shell", _E, 2.5, r"(?i)\bnon-?zero (?:exit|status|return)", "subprocess returned non-zero exit status 1"),
    Rule(
        "npm",
        _E,
        2,
        r"^(?:error Command failed with exit code|npm ERR! Test failed|npm ERR! Exit status|npm ERR! errno|info Visit https://yarnpkg)",
        "error Command failed with exit code 1.",
    ),
    Rule(
        "tox",
        _E,
        3,
        r"^ERROR: (?:InvocationError|invocation failed)",
        "ERROR: InvocationError for command 'pytest' (exited with code 1)",
    ),
    Rule("mozilla", _E, 2, r"Return code: [1-9]\d*|^# TBPL (?:FAILURE|WARNING|RETRY|EXCEPTION) #", "Return code: 1"),
)
