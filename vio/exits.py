# SPDX-License-Identifier: Apache-2.0
"""The exit codes of the command `vio`."""

EXIT_DEFECT = 1  # an exception that is not the user's doing, with its traceback
EXIT_BAD_INPUT = 2  # wrong usage or bad data, in one line; a full disk, a lost terminal
EXIT_NEGATIVE = 3  # the work was done and its result is negative: no pose, a failed sequence
EXIT_BROKEN_PIPE = 141  # who read our output has gone (head), as the shell counts it: 128 + SIGPIPE
EXIT_INTERRUPTED = 130  # Ctrl-C, as the shell counts it: 128 + SIGINT (143 for SIGTERM)
