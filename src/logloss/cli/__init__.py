"""The shell: words in, text and exit codes out; no arithmetic.

    0  done                        3  the data is wrong
    1  a --fail-if holds           4  could not do it (disk, package)
    2  usage, or no such file     70  our fault            130  Ctrl-C (128 + the number of the signal)

A command is its options (`options`), its own work, and `Outputs`, which writes its answer and evaluates --fail-if;
`inputs` checks what is read, `streams` writes to stdout and stderr, `shell_words` words messages for the shell,
`exit_codes` ends the command.
"""

from __future__ import annotations

from logloss.cli.calibrate_command import calibrate
from logloss.cli.compare_command import compare, diff
from logloss.cli.demo_command import demo
from logloss.cli.exit_codes import main
from logloss.cli.fit_command import fit, predict
from logloss.cli.measure_command import measure, merge, show
from logloss.cli.options import cli
from logloss.cli.plan_command import plan
from logloss.cli.segments_command import segments
from logloss.cli.watch_command import watch

for command in (demo, measure, merge, show, fit, predict, calibrate, compare, plan, diff, segments, watch):
    cli.add_command(command)

__all__ = ["cli", "main"]
