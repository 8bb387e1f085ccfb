# SPDX-License-Identifier: Apache-2.0
"""The one exception that Kestrel raises for bad input or an impossible request."""


class VioError(Exception):
    """Report what is wrong, where, with the numbers, and what to do next.

    The message is one line for a user: the command line prints it as it stands and exits with
    status 2. Anything that is not a VioError is a defect of ours and keeps its traceback.
    """
