"""Build tools: what they say when a compiler, a test or a step of theirs failed."""

from typing import Final

from ci_mcp.logs.rules import Body, Kind, Rule

_B: Final = Kind.BUILD
_C: Final = Kind.COMPILE

RULES: Final = (
    Rule("msbuild", _B, 4, r"^\s*(?:Build FAILED|[1-9]\d* Error\(s\))", "Build FAILED."),
    Rule("cmake", _C, 9, r"^CMake Error\b", "CMake Error at CMakeLists.txt:12 (message):", Body.SECTION, 16),
    Rule(
        "cmake", _B, 4, r"^-- Configuring incomplete, errors occurred!", "-- Configuring incomplete, errors occurred!"
    ),
    Rule(
        "autoconf",
        _B,
        7,
        r"^(?:configure|checking .*): error: |^configure: error",
        "configure: error: no acceptable C compiler found",
        Body.LINE,
    ),
    Rule("meson", _B, 8, r"^\S*meson\.build:\d+:\d+: ERROR: ", 'meson.build:12:0: ERROR: Dependency "zlib" not found'),
    Rule("make", _B, 3, r"^(?:g?make|mingw32-make)(?:\[\d+\])?: \*\*\*", "make: *** [all] Error 2"),
    Rule(
        "make",
        _B,
        3,
        r"^(?:\S+: )?Makefile:\d+: recipe for target '.*' failed",
        "Makefile:12: recipe for target 'all' failed",
    ),
    Rule(
        "ninja",
        _B,
        4,
        r"^(?:ninja: (?:build stopped|error|fatal)|FAILED: \S)",
        "ninja: build stopped: subcommand failed.",
        Body.LINE,
    ),
    Rule(
        "bazel",
        _B,
        7,
        r"^(?:ERROR|FAILED): \S+:\d+:\d+: |^(?:FAIL|TIMEOUT): //",
        "ERROR: /src/BUILD:12:1: C++ compilation of rule '//shop' failed",
        Body.LINE,
    ),
    Rule("bazel", _B, 5, r"^//\S+\s+(?:FAILED|TIMEOUT|NO STATUS)", "//shop:cart_test                 FAILED in 0.3s"),
    Rule(
        "maven",
        _B,
        6,
        r"^\[ERROR\] Failed to execute goal",
        "[ERROR] Failed to execute goal org.apache.maven.plugins:maven-surefire-plugin:2.22:test",
        Body.LINE,
    ),
    Rule("maven", _B, 5, r"^\[(?:ERROR|FATAL)\] \S", "[ERROR] COMPILATION ERROR : "),
    Rule("maven", _B, 3, r"^\[(?:INFO|ERROR)\] BUILD (?:FAILURE|ERROR)", "[INFO] BUILD FAILURE"),
    Rule(
        "maven",
        _B,
        3,
        r"^\[INFO\] \S.* \.{3,} FAILURE(?: \[|$)",
        "[INFO] shop ............................... FAILURE [  4.056 s]",
    ),
    Rule(
        "maven",
        _B,
        2,
        r"^\[ERROR\] (?:\[Help 1\]|Re-run Maven|To see the full stack|For more information about|After correcting|-> \[Help|There are test failures|Please refer to)|^\[ERROR\]$|^\[ERROR\]\s+mvn ",
        "[ERROR] Re-run Maven using the -X switch to enable full debug logging.",
    ),
    Rule("gradle", _B, 6, r"^\* What went wrong:", "* What went wrong:", Body.PARAGRAPH, 8),
    Rule(
        "gradle", _B, 4, r"^> Task \S+ FAILED|^:\S+ FAILED|^Execution failed for task", "> Task :app:compileJava FAILED"
    ),
    Rule(
        "gradle",
        _B,
        3,
        r"^FAILURE: Build (?:failed|completed) with|^BUILD FAILED\b",
        "FAILURE: Build failed with an exception.",
    ),
    Rule("ant", _B, 5, r"^BUILD FAILED$", "BUILD FAILED", Body.PARAGRAPH, 6),
    Rule("rake", _B, 4, r"^rake aborted!", "rake aborted!", Body.PARAGRAPH, 8),
    Rule("rake", _B, 3, r"^Tasks: TOP =>", "Tasks: TOP => default => test"),
    Rule(
        "grunt",
        _B,
        4,
        r"^(?:Fatal error|Warning): .+ (?:Use --force to continue|Aborted)|^Aborted due to warnings",
        'Warning: Task "jshint" failed. Use --force to continue.',
        Body.LINE,
    ),
    Rule(
        "gulp", _B, 5, r"'.+' errored after|^Error in plugin", "[10:00:00] 'build' errored after 3 s", Body.PARAGRAPH, 6
    ),
    Rule(
        "nx",
        _B,
        4,
        r"^\s*(?:NX|Lerna|lerna ERR!)\s+.*(?:fail|ERR)",
        " NX   Ran target test for project shop (3s) failed",
    ),
    Rule(
        "turbo",
        _B,
        4,
        r"^\s*(?:ERROR\s+run failed|.*: command finished with error)",
        " ERROR  run failed: command  exited (1)",
    ),
    Rule("scons", _B, 4, r"^scons: \*\*\*", "scons: *** [cart.o] Error 1"),
    Rule(
        "xcodebuild",
        _B,
        4,
        r"^\*\* (?:BUILD|TEST|ARCHIVE) (?:FAILED|INTERRUPTED) \*\*|^The following build commands failed:",
        "** TEST FAILED **",
        Body.PARAGRAPH,
        5,
    ),
    Rule("buck", _B, 5, r"^BUILD FAILED: ", "BUILD FAILED: //shop:cart failed with exit code 1"),
    Rule(
        "docker",
        _B,
        7,
        r"^(?:ERROR: failed to (?:solve|build)|failed to solve|ERROR \[.*\])|The command '.*' returned a non-zero code",
        'ERROR: failed to solve: process "/bin/sh -c make" did not complete successfully: exit code: 2',
    ),
    Rule(
        "rpmbuild",
        _B,
        6,
        r"^(?:RPM build errors:|error: Bad exit status from)|^\s+Bad exit status from",
        "error: Bad exit status from /var/tmp/rpm-tmp.1 (%build)",
        Body.INDENT,
        6,
    ),
    Rule(
        "dh",
        _B,
        4,
        r"^dh_\w+: (?:error|\S+ returned exit code)|^dpkg-buildpackage: error",
        "dpkg-buildpackage: error: debian/rules build gave error exit status 2",
    ),
)
